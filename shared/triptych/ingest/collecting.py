"""Collecting what nothing refers to any more: media, derived data, tombstones, old batches, models.

Media come into the store before the manifest that refers to them. So what is young stays (a grace),
and what is put again while it is collected is young again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.index import SearchIndex
from triptych.ingest.changing import collect_links
from triptych.ingest.collection_models import CollectionModels
from triptych.ingest.derived import digests
from triptych.ingest.ledger import ANNOUNCED, CLOSED, ClosedBatch, Ledger, closed_name
from triptych.ingest.manifest import read_manifest
from triptych.media.store import MediaStore, Stored

ERASED = "erased"
"""The folder of notes that a collection was deleted, so that what it leaves is collected soon."""
THINNED = "thinned"
"""The folder of notes that items of a collection were deleted, by its name."""
_AT_ONCE = 1000
_ANY = 2**63 - 1
"""Above every version."""
_SETTLED = 60.0
"""Seconds after which a batch, whose media were looked at just before, is stored."""


log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Collected:
    """What was removed."""

    media: int = 0
    derived: int = 0
    tombstones: int = 0
    batches: int = 0
    """Closed batches that were kept long enough, or whose collection is gone."""
    uploads: int = 0
    """Resumable uploads that nobody went on with."""


@dataclass(frozen=True)
class Collector:
    """Removes from a media store what neither the index nor an open batch refers to."""

    store: MediaStore
    index: SearchIndex
    ledger: Ledger
    grace: float
    """Seconds that media stay without an item."""
    batch_ttl: float
    """Seconds that closed batches are kept."""
    clock: Callable[[], float] = time.time

    def collect(self, *, everything: bool) -> Collected:
        """Remove what was deleted; with ``everything`` whatever else nothing refers to.

        Raises:
            StoreUnavailable, IndexUnavailable: some of it stays for the next time.
        """
        now = self.clock()
        collect_links(self.store, now - self.grace, self._is_open)
        settled = now - min(self.grace, _SETTLED)
        notes = self._erased(settled)
        erased = {note.name for note in notes}
        thinned = {note.name for note in self.store.documents(THINNED)}
        if everything:
            thinned |= set(self.index.collections())
        if not thinned and not notes and not everything:
            return Collected(batches=self._batches(now, erased))
        kept, oldest = self._kept()
        until = int(settled * 1_000_000)
        until = until if oldest is None else min(until, oldest)
        tombstones = sum(self._forgotten(one, kept, until) for one in sorted(thinned))
        batches = self._batches(now, erased)
        media = derived = 0
        if everything or notes:
            before = max([now - self.grace, *(note.modified for note in notes)])
            self.store.tidy(now - self.grace)
            media = self._sweep(self.store.media(), kept, before, self.store.collect_media)
            for kind in self.store.derived_kinds():
                derived += self._sweep(
                    self.store.derived(kind), kept, before, _deleting(self.store, kind)
                )
        for note in notes:
            CollectionModels(self.store, self.index).forget(note.name)
            self.store.delete_document(ERASED, note.name)
        return Collected(media, derived, tombstones, batches)

    def _erased(self, settled: float) -> list[Stored]:
        """Notes of collections that were deleted before a moment.

        A note is written before the collection goes, which may not have come to pass.
        """
        notes = [note for note in self.store.documents(ERASED) if note.modified <= settled]
        living = {self._identity(name) for name in self.index.collections()} if notes else set()
        for note in notes:
            if note.name in living:
                self.store.delete_document(ERASED, note.name)
        return [note for note in notes if note.name not in living]

    def _identity(self, collection: str) -> str | None:
        try:
            return self.index.identity(collection)
        except NotFound:  # deleted just now
            return None

    def _is_open(self, batch: str) -> bool:
        try:
            read_manifest(self.store, batch)
        except NotFound:
            return False
        return True

    def _kept(self) -> tuple[set[str], int | None]:
        """What open batches refer to, and the lowest number of any of them."""
        kept: set[str] = set()
        oldest: int | None = None
        for batch in self.ledger.open_batches():
            try:
                manifest = read_manifest(self.store, batch.batch)
                for entries in self.ledger.entries(manifest):
                    kept.update(digest for entry in entries for digest in digests(entry.item))
            except NotFound:  # closed meanwhile: the index refers to what it has
                continue
            oldest = manifest.sequence if oldest is None else min(oldest, manifest.sequence)
        return kept, oldest

    def _forgotten(self, collection: str, kept: set[str], before: int) -> int:
        """As ``_tombstones``; a collection that does not answer stops no other."""
        try:
            return self._tombstones(collection, kept, before)
        except IndexUnavailable as error:
            log.warning("deleted items stay", collection=collection, reason=error.reason)
            return 0

    def _tombstones(self, collection: str, kept: set[str], before: int) -> int:
        """Forget deleted items that no open batch can bring back, and remove what they had."""
        removed = 0
        try:
            while dead := self.index.tombstones(collection, before, _AT_ONCE):
                self._erase(dead, kept)
                self.index.forget(collection, {one["id"]: one["sequence"] for one in dead})
                removed += len(dead)
            if not self.index.tombstones(collection, _ANY, 1):
                self.store.delete_document(THINNED, collection)
        except NotFound:  # the collection was deleted, too
            self.store.delete_document(THINNED, collection)
        return removed

    def _erase(self, dead: Iterable[Any], kept: set[str]) -> None:
        """Remove media, derived data and failed entries of deleted items."""
        since: dict[str, float] = {}
        for one in dead:
            since |= dict.fromkeys(one.get("digests", ()), one["sequence"] / 1_000_000)
            if batch := one.get("batch"):
                self._strike(batch, one["id"])
        gone = set(since) - kept - self.index.referenced(since)
        kinds = self.store.derived_kinds()
        for digest in gone:
            self.store.collect_media(digest, since[digest])
            for kind in kinds:
                self.store.delete_derived(kind, digest)

    def _strike(self, batch: str, item: str) -> None:
        """Remove a deleted item from the entries of a closed batch."""
        try:
            closed = self.ledger.closed(batch)
        except NotFound:
            return
        entries = [entry for entry in closed.entries if entry.item.id != item]
        if len(entries) < len(closed.entries):
            body = ClosedBatch(**{**vars(closed), "entries": entries}).to_json()
            self.store.write_document(CLOSED, closed_name(batch), body)

    def _batches(self, now: float, erased: set[str]) -> int:
        for one in self.store.documents(ANNOUNCED):  # of a receiver that there is no more
            if one.modified < now - self.batch_ttl:
                self.store.delete_document(ANNOUNCED, one.name)
        removed = 0
        for one in self.store.documents(CLOSED):
            batch = one.name.removesuffix(".json")
            old = one.modified < now - self.batch_ttl
            if old or (erased and self.ledger.closed(batch).manifest.identity in erased):
                self.store.delete_document(CLOSED, one.name)
                removed += 1
        return removed

    def _sweep(
        self,
        files: Iterator[Stored],
        kept: set[str],
        before: float,
        remove: Callable[[str, float], bool],
    ) -> int:
        """Remove the files that were stored before a moment and that nothing refers to."""
        removed = 0
        while some := list(islice(files, _AT_ONCE)):
            old = {one.name for one in some if one.modified < before} - kept
            gone = old - self.index.referenced(old) if old else old
            removed += sum(remove(digest, before) for digest in gone)
        return removed


def _deleting(store: MediaStore, kind: str) -> Callable[[str, float], bool]:
    def delete(digest: str, _: float) -> bool:
        store.delete_derived(kind, digest)
        return True

    return delete
