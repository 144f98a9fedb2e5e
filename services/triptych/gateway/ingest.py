"""Accepting a batch: everything durable first, then one message that starts it all."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from triptych.core.errors import (
    InvalidInput,
    MediaError,
    QueueUnavailable,
    TooLarge,
    TriptychError,
)
from triptych.core.item import MEDIA, Item, Modality
from triptych.core.names import derive_id, printable
from triptych.fusion.layout import layout
from triptych.gateway.services import Services
from triptych.ingest.chunk import BULK, submission_sequence
from triptych.ingest.grouping import group_files
from triptych.ingest.manifest import (
    Entry,
    ItemLine,
    Manifest,
    Rejection,
    delete_manifest,
    read_lines,
    write_manifest,
)
from triptych.media.text import clean_text, decode_text
from triptych.queues import jobs


@dataclass(frozen=True)
class Accepted:
    """A batch that will be worked off, and the lines of it that are failures already."""

    batch: str
    total: int
    rejected: Sequence[Rejection]


def submit(services: Services, collection: str, entries: Iterable[Entry]) -> Manifest:
    """Store the manifest, begin to count, and enqueue; either all of it or nothing."""
    limit = services.settings.limits.batch_items
    numbered = [
        replace(entry, item=replace(entry.item, ordinal=ordinal))
        for ordinal, entry in enumerate(islice(entries, limit + 1))
    ]
    if not numbered:
        raise InvalidInput("batch is empty")
    if len(numbered) > limit:
        raise TooLarge(f"batch has more than {limit} items")
    manifest = Manifest(
        batch=uuid.uuid4().hex,
        collection=collection,
        sequence=submission_sequence(),
        fingerprint=layout().fingerprint,
        total=len(numbered),
        entries=numbered,
    )
    write_manifest(services.store, manifest)
    try:
        services.progress.start(manifest.batch, manifest.total)
        jobs.send_task(services.queue, jobs.PLAN, {"batch": manifest.batch}, priority=BULK)
    except TriptychError:
        delete_manifest(services.store, manifest.batch)
        with suppress(QueueUnavailable):
            services.progress.forget(manifest.batch)
        raise
    return manifest


def accept_manifest(
    services: Services, collection: str, data: bytes, uploads: Mapping[str, bytes] | None = None
) -> Accepted:
    """Accept a JSONL manifest whose files are uploads, or on the server under an allowed root."""
    services.index.ensure(collection)
    rejected: list[Rejection] = []

    def entries() -> Iterator[Entry]:
        for number, line in read_lines(data):
            if isinstance(line, Rejection):
                rejected.append(line)
                yield _rejected_entry(line)
                continue
            item = _item(line, number, services.settings.limits.text_chars)
            files: dict[Modality, str] = {p: name for p in MEDIA if (name := getattr(line, p))}
            if uploads is None:
                yield Entry(item, dict(files.items()))
            else:
                yield Entry(_with_files(services, item, files, uploads))

    manifest = submit(services, collection, entries())
    return Accepted(manifest.batch, manifest.total, rejected)


def accept_files(services: Services, collection: str, uploads: Mapping[str, bytes]) -> Accepted:
    """Accept uploaded files; those of one stem are one item."""
    services.index.ensure(collection)
    groups, unknown = group_files(uploads)
    entries = [Entry(_with_files(services, Item(id=g.id), g.files, uploads)) for g in groups]
    taken = {group.id for group in groups}
    rejected = []
    for name in unknown:
        reason = f"file '{printable(name)}' is of no known kind by its extension"
        item_id = derive_id(name)
        rejection = Rejection(0, reason, None if item_id in taken else item_id)
        rejected.append(rejection)
        entries.append(_rejected_entry(rejection, name))
    manifest = submit(services, collection, entries)
    return Accepted(manifest.batch, manifest.total, rejected)


def _rejected_entry(rejection: Rejection, file: str | None = None) -> Entry:
    """A line or file that is no item becomes a failed item, so that the batch tells of it."""
    names = {} if file is None else {"item": printable(file)}
    item = Item(id=rejection.id or _new_id(rejection.line), names=names)
    return Entry(item.failing("item", rejection.reason))


def _new_id(line: int) -> str:
    return f"line-{line}-{uuid.uuid4().hex[:8]}"


def _item(line: ItemLine, number: int, max_chars: int) -> Item:
    files = "+".join(filter(None, (line.image, line.audio)))
    item = Item(
        id=line.id or (derive_id(files) if files else _new_id(number)),
        language=line.language,
        tags=tuple(line.tags),
        metadata=line.metadata,
        source=line.source,
    )
    return item if line.text is None else _with_text(item, line.text, max_chars)


def _with_files(
    services: Services, item: Item, files: Mapping[Modality, str], uploads: Mapping[str, bytes]
) -> Item:
    """Store the named uploads as parts of the item; one that is not there is a failure."""
    for part, name in files.items():
        shown = printable(name)
        item = replace(item, names={**item.names, part: shown})
        if name not in uploads:
            item = item.failing(part, f"file '{shown}' is not among the uploaded files")
        elif part == "text":
            item = _with_text(item, uploads[name], services.settings.limits.text_chars)
        else:
            item = item.with_media(part, services.store.put(uploads[name]))
    return item


def _with_text(item: Item, given: str | bytes, max_chars: int) -> Item:
    """A copy with this text; one that can't be used is a failure, and goes no further."""
    try:
        return replace(item, text=read_text(given, max_chars))
    except (MediaError, TooLarge) as error:
        return item.failing("text", error.reason)


def read_text(given: str | bytes, max_chars: int) -> str:
    """The clean text of a field or a file. Raises MediaError, TooLarge."""
    if isinstance(given, bytes):
        return decode_text(given, max_chars=max_chars)
    return clean_text(given, max_chars=max_chars)
