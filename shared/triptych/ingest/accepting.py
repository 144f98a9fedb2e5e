"""Accepting a batch: everything durable first, so that what was accepted is never lost."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from triptych.core.errors import InvalidInput, MediaError, TooLarge
from triptych.core.item import MEDIA, Item, Modality
from triptych.core.names import derive_id, is_id, printable
from triptych.core.settings import Limits
from triptych.core.values import describe
from triptych.ingest.chunk import Chunk, common, route
from triptych.ingest.clock import Clock
from triptych.ingest.grouping import group_files
from triptych.ingest.manifest import (
    Entry,
    ItemFields,
    ItemLine,
    Manifest,
    Rejection,
    read_lines,
    write_manifest,
)
from triptych.ingest.single import make_item, read_text
from triptych.media.store import MediaStore


@dataclass(frozen=True)
class Target:
    """The collection that items are for."""

    name: str
    identity: str | None


@dataclass(frozen=True)
class Accepted:
    """A batch that is stored and will be worked off, and the lines of it that failed already."""

    manifest: Manifest
    rejected: Sequence[Rejection]


@dataclass(frozen=True)
class Acceptor:
    """Puts batches into the media store."""

    store: MediaStore
    limits: Limits
    fingerprint: str
    """Of the layout that the items will be encoded for."""
    clock: Clock

    def single(
        self,
        target: Target,
        fields: ItemFields,
        files: Mapping[Modality, bytes],
        names: Mapping[Modality, str],
    ) -> Chunk:
        """Accept one item, which is a batch of its own; its chunk.

        Raises:
            InvalidInput, TooLarge: nothing is accepted.
            StoreUnavailable: nothing is accepted.
        """
        item = make_item(self.store, fields, files, names, max_chars=self.limits.text_chars)
        manifest = self._manifest(target, 1, single=True)
        (entry,) = write_manifest(self.store, manifest, [Entry(item)])
        return Chunk(slip=route(entry.item), items=(entry.item,), **common(manifest))

    def manifest(
        self, target: Target, data: bytes, uploads: Mapping[str, bytes] | None = None
    ) -> Accepted:
        """Accept a JSONL manifest whose files are uploads, or on the server under a root.

        Raises:
            InvalidInput, TooLarge: there are no items, or too many.
            StoreUnavailable: nothing is accepted.
        """
        rejected: list[Rejection] = []

        def entries() -> Iterator[Entry]:
            for _, line in read_lines(data):
                if isinstance(line, Rejection):
                    rejected.append(line)
                    yield _rejected_entry(line)
                    continue
                item = _item(line, self.limits.text_chars)
                files: dict[Modality, str] = {p: name for p in MEDIA if (name := getattr(line, p))}
                if uploads is None:
                    yield Entry(item, dict(files.items()))
                else:
                    yield Entry(self._with_files(item, files, uploads))

        return Accepted(self._stored(target, entries()), rejected)

    def files(self, target: Target, uploads: Mapping[str, bytes]) -> Accepted:
        """Accept files by name; those of one stem are one item. Raises as ``manifest``."""
        groups, unknown = group_files(uploads)
        entries = [Entry(self._with_files(Item(id=g.id), g.files, uploads)) for g in groups]
        taken = {group.id for group in groups}
        rejected = []
        for name in unknown:
            reason = f"file '{printable(name)}' is of no known kind by its extension"
            item_id = derive_id(name)
            rejection = Rejection(0, reason, None if item_id in taken else item_id)
            rejected.append(rejection)
            entries.append(_rejected_entry(rejection, name))
        return Accepted(self._stored(target, entries), rejected)

    def items(self, target: Target, items: Iterable[Mapping[str, Any]]) -> Accepted:
        """Accept items with their media: ``image`` and ``audio`` are bytes, or paths here.

        The other fields are those of a manifest line. Raises as ``manifest``.
        """
        rejected: list[Rejection] = []

        def entries() -> Iterator[Entry]:
            for number, fields in enumerate(items, start=1):
                line = _checked(fields, number)
                if isinstance(line, Rejection):
                    rejected.append(line)
                    yield _rejected_entry(line)
                else:
                    media = {part: fields[part] for part in MEDIA if fields.get(part) is not None}
                    yield Entry(self._with_media(line, media))

        return Accepted(self._stored(target, entries()), rejected)

    def again(self, target: Target, entries: Iterable[Entry]) -> Manifest:
        """Accept entries of another batch once more. Raises as ``manifest``."""
        return self._stored(target, entries)

    def _with_media(self, line: ItemLine, media: Mapping[Modality, Any]) -> Item:
        """Store the media of an item; what can't be read, or is too large, is a failure."""
        item = _item(line, self.limits.text_chars)
        for part, value in media.items():
            if not isinstance(value, bytes):
                item = replace(item, names={**item.names, part: printable(Path(value).name)})
            try:
                data = value if isinstance(value, bytes) else Path(value).read_bytes()
            except OSError as error:
                item = item.failing(part, f"file '{printable(str(value))}': {error.strerror}")
                continue
            item = self._with_part(item, part, data)
        if line.id is None and (item.text, item.image, item.audio) != (None, None, None):
            content = repr([item.text, item.image, item.audio])
            item = replace(item, id=hashlib.sha256(content.encode()).hexdigest()[:32])
        return item

    def _with_part(self, item: Item, part: Modality, data: bytes) -> Item:
        """Store one part of an item; one that can't be used is a failure."""
        if len(data) > self.limits.file_bytes:
            reason = f"{len(data)} bytes, the limit is {self.limits.file_bytes}"
            return item.failing(part, reason)
        if part == "text":
            return _with_text(item, data, self.limits.text_chars)
        return item.with_media(part, self.store.put(data), len(data))

    def _stored(self, target: Target, entries: Iterable[Entry]) -> Manifest:
        limit = self.limits.batch_items
        numbered = [
            replace(entry, item=replace(entry.item, ordinal=ordinal))
            for ordinal, entry in enumerate(islice(entries, limit + 1))
        ]
        if not numbered:
            raise InvalidInput("batch is empty")
        if len(numbered) > limit:
            raise TooLarge(f"batch has more than {limit} items")
        self.store.keep({d for one in numbered for d in (one.item.image, one.item.audio) if d})
        manifest = self._manifest(target, len(numbered))
        write_manifest(self.store, manifest, numbered)
        return manifest

    def _manifest(self, target: Target, total: int, *, single: bool = False) -> Manifest:
        return Manifest(
            batch=uuid.uuid4().hex,
            collection=target.name,
            identity=target.identity,
            sequence=self.clock.next(total),
            fingerprint=self.fingerprint,
            total=total,
            single=single,
        )

    def _with_files(
        self, item: Item, files: Mapping[Modality, str], uploads: Mapping[str, bytes]
    ) -> Item:
        """Store the named uploads as parts of the item; one that is not there is a failure."""
        for part, name in files.items():
            shown = printable(name)
            item = replace(item, names={**item.names, part: shown})
            if name not in uploads:
                item = item.failing(part, f"file '{shown}' is not among the uploaded files")
            else:
                item = self._with_part(item, part, uploads[name])
        return item


def _checked(fields: Mapping[str, Any], number: int) -> ItemLine | Rejection:
    """The fields of an item beside its media, or what is wrong with it."""
    known = fields.get("id")
    item_id = known if is_id(known) else None
    try:
        line = ItemLine.model_validate({k: v for k, v in fields.items() if k not in MEDIA})
        for part in MEDIA:
            if not isinstance(fields.get(part), bytes | str | PathLike | None):
                kind = type(fields[part]).__name__
                return Rejection(number, f"item {number}: {part} is of type {kind}", item_id)
    except ValidationError as error:
        return Rejection(number, f"item {number}: {describe(error)}", item_id)
    if line.text is None and all(fields.get(part) is None for part in MEDIA):
        return Rejection(number, f"item {number} has no image, text or audio", item_id)
    return line


def _rejected_entry(rejection: Rejection, file: str | None = None) -> Entry:
    """A line or file that is no item becomes a failed item, so that the batch tells of it."""
    names = {} if file is None else {"item": printable(file)}
    item = Item(id=rejection.id or _new_id(rejection.line), names=names)
    return Entry(item.failing("item", rejection.reason))


def _new_id(line: int) -> str:
    return f"line-{line}-{uuid.uuid4().hex[:8]}"


def _content_id(line: ItemLine) -> str:
    """So that a line that is sent twice is one item."""
    return hashlib.sha256(line.model_dump_json().encode()).hexdigest()[:32]


def _item(line: ItemLine, max_chars: int) -> Item:
    files = "+".join(filter(None, (line.image, line.audio)))
    item = Item(
        id=line.id or (derive_id(files) if files else _content_id(line)),
        fields=line.values(),
    )
    return item if line.text is None else _with_text(item, line.text, max_chars)


def _with_text(item: Item, given: str | bytes, max_chars: int) -> Item:
    """A copy with this text; one that can't be used is a failure, and goes no further."""
    try:
        text = read_text(given, max_chars)
        return replace(item, text=text, size=item.size + len(text.encode()))
    except (MediaError, TooLarge) as error:
        return item.failing("text", error.reason)
