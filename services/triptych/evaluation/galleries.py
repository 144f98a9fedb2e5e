"""Galleries of a judged set: all items as they are, or some without their text or image."""

from dataclasses import replace

from triptych.core.item import Item
from triptych.evaluation.encoding import Gallery
from triptych.evaluation.judged import share
from triptych.index.model import SearchIndex, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document

LOSSES = (0.0, 0.3, 0.6)
"""The shares of the items with text and image that lose one of them."""

COLLECTION = "judged"
"""The collection of an index that holds a gallery for as long as it is asked."""

_TOGETHER = 250


def label(loss: float) -> str:
    """The name of a gallery."""
    return f"{loss:.0%} lost a part" if loss else "whole"


def losing(gallery: Gallery, loss: float) -> Gallery:
    """This share of the items that have text and image lose one of them, half of them each.

    Who loses what depends on the ids alone, and who loses at 30 % loses at 60 %.
    """
    whole = [
        row for row, item in enumerate(gallery.items) if item.has("text") and item.has("image")
    ]
    whole.sort(key=lambda row: share(f"lose {gallery.items[row].id}"))
    items, fused = list(gallery.items), gallery.fused.copy()
    for turn, row in enumerate(whole[: round(loss * len(whole))]):
        lost = ("text", "image")[turn % 2]
        items[row] = _without(items[row], lost)
        for block in gallery.layout.blocks:
            if block.modality == lost:
                fused[row, gallery.layout.slices[block.name]] = 0
    return Gallery(items, fused, gallery.layout)


def _without(item: Item, part: str) -> Item:
    """A copy without this part, and without what was found in it."""
    derived = {"text": {"text", "language", "keywords"}, "image": {"writing"}}[part]
    fields, words, plain = (
        {name: value for name, value in mapping.items() if name not in derived}
        for mapping in (item.fields, item.words, item.plain)
    )
    changed = replace(item, fields=fields, words=words, plain=plain)
    return replace(changed, text=None) if part == "text" else replace(changed, image=None)


def fill(index: SearchIndex, gallery: Gallery) -> None:
    """Index a gallery as a fusion worker would."""
    index.ensure(COLLECTION)
    chunk = Chunk(COLLECTION, 1, gallery.layout.fingerprint, (), ())
    for start in range(0, len(gallery.items), _TOGETHER):
        rows = range(start, min(start + _TOGETHER, len(gallery.items)))
        entries = [
            Versioned(document(chunk, gallery.items[row], gallery.fused[row]), 1) for row in rows
        ]
        for outcome in index.bulk(COLLECTION, entries):
            if outcome.result != "written":
                raise RuntimeError(f"{outcome.id} is {outcome.result}: {outcome.reason}")
    index.refresh(COLLECTION)
