"""Block fusion as a strategy: the blocks side by side, scored as search scores them.

Of a layout with a computed block it is the *served* score: what a collection has learnt makes the
joint vectors, of each item as it is and of each part of a query alone.
"""

from collections.abc import Iterator

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import JOINT, Layout
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features
from triptych.fusion.query import WEIGHTS, FusedQuery, Term, fuse_query
from triptych.fusion.strategies.shapley import Explanation, shapley
from triptych.fusion.strategies.strategy import Floats, Strategy, Weights


class BlockFusion(Strategy):
    """``fused = [block | block | …]``, scored by weighted cosines.

    The product of fused vectors ranks the items of one presence class. ``scores`` are those of
    search (``fusion.query``, method ``linear``, without words): they compare items of all classes.

    Items and queries are features of the layout's base. A joint vector that they have is not
    looked at but made anew, so features may have lost parts, or been changed.
    """

    name = "block"

    def __init__(self, layout: Layout, learnt: Learnt | None = None) -> None:
        """``learnt``: what fills the computed block. Raises InvalidInput if that is missing."""
        if layout.joint is not None and (
            learnt is None or learnt.layout.fingerprint != layout.fingerprint
        ):
            raise InvalidInput(f"the model {layout.joint.reference} of the layout is not open")
        self.layout = layout
        self._learnt = learnt

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
        vectors = items.base.vectors
        return vectors if self._learnt is None else self._learnt.extend(vectors)

    def fuse_query(
        self, queries: Features, weights: Weights = WEIGHTS, *, negative: Features | None = None
    ) -> Vectors:
        """The blocks of each query times weights and slopes, as the index is asked.

        That is without negative parts, which only exact scores know.
        """
        fused = [self._query(queries, row, weights, negative) for row in range(len(queries))]
        return np.stack([np.zeros(self.dims, np.float32) if one is None else one.vector()
                         for one in fused])  # fmt: skip

    def scores(self, queries: Features, items: Features, weights: Weights = WEIGHTS) -> Floats:
        """The scores of search. A query of which nothing compares with items scores 0."""
        vectors, base = self.fuse(items), items.base
        return np.stack([
            self._scores(self._query(queries, row, weights), base, vectors)
            for row in range(len(queries))
        ])  # fmt: skip

    def explain(self, query: Features, items: Features, weights: Weights = WEIGHTS) -> Explanation:
        """The terms of the sum itself, by the part of the item that each looks at.

        What the joint vector of an item says is shared among its parts: their Shapley values.
        """
        base, fused = items.base, self._query(query, 0, weights)
        shares = {part: np.zeros(len(base)) for part in base.parts}
        if fused is None:
            return Explanation(np.zeros(len(base)), shares)
        vectors, scale = self.fuse(base), _scales(fused, base)
        for term in fused.terms:
            if (part := self.layout.parts.get(term.block)) in shares:
                shares[part] += self._said(term, base, vectors) * scale
        if any(term.block == JOINT for term in fused.terms):
            for one, share in shapley(base, lambda some: self._joint(fused, some)).shares.items():
                shares[one] += share * scale
        return Explanation(np.sum([*shares.values()], axis=0) + np.zeros(len(base)), shares)

    def _scores(self, query: FusedQuery | None, items: Features, vectors: Vectors) -> Floats:
        if query is None:
            return np.zeros(len(items))
        said = np.sum([self._said(term, items, vectors) for term in query.terms], axis=0)
        scores: Floats = said * _scales(query, items)
        return scores

    def _joint(self, query: FusedQuery, items: Features) -> Floats:
        """What the joint vectors of items say, times its weight."""
        vectors = self.fuse(items)
        terms = [term for term in query.terms if term.block == JOINT]
        said: Floats = np.sum([self._said(term, items, vectors) for term in terms], axis=0)
        return said

    def _said(self, term: Term, items: Features, vectors: Vectors) -> Floats:
        """What one term says of items, times its weight; 0 of those that lack the block."""
        block = vectors[:, self.layout.slices[term.block]]
        cosine = np.multiply(block, term.vector, dtype=np.float64).sum(axis=1)
        part = self.layout.parts.get(term.block)
        has = block.any(axis=1) if part is None else block.any(axis=1) & items.has(part)
        return np.where(has, term.weight * term.bounds.rescale(cosine), 0.0)

    def _query(
        self, queries: Features, row: int, weights: Weights, negative: Features | None = None
    ) -> FusedQuery | None:
        """One query as search fuses it; None if nothing that items have compares with it."""
        parts = self._parts(queries, row)
        if max((weights[part] for part in parts), default=0.0) <= 0:
            raise InvalidInput(f"query {row} (from 0) has no part with a weight")
        against = None if negative is None else self._parts(negative, row)
        try:
            return fuse_query(parts, {**WEIGHTS, **weights}, self.layout, negative=against)
        except ValueError:  # no comparison of its parts is one that items have a block for
            return None

    def _parts(self, queries: Features, row: int) -> dict[Modality, dict[str, Vectors]]:
        """The blocks that a query has, by its parts; the joint one is that of the part alone."""
        parts: dict[Modality, dict[str, Vectors]] = {}
        for modality, name, vector in _blocks(queries.base, row):
            parts.setdefault(modality, {})[name] = vector
        if self._learnt is None:
            return parts
        return {part: dict(self._learnt.completed(blocks)) for part, blocks in parts.items()}


def _blocks(queries: Features, row: int) -> Iterator[tuple[Modality, str, Vectors]]:
    for block, here in zip(queries.layout.blocks, queries.filled[row], strict=True):
        if here and block.modality is not None:
            yield block.modality, block.name, queries.block(block.name)[row]


def _scales(query: FusedQuery, items: Features) -> Floats:
    """The presence correction of each item."""
    classes = [
        frozenset(
            part for part, here in zip(items.layout.parts.values(), mask, strict=True) if here
        )
        for mask in items.present
    ]
    by_class = {one: query.scale(one) for one in set(classes)}
    return np.array([by_class[one] for one in classes])
