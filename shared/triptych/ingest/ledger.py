"""The ledger: what was accepted, by its manifests, beside what became of it, by the index.

An entry is settled when the index holds its item at the version of the entry or at a later one. A
batch whose entries are all settled is closed: of its manifest only the counts stay, and the entries
that failed, so that they can be tried again.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from triptych.core.errors import NotFound
from triptych.core.item import Item
from triptych.index import SearchIndex
from triptych.index.model import Held
from triptych.ingest.manifest import (
    OPEN,
    Entry,
    Manifest,
    delete_manifest,
    read_manifest,
    read_window,
)
from triptych.media.store import MediaStore

CLOSED = "closed"
"""The folder of batches that are dealt with."""
ANNOUNCED = "announced"
"""The folder of ends of batches of which somebody is still to be told."""
DROPPED, CANCELLED = "dropped", "cancelled"
FAILED = frozenset({"failed", "quarantined"})
"""Outcomes of items of which nothing is searchable."""
_KEPT = FAILED | {"partial"}
_WINDOW = 1000


@dataclass(frozen=True)
class Settlement:
    """What became of the entries of a batch, by their ordinals."""

    outcomes: Mapping[int, str]
    """``indexed``, ``partial``, ``failed``, ``quarantined``; ``superseded`` by a later version of
    the item, ``deleted``, ``dropped`` with its collection, or ``cancelled``."""
    missing: frozenset[int] = frozenset()
    """Those of which the index knows nothing yet."""

    @property
    def failed(self) -> frozenset[int]:
        """Those of which nothing is searchable."""
        return frozenset(ordinal for ordinal, what in self.outcomes.items() if what in FAILED)

    @property
    def counts(self) -> dict[str, int]:
        """The number of entries by outcome."""
        return dict(Counter(self.outcomes.values()))


@dataclass(frozen=True)
class ClosedBatch:
    """A batch that is dealt with."""

    manifest: Manifest
    counts: Mapping[str, int]
    """The number of items by outcome."""
    closed: float
    """Seconds since 1970."""
    entries: Sequence[Entry] = field(default_factory=tuple)
    """Those that failed in part or altogether."""

    def to_json(self) -> bytes:
        """As it is stored."""
        body = {**vars(self), "manifest": vars(self.manifest)}
        return json.dumps({**body, "entries": [one.to_json() for one in self.entries]}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        body: dict[str, Any] = json.loads(data)
        entries = [Entry.from_json(line) for line in body["entries"]]
        return cls(**{**body, "manifest": Manifest(**body["manifest"]), "entries": entries})


@dataclass(frozen=True)
class OpenBatch:
    """A batch of which something may be left to do."""

    batch: str
    accepted: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Ledger:
    """The manifests in the media store, and the index that they are compared with."""

    store: MediaStore
    index: SearchIndex

    def open_batches(self) -> list[OpenBatch]:
        """Every batch that is not closed, the oldest first. Raises StoreUnavailable."""
        found = [
            OpenBatch(one.name.removesuffix(".jsonl"), one.modified)
            for one in self.store.documents(OPEN)
        ]
        return sorted(found, key=lambda one: one.accepted)

    def entries(self, manifest: Manifest) -> Iterator[Sequence[Entry]]:
        """All entries of an open batch, some at a time."""
        place, ordinal = None, 0
        while True:
            window = read_window(self.store, manifest.batch, place, ordinal, _WINDOW)
            yield window.entries
            place, ordinal = window.after, ordinal + len(window.entries)
            if place is None or ordinal >= manifest.total:
                return

    def settled(self, manifest: Manifest, items: Collection[Item]) -> dict[int, str]:
        """The outcome of those of these items that are settled, by ordinal.

        Raises IndexUnavailable.
        """
        held = self._held(manifest, [item.id for item in items])
        if held is None:
            return {item.ordinal: DROPPED for item in items}
        outcomes = {}
        for item in items:
            known, version = held.get(item.id), manifest.sequence + item.ordinal
            if known is not None and known.version >= version:
                later = known.version > version and known.status != "deleted"
                outcomes[item.ordinal] = "superseded" if later else known.status
        return outcomes

    def _held(self, manifest: Manifest, ids: Sequence[str]) -> Mapping[str, Held] | None:
        """What the index has of these ids; None if the collection is gone."""
        try:
            if self.index.identity(manifest.collection) == manifest.identity:
                return self.index.versions(manifest.collection, ids)
        except NotFound:
            pass
        return None

    def settle(self, manifest: Manifest) -> Settlement:
        """Compare a whole batch with the index. Raises as ``settled`` and ``read_window``."""
        outcomes: dict[int, str] = {}
        missing: set[int] = set()
        for entries in self.entries(manifest):
            found = self.settled(manifest, [entry.item for entry in entries])
            outcomes |= found
            missing |= {entry.item.ordinal for entry in entries} - set(found)
        return Settlement(outcomes, frozenset(missing))

    def current(self, manifest: Manifest, entries: Sequence[Entry]) -> list[Entry]:
        """Those of the entries whose items were neither sent anew nor deleted since.

        Raises NotFound where the collection was deleted, and IndexUnavailable.
        """
        held = self._held(manifest, [entry.item.id for entry in entries])
        if held is None:
            raise NotFound(f"collection {manifest.collection!r} was deleted")
        return [
            entry
            for entry in entries
            if (known := held.get(entry.item.id)) is None
            or known.version <= manifest.sequence + entry.item.ordinal
        ]

    def close(
        self,
        manifest: Manifest,
        settlement: Settlement,
        tell: Callable[[ClosedBatch], None] = lambda _: None,
    ) -> None:
        """Put a settled batch away: first the closed one is durable, then the open one goes.

        A single item leaves nothing behind but its key: its document says what became of it.

        Args:
            manifest: the batch.
            settlement: what became of it.
            tell: called between the two steps; so it is called at least once for each batch, and
                what it does must be durable.
        """
        if not manifest.single or manifest.content is not None:
            kept = [
                entry
                for entries in self.entries(manifest)
                for entry in entries
                if settlement.outcomes.get(entry.item.ordinal) in _KEPT
            ]
            closed = ClosedBatch(manifest, settlement.counts, time.time(), kept)
            name = closed_name(manifest.batch)
            if not self.store.create_document(CLOSED, name, closed.to_json()):
                closed = self.closed(manifest.batch)  # another process was faster, or died here
            tell(closed)
        delete_manifest(self.store, manifest.batch)

    def closed(self, batch: str) -> ClosedBatch:
        """A batch that is dealt with. Raises NotFound, StoreUnavailable."""
        return ClosedBatch.from_json(self.store.read_document(CLOSED, closed_name(batch)))

    def closed_batches(self) -> list[str]:
        """Every batch that is dealt with, the latest first. Raises StoreUnavailable."""
        found = sorted(self.store.documents(CLOSED), key=lambda one: -one.modified)
        return [one.name.removesuffix(".json") for one in found]

    def manifest(self, batch: str) -> Manifest:
        """The header of a batch, open or closed. Raises NotFound, StoreUnavailable."""
        return stored_manifest(self.store, batch)


def stored_manifest(store: MediaStore, batch: str) -> Manifest:
    """The header of a batch, open or closed. Raises NotFound, StoreUnavailable."""
    try:
        return read_manifest(store, batch)
    except NotFound:
        if (manifest := closed_manifest(store, batch)) is None:
            raise
        return manifest


def closed_manifest(store: MediaStore, batch: str) -> Manifest | None:
    """The header of a closed batch, if there is one. Raises StoreUnavailable."""
    try:
        return ClosedBatch.from_json(store.read_document(CLOSED, closed_name(batch))).manifest
    except NotFound:
        return None


def closed_name(batch: str) -> str:
    """Of the document of a closed batch."""
    return f"{batch}.json"
