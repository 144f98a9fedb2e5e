"""From paths on this machine to uploads of a bounded size that keep each item whole.

Every item is sent as a manifest line with its id, so that the receiver calls it the same whatever
else is sent with it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from triptych.core.errors import InvalidInput
from triptych.core.item import MEDIA, Item
from triptych.core.names import derive_id, printable
from triptych.ingest.content import content_digest, content_id
from triptych.ingest.grouping import group_files, is_archive, is_manifest
from triptych.ingest.lines import form_of, read_lines
from triptych.ingest.sent import FILE_FIELDS, ItemLine, Rejection
from triptych.ingest.walking import Found, Walk
from triptych.media.text import clean_text, decode_text

_MAX_ITEMS = 200
_MAX_BYTES = 32 * 2**20
_ASKED = 1000
"""Items of which a collection is asked at once whether it has them."""
_NO_LIMIT = 2**62

Known = Callable[[Mapping[str, str]], set[str]]
"""Of ids with the digests of their content: those that a collection has just so."""


@dataclass(frozen=True)
class Outgoing:
    """An item to be sent: its line, and the files that the line names, by the names it has."""

    line: bytes
    id: str
    files: Mapping[str, Path] = field(default_factory=dict)
    size: int = 0
    """Bytes of the line and the files."""
    content: Callable[[], str | None] = lambda: None
    """The digest of its content; None where it can't be an item. Raises OSError."""


@dataclass
class Upload:
    """One request: lines of a manifest, and the files that they name."""

    items: int = 0
    size: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    manifest: bytes = b""


@dataclass(frozen=True)
class Sources:
    """What was found under the paths that were given."""

    walk: Walk
    archives: list[Found]
    """Given by themselves, to be sent as they are."""
    manifests: list[Found]
    files: dict[str, Found]
    """Pictures, texts and sounds by name, but for those that a manifest names."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found that can be added."""
        return not (self.archives or self.manifests or self.files)

    def leave_out_large(self, limit: int) -> None:
        """Leave out pictures, texts and sounds of more than ``limit`` bytes."""
        for name, found in list(self.files.items()):
            if found.size > limit:
                reason = f"{found.size:,} bytes, the limit is {limit:,}"
                self.walk.skips.add(name, "too large", reason)
                del self.files[name]

    def items(self) -> Iterator[Outgoing]:
        """Every item: those of manifests, and files of one stem."""
        for manifest in self.manifests:
            yield from _lines(manifest, self.walk)
        groups, _ = group_files(self.files)
        for group in groups:
            named = {FILE_FIELDS.get(part, part): name for part, name in group.files.items()}
            found = {name: self.files[name] for name in group.files.values()}
            yield _outgoing(ItemLine(id=group.id, **named), found)


def find_sources(paths: Iterable[Path], walk: Walk) -> Sources:
    """Look for everything that is to be added.

    Args:
        paths: folders, files, manifests and archives.
        walk: names what is found, and is told what is left out.

    Raises:
        FileNotFoundError: a path is not there.
    """
    archives, manifests, media = [], [], {}
    for found in walk.files(paths):
        if is_archive(found.name):
            if found.given:
                archives.append(found)
            else:
                reason = "an archive in a folder: give it by itself"
                walk.skips.add(found.name, "nested archive", reason)
        elif is_manifest(found.name, given=found.given):
            manifests.append(found)
        else:
            media[found.name] = found
    for name in group_files(media)[1]:
        walk.skips.add(name, "unknown extension", "of no known kind by its extension")
        del media[name]
    named = {path for manifest in manifests for path in _named_by(manifest)}
    rest = {name: found for name, found in media.items() if found.path not in named}
    return Sources(walk, archives, manifests, rest)


def only_unknown(items: Iterable[Outgoing], walk: Walk, known: Known) -> Iterator[Outgoing]:
    """Leave out the items that a collection has already, and those that can't be read."""
    sent: set[str] = set()
    remaining = iter(items)
    while window := list(islice(remaining, _ASKED)):
        contents: dict[str, str] = {}
        readable = []
        for item in window:
            try:
                content = item.content() if item.id not in sent else None
            except OSError as error:
                name = printable(str(error.filename or item.id))
                walk.skips.add(name, "unreadable", error.strerror or str(error))
                continue
            readable.append(item)
            if item.id in contents or content is None:
                # Of two versions in one run the last must be the one that stays.
                contents.pop(item.id, None)
            else:
                contents[item.id] = content
        held = known(contents) if contents else set()
        for item in readable:
            if item.id in held & contents.keys():
                walk.skips.add(item.id, "unchanged")
            else:
                sent.add(item.id)
                yield item


def uploads_of(items: Iterable[Outgoing]) -> Iterator[Upload]:
    """Cut items into uploads of at most 200 items, and of 32 MiB unless one item is larger."""
    upload = Upload()
    for item in items:
        if upload.items and (upload.items >= _MAX_ITEMS or upload.size + item.size > _MAX_BYTES):
            yield upload
            upload = Upload()
        upload.items += 1
        upload.size += item.size
        upload.files |= item.files
        upload.manifest += item.line + b"\n"
    if upload.items:
        yield upload


def _lines(manifest: Found, walk: Walk) -> Iterator[Outgoing]:
    """The lines of a manifest; the files that they name are relative to it."""
    try:
        lines = read_lines(manifest.path.read_bytes(), form_of(manifest.name))
    except OSError as error:
        walk.skips.add(manifest.name, "unreadable", error.strerror or str(error))
        return
    except InvalidInput as error:
        walk.skips.add(manifest.name, "unreadable", error.reason)
        return
    for number, line in lines:
        if isinstance(line, Rejection):
            walk.skips.add(f"{manifest.name}:{number}", "bad line", line.reason)
            continue
        named, found = {}, {}
        for part, file in line.files.items():
            path = manifest.path.parent / file
            name = walk.name(path) or file
            named[FILE_FIELDS.get(part, part)] = name
            try:
                found[name] = Found(name, path, path.stat().st_size)
            except OSError:
                continue  # its receiver says that it is not there
        try:
            yield _outgoing(line.model_copy(update=named), found)
        except InvalidInput as error:
            walk.skips.add(f"{manifest.name}:{number}", "bad line", error.reason)


def _named_by(manifest: Found) -> Iterator[Path]:
    """The files that a manifest names."""
    try:
        lines = read_lines(manifest.path.read_bytes(), form_of(manifest.name))
    except (OSError, InvalidInput):
        return
    for _, line in lines:
        if isinstance(line, ItemLine):
            for name in line.files.values():
                yield manifest.path.parent / name


def _outgoing(line: ItemLine, found: Mapping[str, Found]) -> Outgoing:
    """An item under the id that its receiver would give it, if it has none."""
    if line.id is None:
        names = "+".join(line.files.values())
        text = clean_text(line.text or "", max_chars=_NO_LIMIT) if not names else None
        item = Item("", text=text, fields=line.values())
        item_id = derive_id(names) if names else content_id(item)
        line = line.model_copy(update={"id": item_id})
    body = json.dumps(line.model_dump(exclude_defaults=True)).encode()
    return Outgoing(
        body,
        str(line.id),
        files={name: file.path for name, file in found.items()},
        size=len(body) + sum(file.size for file in found.values()),
        content=partial(_content, line, found),
    )


def _content(line: ItemLine, found: Mapping[str, Found]) -> str | None:
    item = Item(line.id or "", fields=line.values())
    try:
        if line.text is not None:
            item = item.with_text(clean_text(line.text, max_chars=_NO_LIMIT))
        for part, name in line.files.items():
            if name not in found:
                return None
            if part in MEDIA:
                with found[name].path.open("rb") as file:
                    item = item.with_media(part, hashlib.file_digest(file, "sha256").hexdigest())
            else:
                data = found[name].path.read_bytes()
                item = item.with_text(decode_text(data, max_chars=_NO_LIMIT))
    except InvalidInput:
        return None  # its receiver says why
    return content_digest(item)
