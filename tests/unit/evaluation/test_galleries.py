"""Galleries whose items lost a part."""

import numpy as np
import pytest

from support import layout
from triptych.evaluation.galleries import COLLECTION, fill, losing
from triptych.index.model import Listing


def lost(gallery, poorer):
    """By item, the part that it lost."""
    return {
        item.id: part
        for item, other in zip(gallery.items, poorer.items, strict=True)
        for part in ("text", "image", "audio")
        if item.has(part) and not other.has(part)
    }


def vector_of(document):
    """The fused vector; zeros if it has none."""
    return document.get("vector", np.zeros(layout().dims, np.float32))


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.6, 1.0])
def test_a_share_of_those_with_text_and_image_lose_one_of_them(gallery, loss):
    """Half of them each; nobody else loses anything."""
    whole = [item.id for item in gallery.items if item.has("text") and item.has("image")]
    gone = lost(gallery, losing(gallery, loss))
    assert len(gone) == round(loss * len(whole))
    assert set(gone) <= set(whole)
    texts = sum(part == "text" for part in gone.values())
    assert abs(texts - len(gone) / 2) <= 0.5
    assert "audio" not in gone.values()


def test_who_loses_at_30_loses_at_60(gallery):
    """The same part, so that galleries compare."""
    fewer, more = (lost(gallery, losing(gallery, loss)) for loss in (0.3, 0.6))
    assert fewer.items() < more.items()


def test_nothing_is_left_of_what_was_lost(gallery):
    """Neither vectors nor words; the rest is as it was, and so is the gallery itself."""
    before = gallery.documents()
    poorer = losing(gallery, 0.6)
    for item, other in zip(gallery.items, poorer.items, strict=True):
        assert other.words == (item.words if other.has("text") else {})
    for document, other in zip(before, poorer.documents(), strict=True):
        whole, less = (vector_of(one) for one in (document, other))
        for block in layout().blocks:
            where = layout().slices[block.name]
            expected = whole[where] if block.modality in other["modalities"] else 0
            assert np.array_equal(less[where], np.zeros(block.dims) + expected)
    for one, two in zip(before, gallery.documents(), strict=True):
        assert np.array_equal(vector_of(one), vector_of(two))
        assert one["modalities"] == two["modalities"]


def test_a_gallery_fills_a_collection(gallery, empty):
    """With all of its items, each with the parts that it has."""
    poorer = losing(gallery, 0.6)
    fill(empty, poorer)
    page = empty.index.list(COLLECTION, Listing(limit=100))
    modalities = {document["id"]: set(document["modalities"]) for document in page.documents}
    assert modalities == {
        item.id: {part for part in ("text", "image", "audio") if item.has(part)}
        for item in poorer.items
    }
