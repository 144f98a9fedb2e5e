"""How to keep fused vectors: several designs, the same documents, the same exact answers.

For each collection size and design: recall at ten for every mix of query parts, at the least
oversampling that holds ``_GOAL`` for all of them, the time of a search there, bytes, and what
writing and merging cost. It takes long, so it runs only when it is asked for by name.
"""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from tests.bench.documents import Documents
from tests.bench.figures import Figure, Floats, emit, resampled, say
from tests.bench.index_corpus import MIXES, Query, Stamps, tenth_best
from tests.bench.index_designs import DESIGNS, Design
from tests.bench.index_node import Cost, Node, opened_node

SIZES = (20_000, 100_000)

_QUERIES = 30
_GOAL = 0.97
_LEVELS = (3, 5, 8, 12, 20, 30, 45, 65, 100, 150, 250, 450)
_MERGED_UP_TO = 100_000
"""Larger collections are measured in the segments that writing leaves."""
_ROUNDS = 3


def run(options: Namespace) -> None:
    """Build every design at every size on a node of its own, one size after the other.

    ``options.sizes`` and ``options.which`` (names of designs) choose among them; None is all.
    """
    designs = [DESIGNS[name] for name in options.which or DESIGNS]
    stamps = Stamps()
    say("encoding the stamps")
    real, queries = stamps.documents, stamps.queries(_QUERIES)
    with opened_node() as node:
        for size in options.sizes or SIZES:
            _Size(node, real, queries, size).measure(designs)


class _Size:
    """Collections of one size, an index per design that is named like it."""

    def __init__(self, node: Node, real: Documents, queries: Sequence[Query], size: int) -> None:
        self._node = node
        self._real = real
        self._queries = queries
        self._size = size
        say(f"{size} documents: exact scores")
        self._tenth = tenth_best(real, size, queries)

    def measure(self, designs: Sequence[Design]) -> None:
        """Write, ask, merge, ask again, delete."""
        indexes = {design.index: design for design in designs}
        for index, design in indexes.items():
            say(f"{self._size} documents: writing {index}")
            self._node.create(index, design, {})
            cost = self._node.write(index, design, self._real, self._size)
            self._emit(f"{index}.write_rate", self._size / cost.wall, "documents/s")
            self._emit_cpu(f"{index}.write", cost)
        self._ask("written", designs)
        if self._size <= _MERGED_UP_TO:
            for index in indexes:
                say(f"{self._size} documents: merging {index}")
                cost = self._node.merge(index)
                self._emit(f"{index}.merge", cost.wall, "s")
                self._emit_cpu(f"{index}.merge", cost)
            self._ask("merged", designs)
        for index in indexes:
            self._node.drop(index)

    def _ask(self, state: str, designs: Sequence[Design]) -> None:
        chosen = {design.name: self._least(state, design) for design in designs}
        self._times(state, designs, chosen)
        for index in {design.index: None for design in designs}:
            for name, value in self._node.size(index).items():
                unit = "segments" if name == "segments" else "bytes/document"
                self._emit(f"{state}.{index}.{name}", value, unit)
        for name, value in self._node.memory().items():
            self._emit(f"{state}.node.{name}", value, "MiB")

    def _least(self, state: str, design: Design) -> float:
        """The least oversampling at which every mix has the recall wanted, or the largest."""
        for level in _LEVELS:
            found = self._recalls(design, level)
            for mix, recalls in found.items():
                name = f"{state}.{design.name}.oversample_{level}.recall.{mix}"
                self._emit_all(name, recalls, "share of the top 10", f"≥ {_GOAL}")
            means = {mix: float(np.mean(recalls)) for mix, recalls in found.items()}
            worst, low = min(means.items(), key=itemgetter(1))
            say(f"{state} {design.name}, oversample {level}: {low:.3f} ({worst})")
            if low >= _GOAL:
                break
        self._emit(f"{state}.{design.name}.oversample", float(level), "×")
        self._emit(f"{state}.{design.name}.worst_recall", low, "share of the top 10")
        return level

    def _recalls(self, design: Design, level: float) -> dict[str, list[float]]:
        found = defaultdict(list)
        for query, tenth in zip(self._queries, self._tenth, strict=True):
            body = design.body(query, level)
            found[query.mix].append(self._node.recall(design.index, query, tenth, body))
        return found

    def _times(self, state: str, designs: Sequence[Design], chosen: dict[str, float]) -> None:
        """Search with all designs in turns; the median of each query, and ratios to the first."""
        times = {design.name: np.zeros((_ROUNDS, len(self._queries))) for design in designs}
        for turn in range(_ROUNDS):
            for row, query in enumerate(self._queries):
                for design in designs:
                    body = design.body(query, chosen[design.name])
                    times[design.name][turn, row] = self._node.seconds(design.index, body)
        middle = {name: 1000 * np.median(rounds, axis=0) for name, rounds in times.items()}
        first = middle[designs[0].name]
        for name, found in middle.items():
            for mix in MIXES:
                rows = [row for row, query in enumerate(self._queries) if query.mix == mix]
                self._emit_all(f"{state}.{name}.time.{mix}", found[rows], "ms")
            self._emit_all(f"{state}.{name}.time", found, "ms")
            ratio = resampled(
                self._name(f"{state}.{name}.time_over_{designs[0].name}"),
                _median_ratio,
                (found, first),
                "×",
            )
            emit(ratio)
        for design in designs:
            bodies = [design.body(query, chosen[design.name]) for query in self._queries]
            cpu = 1000 * self._node.search_cpu(design.index, bodies)
            self._emit(f"{state}.{design.name}.cpu", cpu, "ms of the node/search")

    def _emit_cpu(self, name: str, cost: Cost) -> None:
        self._emit(f"{name}_cpu", 1000 * cost.cpu / self._size, "ms of the node/document")

    def _emit_all(
        self, name: str, values: Sequence[float] | Floats, unit: str, goal: str | None = None
    ) -> None:
        statistic = np.median if unit == "ms" else np.mean
        emit(resampled(self._name(name), statistic, (values,), unit, goal))

    def _emit(self, name: str, value: float, unit: str) -> None:
        emit(Figure(self._name(name), value, None, None, unit))

    def _name(self, name: str) -> str:
        return f"index_design.{self._size}.{name}"


def _median_ratio(found: Floats, first: Floats) -> float:
    return float(np.median(found / first))
