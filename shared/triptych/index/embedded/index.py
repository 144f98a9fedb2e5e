"""The search index in local files: no server, many processes, one folder per collection."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.names import is_id, printable
from triptych.fusion.blocks import Layout
from triptych.index.documents import Document
from triptych.index.embedded import writer
from triptych.index.embedded.listing import list_items
from triptych.index.embedded.search import search
from triptych.index.embedded.store import translated
from triptych.index.embedded.stores import Stores
from triptych.index.embedded.view import View
from triptych.index.model import (
    Condition,
    Facet,
    IndexQuery,
    Listing,
    Outcome,
    Page,
    Results,
    Sort,
    Versioned,
)

OUTGROWN = 100_000
"""Items above which a search takes longer than it should."""

_SCANNED = 250

log = structlog.get_logger(__name__)


class EmbeddedIndex:
    """Collections as folders. One instance serves many threads, and the children of a fork."""

    def __init__(self, root: Path, *, layout: Layout) -> None:
        self._root = root
        self._layout = layout
        self._stores = Stores(root, layout)
        self._warned: set[str] = set()

    def ping(self) -> None:
        """Return if the folder can be written to."""
        with translated(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise IndexUnavailable(f"{self._root.name}: the folder can't be written to")
        self._stores.sweep()

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        return self._stores.names()

    def ensure(self, collection: str) -> None:
        """Create the collection unless it exists. Raises FingerprintMismatch."""
        self._stores.create(collection)
        with self._read(collection):
            pass

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        self._stores.drop(collection)

    def bulk(self, collection: str, documents: Sequence[Versioned]) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others."""
        records, outcomes = writer.sorted_out(documents, self._layout)
        versions = {number: documents[number].version for number in records}
        with self._stores.use(collection) as store, store.write() as connection:
            outcomes |= writer.write(connection, store.vectors, records, versions)
            (rows,) = connection.execute("SELECT places FROM collection").fetchone()
        self._warn(collection, rows)
        return [outcomes[number] for number in range(len(documents))]

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        with self._read(collection) as view:
            row = view.row(item_id) if is_id(item_id) else None
            if row is None:
                raise self._no_item(collection, item_id)
            (entry,) = view.versioned(np.array([row]))
        return {name: value for name, value in entry.document.items() if name != "vector"}

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete a document. Raises NotFound; a newer version of it stays."""
        with self._stores.use(collection) as store, store.write() as connection:
            if not is_id(item_id):
                raise self._no_item(collection, item_id)
            known = writer.delete(connection, item_id, version)
        if known is None or known.row is None:
            raise self._no_item(collection, item_id)
        if known.version > version:
            log.info("a newer version of the item stays", collection=collection, id=item_id)

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """Return candidates with their raw scores."""
        started = time.perf_counter()
        with self._read(collection, snapshot) as view:
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

    def scan(self, collection: str) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        with self._read(collection) as view:
            snapshot, rows = view.snapshot, np.flatnonzero(view.visible)
        for start in range(0, len(rows), _SCANNED):
            with self._read(collection, snapshot) as view:
                entries = view.versioned(rows[start : start + _SCANNED])
            yield from entries

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values."""
        with self._read(collection) as view:
            return view.metadata()

    def failures(self, collection: str, batch: str, limit: int) -> Sequence[Document]:
        """Documents of a batch that are failed or partial."""
        conditions = (
            Condition("batch", any_of=(batch,)),
            Condition("status", any_of=("failed", "partial")),
        )
        return self.list(collection, Listing(conditions, [Sort("id")], limit)).documents

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        page = self.list(collection, Listing(limit=0, facets=[Facet("status")]))
        return {entry["value"]: entry["count"] for entry in page.facets["status"]}

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

    def close(self) -> None:
        """Close the connections and files of every collection."""
        self._stores.close()

    @contextmanager
    def _read(self, collection: str, snapshot: str | None = None) -> Iterator[View]:
        with self._stores.use(collection) as store, store.read(snapshot) as view:
            yield view

    @staticmethod
    def _no_item(collection: str, item_id: str) -> NotFound:
        return NotFound(f"no item {printable(item_id)!r} in collection {collection!r}")
