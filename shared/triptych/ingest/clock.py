"""The order of submissions: a clock that never steps back, whatever the wall clock does.

A later version of an item must win, so what is accepted later gets a higher number. Numbers are
about the microseconds since 1970. Durable *ceilings* in the media store make sure of it: no number
above the highest ceiling is ever given, and whoever begins anew begins there.
"""

import threading
import time
from typing import Protocol

from triptych.media.store import MediaStore

FOLDER = "clock"
_AHEAD = 60_000_000
"""How far a new ceiling lies above the number that needs it: a minute."""


class Clock(Protocol):
    """Gives numbers in order."""

    def next(self, count: int = 1) -> int:
        """The first of ``count`` numbers in a row, above all that were given before.

        Raises:
            StoreUnavailable, QueueUnavailable: no number can be had now.
        """
        ...


class Ceilings:
    """The durable bounds of the numbers that this process may give."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._known = 0

    def highest(self) -> int:
        """The highest ceiling of any process; 0 at the very beginning. Raises StoreUnavailable."""
        self._store.begin()
        return max((int(one.name) for one in self._store.documents(FOLDER)), default=0)

    def cover(self, number: int) -> None:
        """Return when a ceiling at or above this number is durable. Raises StoreUnavailable."""
        if number <= self._known:
            return
        ceiling = number + _AHEAD
        self._store.write_document(FOLDER, str(ceiling), b"")
        self._known = ceiling
        for one in self._store.documents(FOLDER):
            if int(one.name) < ceiling:
                self._store.delete_document(FOLDER, one.name)


class StoreClock:
    """The clock of a process that has its store for itself. Serves many threads."""

    def __init__(self, store: MediaStore) -> None:
        self._ceilings = Ceilings(store)
        self._last: int | None = None
        self._lock = threading.Lock()

    def next(self, count: int = 1) -> int:
        """As the protocol says, for this process."""
        with self._lock:
            last = self._ceilings.highest() if self._last is None else self._last
            first = max(last + 1, time.time_ns() // 1000)
            self._ceilings.cover(first + count - 1)
            self._last = first + count - 1
            return first
