"""A query in the space of the fused vector: terms, weights and presence classes.

A term compares one part of the query (its text, image or audio) with one block of the items.
An item is scored on the terms whose blocks it fills:

    score = Σ_{t ∈ q ∩ d} w_t · s_t / (Σ_{t ∈ q ∩ d} w_t) ** α

so that an item is neither rewarded nor punished for parts that the query does not ask for, and
one that lacks a part that was asked for competes on the others. For each set of parts that an
item can have (a presence class) the divisor is a constant, which scales the query vector: one
kNN clause per class, and the index ranks by this very sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from triptych.shared.encoders.cards import Modality, Vectors
from triptych.shared.fusion.blocks import LAYOUT, Layout

KEYWORD = "keyword"
"""The name of the one signal that is no vector: BM25 over the terms of the text."""

ALPHA = 0.5
"""0 is a plain sum (poorer items lose), 1 a mean over the shared parts (poorer items win)."""

SHARES: Mapping[Modality, Mapping[str, float]] = {
    "text": {"semantic": 1.0, "concept": 0.3},
    "image": {"visual": 1.0, "concept": 0.2},
    "audio": {"acoustic": 1.0},
}
"""How much of a query part's weight goes to which block of the items."""

WEIGHTS: Mapping[str, float] = {"keyword": 0.5, "text": 1.0, "image": 1.0, "audio": 1.0}
"""Default weights of the signals."""

_NEGLIGIBLE = 1e-6
"""A part below this share of the largest weight is left out: float32 could not hold its sum."""


@dataclass(frozen=True)
class Term:
    """One comparison: ``weight`` · cos(``vector``, the item's ``block``)."""

    signal: str
    block: str
    weight: float
    vector: Vectors


@dataclass(frozen=True)
class PresenceClass:
    """The items that have all of ``present`` and none of ``absent``, and their query vector."""

    present: tuple[Modality, ...]
    absent: tuple[Modality, ...]
    vector: Vectors


@dataclass(frozen=True)
class FusedQuery:
    """Everything the scores depend on; the weights of all terms and the keyword sum to one."""

    terms: tuple[Term, ...]
    keyword_weight: float = 0.0
    alpha: float = ALPHA
    layout: Layout = LAYOUT

    def mass(self, present: frozenset[str]) -> float:
        """The sum of the weights that the query shares with items that have these parts."""
        keyword = self.keyword_weight if "text" in present else 0.0
        return keyword + sum(
            term.weight for term in self.terms if self.layout.modalities[term.block] in present
        )

    def scale(self, present: frozenset[str]) -> float:
        """What the weighted sum of such an item is multiplied by; 1 for whole items."""
        mass = self.mass(present)
        return mass**-self.alpha if mass > 0 else 0.0

    def vector(self) -> Vectors:
        """The query in fused space, float32 (layout.dims,): its blocks times their weights."""
        fused = np.zeros(self.layout.dims, np.float32)
        for term in self.terms:
            fused[self.layout.slices[term.block]] += np.float32(term.weight) * term.vector
        return fused

    def presence_classes(self) -> list[PresenceClass]:
        """One class per non-empty set of the item parts that the terms look at: 1, 3 or 7."""
        asked = sorted({self.layout.modalities[term.block] for term in self.terms})
        fused = self.vector()
        return [
            PresenceClass(
                present=present,
                absent=tuple(part for part in asked if part not in present),
                vector=fused * np.float32(self.scale(frozenset(present))),
            )
            for size in range(len(asked), 0, -1)
            for present in combinations(asked, size)
        ]


def fuse_query(
    vectors: Mapping[Modality, Mapping[str, Vectors]],
    weights: Mapping[str, float],
    *,
    keyword: bool,
    alpha: float = ALPHA,
) -> FusedQuery:
    """Combine the encoded parts of a query.

    Args:
        vectors: per query part, per block, a unit vector of shape (dims of the block,).
        weights: per signal (keyword, text, image, audio), not negative.
        keyword: whether the query has words to look up.
        alpha: see the module's formula.

    Raises:
        ValueError: the weights of what the query has are all zero.
    """
    used = {name: weights[name] for name in (*vectors, *([KEYWORD] if keyword else []))}
    largest = max(used.values(), default=0.0)
    if largest <= 0:
        raise ValueError("the weights of everything in the query are zero")
    scaled = {name: weight / largest for name, weight in used.items()}
    raw = [
        Term(part, block, scaled[part] * SHARES[part][block], vector)
        for part, blocks in vectors.items()
        for block, vector in blocks.items()
        if scaled[part] >= _NEGLIGIBLE
    ]
    keyword_weight = scaled.get(KEYWORD, 0.0)
    total = keyword_weight + sum(term.weight for term in raw)
    terms = tuple(Term(t.signal, t.block, t.weight / total, t.vector) for t in raw)
    return FusedQuery(terms, keyword_weight / total, alpha)
