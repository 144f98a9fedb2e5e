"""How well search finds what was judged: by one signal, by all of a query, by each fusion.

Everything is as in a search of the gateway but HTTP: the same extractors, syntax, index request of
twenty candidates a list, and scores. Only the held-out half of the queries is asked; the other is
what weights are tuned on. Intervals are 2.5 to 97.5 % of a bootstrap over queries; what is compared
is compared query by query.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from triptych.engine import Engine
from triptych.evaluation.encoding import Encoded, Encoding
from triptych.evaluation.galleries import COLLECTION, LOSSES, fill, label, losing
from triptych.evaluation.judged import Judged
from triptych.evaluation.metrics import Floats, interval
from triptych.evaluation.ranking import METRICS, gain
from triptych.fusion.blocks import Layout
from triptych.fusion.query import KEYWORD, WEIGHTS, FusedQuery, fuse_query
from triptych.fusion.scores import Method, score
from triptych.index.model import IndexQuery, Words

BEST_SINGLE = "nDCG@10 above the best single"
_CANDIDATES = 20
_REACHED = 100
"""How far down a first right item counts for MRR."""

SINGLES: Mapping[str, tuple[str, ...]] = {
    "keyword alone": (KEYWORD,),
    "text vector alone": ("text",),
    "text alone": (KEYWORD, "text"),
    "image alone": ("image",),
    "audio alone": ("audio",),
}
"""What a query of several signals is held against: its signals one by one, and its whole text."""


@dataclass(frozen=True)
class Figure:
    """One figure of a kind of queries on a gallery."""

    set: str
    gallery: str
    kind: str
    fusion: str
    """linear, rrf or dbsf of all that the query has; or what alone is asked."""
    metric: str
    value: float
    low: float
    high: float
    queries: int


@dataclass
class _Ranked:
    """The values of each metric per query, by what was asked; in the order of the queries."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, name: str, found: Sequence[int], grades: Sequence[int]) -> None:
        for metric, measure in METRICS.items():
            self.values.setdefault(name, {}).setdefault(metric, []).append(measure(found, grades))

    def array(self, name: str, metric: str) -> Floats:
        return np.array(self.values[name][metric])


def evaluate(judged: Judged, engine: Engine, methods: Sequence[Method]) -> Iterator[Figure]:
    """Yield figures gallery by gallery. Uses and drops the engine's collection ``judged``.

    Raises:
        InvalidInput: something of the set can't be encoded.
        IndexUnavailable, WeightsError: as index and encoders do.
    """
    encoding = Encoding(engine)
    index = engine.index
    gallery = encoding.items(judged.items)
    queries = encoding.queries(judged.of("held-out"))
    for loss in LOSSES:
        fill(index, losing(gallery, loss))
        try:
            for kind, some in _by_kind(queries):
                ranked = _Ranked()
                for query in some:
                    _ask(engine, query, judged.grades[query.query.id], methods, ranked)
                for fusion, metric, values in _figures(ranked, methods):
                    yield Figure(judged.name, label(loss), kind, fusion, metric, *values, len(some))
        finally:
            index.drop(COLLECTION)


def _by_kind(queries: Iterable[Encoded]) -> Iterator[tuple[str, list[Encoded]]]:
    ordered = sorted(queries, key=lambda query: query.query.kind)
    for kind, some in groupby(ordered, key=lambda query: query.query.kind):
        yield kind, list(some)


def _ask(
    engine: Engine,
    query: Encoded,
    grades: Mapping[str, int],
    methods: Sequence[Method],
    ranked: _Ranked,
) -> None:
    """Ask by everything, fused in each way, and by each single."""
    given = [*query.vectors, *([KEYWORD] if query.words.should else [])]
    asked = {name: signals for name, signals in SINGLES.items() if _is_part(signals, given)}
    for name, signals in {"": tuple(given), **asked}.items():
        fused = fused_query(
            query, dict.fromkeys(WEIGHTS, 0.0) | {s: WEIGHTS[s] for s in signals}, engine.layout
        )
        words = query.words if KEYWORD in signals else Words()
        results = engine.index.search(COLLECTION, index_query(fused, words))
        candidates = [found.candidate for found in results.found]
        for method in ("linear",) if name else methods:
            scored = score(fused, candidates, method, _REACHED, explain=False)
            found = [grades.get(candidates[one.index].id, 0) for one in scored]
            ranked.add(name or method, found, list(grades.values()))


def _is_part(signals: Sequence[str], given: Sequence[str]) -> bool:
    """Whether a query has these signals, and others besides."""
    return set(signals) < set(given)


def fused_query(query: Encoded, weights: Mapping[str, float], layout: Layout) -> FusedQuery:
    """A query with these weights."""
    return fuse_query(query.vectors, weights, layout, words=query.words.labels)


def index_query(fused: FusedQuery, words: Words) -> IndexQuery:
    """The one request that is made of the index."""
    return IndexQuery(
        words=words, classes=fused.presence_classes(), candidates=_CANDIDATES, fields=["id"]
    )


def _figures(
    ranked: _Ranked, methods: Sequence[Method]
) -> Iterator[tuple[str, str, tuple[float, float, float]]]:
    """Each fusion's name, metric, and value between its bounds."""
    for name in ranked.values:
        for metric in METRICS:
            yield name, metric, interval(ranked.array(name, metric))
    singles = [name for name in SINGLES if name in ranked.values]
    if singles:
        best = max(
            (ranked.array(name, "nDCG@10") for name in singles), key=lambda one: float(one.mean())
        )
        for method in methods:
            yield method, BEST_SINGLE, gain(ranked.array(method, "nDCG@10"), best)
