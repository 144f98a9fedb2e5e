"""The lists of neighbours that the product asks for: recall, time and bytes, by size and presence.

Documents and queries are those of ``index_design``. The mapping, the request and the scores are the
product's own. What is right is the exact score over all documents.
"""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import orjson
from tests.bench.documents import Documents
from tests.bench.figures import Figure, Floats, emit, resampled, say
from tests.bench.index_corpus import MIXES, TIE, TOP, Query, Stamps, groups, presence
from tests.bench.index_node import Node, opened_node
from tests.support import layout

from triptych.core.item import MODALITIES, Modality
from triptych.encoders.cards import Vectors, unit_rows
from triptych.fusion.blocks import Layout
from triptych.fusion.query import WEIGHTS, FusedQuery, fuse_query
from triptych.index.elastic.mapping import mapping, settings
from triptych.index.elastic.neighbours import divided
from triptych.index.elastic.queries import search_body
from triptych.index.elastic.reading import read_results
from triptych.index.model import IndexQuery

SIZES = (20_000, 100_000, 300_000, 1_000_000)
PATTERNS: Mapping[str, Mapping[Modality, float]] = {
    "usual": {"text": 0.9, "image": 0.7, "audio": 0.3},
    "whole": {"text": 1.0, "image": 1.0, "audio": 1.0},
    "poor": {"text": 0.4, "image": 0.4, "audio": 0.4},
}
"""How likely an item has each part."""

_QUERIES = 30
_KNOWN = 10
"""The queries of a mix that the lengths of lists were chosen by are not asked."""
_CANDIDATES = 20
_ROUNDS = 3
_TOGETHER = 250
_GROUPS = 5


@dataclass(frozen=True)
class _Asked:
    """A query as the product fuses it, and the exact score of its tenth best item."""

    mix: str
    fused: FusedQuery
    tenth: float

    def body(self, size: int) -> dict[str, Any]:
        """The request to a collection of so many documents."""
        return search_body(self.request, self.fused.layout, documents=size)

    @property
    def request(self) -> IndexQuery:
        """What the index is asked."""
        blocks = sorted({term.block for term in self.fused.terms})
        classes = self.fused.presence_classes()
        return IndexQuery(
            classes=classes,
            candidates=_CANDIDATES,
            fields=(),
            blocks=blocks,
            of_one_part=len({term.signal for term in self.fused.terms}) == 1,
        )

    def recall(self, answer: Any) -> float:
        """The share of the ten best that an answer has."""
        results = read_results(self.request, answer, self.fused.layout)
        found = [match.candidate for match in results.matches]
        features = np.stack([one.features for one in found]).astype(np.float32)
        has = {part: np.array([part in one.parts for one in found]) for part in MODALITIES}
        best = np.sort(exact([self.fused], features, has)[0])[-TOP:]
        return float(np.sum(best >= self.tenth - TIE) / TOP)


class Space:
    """What documents and queries are made of: the stamps and their encoders' blocks.

    With ``dims``, each block is turned at random and cut to so many numbers, so that a million
    documents take less time. Blocks that compare with each other are turned alike.
    """

    def __init__(self, dims: int | None = None) -> None:
        stamps = Stamps()
        self.real = stamps.documents
        self.layout = layout()
        self._axes: dict[int, Vectors] = {}
        if dims is not None:
            draw = np.random.default_rng(dims)
            for width in sorted({block.dims for block in layout().blocks}):
                square = draw.standard_normal((width, width))
                self._axes[width] = np.linalg.qr(square)[0][:, :dims].astype(np.float32)
            self.layout = Layout(
                tuple(replace(b, card=replace(b.card, dims=dims)) for b in layout().blocks)
            )
        self.queries = [
            (query.mix, self._fused(query)) for query in stamps.queries(_QUERIES, unlike=_KNOWN)
        ]

    def groups(self, size: int, pattern: str) -> Iterator[Documents]:
        """A collection of so many documents."""
        for group in groups(self.real, size, PATTERNS[pattern]):
            blocks = [
                self._cut(group.features[:, layout().slices[block.name]])
                for block in layout().blocks
            ]
            features = np.concatenate(blocks, axis=1).astype(np.float16)
            yield Documents(group.ids, features.astype(np.float32), group.has)

    def _cut(self, vectors: Vectors) -> Vectors:
        axes = self._axes.get(vectors.shape[-1])
        return vectors if axes is None else unit_rows(vectors @ axes)

    def _fused(self, query: Query) -> FusedQuery:
        """The same query by the product's comparisons, slopes and weights."""
        terms = iter(query.terms)
        vectors = {
            part: {name: self._cut(next(terms).vector[None])[0] for name in _ENCODED[part]}
            for part in MIXES[query.mix]
        }
        return fuse_query(vectors, {**WEIGHTS, **MIXES[query.mix]}, self.layout)


def run(options: Namespace) -> None:
    """One pattern after the other; ``options.which`` chooses some, ``options.sizes`` sizes."""
    space = Space(options.dims)
    sizes = sorted(options.sizes or SIZES)
    with opened_node() as node:
        for pattern in options.which or PATTERNS:
            for size in sizes:
                say(f"writing {size} documents, {pattern}")
                write(node, space, pattern, size)
            ask(node, space, pattern, sizes)
            for size in sizes:
                node.drop(_name(pattern, size))


def _name(pattern: str, size: int) -> str:
    return f"{pattern}-{size}"


def write(node: Node, space: Space, pattern: str, size: int) -> None:
    """Fill a collection, and wait until its merges are done."""
    index = _name(pattern, size)
    body = mapping(space.layout, "0" * 16)
    node.elastic.indices.create(index=index, mappings=body, settings=settings(1, 0))
    for some in space.groups(size, pattern):
        for lines in _lines(some, space.layout):
            if (answer := node.elastic.bulk(index=index, operations=lines))["errors"]:
                raise RuntimeError(f"not written: {answer['items'][0]}")
    node.settle(index)


def ask(node: Node, space: Space, pattern: str, sizes: Sequence[int]) -> None:
    """Ask collections as they were written, in turns, so that a busy moment strikes all sizes."""
    say(f"exact scores, {pattern}")
    asked = {size: _exact(space, size, pattern) for size in sizes}
    recalls: dict[tuple[int, str], list[float]] = defaultdict(list)
    times = {size: np.zeros((_ROUNDS, len(space.queries))) for size in sizes}
    say("asking")
    for turn in range(_ROUNDS):
        for row, (mix, _) in enumerate(space.queries):
            for size in sizes:
                one = asked[size][row]
                body = one.body(size)
                started = perf_counter()
                answer = node.elastic.search(index=_name(pattern, size), body=body)
                times[size][turn, row] = 1000 * (perf_counter() - started)
                if turn == 0:
                    recalls[size, mix].append(one.recall(answer))
    slowest = {}
    for size in sizes:
        name = f"index_lists.{pattern}.{size}"
        for label, value in node.size(_name(pattern, size)).items():
            unit = "segments" if label == "segments" else "bytes/document"
            emit(Figure(f"{name}.{label}", value, None, None, unit))
        every = [one for mix in MIXES for one in recalls[size, mix]]
        emit(resampled(f"{name}.all", np.mean, (every,), "share of the top 10"))
        for mix in MIXES:
            found = recalls[size, mix]
            emit(resampled(f"{name}.{mix}", np.mean, (found,), "share of the top 10", "≥ 0.97"))
        middle = np.median(times[size], axis=0)
        for share in (50, 95):
            emit(Figure(f"{name}.p{share}", float(np.percentile(middle, share)), None, None, "ms"))
        slowest[size] = middle
        if size > sizes[0]:
            pair = (middle, slowest[sizes[0]])
            emit(resampled(f"{name}.p95_ratio", _slowest, pair, f"× of {sizes[0]}", "≤ 2"))


def _slowest(one: Floats, other: Floats) -> float:
    return float(np.percentile(one, 95) / np.percentile(other, 95))


def _exact(space: Space, size: int, pattern: str) -> list[_Asked]:
    fused = [query for _, query in space.queries]
    best = np.full((len(fused), TOP), -np.inf)
    drawn = space.groups(size, pattern)
    while some := list(islice(drawn, _GROUPS)):
        features = np.concatenate([one.features for one in some])
        has = {part: np.concatenate([one.has[part] for one in some]) for part in MODALITIES}
        scores = exact(fused, features, has)
        best = np.partition(np.concatenate([best, scores], axis=1), -TOP, axis=1)[:, -TOP:]
    tenth = best.min(axis=1)
    pairs = zip(space.queries, tenth, strict=True)
    return [_Asked(mix, query, float(least)) for (mix, query), least in pairs]


def exact(queries: Sequence[FusedQuery], features: Vectors, has: Mapping[Modality, Any]) -> Floats:
    """Scores of every item, float64 (queries, n); -1 for those that share nothing with a query."""
    total = np.zeros((len(queries), len(features)))
    mass = np.zeros_like(total)
    blocks = queries[0].layout
    for block in blocks.blocks:
        asked = [
            (row, t) for row, q in enumerate(queries) for t in q.terms if t.block == block.name
        ]
        if not asked:
            continue
        own = features[:, blocks.slices[block.name]]
        present, filled = has[blocks.modalities[block.name]], own.any(axis=1)
        cosines = np.stack([term.vector for _, term in asked]) @ own.T
        for (row, term), found in zip(asked, cosines, strict=True):
            says = np.where(filled, term.bounds.rescale(found.astype(np.float64)), 0.0)
            total[row] += np.where(present, term.weight * says, 0.0)
            mass[row] += np.where(present, term.weight, 0.0)
    alpha = np.array([[query.alpha] for query in queries])
    scores: Floats = np.where(mass > 0, total / np.maximum(mass, TIE) ** alpha, -1.0)
    return scores


_ENCODED: Mapping[Modality, Sequence[str]] = {
    "text": ("semantic", "semantic"),
    "image": ("visual", "concept"),
    "audio": ("acoustic",),
}
"""Which block of a query part each of its terms in ``index_corpus`` holds."""


def _lines(group: Documents, blocks: Layout) -> Iterator[list[bytes]]:
    for start in range(0, len(group.ids), _TOGETHER):
        lines: list[bytes] = []
        for row in range(start, min(start + _TOGETHER, len(group.ids))):
            body = {"id": group.ids[row], "modalities": presence(group, row), "status": "indexed"}
            kept = divided({**body, "vector": group.features[row]}, blocks)
            lines += [orjson.dumps({"index": {"_id": group.ids[row]}}), orjson.dumps(kept)]
        yield lines
