"""The lists of neighbours that the product asks for: recall, time and bytes, by size and presence.

Documents and queries are those of ``index_design``. The mapping, the request and the scores are the
product's own. What is right is the exact score over all documents.
"""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from triptych.encoders.cards import Vectors
from triptych.fusion.query import WEIGHTS, FusedQuery, fuse_query
from triptych.index.elastic.mapping import mapping, settings
from triptych.index.elastic.neighbours import divided
from triptych.index.elastic.queries import search_body
from triptych.index.elastic.reading import read_results
from triptych.index.model import IndexQuery

SIZES = (20_000, 100_000)
PATTERNS: Mapping[str, Mapping[Modality, float]] = {
    "usual": {"text": 0.9, "image": 0.7, "audio": 0.3},
    "whole": {"text": 1.0, "image": 1.0, "audio": 1.0},
    "poor": {"text": 0.4, "image": 0.4, "audio": 0.4},
}
"""How likely an item has each part."""

_QUERIES = 10
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
        return search_body(self.request, layout(), documents=size)

    @property
    def request(self) -> IndexQuery:
        """What the index is asked."""
        blocks = sorted({term.block for term in self.fused.terms})
        classes = self.fused.presence_classes()
        return IndexQuery(classes=classes, candidates=_CANDIDATES, fields=(), blocks=blocks)

    def recall(self, answer: Any) -> float:
        """The share of the ten best that an answer has."""
        found = [m.candidate for m in read_results(self.request, answer, layout()).matches]
        features = np.stack([one.features for one in found]).astype(np.float32)
        has = {part: np.array([part in one.parts for one in found]) for part in MODALITIES}
        best = np.sort(exact(self.fused, features, has))[-TOP:]
        return float(np.sum(best >= self.tenth - TIE) / TOP)


def run(options: Namespace) -> None:
    """One size and one pattern after the other; ``options.which`` chooses patterns."""
    stamps = Stamps()
    queries = stamps.queries(_QUERIES)
    with opened_node() as node:
        for size in options.sizes or SIZES:
            for pattern in options.which or PATTERNS:
                _measure(node, stamps.documents, queries, size, pattern)


def _measure(
    node: Node, real: Documents, queries: Sequence[Query], size: int, pattern: str
) -> None:
    name = f"index_lists.{size}.{pattern}"
    say(f"{name}: exact scores")
    asked = _exact(real, queries, size, PATTERNS[pattern])
    say(f"{name}: writing")
    body = mapping(layout(), "0" * 16)
    node.elastic.indices.create(index=pattern, mappings=body, settings=settings(1, 0))
    for some in groups(real, size, PATTERNS[pattern]):
        for lines in _lines(some):
            if (answer := node.elastic.bulk(index=pattern, operations=lines))["errors"]:
                raise RuntimeError(f"not written: {answer['items'][0]}")
    node.settle(pattern)
    for state in ("written", "merged"):
        if state == "merged":
            node.merge(pattern)
        for label, value in node.size(pattern).items():
            unit = "segments" if label == "segments" else "bytes/document"
            emit(Figure(f"{name}.{state}.{label}", value, None, None, unit))
        _ask(node, pattern, size, asked, f"{name}.{state}")
    node.drop(pattern)


def _ask(node: Node, index: str, size: int, asked: Sequence[_Asked], name: str) -> None:
    recalls, times = defaultdict(list), np.zeros((_ROUNDS, len(asked)))
    for turn in range(_ROUNDS):
        for row, one in enumerate(asked):
            body = one.body(size)
            started = perf_counter()
            answer = node.elastic.search(index=index, body=body)
            times[turn, row] = 1000 * (perf_counter() - started)
            if turn == 0:
                recalls[one.mix].append(one.recall(answer))
    for mix, found in recalls.items():
        emit(resampled(f"{name}.{mix}", np.mean, (found,), "share of the top 10", "≥ 0.97"))
    middle = np.median(times, axis=0)
    for share in (50, 95):
        emit(Figure(f"{name}.p{share}", float(np.percentile(middle, share)), None, None, "ms"))


def _exact(
    real: Documents, queries: Sequence[Query], size: int, likely: Mapping[Modality, float]
) -> list[_Asked]:
    fused = [_fused(query) for query in queries]
    best = np.full((len(fused), TOP), -np.inf)
    drawn = groups(real, size, likely)
    while some := list(islice(drawn, _GROUPS)):
        features = np.concatenate([one.features for one in some])
        has = {part: np.concatenate([one.has[part] for one in some]) for part in MODALITIES}
        scores = np.stack([exact(query, features, has) for query in fused])
        best = np.partition(np.concatenate([best, scores], axis=1), -TOP, axis=1)[:, -TOP:]
    tenth = best.min(axis=1)
    return [_Asked(q.mix, f, float(t)) for q, f, t in zip(queries, fused, tenth, strict=True)]


def exact(query: FusedQuery, features: Vectors, has: Mapping[Modality, Any]) -> Floats:
    """The score of every item, float64 (n,); -1 for those that share nothing with the query."""
    total, mass = np.zeros(len(features)), np.zeros(len(features))
    for term in query.terms:
        block = features[:, layout().slices[term.block]]
        cosines = (block @ term.vector).astype(np.float64)
        says = np.where(block.any(axis=1), term.bounds.rescale(cosines), 0.0)
        present = has[layout().modalities[term.block]]
        total += np.where(present, term.weight * says, 0.0)
        mass += np.where(present, term.weight, 0.0)
    scores: Floats = np.where(mass > 0, total / np.maximum(mass, TIE) ** query.alpha, -1.0)
    return scores


_ENCODED: Mapping[Modality, Sequence[str]] = {
    "text": ("semantic", "semantic"),
    "image": ("visual", "concept"),
    "audio": ("acoustic",),
}
"""Which block of a query part each of its terms in ``index_corpus`` holds."""


def _fused(query: Query) -> FusedQuery:
    """The same query by the product's comparisons, slopes and weights."""
    terms = iter(query.terms)
    vectors = {
        part: {name: next(terms).vector for name in _ENCODED[part]} for part in MIXES[query.mix]
    }
    return fuse_query(vectors, {**WEIGHTS, **MIXES[query.mix]}, layout())


def _lines(group: Documents) -> Iterator[list[bytes]]:
    for start in range(0, len(group.ids), _TOGETHER):
        lines: list[bytes] = []
        for row in range(start, min(start + _TOGETHER, len(group.ids))):
            body = {"id": group.ids[row], "modalities": presence(group, row), "status": "indexed"}
            kept = divided({**body, "vector": group.features[row]}, layout())
            lines += [orjson.dumps({"index": {"_id": group.ids[row]}}), orjson.dumps(kept)]
        yield lines
