"""Galleries of a judged set: all items complete, or a share of them without text or image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from triptych.core.errors import InvalidInput
from triptych.core.item import MEDIA, MODALITIES, Item, Modality
from triptych.encoders.cards import Vectors
from triptych.engine import Engine
from triptych.evaluation.judged import share
from triptych.fusion.blocks import Layout, fuse
from triptych.index.documents import Document
from triptych.index.model import Versioned
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.documents import document
from triptych.ingest.manifest import Entry
from triptych.ingest.sent import ItemLine
from triptych.ingest.words import with_words

LOSSES = (0.0, 0.3, 0.6)
"""The shares of the items with text and image that lose one of them."""

COLLECTION = "judged"
"""The collection of an index that holds a gallery while it is searched."""

_CHUNK = 32

Described = tuple[Item, Mapping[str, Vectors]]
"""An item after the steps of an engine, and its blocks."""


@dataclass(frozen=True)
class Gallery:
    """Items after the steps of an engine, ready to be written."""

    described: Sequence[Described]
    layout: Layout

    @property
    def items(self) -> list[Item]:
        """All items, in the order of the set."""
        return [item for item, _ in self.described]

    def documents(self) -> list[Document]:
        """The documents of all items, in the order of their ids."""
        chunk = Chunk(COLLECTION, 1, self.layout.fingerprint, (FUSION,), ())
        fused = fuse([blocks for _, blocks in self.described], self.layout)
        documents = [
            document(chunk, item, vector) for item, vector in zip(self.items, fused, strict=True)
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
    described = [
        one
        for start in range(0, len(lines), _CHUNK)
        for one in _described(engine, lines[start : start + _CHUNK])
    ]
    return Gallery(described, engine.layout)


def _described(engine: Engine, lines: Sequence[ItemLine]) -> list[Described]:
    items = tuple(_stored(engine, line, ordinal) for ordinal, line in enumerate(lines))
    modalities = [part for part in MODALITIES if any(item.has(part) for item in items)]
    waiting = [Chunk(COLLECTION, 1, engine.layout.fingerprint, (*modalities, FUSION), items)]
    described = []
    while waiting:
        chunk = waiting.pop()
        if chunk.slip[0] == FUSION:
            described += engine.described(chunk)
        else:
            stepped = engine.step(chunk)
            waiting += filter(None, (stepped.rest, stepped.chunk))
    for item, _ in described:
        if item.errors:
            raise InvalidInput(f"item {item.id}: {dict(item.errors)}")
    return described


def _stored(engine: Engine, line: ItemLine, ordinal: int) -> Item:
    item = Item(str(line.id), ordinal, line.text, line.image, line.audio, fields=line.values())
    for part in MEDIA:
        if (path := getattr(item, part)) is not None:
            item = item.with_media(part, engine.store.put(Path(path).read_bytes()))
    return with_words(Entry(item)).item


def losing(gallery: Gallery, loss: float) -> Gallery:
    """A gallery in which a share of the items with text and image lose one: half text, half image.

    What an item loses depends on its id alone, and an item that loses a part at 30 % also loses it
    at 60 %.
    """
    whole = [
        row
        for row, (item, _) in enumerate(gallery.described)
        if item.has("text") and item.has("image")
    ]
    whole.sort(key=lambda row: share(f"lose {gallery.described[row][0].id}"))
    lost: dict[int, Modality] = {
        row: "image" if turn % 2 else "text"
        for turn, row in enumerate(whole[: round(loss * len(whole))])
    }
    described = [
        _losing(one, lost[row], gallery.layout) if row in lost else one
        for row, one in enumerate(gallery.described)
    ]
    return Gallery(described, gallery.layout)


def _losing(described: Described, part: Modality, layout: Layout) -> Described:
    """A copy that lacks a part."""
    item, blocks = described
    left = {name: vector for name, vector in blocks.items() if layout.modalities[name] != part}
    return _without(item, part), left


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
    documents = gallery.documents()
    for start in range(0, len(documents), _CHUNK):
        some = [Versioned(one, 1) for one in documents[start : start + _CHUNK]]
        outcomes = engine.index.bulk(COLLECTION, some)
        if refused := [outcome for outcome in outcomes if outcome.result != "written"]:
            raise RuntimeError(f"items of the gallery can't be indexed: {refused}")
    engine.index.refresh(COLLECTION)
