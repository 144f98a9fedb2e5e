"""The search index in local files: no server, many processes, one folder per collection."""

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from triptych.core.errors import FingerprintMismatch, IndexUnavailable, InvalidInput, NotFound
from triptych.core.names import is_id, printable
from triptych.fusion.blocks import Layout
from triptych.index.documents import Document, fits, fitting, public, returned
from triptych.index.embedded import folders, schema, writer
from triptych.index.embedded.listing import list_items
from triptych.index.embedded.search import search
from triptych.index.embedded.store import Store, translated
from triptych.index.embedded.stores import Stores
from triptych.index.embedded.view import View
from triptych.index.generations import delete_beside, following, forget_beside
from triptych.index.model import (
    Facet,
    Held,
    IndexQuery,
    Listing,
    Outcome,
    Page,
    Results,
    Versioned,
    not_whole,
)
from triptych.index.origin import Origin, mismatch

OUTGROWN = 100_000
"""Items above which a search takes longer than it should."""

_SCANNED = 250
_VALUES_AT_ONCE = 500
_EVERY = 2**63 - 1
_REFERENCED = """
    SELECT DISTINCT value FROM facts JOIN rows USING (place)
    WHERE field = (SELECT number FROM fields WHERE name = 'digests') AND kind = 'string'
    AND died IS NULL AND value IN ({})
"""

log = structlog.get_logger(__name__)


class EmbeddedIndex:
    """Collections as folders. One instance serves many threads, and the children of a fork."""

    def __init__(self, root: Path, *, layout: Layout) -> None:
        self._root = root
        self.layout = layout
        self._stores = Stores(root, layout)
        self._warned: set[str] = set()

    def ping(self) -> None:
        """Return if the folder can be written to, or made."""
        there = self._stores.is_there()
        folder = self._root if there else next(p for p in self._root.parents if p.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            raise IndexUnavailable(f"{folder.name}: the folder can't be written to")
        self._stores.clean()
        self._stores.sweep()

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        return self._stores.names()

    def origin(self, collection: str) -> Origin:
        """What built the index of a collection. Raises NotFound, FingerprintMismatch."""
        with self._stores.use(collection) as store:
            return store.origin

    def origins(self) -> dict[str, Origin]:
        """What built the index of each collection."""
        found = {}
        for name in self.collections():
            with suppress(NotFound, FingerprintMismatch):  # dropped meanwhile; of another schema
                found[name] = self.origin(name)
        return found

    def ensure(
        self,
        collection: str,
        *,
        identity: str | None = None,
        layout: Layout | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> str:
        """Create the collection unless it exists; its identity.

        Raises InvalidInput for more than one shard, or replicas.
        """
        if shards not in {None, 1}:
            raise InvalidInput(f"{shards} shards: the embedded index has one", field="shards")
        if replicas not in {None, 0}:
            raise InvalidInput(
                f"{replicas} replicas: the embedded index has none", field="replicas"
            )
        self._stores.create(collection, identity, layout or self.layout)
        with self._stores.use(collection) as store:
            store.adopt()
        return self.identity(collection)

    def identity(self, collection: str) -> str:
        """What ``ensure`` returned. Raises NotFound."""
        with self._read(collection, made=True) as view:
            return _identity(view.connection)

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        self._stores.drop(collection)

    def bulk(
        self, collection: str, documents: Sequence[Versioned], *, identity: str | None = None
    ) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others.

        Raises NotFound where the collection is gone, or not that of the identity.
        """
        with self._write(collection, made=identity is not None) as (store, connection):
            if identity not in {None, _identity(connection)}:
                raise NotFound(f"the collection {collection!r} of {identity} is gone")
            built = store.origin
            fit = [
                replace(one, document=fitting(one.document, built.fingerprint)) for one in documents
            ]
            records, outcomes = writer.sorted_out(fit, built.layout)
            versions = {number: documents[number].version for number in records}
            outcomes |= writer.write(connection, store.vectors, records, versions)
            whole = [fits(one.document, built.fingerprint) for one in documents]
            (rows,) = connection.execute("SELECT places FROM collection").fetchone()
        if not store.is_current():  # it was dropped meanwhile, with what was written
            raise NotFound(f"no collection {collection!r}")
        self._warn(collection, rows)
        return [replace(outcomes[number], whole=has) for number, has in enumerate(whole)]

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        with self._read(collection) as view:
            row = view.row(item_id) if is_id(item_id) else None
            if row is None:
                raise self._no_item(collection, item_id)
            (entry,) = view.versioned(np.array([row]))
        return {name: value for name, value in entry.document.items() if name != "vector"}

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete an item; a newer version of it stays. Raises NotFound where there is none."""
        with self._write(collection) as (_, connection):
            if not is_id(item_id):
                raise self._no_item(collection, item_id)
            known = writer.delete(connection, item_id, version)
        if "." not in collection:
            delete_beside(self, collection, item_id, version)
        if known is None or known.row is None:
            raise self._no_item(collection, item_id)
        if known.version > version:
            log.info("a newer version of the item stays", collection=collection, id=item_id)

    def versions(self, collection: str, ids: Collection[str]) -> dict[str, Held]:
        """What there is under each id, as written by the latest ``bulk``."""
        with self._read(collection, made=True) as view:
            return view.held([item for item in ids if is_id(item)])

    def fetch(self, collection: str, ids: Collection[str]) -> dict[str, Versioned]:
        """The documents of items with their features, as written by the latest ``bulk``."""
        with self._read(collection, made=True) as view:
            entries = view.versioned(view.rows_of([item for item in ids if is_id(item)]))
        return {entry.document["id"]: entry for entry in entries}

    def shown(
        self, collection: str, ids: Collection[str], fields: Sequence[str] | None
    ) -> dict[str, Document]:
        """What hits show of items. Searches see every write at once."""
        found = self.fetch(collection, ids)
        return {item: returned(public(entry.document), fields) for item, entry in found.items()}

    def tombstones(
        self, collection: str, before: int, limit: int, *, above: int = -1
    ) -> Sequence[Document]:
        """The oldest tombstones with a version below ``before``."""
        with self._read(collection, made=True) as view:
            return view.tombstones(before, limit, above)

    def forget(self, collection: str, versions: Mapping[str, int]) -> None:
        """Remove tombstones for good, and texts that no snapshot can see any more."""
        if "." not in collection:
            forget_beside(self, collection, versions)
        with self._write(collection, made=True) as (_, connection):
            writer.forget(connection, versions)
        with self._stores.use(collection, made=True) as store:
            store.truncate_log()

    def referenced(self, digests: Collection[str]) -> set[str]:
        """Which of the digests a document of any collection refers to."""
        wanted, found = list(digests), set[str]()
        for folder in self._stores.folders():
            # Those of other encoders count, too, so their origin is not checked.
            with translated(folder), closing(schema.connect(folder)) as connection:
                for start in range(0, len(wanted), _VALUES_AT_ONCE):
                    values = wanted[start : start + _VALUES_AT_ONCE]
                    query = _REFERENCED.format(", ".join("?" * len(values)))
                    found.update(value for (value,) in connection.execute(query, values))
        return found

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """Return candidates with their raw scores."""
        started = time.perf_counter()
        with self._stores.use(collection) as store, store.read(snapshot) as view:
            fingerprint = query.fingerprint or self.layout.fingerprint
            if query.classes and store.origin.fingerprint != fingerprint:
                raise mismatch(collection, store.origin, self.layout)
            results = search(view, query)
        return replace(results, took_ms=round(1000 * (time.perf_counter() - started)))

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """Return documents by filter and order."""
        with self._read(collection, snapshot) as view:
            return list_items(view, listing)

    def freeze(self, collection: str) -> str:
        """Keep the collection as it is for some minutes of paging; returns the snapshot."""
        with self._read(collection) as view:
            return view.snapshot

    def scan(self, collection: str, *, tombstones: bool = False) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        with self._read(collection) as view:
            snapshot, rows = view.snapshot, np.flatnonzero(view.visible)
            buried = view.tombstones(_EVERY, _EVERY) if tombstones else ()
        yield from (Versioned(document, document["sequence"]) for document in buried)
        for start in range(0, len(rows), _SCANNED):
            with self._read(collection, snapshot) as view:
                entries = view.versioned(rows[start : start + _SCANNED])
            yield from entries

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values."""
        with self._read(collection) as view:
            return view.metadata()

    def failures(
        self, collection: str, batch: str, limit: int, after: Sequence[Any] | None = None
    ) -> Page:
        """Documents of a batch that are not whole, by id."""
        return self.list(collection, not_whole(batch, limit, after))

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        with self._read(collection) as view:
            return _counted(view)

    def advice(self, collection: str) -> str | None:
        """What the operator should know, such as that the collection has outgrown this index."""
        with self._read(collection) as view:
            items = int(np.count_nonzero(view.visible))
        if items <= OUTGROWN:
            return None
        return (
            f"collection {collection!r} has {items:,} items, and every search reads the vectors of "
            f"all of them: above {OUTGROWN:,}, move it to Elasticsearch with `triptych migrate` "
            "and set TRIPTYCH_INDEX_URL"
        )

    def _warn(self, collection: str, rows: int) -> None:
        """Log the advice once per process."""
        if collection in self._warned or rows <= OUTGROWN:
            return
        if advice := self.advice(collection):
            self._warned.add(collection)
            log.warning(advice)

    def refresh(self, collection: str) -> None:
        """Do nothing: every write is visible at once. Raises NotFound."""
        with self._stores.use(collection):
            pass

    # The next index of a collection, and the one before

    def begin(self, collection: str, layout: Layout) -> None:
        """Make the index *next* of a collection, for a layout."""
        with self._write(collection) as (_, connection):
            self._stores.begin(collection, _identity(connection), layout)

    def swap(self, collection: str, finish: Callable[[], None]) -> None:
        """Let *next* take the place of the collection, whose index becomes *previous*."""
        self.origin(following(collection))
        with self._write(collection):  # nobody else writes until this is done
            finish()
            self._stores.swap(collection)

    def abandon(self, collection: str) -> None:
        """Delete the index *next*."""
        with self._write(collection):
            self._stores.remove(collection, folders.NEXT)

    def discard(self, collection: str) -> None:
        """Delete the index *previous*. Raises NotFound."""
        with self._write(collection):
            if not self._stores.remove(collection, folders.PREVIOUS):
                raise NotFound(f"collection {collection!r} has no previous index")

    def mark(self, collection: str) -> str:
        """Where ``changed`` begins to see what is written from now on."""
        return self.freeze(collection)

    def changed(self, collection: str, since: str) -> Iterator[str]:
        """The ids of items that were written since a mark."""
        index, _, tx = since.partition(":")
        with self._read(collection) as view:
            same = view.snapshot.partition(":")[0] == index
            yield from view.written_since(int(tx) if same else 0)

    @contextmanager
    def _write(
        self, collection: str, *, made: bool = False
    ) -> Iterator[tuple[Store, sqlite3.Connection]]:
        """A transaction in the index that is the collection's while it lasts."""
        while True:
            with self._stores.use(collection, made=made) as store, store.write() as connection:
                if self._stores.is_current(collection, store):
                    yield store, connection
                    return

    def close(self) -> None:
        """Close the connections and files of every collection."""
        self._stores.close()

    @contextmanager
    def _read(
        self, collection: str, snapshot: str | None = None, *, made: bool = False
    ) -> Iterator[View]:
        with self._stores.use(collection, made=made) as store, store.read(snapshot) as view:
            yield view

    @staticmethod
    def _no_item(collection: str, item_id: str) -> NotFound:
        return NotFound(f"no item {printable(item_id)!r} in collection {collection!r}")


def _identity(connection: sqlite3.Connection) -> str:
    identity: str = connection.execute("SELECT identity FROM collection").fetchone()[0]
    return identity


def _counted(view: View) -> dict[str, int]:
    """Items by status."""
    page = list_items(view, Listing(limit=0, facets=[Facet("status")]))
    return {entry["value"]: entry["count"] for entry in page.facets["status"]}
