"""Signals that ask to stop, noticed only while waiting.

A handler that raises could strike between starting a process and remembering it, and leave the
process behind. So it only sets a flag, which the pause between two looks turns into an exception.
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
    """A pause that raises ``Interrupted`` once after a signal; further signals change nothing."""
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
