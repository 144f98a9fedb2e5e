"""Which scale two blocks are compared on."""

from dataclasses import replace

import pytest

from support import layout
from triptych.encoders.scales import TEXTS, UNIT, Bounds, Scale
from triptych.fusion.query import COMPARISONS, bounds

BLOCKS = {block.name: block for block in layout().blocks}


def test_the_bounds_are_those_of_both_encoders():
    """Texts against pictures are not texts against texts, and who asks does not matter."""
    texts, pictures, sounds = (BLOCKS[name] for name in ("semantic", "concept", "acoustic"))
    assert bounds(texts, texts) == TEXTS
    assert bounds(texts, pictures) == bounds(pictures, texts) == Bounds(0.35, 0.65)
    assert bounds(pictures, pictures) == pictures.scale.itself == Bounds(0.85, 1.0)
    assert bounds(texts, sounds) == bounds(sounds, pictures) == UNIT


@pytest.mark.parametrize("name", ["semantic", "concept"])
def test_another_text_encoder_has_other_bounds(name):
    """Those that the block of items declares for it by name."""
    other = replace(BLOCKS["semantic"], card=replace(BLOCKS["semantic"].card, name="other"))
    item = replace(BLOCKS[name], scale=Scale(UNIT, {"other": Bounds(0.4, 0.5)}))
    assert bounds(other, item) == Bounds(0.4, 0.5)
    assert bounds(BLOCKS["visual"], item) == UNIT


def test_every_comparison_of_the_default_layout_has_bounds():
    """None counts from 0 to 1 by mistake."""
    compared = [
        (entry.query_block, entry.item_block)
        for comparisons in COMPARISONS.values()
        for entry in comparisons
        if {entry.query_block, entry.item_block} <= set(BLOCKS)
    ]
    assert compared
    assert all(bounds(BLOCKS[query], BLOCKS[item]) != UNIT for query, item in compared)
