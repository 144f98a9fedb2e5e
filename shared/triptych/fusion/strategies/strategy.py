"""What every fusion strategy is: blocks to one vector, scores, and exact reasons.

A query is fused part by part: ``q = Σ_m w_m · fuse(its part m)``, the weights of what the query has
adding up to one. So weights and ``not`` mean the same under each strategy, a score is the weighted
sum of what the query's parts say, and one vector serves any weighting.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.core.item import MODALITIES
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.features import Features
from triptych.fusion.query import AGAINST, WEIGHTS
from triptych.fusion.strategies.shapley import Explanation, shapley

Floats = NDArray[np.float64]
Weights = Mapping[str, float]
"""By signal (text, image, audio, not), not negative."""


class Strategy(ABC):
    """A way to make one vector of the blocks of an item."""

    name: str
    layout: Layout

    @property
    @abstractmethod
    def dims(self) -> int:
        """The width of the fused vector."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Sixteen hex digits over all that changes the vectors, the layout included."""

    @abstractmethod
    def fuse(self, items: Features) -> Vectors:
        """Fuse items to float32 (n, dims); an item without a filled block has a row of zeros."""

    def fuse_query(
        self, queries: Features, weights: Weights = WEIGHTS, *, negative: Features | None = None
    ) -> Vectors:
        """Fuse queries to float32 (n, dims): their product with a fused item is its score.

        Args:
            queries: the parts of each query, as blocks.
            weights: by signal.
            negative: what items should differ from, row by row.

        Raises:
            InvalidInput: a query has no part with a weight.
        """
        present = {part: queries.of_modality(part) for part in MODALITIES}
        has = {part: one.filled.any(axis=1) for part, one in present.items()}
        total = np.sum([weights[part] * has[part] for part in MODALITIES], axis=0)
        if (total <= 0).any():
            row = int(np.flatnonzero(total <= 0)[0])
            raise InvalidInput(f"query {row} (from 0) has no part with a weight")
        fused = np.zeros((len(queries), self.dims))
        for part, one in present.items():
            if has[part].any():
                fused += weights[part] * self.fuse(one)
            if negative is not None and (against := negative.of_modality(part)).filled.any():
                fused -= weights[AGAINST] * weights[part] * self.fuse(against)
        mixed: Vectors = (fused / total[:, None]).astype(np.float32)
        return mixed

    def scores(self, queries: Features, items: Features, weights: Weights = WEIGHTS) -> Floats:
        """The score of every item by every query, (queries, items).

        Raises:
            InvalidInput: as ``fuse_query``.
        """
        product = self.fuse_query(queries, weights) @ self.fuse(items).T
        return np.asarray(product, np.float64)

    def explain(self, query: Features, items: Features, weights: Weights = WEIGHTS) -> Explanation:
        """What each part of items adds to their scores for one query: its Shapley value.

        Shapley (A value for n-person games, 1953): a part's mean gain over all orders in which the
        parts could come. It is exact, sums to the score, and takes 2^parts fusions an item.
        """
        vector = self.fuse_query(query, weights)[0].astype(np.float64)
        return shapley(items, lambda some: self.fuse(some).astype(np.float64) @ vector)
