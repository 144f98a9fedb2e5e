"""Sets the clock of a Python process, by the seconds in ``CHAOS_CLOCK_SHIFT``."""

import os
import time

_SHIFT = float(os.environ["CHAOS_CLOCK_SHIFT"])
_real, _real_ns = time.time, time.time_ns
time.time = lambda: _real() + _SHIFT
time.time_ns = lambda: _real_ns() + int(_SHIFT * 1e9)
