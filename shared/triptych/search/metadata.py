"""The keys of the metadata of each collection, for telling slips in requests."""

import time
from collections.abc import Callable, Collection, Iterable
from threading import Lock

from triptych.core.errors import InvalidInput
from triptych.index import SearchIndex

_SECONDS = 10.0
_COLLECTIONS = 256


class MetadataKeys:
    """Asks the index no more often than it must; a key that seems unknown is always asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = Lock()

    def known(self, index: SearchIndex, collection: str, asked: Collection[str]) -> frozenset[str]:
        """The keys of a collection; all of ``asked`` that it has are among them."""
        now = self._clock()
        with self._lock:
            until, keys = self._known.get(collection, (now, frozenset()))
        if now < until and keys.issuperset(asked):
            return keys
        keys = frozenset(index.metadata(collection))
        with self._lock:
            if len(self._known) >= _COLLECTIONS:
                self._known.clear()
            self._known[collection] = (now + _SECONDS, keys)
        return keys


def check_metadata(
    used: Iterable[tuple[str, str]], known: Callable[[Collection[str]], Collection[str]]
) -> None:
    """Refuse a key that no item has, for it is likely a slip.

    Args:
        used: the fields of a request that are of the metadata, each with its place in it.
        known: the keys that there are; it is told those that are asked for. Where there are none,
            everything is accepted: the collection may be about to be filled.

    Raises:
        InvalidInput: naming the place, and the keys that there are.
    """
    positions = {name.partition(".")[2]: where for name, where in used if "." in name}
    if not positions:
        return
    keys = known(positions)
    for key, where in positions.items():
        if keys and key not in keys:
            raise InvalidInput(
                f"{where}: no item has metadata.{key}; there are {_names(keys)}", field=where
            )


def _names(keys: Collection[str], shown: int = 50) -> str:
    more = ", …" if len(keys) > shown else ""
    return ", ".join(sorted(keys)[:shown]) + more
