"""Items to learn from: captions and pictures that are noisy views of one hidden meaning.

Blocks alone can't compare a caption with a picture here: who finds one by the other has learnt it.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from triptych.core.item import Item
from triptych.encoders.cards import Vectors, unit_rows
from triptych.engine import Engine
from triptych.fusion.blocks import Layout
from triptych.index.documents import Document
from triptych.index.model import Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document

NUMBERS = 8
"""Of a meaning."""


def meaning(number: int) -> Vectors:
    """What an item is about; the sign of the first number is its class."""
    return np.random.default_rng(number).normal(size=NUMBERS)


def fused(number: int, parts: Collection[str], layout: Layout) -> Vectors:
    """The features of an item. Nothing is known of the concepts of its picture."""
    noise, vector = np.random.default_rng(10**6 + number), np.zeros(layout.dims, np.float32)
    for place, block in enumerate(layout.blocks):
        view = np.random.default_rng(99 + place).normal(size=(NUMBERS, block.dims))
        row = unit_rows((meaning(number) @ view + 0.5 * noise.normal(size=block.dims))[None])[0]
        if block.part in parts and block.name != "concept":
            vector[layout.slices[block.name]] = row
    return vector


def made(
    number: int, layout: Layout, parts: Collection[str] = ("text", "image"), **fields: Any
) -> Document:
    """The document of an item; its tag and ``metadata.half`` are its class."""
    half = "left" if meaning(number)[0] < 0 else "right"
    known = {"tags": [half], "metadata": {"half": half}, **fields}
    text = known.pop("text", f"caption {number}") if "text" in parts else None
    image = known.pop("image", f"{number:064x}") if "image" in parts else None
    item = Item(f"i{number:04}", text=text, image=image, fields=known)
    chunk = Chunk("c", 1 + number, layout.fingerprint, (), ())
    return document(chunk, item, fused(number, parts, layout))


def fill(engine: Engine, collection: str, documents: Iterable[Document]) -> None:
    """Write documents into a collection, which is made."""
    engine.create_collection(collection)
    entries = [Versioned(one, one["sequence"]) for one in documents]
    assert all(one.result == "written" for one in engine.index.bulk(collection, entries))
