"""What each part of an item adds to its score, exactly.

The Shapley value of a part is its mean gain over all orders in which the parts could come
(Shapley, A value for n-person games, 1953). Items have few parts, so all 2^parts subsets are
computed. The values sum to the score; a part that the item lacks has 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import Part
from triptych.fusion.features import Features

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each part of items adds to their scores."""

    scores: Floats
    """(items,)."""
    shares: Mapping[Part, Floats]
    """By part of the item, (items,); they sum to the scores."""


def shapley(items: Features, score: Callable[[Features], Floats]) -> Explanation:
    """The shares of the parts of items; ``score`` of an item without parts is 0."""
    parts = items.parts
    subsets = [
        frozenset(some) for size in range(len(parts) + 1) for some in combinations(parts, size)
    ]
    values = {some: score(items.only(some)) if some else np.zeros(len(items)) for some in subsets}
    shares: dict[Part, Floats] = {}
    for part in parts:
        share = np.zeros(len(items))
        for some in subsets:
            if part not in some:
                before, after = len(some), len(parts) - len(some) - 1
                orders = factorial(before) * factorial(after) / factorial(len(parts))
                share += orders * (values[some | {part}] - values[some])
        shares[part] = share
    return Explanation(values[frozenset(parts)], shares)
