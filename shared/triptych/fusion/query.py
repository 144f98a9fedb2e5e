"""A query in the space of the fused vector: terms, weights and presence classes.

A term compares one part of the query (its text, image or audio) with one block of the items: its
cosine is rescaled to the bounds of its encoders (``bounds``). The terms of one query part are a
signal, ``s`` is the mean of their rescaled cosines. If the layout has a computed block, each part
is compared with it, too, and this term gets the block's share of the weight of the signal. An item
is scored on the terms for which it has the part:

    score = Σ_{s ∈ q ∩ d} w_s · s / (Σ_{s ∈ q ∩ d, w_s > 0} w_s) ** α

so that an item is neither rewarded nor punished for parts that the query does not ask for, and
one that lacks a part of the query competes on the others. A negative part of the query
has a negative weight, which is left out of the divisor. For each set of parts that an item can have
(a presence class) the divisor is a constant, which scales the query vector: one kNN clause per
class. The index ranks by the sum of cosines that are rescaled as if there were no bounds: what
is best by the one is among the best by the other, and the exact score follows. Whether a sound has
speech, or a picture writing, is no class of its own: the index ranks such items as if these terms
were for nothing, which never loses one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.scales import UNIT, Bounds
from triptych.fusion.blocks import JOINT, Block, Layout

KEYWORD = "keyword"
"""The name of the one signal that is no vector: BM25 over the terms of the text."""

NAMED = "named"
"""Stands among the parts of an item that has words of the query, be it in its tags or names."""
WORDED = frozenset({"text", "speech", "writing", NAMED})
"""The parts of an item that have words."""

ALPHA = 0.5
"""0 is a plain sum (poorer items lose), 1 a mean over the shared parts (poorer items win)."""


@dataclass(frozen=True)
class Comparison:
    """A block of a query part that is compared with a block of the items."""

    query_block: str
    item_block: str
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
        Comparison("concept", "concept", 0.1),
        Comparison("written", "written", 0.5),
        Comparison("written", "semantic", 0.3),
    ),
    "audio": (
        Comparison("acoustic", "acoustic", 1.0),
        Comparison("spoken", "spoken", 1.0),
        Comparison("spoken", "semantic", 0.7),
    ),
}
"""Comparisons whose blocks the layout or the query lacks are left out."""

AGAINST = "not"
"""How a negative signal begins, as ``not.image``; also the name of its weight."""

WEIGHTS: Mapping[str, float] = {
    "keyword": 0.5, "text": 1.0, "image": 1.0, "audio": 1.0, AGAINST: 0.5,
}  # fmt: skip
"""Default weights of the signals; the weight of ``not`` multiplies that of the modality."""

_NEGLIGIBLE = 1e-6
"""A part below this share of the largest weight is left out: float32 could not hold its sum."""


@dataclass(frozen=True)
class Term:
    """One comparison: ``weight`` times what cos(``vector``, the item's ``block``) says."""

    signal: str
    block: str
    weight: float
    """Negative for negative parts of the query."""
    vector: Vectors
    """The mean of one or several unit vectors, so that its product is their mean cosine."""
    bounds: Bounds = UNIT


@dataclass(frozen=True)
class PresenceClass:
    """The items that have all of ``present`` and none of ``absent``, and their query vector."""

    present: tuple[Modality, ...]
    absent: tuple[Modality, ...]
    vector: Vectors


@dataclass(frozen=True)
class FusedQuery:
    """Everything the scores depend on; the positive weights and the keyword's sum to one."""

    terms: tuple[Term, ...]
    layout: Layout
    keyword_weight: float = 0.0
    words: tuple[str, ...] = ()
    """The labels of the words that are looked up."""
    alpha: float = ALPHA

    @property
    def positive(self) -> tuple[Term, ...]:
        """The terms of what items are to be like."""
        return tuple(term for term in self.terms if term.weight > 0)

    def mass(self, present: frozenset[str]) -> float:
        """The sum of the weights that the query shares with items that have these parts."""
        keyword = self.keyword_weight if present & WORDED else 0.0
        return keyword + sum(
            term.weight for term in self.positive if self.layout.has(term.block, present)
        )

    def share(self, words: Iterable[str]) -> float:
        """The share of the query's words that these are."""
        matched = set(words)
        return sum(word in matched for word in self.words) / len(self.words)

    def scale(self, present: frozenset[str]) -> float:
        """What the weighted sum of such an item is multiplied by; 1 for whole items."""
        mass = self.mass(present)
        return mass**-self.alpha if mass > 0 else 0.0

    def vector(self, without: Collection[str] = ()) -> Vectors:
        """The query in fused space, float32 (layout.dims,): its blocks times weights and slopes.

        The terms of the signals in ``without`` are left out, and negative ones: these count only
        for what is much like them, which an inner product can't say.

        Its inner product with an item is Σ w · rescaled as if the scale between the bounds went on
        beyond them, but for a constant for all items with the same parts.
        """
        fused = np.zeros(self.layout.dims, np.float32)
        for term in self.positive:
            if term.signal in without:
                continue
            weight = np.float32(term.weight * term.bounds.slope)
            fused[self.layout.slices[term.block]] += weight * term.vector
        return fused

    def beside_words(self) -> Vectors | None:
        """What ranks the items that have all the words: the query less its text.

        None where it has no words, or nothing but text.
        """
        if not (self.words and self.keyword_weight > 0) or self._signals <= {"text"}:
            return None
        return self.vector(without={"text"})

    def alone(self) -> list[Vectors]:
        """The query as each of its positive parts alone; nothing if there is only one."""
        signals = sorted(self._signals)
        return [self.vector(without={*signals} - {one}) for one in signals] if signals[1:] else []

    @property
    def _signals(self) -> set[str]:
        return {term.signal for term in self.positive}

    def presence_classes(self) -> list[PresenceClass]:
        """One class per non-empty set of the item parts that the terms look at: 1, 3 or 7.

        A computed block is there whatever an item has, so its term looks at all parts.
        """
        requested = self._looked_at()
        fused = self.vector()
        return [
            PresenceClass(
                present=present,
                absent=tuple(part for part in requested if part not in present),
                vector=fused * np.float32(self._class_scale(present)),
            )
            for size in range(len(requested), 0, -1)
            for present in combinations(requested, size)
        ]

    def _looked_at(self) -> list[Modality]:
        modalities, names = self.layout.modalities, {term.block for term in self.positive}
        every = modalities if JOINT in names else names
        return sorted({modalities[name] for name in every})

    def _class_scale(self, present: Sequence[Modality]) -> float:
        """The scale of a class: without speech and writing, unless there is nothing else."""
        compared = {
            self.layout.parts[term.block]
            for term in self.positive
            if self.layout.modalities.get(term.block) in present
        }
        return self.scale(frozenset(compared & set(present) or compared or present))


def compared_blocks(classes: Sequence[PresenceClass], layout: Layout) -> list[str]:
    """The blocks that a query compares with items of its classes, in the order of the layout."""
    present = {part for entry in classes for part in entry.present}
    modalities = layout.modalities
    return [
        name
        for name, where in layout.slices.items()
        if (not present or modalities.get(name) is None or modalities[name] in present)
        and any(entry.vector[where].any() for entry in classes)
    ]


def bounds(query: Block, item: Block) -> Bounds:
    """The scale of the cosines between vectors of a query's block and of an item's block.

    The encoders of both declare it; if neither does, cosines count from 0 to 1.
    """
    if query.card.name == item.card.name:
        return item.scale.itself
    return item.scale.texts.get(query.card.name) or query.scale.texts.get(item.card.name) or UNIT


def fuse_query(
    vectors: Mapping[Modality, Mapping[str, Vectors]],
    weights: Mapping[str, float],
    layout: Layout,
    *,
    negative: Mapping[Modality, Mapping[str, Vectors]] | None = None,
    words: Sequence[str] = (),
    alpha: float = ALPHA,
) -> FusedQuery:
    """Combine the encoded parts of a query.

    Args:
        vectors: by query part and block a vector of shape (dims of the block,): of length one
            (shorter for the mean of several), or zeros where an encoder found nothing. For a layout
            with a computed block, that of the part alone is among them (``Learnt.query``).
        weights: by signal (keyword, text, image, audio, not), not negative.
        layout: the blocks of the items.
        negative: the same as ``vectors``, for the negative parts of the query.
        words: labels of the words to look up.
        alpha: see the module's formula.

    Raises:
        ValueError: nothing of the query compares with items, or its weights are zero.
    """
    used = {name: weights[name] for name in (*vectors, *([KEYWORD] if words else []))}
    largest = max(used.values(), default=0.0)
    if largest <= 0:
        raise ValueError("the weights of everything in the query are zero")
    scaled = {name: weight / largest for name, weight in weights.items()}
    positive = [
        term for part in vectors for term in _terms(part, vectors[part], scaled[part], layout)
    ]
    negated = [
        replace(term, signal=f"{AGAINST}.{part}", weight=-term.weight)
        for part, blocks in (negative or {}).items()
        for term in _terms(part, blocks, scaled[part] * weights[AGAINST], layout)
    ]
    keyword_weight = scaled[KEYWORD] if words else 0.0
    total = keyword_weight + sum(term.weight for term in positive)
    if total <= 0:
        raise ValueError("nothing that items have compares with what the query has")
    terms = tuple(replace(term, weight=term.weight / total) for term in (*positive, *negated))
    return FusedQuery(terms, layout, keyword_weight / total, tuple(words), alpha)


def _terms(
    part: Modality, vectors: Mapping[str, Vectors], weight: float, layout: Layout
) -> Iterator[Term]:
    """The comparisons of one part of a query that the layout has blocks for."""
    if weight < _NEGLIGIBLE:
        return
    blocks = {block.name: block for block in layout.blocks}
    joint, own = layout.joint, vectors.get(JOINT)
    share = 0.0 if joint is None or own is None or not own.any() else joint.share
    total = 0.0
    for entry in COMPARISONS[part]:
        vector = vectors.get(entry.query_block)
        if entry.item_block in blocks and vector is not None and vector.any():
            total += entry.share
            if share < 1:
                yield Term(
                    signal=part,
                    block=entry.item_block,
                    weight=weight * entry.share * (1 - share),
                    vector=vector,
                    bounds=bounds(blocks[entry.query_block], blocks[entry.item_block]),
                )
    if own is not None and share * total > 0:
        yield Term(part, JOINT, weight * share * total, own)
