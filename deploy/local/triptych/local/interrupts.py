"""Signals to stop, acted on only while waiting.

A handler that raises could interrupt between starting a process and recording it, and leave the
process behind. So the handler only sets a flag, and the pause between two checks raises.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from triptych.local.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEP = 0.1


@contextmanager
def interruptible() -> Iterator[Callable[[float], None]]:
    """Yield a pause function that raises ``Interrupted`` once a signal has arrived."""
    pending: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        pending.append(number)

    def pause(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not pending and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _STEP))
        if pending:
            raise Interrupted

    previous = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield pause
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
