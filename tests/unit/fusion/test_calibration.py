"""What cosines mean."""

import numpy as np
import pytest

from support import layout
from triptych.fusion.calibration import BOUNDS, UNIT, Bounds, bounds
from triptych.fusion.query import COMPARISONS


def test_a_place_is_linear_between_the_bounds():
    """A twentieth of the scale is left for what is beyond each."""
    found = Bounds(0.2, 0.6).place(np.array([-1, -0.4, 0.2, 0.4, 0.6, 0.8, 1]))
    assert found == pytest.approx([0, 0.025, 0.05, 0.5, 0.95, 0.975, 1])
    assert UNIT.place(np.array([-1, 0, 0.5, 1])) == pytest.approx([0, 0.05, 0.525, 1])


@pytest.mark.parametrize("given", [*BOUNDS.values(), UNIT, Bounds(-1, 1)])
def test_more_alike_is_always_more(given):
    """Below the floor and above the ceiling, too."""
    places = given.place(np.linspace(-1, 1, 201))
    assert (np.diff(places) > 0).all()
    assert (places[0], places[-1]) == (0 if given.floor > -1 else 0.05, 1)


def test_the_bounds_are_those_of_both_encoders():
    """Texts against pictures are not texts against texts."""
    cards = {block.name: block.card for block in layout().blocks}
    texts = bounds(cards["semantic"], cards["semantic"])
    pictures = bounds(cards["semantic"], cards["concept"])
    assert texts != pictures
    assert pictures == BOUNDS["minilm", "conse"]
    assert bounds(cards["acoustic"], cards["semantic"]) == UNIT


def test_every_comparison_of_the_default_encoders_is_measured():
    """None is left with the range from 0 to 1."""
    cards = {block.name: block.card for block in layout().blocks}
    for comparisons in COMPARISONS.values():
        for entry in comparisons:
            if entry.found in cards and entry.block in cards:
                assert (cards[entry.found].name, cards[entry.block].name) in BOUNDS


def test_bounds_are_cosines():
    """Floor below ceiling, neither beyond what a cosine can be."""
    assert all(-1 <= found.floor < found.ceiling <= 1 for found in BOUNDS.values())
