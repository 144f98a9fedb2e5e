"""How well search answers judged queries: by one signal, by all of a query, by each fusion.

Items and queries take the steps of an engine. Only the held-out half of the queries is used:
weights are tuned on the other half. Intervals are the 2.5 and 97.5 % points of a bootstrap over
queries; comparisons are paired by query.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from triptych.engine import Engine
from triptych.evaluation.galleries import (
    COLLECTION,
    LOSSES,
    encode_items,
    fill,
    label,
    losing,
)
from triptych.evaluation.judged import Judged
from triptych.evaluation.metrics import Floats, interval
from triptych.evaluation.queries import EncodedQuery, answer, encode_queries, weights_of
from triptych.evaluation.ranking import METRICS, gain
from triptych.fusion.query import KEYWORD, WEIGHTS
from triptych.fusion.scores import Method

BEST_SINGLE = "nDCG@10 above the best single"
_MRR_DEPTH = 100
"""The last rank at which a first relevant item counts for MRR."""

SINGLES: Mapping[str, tuple[str, ...]] = {
    "keyword alone": (KEYWORD,),
    "text vector alone": ("text",),
    "text alone": (KEYWORD, "text"),
    "image alone": ("image",),
    "audio alone": ("audio",),
}
"""A query of several signals is compared with each of its signals, and with its whole text."""


@dataclass(frozen=True)
class Figure:
    """One figure of a kind of queries on a gallery."""

    set: str
    gallery: str
    kind: str
    fusion: str
    """How all signals of the query are fused; or the only signals in use."""
    metric: str
    value: float
    low: float
    high: float
    queries: int


@dataclass
class _Ranked:
    """The values of each metric per query, by the name of the ranking; in the order of queries."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, name: str, ranking: Sequence[int], grades: Sequence[int]) -> None:
        for metric, measure in METRICS.items():
            self.values.setdefault(name, {}).setdefault(metric, []).append(measure(ranking, grades))

    def array(self, name: str, metric: str) -> Floats:
        return np.array(self.values[name][metric])


def evaluate(judged: Judged, engine: Engine, methods: Sequence[Method]) -> Iterator[Figure]:
    """Yield figures gallery by gallery. Uses and drops the engine's collection ``judged``.

    Raises:
        InvalidInput: an item or query of the set can't be encoded.
        IndexUnavailable, WeightsError: as index and encoders do.
    """
    gallery = encode_items(engine, judged.items)
    queries = encode_queries(engine, judged.of("held-out"))
    for loss in LOSSES:
        fill(engine, losing(gallery, loss))
        try:
            for kind, group in _by_kind(queries):
                ranked = _Ranked()
                for query in group:
                    _search(engine, query, judged.grades[query.query.id], methods, ranked)
                for fusion, metric, values in _figures(ranked, methods):
                    yield Figure(
                        judged.name, label(loss), kind, fusion, metric, *values, len(group)
                    )
        finally:
            engine.index.drop(COLLECTION)


def _by_kind(
    queries: Iterable[EncodedQuery],
) -> Iterator[tuple[str, list[EncodedQuery]]]:
    ordered = sorted(queries, key=lambda query: query.query.kind)
    for kind, group in groupby(ordered, key=lambda query: query.query.kind):
        yield kind, list(group)


def _search(
    engine: Engine,
    query: EncodedQuery,
    grades: Mapping[str, int],
    methods: Sequence[Method],
    ranked: _Ranked,
) -> None:
    """Search by all signals, fused in each way, and by each single."""
    singles = {name: signals for name, signals in SINGLES.items() if _is_part(signals, query)}
    for name, signals in {"": query.signals, **singles}.items():
        weighted = query.encoded.weighted(weights_of(signals) if name else WEIGHTS)
        for method in ("linear",) if name else methods:
            results, ranking = answer(engine.index, weighted, method, _MRR_DEPTH)
            ids = [results.matches[one.index].candidate.id for one in ranking]
            ranked.add(name or method, [grades.get(item, 0) for item in ids], [*grades.values()])


def _is_part(signals: Sequence[str], query: EncodedQuery) -> bool:
    """Whether a query has these signals, and others besides."""
    return set(signals) < set(query.signals)


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
            (ranked.array(name, "nDCG@10") for name in singles),
            key=lambda values: float(values.mean()),
        )
        for method in methods:
            yield method, BEST_SINGLE, gain(ranked.array(method, "nDCG@10"), best)
