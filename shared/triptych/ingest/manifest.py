"""The manifest of a batch: the durable truth of what was accepted, one JSON line an item.

The lines a user writes (``ItemLine``) name files; the lines that are stored (``Entry``) carry
what the workers need, and the lines that could not be read are stored with their reason. A single
item is a batch of one. Chunks refer to entries by their place in the manifest.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Self

from triptych.core.errors import Conflict
from triptych.core.item import Item, Place
from triptych.media.store import MediaStore

OPEN = "batches"
"""The folder of manifests of which something is still to be done."""
_BLOCK = 2**20
"""Bytes that are read at once to find the end of lines."""
_NEAR = 2**16
"""Entries that are not further apart than this many bytes are read together."""


@dataclass(frozen=True)
class Entry:
    """One stored line: an item, and the server-side files that are still to be read into it."""

    item: Item
    paths: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line without its newline."""
        body = {
            name: value
            for name, value in vars(self.item).items()
            if value not in (None, {}, ()) and name != "place"
        }
        return json.dumps({"item": body, "paths": dict(self.paths)}, ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Read what ``to_json`` wrote."""
        value = json.loads(line)
        return cls(Item(**value["item"]), value["paths"])


@dataclass(frozen=True)
class Manifest:
    """What is known of a batch beside its entries."""

    batch: str
    collection: str
    identity: str | None
    """Of the collection: another one of the same name does not get the items."""
    sequence: int
    """Of the first item; each has the number after the one before it."""
    fingerprint: str
    total: int
    content: str | None = None
    """The digest of what was sent, if that was sent under a key; see ``Target.key``."""
    single: bool = False
    """Whether it is an item that was sent alone, which no batch delays."""

    @property
    def accepted(self) -> float:
        """When it was accepted, in seconds since 1970."""
        return self.sequence / 1_000_000


@dataclass(frozen=True)
class Window:
    """Some entries of a manifest."""

    entries: Sequence[Entry]
    """Each item with its ordinal and its place."""
    after: int | None
    """Where the next ones begin, in bytes; None at the end."""


def write_manifest(store: MediaStore, manifest: Manifest, entries: Iterable[Entry]) -> list[Entry]:
    """Store a manifest durably, its header first; returns the entries with their places.

    Raises Conflict where it was sent under a key, and there is an open batch of that key.
    """
    lines = [json.dumps(vars(manifest)).encode()]
    place, placed = len(lines[0]) + 1, []
    for entry in entries:
        line = entry.to_json().encode()
        lines.append(line)
        placed.append(_placed(entry, (place, len(line))))
        place += len(line) + 1
    name, data = file_name(manifest.batch), b"\n".join([*lines, b""])
    if manifest.content is None:
        store.write_document(OPEN, name, data)
    elif not store.create_document(OPEN, name, data):
        raise Conflict("another request under the same key is accepted just now")
    return placed


def read_manifest(store: MediaStore, batch: str) -> Manifest:
    """The header of an open batch. Raises NotFound, StoreUnavailable."""
    (line,), _ = _lines(store, batch, 0, 1)
    return Manifest(**json.loads(line))


def read_window(store: MediaStore, batch: str, start: int | None, first: int, count: int) -> Window:
    """Entries of an open batch.

    Args:
        store: where it is.
        batch: which.
        start: the place of the first one, in bytes; None: the first of all.
        first: its ordinal.
        count: how many.

    Raises:
        NotFound, StoreUnavailable.
    """
    if start is None:
        _, start = _lines(store, batch, 0, 1)
    lines, after = _lines(store, batch, start, count)
    entries, place = [], start
    for ordinal, line in enumerate(lines, start=first):
        entries.append(_placed(_read_entry(batch, ordinal, line), (place, len(line))))
        place += len(line) + 1
    return Window(entries, after if len(lines) == count else None)


def read_entries(store: MediaStore, batch: str, items: Sequence[Item]) -> list[Entry]:
    """The entries of an open batch at the places of these items, in their order.

    Raises:
        NotFound, StoreUnavailable.
    """
    places = sorted({item.place for item in items if item.place is not None})
    lines: dict[Place, bytes] = {}
    for group in _near(places):
        start, end = group[0][0], group[-1][0] + group[-1][1]
        data = store.read_document(OPEN, file_name(batch), start, end)
        lines |= {(at, size): data[at - start : at - start + size] for at, size in group}
    return [_read_entry(batch, item.ordinal, lines[item.place or (0, 0)]) for item in items]


def delete_manifest(store: MediaStore, batch: str) -> None:
    """Forget an open batch."""
    store.delete_document(OPEN, file_name(batch))


def file_name(batch: str) -> str:
    """Of the manifest of a batch."""
    return f"{batch}.jsonl"


def _placed(entry: Entry, place: Place) -> Entry:
    return replace(entry, item=replace(entry.item, place=place))


def _lines(store: MediaStore, batch: str, start: int, count: int) -> tuple[list[bytes], int]:
    """Up to ``count`` lines without their newlines, and where the next one begins."""
    data = b""
    lines: list[bytes] = []
    at = end = start
    while len(lines) < count:
        block = store.read_document(OPEN, file_name(batch), end, end + _BLOCK)
        end += len(block)
        *whole, data = (data + block).split(b"\n")
        for line in whole[: count - len(lines)]:
            lines.append(line)
            at += len(line) + 1
        if len(block) < _BLOCK:
            break
    return lines, at


def _near(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Groups of places that are read together."""
    group: list[Place] = []
    for place in places:
        if group and place[0] - sum(group[-1]) > _NEAR:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _read_entry(batch: str, ordinal: int, line: bytes) -> Entry:
    """A stored line; one that can't be read, as of another version, is a failed item.

    A file of the server that it names is called as there.
    """
    try:
        entry = Entry.from_json(line)
    except (ValueError, TypeError, KeyError) as error:
        item = Item(id=f"{batch}-{ordinal}", ordinal=ordinal)
        return Entry(item.failing("item", f"the stored line can't be read: {error}"))
    names = {part: PurePath(name).name for part, name in entry.paths.items()}
    return replace(entry, item=replace(entry.item, names={**entry.item.names, **names}))
