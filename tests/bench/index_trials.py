"""Smaller questions about the index of fused vectors, each asked with all else equal.

Where exact features should lie, how often to refresh while writing, how many shards a node should
have, what ``num_candidates`` does beside oversampling, and what a filter that few documents pass
costs. One collection size; requests are timed in turns.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tests.bench.documents import Documents
from tests.bench.figures import Figure, emit, resampled, say
from tests.bench.index_corpus import Query, Stamps, tenth_best
from tests.bench.index_designs import CANDIDATES, Design
from tests.bench.index_node import Cost, Node, opened_node

_SIZE = 20_000
_QUERIES = 20
_ROUNDS = 2
_OVERSAMPLE = 30.0
_PLACES = ("source", "doc_value", "stored", "nowhere")
_INTERVALS = ("1s", "30s", "-1", "-1", "30s", "1s")
_SHARDS = (1, 2, 4)
_EXPLORED: Sequence[tuple[float, int]] = (
    *((5, 1), (5, 5), (5, 15), (5, 30), (5, 60)),
    *((30, 1), (30, 2), (30, 30), (30, 60)),
)
"""Oversampling, and num_candidates as a multiple of k."""
_GRAPHS: Mapping[str, Mapping[str, int]] = {
    "default": {},  # m 16, ef_construction 100
    "denser": {"m": 32, "ef_construction": 200},
}
_STRATEGY = "index.dense_vector.hnsw_filter_heuristic"
_STOP_EARLY = "index.dense_vector.hnsw_enable_early_termination"
_WAYS: Mapping[str, Mapping[str, Any]] = {
    "acorn": {_STRATEGY: "acorn", _STOP_EARLY: False},
    "acorn_stops_early": {_STRATEGY: "acorn", _STOP_EARLY: True},
    "fanout": {_STRATEGY: "fanout", _STOP_EARLY: False},
}
"""How a graph is walked where a filter applies, and whether that ends before the list is full."""
_DEPTHS = (12.0, 30.0, 65.0)
_PASSING = (100, 300, 600, 1000, 3000, 10_000)

Body = Callable[[Query], dict[str, Any]]


def run(options: Namespace) -> None:
    """Run trials on a node of their own.

    ``options.sizes`` holds one size, ``options.which`` the names of trials; None is the default
    size, and all of them.
    """
    size = options.sizes[0] if options.sizes else _SIZE
    stamps = Stamps()
    with opened_node() as node:
        trials = _Trials(node, stamps.documents, stamps.queries(_QUERIES), size)
        for name in options.which or _TRIALS:
            say(f"trial: {name}")
            _TRIALS[name](trials)


class _Trials:
    def __init__(self, node: Node, real: Documents, queries: Sequence[Query], size: int) -> None:
        self._node = node
        self._real = real
        self._queries = queries
        self._size = size
        self._tenth = tenth_best(real, size, queries)

    def refresh(self) -> None:
        """How often to make new documents visible while writing; each interval there and back."""
        costs: dict[str, list[Cost]] = {interval: [] for interval in _INTERVALS}
        for interval in _INTERVALS:
            costs[interval].append(self._write("refresh", _FUSED, {"refresh_interval": interval}))
            segments = self._node.size("refresh")["segments"]
            self._emit(f"refresh.{interval}.segments", segments, "segments")
            self._node.drop("refresh")
        for interval, found in costs.items():
            rates = [self._size / cost.wall for cost in found]
            self._emit_range(f"refresh.{interval}.write_rate", rates, "documents/s")
            cpu = [1000 * cost.cpu / self._size for cost in found]
            self._emit_range(f"refresh.{interval}.write_cpu", cpu, "ms of the node/document")

    def places(self) -> None:
        """Where the exact features lie, and what the vector in the source would add."""
        designs = {place: Design(place, "int8_hnsw", features=place) for place in _PLACES}
        for name, design in designs.items():
            self._write(name, design, {})
        self._write("with_vector", _FUSED, {"index.mapping.exclude_source_vectors": False})
        for name in (*designs, "with_vector"):
            self._node.merge(name)
            self._emit(f"places.{name}.disk", self._node.size(name)["disk"], "bytes/document")
        self._times(
            "places",
            {name: (name, _bodies(design, _OVERSAMPLE)) for name, design in designs.items()},
        )
        for name in (*designs, "with_vector"):
            self._node.drop(name)

    def shards(self) -> None:
        """The same collection in more shards, which each compare as many vectors as one would."""
        for count in _SHARDS:
            self._write(f"shards-{count}", _FUSED, {"number_of_shards": count})
        whole = {f"shards-{count}": _bodies(_FUSED, _OVERSAMPLE) for count in _SHARDS}
        divided = {f"shards-{count}": _bodies(_FUSED, _OVERSAMPLE / count) for count in _SHARDS}
        for name, asked in (("shards_each", whole), ("shards_divided", divided)):
            self._times(name, {index: (index, body) for index, body in asked.items()})
        for count in _SHARDS:
            self._node.drop(f"shards-{count}")

    def explored(self) -> None:
        """Whether num_candidates matters once more vectors than that are compared exactly."""
        self._write("explored", _FUSED, {})
        self._node.merge("explored")
        self._times(
            "explored",
            {
                f"oversample_{oversample:g}.candidates_{explore}k": (
                    "explored",
                    _bodies(_FUSED, oversample, num_candidates=explore * CANDIDATES),
                )
                for oversample, explore in _EXPLORED
            },
        )
        self._node.drop("explored")

    def graphs(self) -> None:
        """Denser graphs, and other ways to walk them, in one segment: the hardest case."""
        for name, options in _GRAPHS.items():
            cost = self._write(name, Design(name, "int8_hnsw", options=options), {})
            cpu = cost.cpu + self._node.merge(name).cpu
            unit = "ms of the node/document"
            self._emit(f"graphs.{name}.write_and_merge_cpu", 1000 * cpu / self._size, unit)
            self._emit(f"graphs.{name}.disk", self._node.size(name)["disk"], "bytes/document")
        for way, settings in _WAYS.items():
            for name in _GRAPHS:
                self._node.elastic.indices.put_settings(index=name, settings=settings)
            asked = {
                f"{name}.oversample_{depth:g}": (name, _bodies(_FUSED, depth))
                for name in _GRAPHS
                for depth in _DEPTHS
            }
            self._times(f"graphs.{way}", asked)
        for name in _GRAPHS:
            self._node.drop(name)

    def filter(self) -> None:
        """Vectors looked at when so many documents pass a filter: all of them is exact search."""
        self._write("filter", _FUSED, {})
        self._node.merge("filter")
        draw = np.random.default_rng(1)
        for passing in (count for count in _PASSING if count <= self._size):
            chosen = draw.choice(self._size, passing, replace=False)
            ids = {"ids": {"values": [f"s{row}" for row in chosen]}}
            for oversample in (1.0, 5.0, _OVERSAMPLE):
                looked_at = [
                    self._node.looked_at("filter", _knn(query, oversample, ids))
                    for query in self._queries
                ]
                name = f"filter.passing_{passing}.oversample_{oversample:g}.looked_at"
                self._emit_range(name, looked_at, "vectors")
        self._node.drop("filter")

    def _write(self, index: str, design: Design, settings: Mapping[str, Any]) -> Cost:
        self._node.create(index, design, settings)
        return self._node.write(index, design, self._real, self._size)

    def _times(self, trial: str, asked: Mapping[str, tuple[str, Body]]) -> None:
        """Recall and time of some ways to ask, in turns; ratios to the first."""
        times = {name: np.zeros((_ROUNDS, len(self._queries))) for name in asked}
        for turn in range(_ROUNDS):
            for row, query in enumerate(self._queries):
                for name, (index, body) in asked.items():
                    times[name][turn, row] = self._node.seconds(index, body(query))
        middle = {name: 1000 * np.median(rounds, axis=0) for name, rounds in times.items()}
        first = next(iter(middle.values()))
        for name, (index, body) in asked.items():
            label = self._name(f"{trial}.{name}")
            emit(resampled(f"{label}.time", np.median, (middle[name],), "ms"))
            emit(resampled(f"{label}.time_ratio", _median_ratio, (middle[name], first), "×"))
            recalls = [
                self._node.recall(index, query, tenth, body(query))
                for query, tenth in zip(self._queries, self._tenth, strict=True)
            ]
            emit(resampled(f"{label}.recall", np.mean, (recalls,), "share of the top 10"))
            self._emit(f"{trial}.{name}.worst_recall", self._worst(recalls), "share of the top 10")

    def _worst(self, recalls: Sequence[float]) -> float:
        """The mean recall of the mix that has the lowest."""
        by_mix: dict[str, list[float]] = {}
        for query, recall in zip(self._queries, recalls, strict=True):
            by_mix.setdefault(query.mix, []).append(recall)
        return min(float(np.mean(found)) for found in by_mix.values())

    def _emit(self, name: str, value: float, unit: str) -> None:
        emit(Figure(self._name(name), value, None, None, unit))

    def _emit_range(self, name: str, values: Sequence[float], unit: str) -> None:
        emit(Figure(self._name(name), float(np.median(values)), min(values), max(values), unit))

    def _name(self, name: str) -> str:
        return f"index_trials.{self._size}.{name}"


_FUSED = Design("fused", "int8_hnsw")

_TRIALS: Mapping[str, Callable[[_Trials], None]] = {
    "graphs": _Trials.graphs,
    "explored": _Trials.explored,
    "filter": _Trials.filter,
    "places": _Trials.places,
    "shards": _Trials.shards,
    "refresh": _Trials.refresh,
}


def _bodies(design: Design, oversample: float, **more: Any) -> Body:
    return lambda query: design.body(query, oversample, **more)


def _knn(query: Query, oversample: float, passing: Mapping[str, Any]) -> dict[str, Any]:
    """A kNN search whose profile counts the vectors: the kNN query does not have one."""
    return {
        "knn": {
            "field": "vector",
            "query_vector": query.vector,
            "k": CANDIDATES,
            "num_candidates": CANDIDATES,
            "rescore_vector": {"oversample": oversample},
            "filter": passing,
        },
        "profile": True,
        "_source": False,
    }


def _median_ratio(found: Any, first: Any) -> float:
    return float(np.median(found / first))
