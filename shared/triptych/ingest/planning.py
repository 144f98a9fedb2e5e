"""The planner: a stored manifest to chunks, reading server-side files into the media store."""

from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from triptych.core.errors import InvalidInput, TooLarge, Unavailable, internal
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.ingest.chunk import Bounds, Chunk, chunks, common
from triptych.ingest.manifest import Entry, Manifest, read_window
from triptych.ingest.server_files import open_inside
from triptych.media.store import MediaStore

WINDOW = 256
"""Entries that one task plans: a single upload waits for no more than this."""
_TOGETHER = 4
"""Files that are copied at a time: a copy waits for the disk, or for a server, most of its time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Position:
    """How far a batch is planned."""

    ordinal: int = 0
    """Of the entry that is next."""
    place: int | None = None
    """Where it begins in the manifest, in bytes; None: at the first."""


BEGINNING = Position()


@dataclass(frozen=True)
class Plan:
    """The chunks of some entries."""

    chunks: Sequence[Chunk]
    after: Position | None
    """Where to go on; None at the end of the batch."""


@dataclass(frozen=True)
class Planner:
    """Cuts manifests into chunks."""

    store: MediaStore
    settings: Settings

    def plan(
        self,
        manifest: Manifest,
        position: Position,
        skip: Callable[[Sequence[Item]], Container[int]] = lambda _: (),
    ) -> Plan:
        """The chunks of ``WINDOW`` entries from a position on, their files in the media store.

        All files are read before anything is returned, so that a store that fails half-way leaves
        nothing half sent.

        Args:
            manifest: the header of the batch.
            position: where to begin.
            skip: the ordinals of these items that need no chunk.

        Raises:
            NotFound: the batch is not open any more.
            StoreUnavailable: files can't be read or stored now.
        """
        window = read_window(self.store, manifest.batch, position.place, position.ordinal, WINDOW)
        skipped = skip([entry.item for entry in window.entries])
        wanted = [entry for entry in window.entries if entry.item.ordinal not in skipped]
        with ThreadPoolExecutor(_TOGETHER) as threads:
            items = list(threads.map(self._item, wanted))
        bounds = Bounds(self.settings.chunk_items, self.settings.chunk_bytes)
        after = window.after
        ordinal = position.ordinal + len(window.entries)
        return Plan(
            list(chunks(items, bounds=bounds, common=common(manifest))),
            None if after is None or ordinal >= manifest.total else Position(ordinal, after),
        )

    def _item(self, entry: Entry) -> Item:
        """The item of an entry, with its files in the store; a defect is its failure alone."""
        try:
            return self._import_files(entry)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("item can't be planned", id=entry.item.id)
            return entry.item.failing("item", internal(error))

    def _import_files(self, entry: Entry) -> Item:
        """Copy the files that an entry names into the media store; one that fails is a failure."""
        item = entry.item
        for part, name in entry.paths.items():
            try:
                data = self._read_bounded(name)
                item = item.with_media(part, self.store.put(data), len(data))
            except InvalidInput as error:
                item = item.failing(part, error.reason)
        return item

    def _read_bounded(self, name: str) -> bytes:
        """Read a file elsewhere, or under one of the roots, checked when it is opened."""
        if "://" in name:
            from triptych.ingest.remote_files import read_remote  # which needs an HTTP client

            return read_remote(self.settings, name)
        limit = self.settings.limits.file_bytes
        with open_inside(self.settings.import_roots, name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TooLarge(f"file {name!r} is larger than the limit of {limit} bytes")
        return data
