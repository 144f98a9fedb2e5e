"""Everything that scores are made of, computed once, so that weights can be tried by the hundred.

A ``Group`` holds the queries of one kind on one gallery: their cosines with every item, and what
their words say. ``scores`` are those of ``fusion.scores.score`` (``linear``) with every item a
candidate, for any weights, shares, bounds and alpha.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import Item, Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.scales import UNIT, Bounds
from triptych.evaluation.encoding import Encoded, Gallery
from triptych.evaluation.ranking import DEPTH
from triptych.fusion.blocks import Layout
from triptych.fusion.query import COMPARISONS, KEYWORD, WORDED, fuse_query
from triptych.fusion.scores import score
from triptych.index.documents import parts
from triptych.index.model import IndexQuery, Results
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document

Floats = NDArray[np.float64]
Comparison = tuple[Modality, str, str]
"""A part of the query, what is found in it, and the block it is compared with."""
Search = Callable[[IndexQuery], Results]


@dataclass(frozen=True)
class Parameters:
    """What is tuned."""

    weights: Mapping[str, float]
    shares: Mapping[Comparison, float]
    bounds: Mapping[tuple[str, str], Bounds]
    """By what is found in the query and the block it is compared with."""
    alpha: float


@dataclass(frozen=True)
class Group:
    """Queries of a kind on a gallery, whose items are in the order of their ids."""

    kind: str
    gallery: str
    present: Mapping[str, NDArray[np.bool_]]
    """By part, which items have it."""
    cosines: Mapping[Comparison, Vectors]
    """(queries, items); zeros where the query has no such part."""
    words: Floats | None
    """(queries, items): the normalised signal of the words."""
    grades: NDArray[np.int64]
    """(queries, items)."""
    layout: Layout

    @property
    def signals(self) -> tuple[str, ...]:
        """What the queries have."""
        parts = dict.fromkeys(part for part, _, _ in self.cosines)
        return (*parts, *([] if self.words is None else [KEYWORD]))


def scores(group: Group, given: Parameters, signals: Sequence[str]) -> Floats:
    """The score of every item by some of the signals, float64 (queries, items)."""
    total = np.zeros(group.grades.shape)
    mass = np.zeros(group.grades.shape[1])
    everything = 0.0
    for signal in signals:
        if signal == KEYWORD:
            said, weight, whole = _words(group, given)
        else:
            said, weight, whole = _vectors(group, given, signal)
        total += weight * said
        mass += weight
        everything += whole
    share = np.divide(mass, everything)
    scale = np.power(share, -given.alpha, out=np.zeros_like(share), where=share > 0)
    return total / everything * scale


def _words(group: Group, given: Parameters) -> tuple[Floats, Floats, float]:
    weight = given.weights[KEYWORD]
    worded = np.any([has for part, has in group.present.items() if part in WORDED], axis=0)
    words = group.words if group.words is not None else np.zeros(group.grades.shape)
    return words, weight * worded, weight


def _vectors(group: Group, given: Parameters, signal: str) -> tuple[Floats, Floats, float]:
    """What a signal says of each item, its weight there, and its weight for a whole item."""
    placed = np.zeros(group.grades.shape)
    mass = np.zeros(group.grades.shape[1])
    whole = 0.0
    parts = group.layout.parts
    for (part, found, block), cosine in group.cosines.items():
        share = given.shares[part, found, block] if part == signal else 0.0
        if share > 0:
            has = group.present[parts[block]]
            placed += share * has * given.bounds.get((found, block), UNIT).rescale(cosine)
            mass += share * has
            whole += share
    said = np.divide(placed, mass, out=placed, where=mass > 0)
    weight = given.weights[signal]
    return said, weight * mass, weight * whole


def ndcg(group: Group, scored: Floats) -> Floats:
    """nDCG@10 of each query, float64 (queries,); equals are in the order of the items' ids."""
    depth = min(DEPTH, scored.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    # Whatever is not below the last of the first ten, in the order of the items, then by score.
    last = -np.partition(-scored, depth - 1, axis=1)[:, [depth - 1]]
    gains = np.zeros(len(scored))
    for row, (line, bound) in enumerate(zip(scored, last, strict=True)):
        able = np.flatnonzero(line >= bound)
        first = able[np.argsort(-line[able], kind="stable")[:depth]]
        gains[row] = group.grades[row, first] @ discounts
    best = -np.sort(-group.grades, axis=1)[:, :depth] @ discounts
    found: Floats = gains / best
    return found


def groups(
    name: str,
    gallery: Gallery,
    queries: Iterable[Encoded],
    grades: Mapping[str, Mapping[str, int]],
    search: Search,
) -> Iterator[Group]:
    """Yield the groups of queries that are of one kind and ask the same of a gallery.

    ``search`` searches a collection that holds the gallery.
    """
    order = sorted(range(len(gallery.items)), key=lambda row: gallery.items[row].id)
    ids = {gallery.items[row].id: column for column, row in enumerate(order)}
    features = gallery.fused[order].astype(np.float16).astype(np.float32)
    parts = [_parts(gallery.items[row]) for row in order]
    present: dict[str, NDArray[np.bool_]] = {
        part: np.array([part in has for has in parts]) for part in gallery.layout.parts.values()
    }
    for (kind, asked, worded), some in _alike(queries, gallery.layout):
        judged = np.zeros((len(some), len(ids)), np.int64)
        words = np.zeros((len(some), len(ids)))
        for row, query in enumerate(some):
            for item, grade in grades[query.query.id].items():
                judged[row, ids[item]] = grade
            for item, said in _said(query, len(ids), search, gallery.layout) if worded else ():
                words[row, ids[item]] = said
        cosines = {}
        for part, found, block in asked:
            vectors = np.stack([query.vectors[part][found] for query in some])
            cosines[part, found, block] = vectors @ features[:, gallery.layout.slices[block]].T
        yield Group(kind, name, present, cosines, words if worded else None, judged, gallery.layout)


def _parts(item: Item) -> frozenset[str]:
    chunk = Chunk("", 1, "", (), ())
    return parts(document(chunk, item, np.zeros(0, np.float32)))


def _alike(
    queries: Iterable[Encoded], layout: Layout
) -> Iterator[tuple[tuple[str, tuple[Comparison, ...], bool], list[Encoded]]]:
    """Queries by kind, the comparisons that they make, and whether they have words."""
    found: dict[tuple[str, tuple[Comparison, ...], bool], list[Encoded]] = defaultdict(list)
    for query in queries:
        asked = tuple(
            (part, entry.found, entry.block)
            for part, blocks in query.vectors.items()
            for entry in COMPARISONS[part]
            if entry.block in layout.slices and entry.found in blocks and blocks[entry.found].any()
        )
        found[query.query.kind, asked, bool(query.words.should)].append(query)
    yield from found.items()


def _said(
    query: Encoded, count: int, search: Search, layout: Layout
) -> Iterator[tuple[str, float]]:
    """The normalised signal of the words, by the items that have any of them."""
    fused = fuse_query({}, {KEYWORD: 1.0}, layout, words=query.words.labels)
    asked = IndexQuery(words=query.words, candidates=count, fields=["id"])
    candidates = [found.candidate for found in search(asked).found]
    for entry in score(fused, candidates, "linear", explain=False):
        yield candidates[entry.index].id, entry.score
