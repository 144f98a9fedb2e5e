"""What each of several players adds to a value, exactly: Shapley values.

That of a player is its mean gain over all orders in which the players could come (Shapley, A value
for n-person games, 1953). Here these are few, so all subsets are computed.
"""

from collections.abc import Callable, Iterable
from itertools import combinations
from math import factorial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Player = TypeVar("Player", bound=str)


def shapley_values(
    players: Iterable[Player], value: Callable[[frozenset[Player]], Floats]
) -> dict[Player, Floats]:
    """The share of each player; together they are ``value`` of all, less that of none.

    ``value`` of a subset is float64 of any shape, the same for all subsets, and so is each share.
    """
    every = list(players)
    values = {
        frozenset(some): value(frozenset(some))
        for size in range(len(every) + 1)
        for some in combinations(every, size)
    }
    shares = {}
    for player in every:
        share = np.zeros_like(values[frozenset()])
        for some, without in values.items():
            if player not in some:
                before, after = len(some), len(every) - len(some) - 1
                orders = factorial(before) * factorial(after) / factorial(len(every))
                share += orders * (values[some | {player}] - without)
        shares[player] = share
    return shares
