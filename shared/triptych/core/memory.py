"""Memory: a budget that threads share, and what is free given back to the system."""

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from triptych.core.errors import Busy

_M_MMAP_THRESHOLD = -3
_LARGE = 4 * 2**20


def give_back_large_blocks() -> None:
    """Let the C library ask the system for each large block, and give it back when it is freed.

    By itself it keeps hundreds of megabytes in each thread that has once decoded a large picture:
    its bound between large and small grows with what is freed (glibc, mallopt(3)). Elsewhere than
    with glibc this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


class Budget:
    """Bytes that several threads may take at once, all together."""

    def __init__(self) -> None:
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def held(self, amount: int, *, of: int, seconds: float) -> Iterator[None]:
        """Hold an amount, as soon as there is so much; what is more than all is alone.

        Args:
            amount: bytes.
            of: all that there is.
            seconds: to wait at most.

        Raises:
            Busy: others hold too much for so long.
        """
        amount = min(amount, of)
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._taken + amount > of:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Busy("other requests take the memory that there is for them")
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()
