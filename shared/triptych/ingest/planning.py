"""The planner: a stored manifest to chunks, reading server-side files into the media store."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from triptych.core.errors import InvalidInput, TooLarge
from triptych.core.item import Item
from triptych.ingest.chunk import BULK, Chunk, chunks
from triptych.ingest.manifest import Entry, Manifest
from triptych.ingest.server_files import open_inside
from triptych.media.store import MediaStore

WINDOW = 256
"""Entries that one task plans: a single upload waits for no more than this."""


def plan(
    manifest: Manifest,
    start: int,
    store: MediaStore,
    *,
    roots: tuple[Path, ...],
    max_bytes: int,
    size: int,
) -> list[Chunk]:
    """The chunks of ``WINDOW`` entries from ``start`` on, their files in the media store.

    All files are read before anything is returned, so that a store that fails half-way leaves
    nothing half sent.
    """
    window = islice(manifest.entries, start, start + WINDOW)
    items = [import_files(entry, store, roots, max_bytes) for entry in window]
    common = {
        "collection": manifest.collection,
        "sequence": manifest.sequence,
        "fingerprint": manifest.fingerprint,
        "batch": manifest.batch,
        "priority": BULK,
    }
    return list(chunks(items, size=size, common=common))


def import_files(entry: Entry, store: MediaStore, roots: tuple[Path, ...], max_bytes: int) -> Item:
    """Copy the files that an entry names into the media store; one that can't be is a failure."""
    item = entry.item
    for part, name in entry.paths.items():
        item = replace(item, names={**item.names, part: Path(name).name})
        try:
            item = item.with_media(part, store.put(_read_bounded(name, roots, max_bytes)))
        except InvalidInput as error:
            item = item.failing(part, error.reason)
    return item


def _read_bounded(name: str, roots: tuple[Path, ...], max_bytes: int) -> bytes:
    """Read a file under one of the roots, checked at the moment it is opened."""
    with open_inside(roots, name) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TooLarge(f"file {name!r} is larger than the limit of {max_bytes} bytes")
    return data
