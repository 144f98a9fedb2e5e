"""Two strategies side by side: the learned vector as one more block, ``joint``, with a share.

Where data are few a learned vector alone loses what the blocks know of the whole world. The score
is ``(1 - share) · first + share · second``; reasons are mixed likewise.
"""

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.encoders.cards import Vectors, fingerprint
from triptych.fusion.features import Features
from triptych.fusion.query import WEIGHTS
from triptych.fusion.strategies.shapley import Explanation
from triptych.fusion.strategies.strategy import Floats, Strategy, Weights


class Joined(Strategy):
    """The fused vectors of two strategies, one after the other."""

    def __init__(self, first: Strategy, second: Strategy, share: float) -> None:
        """Give the second this share of the score.

        Raises:
            InvalidInput: the share is not between 0 and 1, or the layouts differ.
        """
        if not 0 <= share <= 1:
            raise InvalidInput(f"a share is between 0 and 1, not {share}")
        if first.layout.fingerprint != second.layout.fingerprint:
            raise InvalidInput(f"{first.name} and {second.name} are of different layouts")
        self.name = f"{first.name} + {second.name}"
        self.layout = first.layout
        self.share = share
        self._parts = ((1 - share, first), (share, second))

    @property
    def dims(self) -> int:
        """The sum of both."""
        return sum(strategy.dims for _, strategy in self._parts)

    @property
    def fingerprint(self) -> str:
        """Over both; the share is a matter of queries."""
        return fingerprint([strategy.fingerprint for _, strategy in self._parts])

    def fuse(self, items: Features) -> Vectors:
        """Both vectors of each item."""
        return np.concatenate([strategy.fuse(items) for _, strategy in self._parts], axis=1)

    def fuse_query(
        self, queries: Features, weights: Weights = WEIGHTS, *, negative: Features | None = None
    ) -> Vectors:
        """Both vectors of each query times their shares."""
        fused = [
            np.float32(share) * strategy.fuse_query(queries, weights, negative=negative)
            for share, strategy in self._parts
        ]
        return np.concatenate(fused, axis=1)

    def scores(self, queries: Features, items: Features, weights: Weights = WEIGHTS) -> Floats:
        """The scores of both, mixed."""
        mixed: Floats = np.sum(
            [share * one.scores(queries, items, weights) for share, one in self._parts], axis=0
        )
        return mixed

    def explain(self, query: Features, items: Features, weights: Weights = WEIGHTS) -> Explanation:
        """The reasons of both, mixed."""
        (a, first), (b, second) = (
            (share, strategy.explain(query, items, weights)) for share, strategy in self._parts
        )
        shares = {part: a * first.shares[part] + b * second.shares[part] for part in items.parts}
        return Explanation(a * first.scores + b * second.scores, shares)
