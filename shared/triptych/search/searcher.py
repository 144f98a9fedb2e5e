"""What a search works with: the index, the encoders of queries, and what is remembered of them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from triptych.core.errors import Busy
from triptych.core.item import MODALITIES, Modality
from triptych.core.memory import Budget
from triptych.core.settings import Settings
from triptych.core.threads import usable_cpus
from triptych.encoders.extractors import Extractor
from triptych.fusion.blocks import Layout
from triptych.fusion.extended import Learnt
from triptych.index.model import SearchIndex
from triptych.media.previews import Previews
from triptych.media.signing import Secret
from triptych.media.store import MediaStore
from triptych.search.paging import Ranking
from triptych.search.parts import EncodedPart

Value = TypeVar("Value")

_ENCODED = 512
"""Texts, images and sounds of queries; the words of a long text are some 30 KB, vectors less."""
_RANKINGS = 8
"""Up to 8,000 hits with their reasons each, some 5 MB."""
_SLOT_SECONDS = 10.0
_METADATA_SECONDS = 10.0
_METADATA_COLLECTIONS = 256


class Memo(Generic[Value]):
    """A bounded cache of the values that were used last, for many threads.

    Threads that need the same value at the same time compute it once. An error is not kept: each of
    these threads gets it, and the next one tries again.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._futures: OrderedDict[str, Future[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed by ``compute`` unless it is cached."""
        with self._lock:
            future = self._futures.get(key)
            if future is not None:
                self._futures.move_to_end(key)
            else:
                mine = self._futures[key] = Future()
                while len(self._futures) > self._entries:
                    self._futures.popitem(last=False)
        if future is not None:
            return future.result()
        try:
            value = compute()
        except BaseException as error:
            with self._lock:
                if self._futures.get(key) is mine:
                    del self._futures[key]
            mine.set_exception(error)
            raise
        else:
            mine.set_result(value)
            return value
        finally:
            # An error knows this frame, and would keep itself with all that led to it.
            del mine


class MetadataKeys:
    """The metadata keys of each collection, cached for some seconds.

    A key that the cache does not have is always looked up, since it may just have been added.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def of(self, index: SearchIndex, collection: str, requested: Collection[str]) -> frozenset[str]:
        """The keys of a collection; each of ``requested`` that it has is among them."""
        now = self._clock()
        with self._lock:
            expires, keys = self._cached.get(collection, (now, frozenset()))
        if now < expires and keys.issuperset(requested):
            return keys
        keys = frozenset(index.metadata(collection))
        with self._lock:
            if len(self._cached) >= _METADATA_COLLECTIONS:
                self._cached.clear()
            self._cached[collection] = (now + _METADATA_SECONDS, keys)
        return keys


@dataclass(frozen=True)
class Searcher:
    """The parts of an engine that answer queries. One instance serves many threads."""

    settings: Settings
    store: MediaStore
    layout: Layout
    index: SearchIndex
    extractors: Mapping[Modality, Extractor]
    learnt: Learnt | None = None
    """What the collection has learnt, if the layout has anything of it."""
    slots: Mapping[Modality, threading.Semaphore] = field(
        default_factory=lambda: {
            modality: threading.Semaphore(usable_cpus()) for modality in MODALITIES
        }
    )
    """One for each processor: more encoders at once would only be slower, and take more memory. By
    modality, since a text takes milliseconds and the longest sound some ten seconds."""
    memory: Budget = field(default_factory=Budget)
    encoded: Memo[EncodedPart] = field(default_factory=lambda: Memo(_ENCODED))
    rankings: Memo[Ranking] = field(default_factory=lambda: Memo(_RANKINGS))
    metadata: MetadataKeys = field(default_factory=MetadataKeys)

    @cached_property
    def secret(self) -> Secret:
        """What cursors are signed with."""
        return Secret(self.store)

    @cached_property
    def previews(self) -> Previews:
        """Small pictures of the items."""
        return Previews(self.store, self.settings, self.slot, self.room)

    def room(self, amount: int) -> AbstractContextManager[None]:
        """Memory to decode a picture in. Raises Busy where others have it for ten seconds."""
        return self.memory.held(amount, of=self.settings.query_memory, seconds=_SLOT_SECONDS)

    @contextmanager
    def slot(self, modality: Modality) -> Iterator[None]:
        """Held while a part of a query is decoded, encoded or verified.

        Raises:
            Busy: no slot within ten seconds; a thread that waits longer is missing elsewhere.
        """
        slots = self.slots[modality]
        if not slots.acquire(timeout=_SLOT_SECONDS):
            raise Busy(f"other {modality} queries take too long")
        try:
            yield
        finally:
            slots.release()
