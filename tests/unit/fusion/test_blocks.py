"""Blocks side by side."""

import numpy as np
import pytest

from support import layout
from triptych.encoders.cards import Card
from triptych.fusion.blocks import Block, Layout, fuse


def small_layout(**change: object) -> Layout:
    """Two blocks, of 2 and 3 numbers."""
    facts = {"name": "a", "version": 1, "modality": "text", "licence": "MIT", "source": "here"}
    words = Card(**{**facts, "dims": 2, **change})
    sounds = Card(**{**facts, "dims": 3, "modality": "audio"})
    return Layout(
        (
            Block("words", "text", "text", in_text_space=False, card=words),
            Block("sounds", "audio", "audio", in_text_space=False, card=sounds),
        )
    )


def test_slices_cover_the_vector_in_order():
    """No gap, no overlap."""
    ends = [(where.start, where.stop) for where in layout().slices.values()]
    assert [0, *(stop for _, stop in ends)] == [*(start for start, _ in ends), layout().dims]
    assert list(layout().slices) == [block.name for block in layout().blocks]
    assert [n for n, part in layout().parts.items() if part == "image"] == ["concept", "visual"]


def test_blocks_lie_where_their_items_and_names_are():
    """Items without a part have zeros there."""
    first = {"words": np.array([4, 5], np.float32)}
    last = {"sounds": np.array([1, 2, 3], np.float32), "words": np.array([6, 7], np.float16)}
    fused = fuse([first, {}, last], small_layout())
    assert fused.dtype == np.float32
    assert fused.tolist() == [[4, 5, 0, 0, 0], [0, 0, 0, 0, 0], [6, 7, 1, 2, 3]]


def test_no_features_are_zeros():
    """Items of which every part failed."""
    assert fuse([{}, {}], small_layout()).tolist() == [[0] * 5] * 2
    assert fuse([], small_layout()).shape == (0, 5)


@pytest.mark.parametrize(("name", "width"), [("words", 3), ("sounds", 1), ("smells", 2)])
def test_a_block_that_does_not_fit_is_refused(name, width):
    """With the names and widths that would."""
    with pytest.raises(ValueError, match=rf"block {name} .*words: 2, sounds: 3"):
        fuse([{name: np.zeros(width, np.float32)}], small_layout())


def test_the_fingerprint_is_of_every_model():
    """A new version of one model is another layout."""
    assert small_layout().fingerprint == small_layout().fingerprint
    assert small_layout().fingerprint != small_layout(version=2).fingerprint
