"""The planner: a stored manifest to chunks, reading server-side files into the media store."""

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import structlog

from triptych.core.errors import InvalidInput, TooLarge, Unavailable, internal
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.ingest.chunk import BULK, Chunk, chunks
from triptych.ingest.manifest import Entry, Manifest
from triptych.ingest.server_files import open_inside
from triptych.media.store import MediaStore

WINDOW = 256
"""Entries that one task plans: a single upload waits for no more than this."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Planner:
    """Cuts manifests into chunks."""

    store: MediaStore
    settings: Settings

    def plan(self, manifest: Manifest, start: int) -> list[Chunk]:
        """The chunks of ``WINDOW`` entries from ``start`` on, their files in the media store.

        All files are read before anything is returned, so that a store that fails half-way leaves
        nothing half sent.

        Raises:
            StoreUnavailable: files can't be stored now.
        """
        window = islice(manifest.entries, start, start + WINDOW)
        items = [self._item(entry) for entry in window]
        common = {
            "collection": manifest.collection,
            "sequence": manifest.sequence,
            "fingerprint": manifest.fingerprint,
            "batch": manifest.batch,
            "priority": BULK,
        }
        return list(chunks(items, size=self.settings.chunk_items, common=common))

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
            item = replace(item, names={**item.names, part: Path(name).name})
            try:
                item = item.with_media(part, self.store.put(self._read_bounded(name)))
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
