"""The components of scores, computed once, so that hundreds of weights can be tried.

A ``Group`` holds the queries of one kind on one gallery: their cosines with every item, and their
signal of the words. ``scores`` are those of ``fusion.scores.score`` (``linear``) with every item a
candidate, for any weights, shares, bounds and alpha.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.scales import UNIT, Bounds
from triptych.evaluation.galleries import Gallery
from triptych.evaluation.queries import EncodedQuery, retrieve
from triptych.evaluation.ranking import DEPTH
from triptych.fusion.blocks import Layout
from triptych.fusion.query import COMPARISONS, KEYWORD, WEIGHTS, WORDED
from triptych.index.documents import parts, unpack_features
from triptych.index.model import SearchIndex
from triptych.search.ranking import rank

Floats = NDArray[np.float64]
ComparisonKey = tuple[Modality, str, str]
"""A part of the query, a block of it, and the block of items that it is compared with."""


@dataclass(frozen=True)
class Parameters:
    """What is tuned."""

    weights: Mapping[str, float]
    shares: Mapping[ComparisonKey, float]
    bounds: Mapping[tuple[str, str], Bounds]
    """By a block of the query and the block of items that it is compared with."""
    alpha: float


@dataclass(frozen=True)
class Group:
    """Queries of a kind on a gallery, whose items are in the order of their ids."""

    kind: str
    gallery: str
    present: Mapping[str, NDArray[np.bool_]]
    """By part, which items have it."""
    cosines: Mapping[ComparisonKey, Vectors]
    """(queries, items); zeros where the query has no such part."""
    words: Floats | None
    """(queries, items): the normalised signal of the words."""
    grades: NDArray[np.int64]
    """(queries, items)."""
    layout: Layout
    queries: Sequence[str] = ()
    """Their ids."""

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the queries have."""
        parts = dict.fromkeys(part for part, _, _ in self.cosines)
        return (*parts, *([] if self.words is None else [KEYWORD]))


def scores(group: Group, parameters: Parameters, signals: Sequence[str]) -> Floats:
    """The score of every item by these signals, float64 (queries, items)."""
    total = np.zeros(group.grades.shape)
    mass = np.zeros(group.grades.shape[1])
    everything = 0.0
    for signal in signals:
        if signal == KEYWORD:
            signal_values, weight, whole = _words(group, parameters)
        else:
            signal_values, weight, whole = _vectors(group, parameters, signal)
        total += weight * signal_values
        mass += weight
        everything += whole
    share = np.divide(mass, everything)
    scale = np.power(share, -parameters.alpha, out=np.zeros_like(share), where=share > 0)
    return total / everything * scale


def _words(group: Group, parameters: Parameters) -> tuple[Floats, Floats, float]:
    weight = parameters.weights[KEYWORD]
    worded = np.any([has for part, has in group.present.items() if part in WORDED], axis=0)
    words = group.words if group.words is not None else np.zeros(group.grades.shape)
    return words, weight * worded, weight


def _vectors(group: Group, parameters: Parameters, signal: str) -> tuple[Floats, Floats, float]:
    """A signal's value for each item, its weight there, and its weight for a complete item."""
    scaled = np.zeros(group.grades.shape)
    mass = np.zeros(group.grades.shape[1])
    whole = 0.0
    parts = group.layout.parts
    for (part, query_block, item_block), cosine in group.cosines.items():
        share = parameters.shares[part, query_block, item_block] if part == signal else 0.0
        if share > 0:
            has = group.present[parts[item_block]]
            scaled += (
                share * has * parameters.bounds.get((query_block, item_block), UNIT).rescale(cosine)
            )
            mass += share * has
            whole += share
    signal_values = np.divide(scaled, mass, out=scaled, where=mass > 0)
    weight = parameters.weights[signal]
    return signal_values, weight * mass, weight * whole


def ndcg(group: Group, scored: Floats) -> Floats:
    """nDCG@10 of each query, float64 (queries,); ties are in the order of the items' ids."""
    depth = min(DEPTH, scored.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    # All items that score no less than the tenth, in the order of the items; then sort by score.
    last = -np.partition(-scored, depth - 1, axis=1)[:, [depth - 1]]
    gains = np.zeros(len(scored))
    for row, (line, bound) in enumerate(zip(scored, last, strict=True)):
        able = np.flatnonzero(line >= bound)
        first = able[np.argsort(-line[able], kind="stable")[:depth]]
        gains[row] = group.grades[row, first] @ discounts
    best = -np.sort(-group.grades, axis=1)[:, :depth] @ discounts
    values: Floats = gains / best
    return values


def groups(
    name: str,
    gallery: Gallery,
    queries: Iterable[EncodedQuery],
    grades: Mapping[str, Mapping[str, int]],
    index: SearchIndex,
) -> Iterator[Group]:
    """Yield the groups of queries that are of one kind and compare the same with a gallery.

    ``index`` holds the gallery.
    """
    documents = gallery.documents()
    ids = {document["id"]: column for column, document in enumerate(documents)}
    packed = [unpack_features(document.get("features"), gallery.layout) for document in documents]
    features = np.stack(packed).astype(np.float32)
    parts_of_items = [parts(document) for document in documents]
    present: dict[str, NDArray[np.bool_]] = {
        part: np.array([part in each for each in parts_of_items])
        for part in gallery.layout.parts.values()
    }
    for (kind, compared, has_words), group in _alike(queries, gallery.layout):
        judged = np.zeros((len(group), len(ids)), np.int64)
        words = np.zeros((len(group), len(ids)))
        for row, query in enumerate(group):
            for item, grade in grades[query.query.id].items():
                judged[row, ids[item]] = grade
            for item, signal in _keyword_signal(query, len(ids), index) if has_words else ():
                words[row, ids[item]] = signal
        cosines = {}
        for part, query_block, item_block in compared:
            vectors = np.stack([query.encoded.vectors[part][query_block] for query in group])
            block = features[:, gallery.layout.slices[item_block]]
            cosines[part, query_block, item_block] = vectors @ block.T
        yield Group(
            kind,
            name,
            present,
            cosines,
            words if has_words else None,
            judged,
            gallery.layout,
            [query.query.id for query in group],
        )


def _alike(
    queries: Iterable[EncodedQuery], layout: Layout
) -> Iterator[tuple[tuple[str, tuple[ComparisonKey, ...], bool], list[EncodedQuery]]]:
    """Queries by kind, the comparisons that they make, and whether they have words."""
    alike: dict[tuple[str, tuple[ComparisonKey, ...], bool], list[EncodedQuery]] = defaultdict(list)
    for query in queries:
        compared = tuple(
            (part, entry.query_block, entry.item_block)
            for part, blocks in query.encoded.vectors.items()
            for entry in COMPARISONS[part]
            if entry.item_block in layout.slices
            and entry.query_block in blocks
            and blocks[entry.query_block].any()
        )
        alike[query.query.kind, compared, bool(query.encoded.words.should)].append(query)
    yield from alike.items()


def _keyword_signal(
    query: EncodedQuery, count: int, index: SearchIndex
) -> Iterator[tuple[str, float]]:
    """The normalised signal of the words, by the items that have any of them."""
    weighted = query.encoded.weighted({**dict.fromkeys(WEIGHTS, 0.0), KEYWORD: 1.0})
    results = retrieve(index, weighted, candidates=count).matches
    for entry in rank(weighted, results, "linear", explain=False):
        yield results[entry.index].candidate.id, entry.score
