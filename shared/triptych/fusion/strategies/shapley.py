"""What each part of an item adds to its score, exactly.

These are Shapley values (``fusion.shapley``). They sum to the score; a part that the item lacks has
0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from triptych.core.item import Part
from triptych.fusion.features import Features
from triptych.fusion.shapley import Floats, shapley_values


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each part of items adds to their scores."""

    scores: Floats
    """(items,)."""
    shares: Mapping[Part, Floats]
    """By part of the item, (items,); they sum to the scores."""


def shapley(items: Features, score: Callable[[Features], Floats]) -> Explanation:
    """The shares of the parts of items; ``score`` of an item without parts is 0."""
    nothing = np.zeros(len(items))

    def of(parts: frozenset[Part]) -> Floats:
        return score(items.only(parts)) if parts else nothing

    return Explanation(of(frozenset(items.parts)), shapley_values(items.parts, of))
