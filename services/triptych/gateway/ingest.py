"""Accepting a batch: everything durable first, then one message that starts it all."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from triptych.gateway.services import Services
from triptych.shared import jobs
from triptych.shared.encoders.cards import Modality
from triptych.shared.errors import InvalidInput, MediaError, TooLarge, TriptychError
from triptych.shared.fusion.blocks import LAYOUT
from triptych.shared.grouping import group_files
from triptych.shared.item import Item
from triptych.shared.manifest import (
    Entry,
    ItemLine,
    Manifest,
    Rejection,
    delete_manifest,
    read_lines,
    write_manifest,
)
from triptych.shared.media.text import decode_text

MEDIA: tuple[Modality, ...] = ("image", "audio")


@dataclass(frozen=True)
class Accepted:
    """A batch that will be worked off, and the lines of it that are failures already."""

    batch: str
    total: int
    rejected: Sequence[Rejection]


def submit(services: Services, collection: str, entries: Sequence[Entry]) -> str:
    """Store the manifest, begin to count, and enqueue; either all of it or nothing."""
    if not entries:
        raise InvalidInput("batch is empty")
    limit = services.settings.limits.batch_items
    if len(entries) > limit:
        raise TooLarge(f"batch has {len(entries)} items, the limit is {limit}")
    manifest = Manifest(
        batch=uuid.uuid4().hex,
        collection=collection,
        sequence=jobs.submission_sequence(),
        fingerprint=LAYOUT.fingerprint,
        total=len(entries),
        entries=[
            replace(entry, item=replace(entry.item, ordinal=ordinal))
            for ordinal, entry in enumerate(entries)
        ],
    )
    write_manifest(services.store, manifest)
    try:
        services.progress.start(manifest.batch, manifest.total)
        jobs.send_task(services.queue, jobs.PLAN, {"batch": manifest.batch}, priority=jobs.BULK)
    except TriptychError:
        delete_manifest(services.store, manifest.batch)
        raise
    return manifest.batch


def accept_manifest(
    services: Services, collection: str, data: bytes, uploads: Mapping[str, bytes] | None = None
) -> Accepted:
    """Accept a JSONL manifest whose files are uploads, or on the server under an allowed root."""
    services.index.ensure(collection)
    rejected: list[Rejection] = []
    entries: list[Entry] = []
    for number, line in read_lines(data):
        if isinstance(line, Rejection):
            rejected.append(line)
            entries.append(_rejected_entry(line))
        elif uploads is None:
            entries.append(_path_entry(line, number))
        else:
            entries.append(_upload_entry(services, line, number, uploads))
    return Accepted(submit(services, collection, entries), len(entries), rejected)


def accept_files(services: Services, collection: str, uploads: Mapping[str, bytes]) -> Accepted:
    """Accept uploaded files; those of one stem are one item."""
    services.index.ensure(collection)
    groups, unknown = group_files(uploads)
    entries = [Entry(_with_files(services, Item(id=g.id), g.files, uploads)) for g in groups]
    rejected = [
        Rejection(0, f"file {name!r} is of no known kind by its extension", name)
        for name in unknown
    ]
    entries += [_rejected_entry(rejection) for rejection in rejected]
    return Accepted(submit(services, collection, entries), len(entries), rejected)


def _rejected_entry(rejection: Rejection) -> Entry:
    """A line that is no item becomes a failed item, so that the batch tells of it."""
    item_id = rejection.id or f"line-{rejection.line}-{uuid.uuid4().hex[:8]}"
    return Entry(Item(id=item_id).failing("item", rejection.reason))


def _item(line: ItemLine, number: int) -> Item:
    files = "+".join(filter(None, (line.image, line.audio)))
    return Item(
        id=line.id or files or f"line-{number}-{uuid.uuid4().hex[:8]}",
        text=line.text,
        tags=tuple(line.tags),
        metadata=line.metadata,
        source=line.source,
    )


def _path_entry(line: ItemLine, number: int) -> Entry:
    paths: dict[str, str] = {part: name for part in MEDIA if (name := getattr(line, part))}
    return Entry(_item(line, number), paths)


def _upload_entry(
    services: Services, line: ItemLine, number: int, uploads: Mapping[str, bytes]
) -> Entry:
    files: dict[Modality, str] = {p: name for p in MEDIA if (name := getattr(line, p))}
    return Entry(_with_files(services, _item(line, number), files, uploads))


def _with_files(
    services: Services, item: Item, files: Mapping[Modality, str], uploads: Mapping[str, bytes]
) -> Item:
    """Store the named uploads as parts of the item; one that is not there is a failure."""
    for part, name in files.items():
        item = replace(item, names={**item.names, part: name})
        if name not in uploads:
            item = item.failing(part, f"file {name!r} is not among the uploaded files")
        elif part == "text":
            item = _with_text(item, uploads[name], services.settings.limits.text_chars)
        else:
            item = item.with_media(part, services.store.put(uploads[name]))
    return item


def _with_text(item: Item, data: bytes, max_chars: int) -> Item:
    try:
        return replace(item, text=decode_text(data, max_chars=max_chars))
    except (MediaError, TooLarge) as error:
        return item.failing("text", error.reason)
