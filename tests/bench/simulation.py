"""How the pipeline grows to 64 image workers, each on a processor of its own: a simulation.

Chunks pass one station after the other. A station has so many servers, and a queue before it
without a bound, as the real ones have it up to 10,000 items. The costs are the processor times that
``--only scaling`` measured, so a server is a process with a processor to itself.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tests.bench.figures import Figure, emit, say

_ITEMS = 32
"""Items of a chunk."""
_CHUNKS = 4000
_SPREAD = 0.2
"""Standard deviation of a chunk's cost over its mean."""
_WORKERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Station:
    """One kind of process."""

    name: str
    milliseconds: float
    """Of a processor, for an item."""
    servers: int


def stations(image: int, *, planners: int, others: int, nodes: int) -> Sequence[Station]:
    """The way of an item of a photograph of 1,600 pixels and a sentence.

    Args:
        image: image workers.
        planners: planners that have work: a batch is planned by one at a time.
        others: text workers, and as many fusion workers.
        nodes: processors of Elasticsearch.
    """
    return (
        Station("plan", 1.8, planners),
        Station("image", 28.0, image),
        Station("text", 6.2, others),
        Station("fusion", 0.65, others),
        Station("Valkey", 0.1, 1),
        Station("Elasticsearch", 3.8, nodes),
    )


def run() -> None:
    """One of each other part as a laptop has them; then as many as the first bottleneck asks."""
    for workers in _WORKERS:
        _report("one", workers, stations(workers, planners=1, others=1, nodes=2))
    for workers in _WORKERS:
        share = max(1, workers // 4)
        grown = stations(workers, planners=1, others=share, nodes=max(2, workers // 4))
        _report("grown", workers, grown)
    for workers in _WORKERS:
        share = max(1, workers // 4)
        grown = stations(workers, planners=share, others=share, nodes=max(2, workers // 4))
        _report("batches", workers, grown)


def _report(name: str, workers: int, way: Sequence[Station]) -> None:
    rate, busy = simulate(way)
    first = max(busy, key=lambda station: busy[station])
    say(f"{name}, {workers} image workers: {rate:.0f} items/s; {first} is busy {busy[first]:.0%}")
    emit(Figure(f"simulation.{name}.{workers}", rate, None, None, "items/s", first))


def simulate(way: Sequence[Station], seed: int = 1) -> tuple[float, dict[str, float]]:
    """Items a second once every station has begun, and how busy each station is."""
    draw = np.random.default_rng(seed)
    shape = 1 / _SPREAD**2
    arrivals: Iterator[float] = iter([0.0] * _CHUNKS)
    busy: dict[str, float] = {}
    ends: list[float] = []
    for station in way:
        free = [0.0] * station.servers
        costs = station.milliseconds / 1000 * _ITEMS * draw.gamma(shape, 1 / shape, _CHUNKS)
        ends = []
        for arrival, cost in zip(arrivals, costs, strict=True):
            end = max(arrival, heapq.heappop(free)) + cost
            heapq.heappush(free, end)
            ends.append(end)
        busy[station.name] = float(costs.sum()) / station.servers
        ends.sort()
        arrivals = iter(ends)
    whole = ends[-1]
    return _ITEMS * _CHUNKS / whole, {name: seconds / whole for name, seconds in busy.items()}
