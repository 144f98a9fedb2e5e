"""From paths on this machine to uploads of a bounded size that keep each item whole.

Every item is sent as a manifest line with its id, so that the receiver calls it the same whatever
else is sent with it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from triptych.ingest.sidecars import MOST_BYTES, as_sent, objection, read_sidecar, sidecars
from triptych.ingest.walking import Found, Walk, as_it_is_called
from triptych.media.text import decode_text, read_text

_MAX_ITEMS = 200
_MAX_BYTES = 32 * 2**20
_ASKED = 1000
"""Items of which a collection is asked at once whether it has them."""
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
    sidecars: Mapping[str, Sequence[Found]]
    """By the name of the picture or sound that they are about."""

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

    def items(self, text_chars: int) -> Iterator[Outgoing]:
        """Every item: those of manifests, and files of one stem.

        ``text_chars`` is the limit of a text, which its receiver cuts.
        """
        for manifest in self.manifests:
            for number, line, found in _lines(manifest, self.walk):
                try:
                    yield _outgoing(self._with_sidecars(line), found, text_chars)
                except InvalidInput as error:
                    self.walk.skips.add(f"{manifest.name}:{number}", "bad line", error.reason)
        groups, _ = group_files(self.files)
        for group in groups:
            named = {FILE_FIELDS.get(part, part): name for part, name in group.files.items()}
            found = {name: self.files[name] for name in group.files.values()}
            line = self._with_sidecars(ItemLine(id=group.id, **named))
            yield _outgoing(line, found, text_chars)

    def _with_sidecars(self, line: ItemLine) -> ItemLine:
        """A line with what sidecars say of its files, where it does not say it."""
        for found in (one for name in line.files.values() for one in self.sidecars.get(name, ())):
            try:
                with found.path.open("rb") as file:
                    said = as_sent(read_sidecar(found.name, file.read(MOST_BYTES + 1)))
            except OSError as error:
                reason = error.strerror or str(error)
                self.walk.skips.add(found.name, "unreadable", reason)
                continue
            fresh = {name: value for name, value in said.items() if not getattr(line, name)}
            line = line.model_copy(update=fresh)
        return line


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
    about = {
        medium: [media.pop(name) for name in names] for medium, names in sidecars(media).items()
    }
    for name in group_files(media)[1]:
        walk.skips.add(name, "unknown extension", objection(name).removeprefix("it is "))
        del media[name]
    named = {path for manifest in manifests for path in _named_by(manifest)}
    rest = {name: found for name, found in media.items() if found.path not in named}
    return Sources(walk, archives, manifests, rest, about)


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


def _lines(manifest: Found, walk: Walk) -> Iterator[tuple[int, ItemLine, Mapping[str, Found]]]:
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
            path = _beside(manifest, file)
            name = walk.name(path) or file
            named[FILE_FIELDS.get(part, part)] = name
            if not walk.lets(path):
                continue  # as if it were not there
            try:
                found[name] = Found(name, path, path.stat().st_size)
            except OSError:
                continue  # its receiver says that it is not there
        yield number, line.model_copy(update=named), found


def _named_by(manifest: Found) -> Iterator[Path]:
    """The files that a manifest names."""
    try:
        lines = read_lines(manifest.path.read_bytes(), form_of(manifest.name))
    except (OSError, InvalidInput):
        return
    for _, line in lines:
        if isinstance(line, ItemLine):
            for name in line.files.values():
                yield _beside(manifest, name)


def _beside(manifest: Found, name: str) -> Path:
    """A file that a manifest names, in whatever form: it may come from another system."""
    path = manifest.path.parent / name
    if "\\" in name and not path.exists():
        path = manifest.path.parent / name.replace("\\", "/")
    return as_it_is_called(Path(os.path.normpath(path)))


def _outgoing(line: ItemLine, found: Mapping[str, Found], text_chars: int) -> Outgoing:
    """An item under the id that its receiver would give it, if it has none."""
    if line.id is None:
        names = "+".join(line.files.values())
        text = read_text(line.text or "", max_chars=text_chars).text if not names else None
        item = Item("", text=text, fields=line.values())
        item_id = derive_id(names) if names else content_id(item)
        line = line.model_copy(update={"id": item_id})
    body = json.dumps(line.model_dump(exclude_defaults=True)).encode()
    return Outgoing(
        body,
        str(line.id),
        files={name: file.path for name, file in found.items()},
        size=len(body) + sum(file.size for file in found.values()),
        content=partial(_content, line, found, text_chars),
    )


def _content(line: ItemLine, found: Mapping[str, Found], text_chars: int) -> str | None:
    item = Item(line.id or "", fields=line.values())
    try:
        if line.text is not None:
            item = item.with_text(read_text(line.text, max_chars=text_chars).text)
        for part, name in line.files.items():
            if name not in found:
                return None
            if part in MEDIA:
                with found[name].path.open("rb") as file:
                    item = item.with_media(part, hashlib.file_digest(file, "sha256").hexdigest())
            else:
                data = found[name].path.read_bytes()
                decoded = decode_text(data, max_chars=text_chars, name=name)
                item = item.with_text(decoded.text)
    except InvalidInput:
        return None  # its receiver says why
    return content_digest(item)
