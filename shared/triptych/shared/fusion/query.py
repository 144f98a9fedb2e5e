"""A query in the space of the fused vector: terms, weights and presence classes.

A term compares one part of the query (its text, image or audio) with one block of the items.
An item is scored on the terms for which it has the part:

    score = Σ_{t ∈ q ∩ d} w_t · s_t / (Σ_{t ∈ q ∩ d} w_t) ** α

so that an item is neither rewarded nor punished for parts that the query does not ask for, and
one that lacks a part that was asked for competes on the others. For each set of parts that an
item can have (a presence class) the divisor is a constant, which scales the query vector: one
kNN clause per class, and the index ranks by this very sum. Whether a sound has speech, or a picture
writing, is no class of its own: the index ranks such items as if these terms were for nothing,
which never loses one, and the exact score follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from triptych.shared.encoders.cards import Modality, Vectors
from triptych.shared.fusion.blocks import Layout

KEYWORD = "keyword"
"""The name of the one signal that is no vector: BM25 over the terms of the text."""

WORDED = frozenset({"text", "speech", "writing"})
"""The parts of an item that have words."""

ALPHA = 0.5
"""0 is a plain sum (poorer items lose), 1 a mean over the shared parts (poorer items win)."""


@dataclass(frozen=True)
class Comparison:
    """What a query part has in ``found`` is compared with ``block`` of the items."""

    found: str
    block: str
    share: float
    """How much of the part's weight this comparison gets."""


COMPARISONS: Mapping[Modality, Sequence[Comparison]] = {
    "text": (
        Comparison("semantic", "semantic", 1.0),
        Comparison("semantic", "concept", 0.3),
        Comparison("semantic", "heard", 0.3),
        Comparison("semantic", "spoken", 0.7),
        Comparison("semantic", "written", 0.7),
    ),
    "image": (
        Comparison("visual", "visual", 1.0),
        Comparison("concept", "concept", 0.2),
        Comparison("written", "written", 0.5),
        Comparison("written", "semantic", 0.3),
    ),
    "audio": (
        Comparison("acoustic", "acoustic", 1.0),
        Comparison("spoken", "spoken", 1.0),
        Comparison("spoken", "semantic", 0.7),
    ),
}
"""Those whose blocks the layout lacks are left out, as is what was not found in the query."""

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
    layout: Layout
    keyword_weight: float = 0.0
    alpha: float = ALPHA

    def mass(self, present: frozenset[str]) -> float:
        """The sum of the weights that the query shares with items that have these parts."""
        keyword = self.keyword_weight if present & WORDED else 0.0
        return keyword + sum(
            term.weight for term in self.terms if self.layout.parts[term.block] in present
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
                vector=fused * np.float32(self._class_scale(present)),
            )
            for size in range(len(asked), 0, -1)
            for present in combinations(asked, size)
        ]

    def _class_scale(self, present: Sequence[Modality]) -> float:
        """The scale of a class: without speech and writing, unless there is nothing else."""
        looked_at = {
            self.layout.parts[term.block]
            for term in self.terms
            if self.layout.modalities[term.block] in present
        }
        return self.scale(frozenset(looked_at & set(present) or looked_at))


def fuse_query(
    vectors: Mapping[Modality, Mapping[str, Vectors]],
    weights: Mapping[str, float],
    layout: Layout,
    *,
    keyword: bool,
    alpha: float = ALPHA,
) -> FusedQuery:
    """Combine the encoded parts of a query.

    Args:
        vectors: per query part, per block that was found in it, a vector of shape (dims of the
            block,): of length one, or zeros where nothing was found.
        weights: per signal (keyword, text, image, audio), not negative.
        layout: the blocks of the items.
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
        Term(part, entry.block, scaled[part] * entry.share, found[entry.found])
        for part, found in vectors.items()
        for entry in COMPARISONS[part]
        if scaled[part] >= _NEGLIGIBLE
        if entry.block in layout.slices and entry.found in found and found[entry.found].any()
    ]
    keyword_weight = scaled.get(KEYWORD, 0.0)
    total = keyword_weight + sum(term.weight for term in raw)
    terms = tuple(Term(t.signal, t.block, t.weight / total, t.vector) for t in raw)
    return FusedQuery(terms, layout, keyword_weight / total, alpha)
