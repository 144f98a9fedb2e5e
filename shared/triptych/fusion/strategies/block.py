"""Block fusion as a strategy: the blocks side by side, scored as search scores them."""

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.features import Features
from triptych.fusion.query import WEIGHTS, FusedQuery, fuse_query
from triptych.fusion.strategies.shapley import Explanation
from triptych.fusion.strategies.strategy import Floats, Strategy, Weights


class BlockFusion(Strategy):
    """``fused = [block | block | …]``. Nothing is learnt, and each score is a sum of cosines.

    The product of fused vectors ranks the items of one presence class. ``scores`` are those of
    search (``fusion.query``, method ``linear``, without words): they compare items of all classes.
    """

    name = "block"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def dims(self) -> int:
        """That of the layout."""
        return self.layout.dims

    @property
    def fingerprint(self) -> str:
        """That of the layout."""
        return self.layout.fingerprint

    def fuse(self, items: Features) -> Vectors:
        """The blocks side by side."""
        return items.vectors

    def fuse_query(
        self, queries: Features, weights: Weights = WEIGHTS, *, negative: Features | None = None
    ) -> Vectors:
        """The blocks of each query times weights and slopes, as the index is asked.

        That is without negative parts, which only exact scores know.
        """
        fused = [_query(queries, row, weights, negative) for row in range(len(queries))]
        return np.stack([np.zeros(self.dims, np.float32) if one is None else one.vector()
                         for one in fused])  # fmt: skip

    def scores(self, queries: Features, items: Features, weights: Weights = WEIGHTS) -> Floats:
        """The scores of search. A query of which nothing compares with items scores 0."""
        return np.stack([
            self.explain(queries.rows(np.array([row])), items, weights).scores
            for row in range(len(queries))
        ])  # fmt: skip

    def explain(self, query: Features, items: Features, weights: Weights = WEIGHTS) -> Explanation:
        """The terms of the sum itself, by the part of the item that each looks at."""
        shares = {part: np.zeros(len(items)) for part in items.parts}
        fused = _query(query, 0, weights)
        if fused is None:
            return Explanation(np.zeros(len(items)), shares)
        scale = _scales(fused, items)
        for term in fused.terms:
            block = items.block(term.block)
            cosine = np.multiply(block, term.vector, dtype=np.float64).sum(axis=1)
            rescaled = np.where(block.any(axis=1), term.bounds.rescale(cosine), 0.0)
            part = self.layout.parts[term.block]
            if part in shares:
                shares[part] += np.where(items.has(part), term.weight * rescaled, 0.0) * scale
        return Explanation(np.sum([*shares.values()], axis=0) + np.zeros(len(items)), shares)


def _query(
    queries: Features, row: int, weights: Weights, negative: Features | None = None
) -> FusedQuery | None:
    """One query as search fuses it; None if nothing that items have compares with it."""
    parts = _parts(queries, row)
    if max((weights[part] for part in parts), default=0.0) <= 0:
        raise InvalidInput(f"query {row} (from 0) has no part with a weight")
    against = None if negative is None else _parts(negative, row)
    try:
        return fuse_query(parts, {**WEIGHTS, **weights}, queries.layout, negative=against)
    except ValueError:  # no comparison of its parts is one that items have a block for
        return None


def _parts(queries: Features, row: int) -> dict[Modality, dict[str, Vectors]]:
    """The blocks that a query has, by its parts."""
    parts: dict[Modality, dict[str, Vectors]] = {}
    for block, here in zip(queries.layout.blocks, queries.filled[row], strict=True):
        if here:
            parts.setdefault(block.modality, {})[block.name] = queries.block(block.name)[row]
    return parts


def _scales(query: FusedQuery, items: Features) -> Floats:
    """The presence correction of each item."""
    classes = [
        frozenset(block.part for block, here in zip(items.layout.blocks, mask, strict=True) if here)
        for mask in items.present
    ]
    by_class = {one: query.scale(one) for one in set(classes)}
    return np.array([by_class[one] for one in classes])
