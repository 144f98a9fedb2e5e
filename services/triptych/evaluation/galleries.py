"""Galleries of a judged set: all items complete, or a share of them without text or image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from triptych.core.errors import InvalidInput
from triptych.core.item import MEDIA, MODALITIES, Item, Modality
from triptych.engine import Engine
from triptych.evaluation.judged import share
from triptych.fusion.blocks import Layout, Rows, fuse
from triptych.index.documents import Document
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.documents import document
from triptych.ingest.manifest import ItemLine

LOSSES = (0.0, 0.3, 0.6)
"""The shares of the items with text and image that lose one of them."""

COLLECTION = "judged"
"""The collection of an index that holds a gallery while it is searched."""

_CHUNK = 32


@dataclass(frozen=True)
class Gallery:
    """Items after the steps of an engine, ready to be written."""

    chunks: Sequence[Chunk]
    layout: Layout

    @property
    def items(self) -> list[Item]:
        """All items, in the order of the set."""
        return [item for chunk in self.chunks for item in chunk.items]

    def documents(self) -> list[Document]:
        """The documents of all items, in the order of their ids."""
        documents = [
            document(chunk, item, vector)
            for chunk in self.chunks
            for item, vector in zip(
                chunk.items, fuse(chunk.features, len(chunk.items), self.layout), strict=True
            )
        ]
        return sorted(documents, key=lambda entry: str(entry["id"]))


def label(loss: float) -> str:
    """The name of a gallery."""
    return f"{loss:.0%} lost a part" if loss else "whole"


def encode_items(engine: Engine, lines: Sequence[ItemLine]) -> Gallery:
    """Store the media of items and take every step but the last one.

    Raises:
        InvalidInput: a part of an item can't be used.
        StoreUnavailable: the media can't be stored.
    """
    chunks = [
        _encoded(engine, lines[start : start + _CHUNK]) for start in range(0, len(lines), _CHUNK)
    ]
    return Gallery(chunks, engine.layout)


def _encoded(engine: Engine, lines: Sequence[ItemLine]) -> Chunk:
    items = tuple(_stored(engine, line, ordinal) for ordinal, line in enumerate(lines))
    modalities = [part for part in MODALITIES if any(item.has(part) for item in items)]
    chunk = Chunk(COLLECTION, 1, engine.layout.fingerprint, (*modalities, FUSION), items)
    while chunk.slip[0] != FUSION:
        chunk = engine.step(chunk)
    for item in chunk.items:
        if item.errors:
            raise InvalidInput(f"item {item.id}: {dict(item.errors)}")
    return chunk


def _stored(engine: Engine, line: ItemLine, ordinal: int) -> Item:
    item = Item(str(line.id), ordinal, line.text, line.image, line.audio, fields=line.values())
    for part in MEDIA:
        if (path := getattr(item, part)) is not None:
            item = item.with_media(part, engine.store.put(Path(path).read_bytes()))
    return item


def losing(gallery: Gallery, loss: float) -> Gallery:
    """A gallery in which a share of the items with text and image lose one: half text, half image.

    What an item loses depends on its id alone, and an item that loses a part at 30 % also loses it
    at 60 %.
    """
    whole = [
        (number, row)
        for number, chunk in enumerate(gallery.chunks)
        for row, item in enumerate(chunk.items)
        if item.has("text") and item.has("image")
    ]
    whole.sort(key=lambda entry: share(f"lose {gallery.chunks[entry[0]].items[entry[1]].id}"))
    lost: list[dict[int, Modality]] = [{} for _ in gallery.chunks]
    for turn, (number, row) in enumerate(whole[: round(loss * len(whole))]):
        lost[number][row] = "image" if turn % 2 else "text"
    chunks = [
        _losing(chunk, rows, gallery.layout)
        for chunk, rows in zip(gallery.chunks, lost, strict=True)
    ]
    return Gallery(chunks, gallery.layout)


def _losing(chunk: Chunk, lost: Mapping[int, Modality], layout: Layout) -> Chunk:
    """A copy of a chunk in which the items of these rows lack a part."""
    items = tuple(
        _without(item, lost[row]) if row in lost else item for row, item in enumerate(chunk.items)
    )
    features = {}
    for name, block in chunk.features.items():
        remaining = [
            position
            for position, row in enumerate(block.rows)
            if lost.get(row) != layout.modalities[name]
        ]
        features[name] = Rows(
            tuple(block.rows[position] for position in remaining), block.vectors[remaining]
        )
    return replace(chunk, items=items, features=features)


def _without(item: Item, part: Modality) -> Item:
    """A copy without this part, and without what was recognised in it."""
    derived = {"text": {"text", "language", "keywords"}, "image": {"writing"}}[part]
    fields, words, plain = (
        {name: value for name, value in mapping.items() if name not in derived}
        for mapping in (item.fields, item.words, item.plain)
    )
    changed = replace(item, fields=fields, words=words, plain=plain)
    return replace(changed, text=None) if part == "text" else replace(changed, image=None)


def fill(engine: Engine, gallery: Gallery) -> None:
    """Write a gallery into the engine's collection ``judged``, and make it visible to search."""
    engine.index.ensure(COLLECTION)
    for chunk in gallery.chunks:
        if failed := engine.write(chunk):
            raise RuntimeError(f"{len(failed)} items of the gallery can't be indexed")
    engine.index.refresh(COLLECTION)
