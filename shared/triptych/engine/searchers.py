"""Queries to collections that other encoders built, or that have learnt something.

A query is encoded by the encoders that built the collection, never by others. They are loaded when
a query first needs them, if they can be; if not, what needs no vector is answered, and the rest is
refused. What a collection has learnt is loaded likewise; if it can't be run, that is said
(ModelUnavailable), and tried again with the next query.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from triptych.core.errors import (
    FingerprintMismatch,
    InvalidInput,
    StoreUnavailable,
    TriptychError,
)
from triptych.core.item import MODALITIES, Modality
from triptych.encoders.extractors import Extractor, Extractors
from triptych.encoders.weights import WeightsError
from triptych.fusion.blocks import Layout
from triptych.fusion.extended import Learnt
from triptych.fusion.layout import encoders_of, make_layout
from triptych.index.origin import Origin, mismatch
from triptych.search.searcher import Memo, MetadataKeys, Searcher

Answer = TypeVar("Answer")

_TRIES = 3
"""A collection may get another index while a query is encoded."""


class Searchers:
    """The searcher of this process, and those for collections of other encoders."""

    def __init__(self, ours: Searcher) -> None:
        self._ours = ours
        self._searchers = {ours.layout.fingerprint: ours}
        """By the fingerprint of the collections that they are for."""
        self._built: OrderedDict[str, str] = OrderedDict()
        """The fingerprints of collections of other encoders or models, the last searched last."""
        self._lock = Lock()
        self._making = Lock()

    def ask(self, collection: str, search: Callable[[Searcher], Answer]) -> Answer:
        """The answer by the searcher whose encoders and models built the collection.

        Raises FingerprintMismatch, ModelUnavailable where these can't be loaded.
        """
        fingerprint, searcher = self._known(collection)
        for _ in range(_TRIES):
            try:
                return search(searcher)
            except (FingerprintMismatch, InvalidInput) as error:
                # A cursor is bound to the encoders of its query.
                if isinstance(error, InvalidInput) and error.field != "cursor":
                    raise
                found = self._ours.index.origin(collection)
                if found.fingerprint == fingerprint:
                    raise
                fingerprint, searcher = found.fingerprint, self._take(collection, found)
        return search(searcher)

    def _known(self, collection: str) -> tuple[str, Searcher]:
        with self._lock:
            fingerprint = self._built.get(collection, self._ours.layout.fingerprint)
            if collection in self._built:
                self._built.move_to_end(collection)
            return fingerprint, self._searchers[fingerprint]

    def _take(self, collection: str, found: Origin) -> Searcher:
        """The searcher for a collection that was built like this; others may go."""
        with self._making:  # not the other lock: a store that is away stops no other collection
            searcher = self._searchers.get(found.fingerprint) or self._make(collection, found)
        with self._lock:
            self._built[collection] = found.fingerprint
            self._built.move_to_end(collection)
            while len(self._built) > _KEPT:
                self._built.popitem(last=False)
            used = {self._ours.layout.fingerprint, *self._built.values()}
            kept = {**self._searchers, found.fingerprint: searcher}
            self._searchers = {one: kept[one] for one in used}
            return searcher

    def _make(self, collection: str, found: Origin) -> Searcher:
        """A searcher with the encoders that built a collection."""
        ours, error = self._ours, mismatch(collection, found, self._ours.layout)
        if found.layout is None:
            return self._other(Layout(()), _Refused(error))
        base, extractors = self._encoders(found.layout.base, error)
        layout = found.layout.over(base)
        learnt = None if layout.joint is None else Learnt.open(layout, ours.store)
        return self._other(layout, extractors, learnt)

    def _encoders(
        self, base: Layout, error: FingerprintMismatch
    ) -> tuple[Layout, Mapping[Modality, Extractor]]:
        """The layout that encoders fill, with the scales of its blocks, and the encoders."""
        ours, encoders = self._ours, encoders_of(base)
        if base.fingerprint == ours.layout.fingerprint:
            return ours.layout, ours.extractors
        try:
            layout = make_layout(encoders, ours.store)
        except StoreUnavailable:
            raise
        except TriptychError as reason:
            return base, _Refused(_because(error, reason))
        if layout.fingerprint != base.fingerprint:
            return base, _Refused(error)
        threads = ours.settings.compute_threads
        extractors = Extractors(encoders, threads=threads, store=ours.store)
        return layout, _Loadable(extractors, error)

    def _other(
        self,
        layout: Layout,
        extractors: Mapping[Modality, Extractor],
        learnt: Learnt | None = None,
    ) -> Searcher:
        """Like ours, but with caches of its own: what is encoded depends on encoders and models."""
        return replace(
            self._ours,
            layout=layout,
            extractors=extractors,
            learnt=learnt,
            encoded=Memo(_ENCODED),
            rankings=Memo(_RANKINGS),
            metadata=MetadataKeys(),
        )


_ENCODED, _RANKINGS = 128, 2
_KEPT = 16
"""Collections of other encoders or models whose searchers are kept: each takes memory."""


class _Refused(Mapping[Modality, Extractor]):
    """The extractors of encoders that can't be had."""

    def __init__(self, error: FingerprintMismatch) -> None:
        self._error = error

    def __getitem__(self, modality: Modality) -> Extractor:
        raise FingerprintMismatch(self._error.reason, field=modality)

    def __iter__(self) -> Iterator[Modality]:
        return iter(MODALITIES)

    def __len__(self) -> int:
        return len(MODALITIES)


class _Loadable(_Refused):
    """The extractors of encoders that can be had, unless something of theirs is missing."""

    def __init__(self, extractors: Extractors, error: FingerprintMismatch) -> None:
        super().__init__(error)
        self._extractors = extractors

    def __getitem__(self, modality: Modality) -> Extractor:
        try:
            return self._extractors[modality]
        except (TriptychError, WeightsError) as reason:
            raise _because(self._error, reason) from reason


def _because(error: FingerprintMismatch, reason: Exception) -> FingerprintMismatch:
    return FingerprintMismatch(f"{error.reason} (they can't be loaded here: {reason})")
