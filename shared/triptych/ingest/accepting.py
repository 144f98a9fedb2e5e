"""Accepting a batch: everything durable first, so that what was accepted is never lost."""

import hashlib
import posixpath
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from triptych.core.errors import Conflict, InvalidInput, KeyReused, MediaError, NotFound, TooLarge
from triptych.core.item import MEDIA, Item, Modality
from triptych.core.names import derive_id, is_id, printable, same_file
from triptych.core.settings import Limits
from triptych.core.values import describe
from triptych.ingest.archives import Refused
from triptych.ingest.chunk import Chunk, common, route
from triptych.ingest.clock import Clock
from triptych.ingest.content import content_digest, content_id
from triptych.ingest.found import news
from triptych.ingest.grouping import group_files
from triptych.ingest.intake import Intake, Kept, Oversized, Uploaded
from triptych.ingest.ledger import closed_manifest, stored_manifest
from triptych.ingest.lines import Form, form_of, read_lines
from triptych.ingest.manifest import (
    Entry,
    Manifest,
    delete_manifest,
    write_manifest,
)
from triptych.ingest.sent import FILE_FIELDS, ItemFields, ItemLine, Rejection
from triptych.ingest.sidecars import objection, read_sidecar, sidecars
from triptych.ingest.single import make_item, read_part
from triptych.ingest.words import with_words
from triptych.media.store import MediaStore


@dataclass(frozen=True)
class Target:
    """The collection that items are for."""

    name: str
    identity: str | None
    key: str | None = None
    """Of the sender, for this submission: under the same key it is accepted once."""

    def batch(self) -> str:
        """The id of a batch: that of the key, or a new one."""
        if self.key is None:
            return uuid.uuid4().hex
        return hashlib.sha256(f"{self.identity} {self.key}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Accepted:
    """A batch that is stored and will be worked off, and the lines of it that failed already."""

    manifest: Manifest
    rejected: Sequence[Rejection]
    repeated: bool = False
    """Whether it was accepted before, under the same key."""
    left_out: int = 0
    """Files that nobody misses: hidden ones, and what systems keep beside the files of people."""


@dataclass(frozen=True)
class AcceptedOne:
    """A single item that is stored."""

    chunk: Chunk
    repeated: bool = False
    """Whether it was accepted before, under the same key."""


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
    ) -> AcceptedOne:
        """Accept one item, which is a batch of its own.

        Raises:
            InvalidInput, TooLarge: nothing is accepted.
            KeyReused: the key came before with something else.
            StoreUnavailable: nothing is accepted.
        """
        item = make_item(self.store, fields, files, names, max_chars=self.limits.text_chars)
        manifest, (entry,), repeated = self._stored(target, [Entry(item)], single=True)
        return AcceptedOne(_chunk(entry.item, manifest), repeated)

    def changed(self, target: Target, item: Item) -> AcceptedOne:
        """Accept an item whose media are stored. Raises StoreUnavailable."""
        self.store.keep({digest for digest in (item.image, item.audio) if digest})
        manifest, (entry,), _ = self._stored(target, [Entry(item)], single=True)
        return AcceptedOne(_chunk(entry.item, manifest))

    def intake(self) -> Intake:
        """What takes the files of an upload."""
        return Intake(self.store, self.limits)

    def manifest(
        self,
        target: Target,
        data: bytes,
        uploads: Mapping[str, Uploaded] | None = None,
        form: Form = "jsonl",
    ) -> Accepted:
        """Accept a manifest whose files are uploads, or on the server under a root.

        Raises:
            InvalidInput, TooLarge: there are no items, or too many.
            StoreUnavailable: nothing is accepted.
        """
        rejected: list[Rejection] = []
        lines = read_lines(data, form)
        names, about = _names(uploads or {}), sidecars(uploads or {})

        def entries() -> Iterator[Entry]:
            for number, line in lines:
                if isinstance(line, Rejection):
                    rejected.append(line)
                    yield _rejected_entry(line)
                    continue
                item = _item(line, number, self.limits.text_chars)
                if uploads is None:
                    yield _of_server_files(item, line)
                else:
                    files = {part: _called(name, names) for part, name in line.files.items()}
                    item = self._with_sidecars(item, files.values(), about, uploads)
                    yield Entry(self._with_files(item, files, uploads))

        return self._accepted(target, entries(), rejected)

    def files(self, target: Target, uploads: Intake) -> Accepted:
        """Accept files by name: those that manifests among them name, and those of one stem.

        Raises as ``manifest``.
        """
        rejected: list[Rejection] = []

        def entries() -> Iterator[Entry]:
            about = sidecars(uploads)
            named = {name for each in about.values() for name in each}
            names = _names(uploads)
            for name, data in uploads.manifests.items():
                yield from self._lines_of(
                    name, data, uploads, named, rejected, names=names, about=about
                )
            groups, unknown = group_files(name for name in uploads if name not in named)
            for group in groups:
                item = Item(id=group.id)
                item = self._with_sidecars(item, group.files.values(), about, uploads)
                yield Entry(self._with_files(item, group.files, uploads))
            refused = [*uploads.refused, *(Refused(name, objection(name)) for name in unknown)]
            taken = {group.id for group in groups}
            for one in refused:
                item_id = derive_id(one.name)
                told = f"file '{printable(one.name)}': {one.reason}"
                rejection = Rejection(0, told, None if item_id in taken else item_id)
                rejected.append(rejection)
                yield _rejected_entry(rejection, one.name)

        accepted = self._accepted(target, entries(), rejected)
        return replace(accepted, left_out=uploads.left_out)

    def _lines_of(
        self,
        manifest: str,
        data: bytes,
        uploads: Intake,
        named: set[str],
        rejected: list[Rejection],
        *,
        names: Mapping[str, str],
        about: Mapping[str, Sequence[str]],
    ) -> Iterator[Entry]:
        """The items of a manifest among the files, whose names are relative to it."""
        try:
            lines = read_lines(data, form_of(manifest))
        except InvalidInput as error:
            lines = iter([(0, Rejection(0, error.reason, derive_id(manifest)))])
        folder = PurePosixPath(manifest).parent
        for number, line in lines:
            if isinstance(line, Rejection):
                told = replace(line, reason=f"{printable(manifest)}: {line.reason}")
                rejected.append(told)
                yield _rejected_entry(told)
                continue
            files = {part: _called(str(folder / name), names) for part, name in line.files.items()}
            renamed = {FILE_FIELDS.get(part, part): name for part, name in files.items()}
            item = _item(line.model_copy(update=renamed), number, self.limits.text_chars)
            named |= set(files.values())
            item = self._with_sidecars(item, files.values(), about, uploads)
            yield Entry(self._with_files(item, files, uploads))

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
                    yield Entry(self._with_media(line, number, media))

        return self._accepted(target, entries(), rejected)

    def again(self, target: Target, entries: Iterable[Entry]) -> Manifest:
        """Accept entries of another batch once more. Raises as ``manifest``."""
        return self._accepted(target, entries, []).manifest

    def _with_media(self, line: ItemLine, number: int, media: Mapping[Modality, Any]) -> Item:
        """Store the media of an item; what can't be read, or is too large, is a failure."""
        item = _item(line, number, self.limits.text_chars)
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
            item = replace(item, id=content_id(item))
        return item

    def _with_part(self, item: Item, part: Modality, given: Uploaded) -> Item:
        """Store one part of an item; one that can't be used is a failure."""
        limit = self.limits.file_bytes
        if isinstance(given, Oversized) or (isinstance(given, bytes) and len(given) > limit):
            return item.failing(part, f"it has more than the limit of {limit} bytes")
        if part == "text":
            data = self.store.get(given.digest) if isinstance(given, Kept) else given
            return _with_text(item, data, self.limits.text_chars)
        if isinstance(given, bytes):
            given = Kept(self.store.put(given), len(given))
        return item.with_media(part, given.digest, given.size)

    def _accepted(
        self, target: Target, entries: Iterable[Entry], rejected: Sequence[Rejection]
    ) -> Accepted:
        """Store a batch, unless it is stored. Raises KeyReused, and as ``manifest``."""
        limit = self.limits.batch_items
        numbered = [
            replace(entry, item=replace(_with_content(entry), ordinal=ordinal))
            for ordinal, entry in enumerate(islice(entries, limit + 1))
        ]
        if not numbered:
            raise InvalidInput("batch is empty")
        if len(numbered) > limit:
            raise TooLarge(f"batch has more than {limit} items")
        self.store.keep({d for one in numbered for d in (one.item.image, one.item.audio) if d})
        manifest, _, repeated = self._stored(target, numbered)
        return Accepted(manifest, rejected, repeated)

    def _stored(
        self, target: Target, entries: Sequence[Entry], *, single: bool = False
    ) -> tuple[Manifest, Sequence[Entry], bool]:
        """Store a batch, unless one was accepted under the key.

        Returns:
            Its manifest, the entries with their places, and whether it was accepted before.

        Raises:
            KeyReused: that was something else.
            Conflict: another request under the key was faster, and came to nothing.
            StoreUnavailable: nothing is accepted.
        """
        content = None if target.key is None else _digest(entries)
        if content is not None and (earlier := self._earlier(target, content)) is not None:
            return earlier, entries, True
        manifest = replace(self._manifest(target, len(entries), single=single), content=content)
        try:
            placed = write_manifest(self.store, manifest, map(with_words, entries))
        except Conflict:
            # Another request under the key, at whatever gateway, was faster.
            if content is None or (earlier := self._earlier(target, content)) is None:
                raise
            return earlier, entries, True
        if content is not None and (done := closed_manifest(self.store, manifest.batch)):
            # It was so fast that its batch is closed, and the open one no longer in the way.
            delete_manifest(self.store, manifest.batch)
            return _same(done, content), entries, True
        return manifest, placed, False

    def _earlier(self, target: Target, content: str) -> Manifest | None:
        """What was accepted under this key. Raises KeyReused if that was something else."""
        self.store.begin()
        try:
            return _same(stored_manifest(self.store, target.batch()), content)
        except NotFound:
            return None

    def _manifest(self, target: Target, total: int, *, single: bool = False) -> Manifest:
        return Manifest(
            batch=target.batch(),
            collection=target.name,
            identity=target.identity,
            sequence=self.clock.next(total),
            fingerprint=self.fingerprint,
            total=total,
            single=single,
        )

    def _with_sidecars(
        self,
        item: Item,
        files: Iterable[str],
        about: Mapping[str, Sequence[str]],
        uploads: Mapping[str, Uploaded],
    ) -> Item:
        """The item with what sidecars say of its files, where its sender does not say it."""
        for sidecar in (one for name in files for one in about.get(name, ())):
            given = uploads[sidecar]
            if isinstance(given, Oversized):
                continue
            data = self.store.get(given.digest) if isinstance(given, Kept) else given
            item = item.noting(news(item.fields, read_sidecar(sidecar, data)))
        return item

    def _with_files(
        self, item: Item, files: Mapping[Modality, str], uploads: Mapping[str, Uploaded]
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


def _names(uploads: Iterable[str]) -> dict[str, str]:
    """What uploads are called, by what all ways to write a name have in common."""
    return {same_file(name): name for name in uploads}


def _called(name: str, names: Mapping[str, str]) -> str:
    """What the upload is called that a line means, if there is one."""
    return names.get(same_file(name), posixpath.normpath(name))


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


def _chunk(item: Item, manifest: Manifest) -> Chunk:
    """The chunk of a single item."""
    return Chunk(slip=route(item), items=(item,), **common(manifest))


def _same(manifest: Manifest, content: str) -> Manifest:
    """The manifest, if it is of this content. Raises KeyReused."""
    if manifest.content != content:
        raise KeyReused("the idempotency key came before with another body")
    return manifest


def _digest(entries: Iterable[Entry]) -> str:
    """SHA-256 of what was sent; where that is no item, its id is made anew each time."""
    digest = hashlib.sha256()
    for entry in entries:
        broken = "item" in entry.item.errors
        known = replace(entry, item=replace(entry.item, id="")) if broken else entry
        digest.update(known.to_json().encode() + b"\n")
    return digest.hexdigest()


def _rejected_entry(rejection: Rejection, file: str | None = None) -> Entry:
    """A line or file that is no item becomes a failed item, so that the batch tells of it."""
    names = {} if file is None else {"item": printable(file)}
    item = Item(id=rejection.id or _new_id(rejection.line), names=names)
    return Entry(item.failing("item", rejection.reason))


def _with_content(entry: Entry) -> Item:
    """The item with the digest of its content, if that is all here and can be used."""
    item = entry.item
    if entry.paths or item.errors:
        return item
    return item.noting({"content": content_digest(item)})


def _of_server_files(item: Item, line: ItemLine) -> Entry:
    """An item whose image and audio are read from the server's files when it is planned."""
    if line.text_file is not None:
        reason = "text_file: files with texts must be uploaded along with the manifest"
        item = item.failing("text", reason)
    return Entry(item, {part: name for part, name in line.files.items() if part in MEDIA})


def _new_id(line: int) -> str:
    return f"line-{line}-{uuid.uuid4().hex[:8]}"


def _item(line: ItemLine, number: int, max_chars: int) -> Item:
    """The item of a line; without an id it has that of its files or its text."""
    files = "+".join(line.files.values())
    item = Item(id=line.id or (derive_id(files) if files else ""), fields=line.values())
    if line.text is not None:
        item = _with_text(item, line.text, max_chars)
    if not item.id:
        item = replace(item, id=content_id(item) if item.text else _new_id(number))
    return item


def _with_text(item: Item, given: str | bytes, max_chars: int) -> Item:
    """A copy with this text; one that can't be used is a failure, and goes no further."""
    try:
        text, notes = read_part(given, max_chars, item.names.get("text", ""))
        size = item.size + len(text.encode())
        return replace(item, text=text, size=size).noted("text", notes)
    except MediaError as error:
        return item.failing("text", error.reason)
