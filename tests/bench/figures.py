"""Figures: what a benchmark prints, and how sure it is of it."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RESAMPLES = 2000
_DIGITS = 4


@dataclass(frozen=True)
class Figure:
    """One measured value with its bounds; ``goal`` is for readers, as in "≥ 0.75"."""

    name: str
    value: float
    low: float | None
    high: float | None
    unit: str
    goal: str | None = None


def emit(figure: Figure) -> None:
    """Print a figure as one line of JSON."""
    rounded = {
        name: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for name, value in asdict(figure).items()
    }
    print(json.dumps(rounded, ensure_ascii=False), flush=True)


def say(text: str) -> None:
    """Tell a human how far it is."""
    print(text, file=sys.stderr, flush=True)


def extremes(name: str, values: Sequence[float], unit: str, goal: str | None = None) -> Figure:
    """The median of a few rounds, between the lowest and the highest."""
    return Figure(name, float(np.median(values)), min(values), max(values), unit, goal)


def resampled(
    name: str,
    statistic: Callable[..., Any],
    samples: Sequence[Sequence[float] | Floats],
    unit: str,
    goal: str | None = None,
) -> Figure:
    """A statistic of paired samples, between the 2.5 and 97.5 % points of its bootstrap.

    Row i of every sample belongs together (the same query, say), so rows are drawn together.
    """
    rows = [np.asarray(sample, np.float64) for sample in samples]
    draw = np.random.default_rng(1)
    drawn = [
        statistic(*(row[picked] for row in rows))
        for picked in draw.integers(0, len(rows[0]), (_RESAMPLES, len(rows[0])))
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(name, float(statistic(*rows)), float(low), float(high), unit, goal)


def in_turns(
    one: Callable[[], object],
    other: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Seconds of both, round by round; each is the first in every other round."""
    pairs = []
    for number in range(rounds):
        order = (one, other) if number % 2 else (other, one)
        times = {work: timed(work, clock) for work in order}
        pairs.append((times[one], times[other]))
    first, second = zip(*pairs, strict=True)
    return list(first), list(second)


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds by the clock: of the wall, or of this process."""
    start = clock()
    work()
    return clock() - start


def ratio_of_medians(ours: Floats, bare: Floats) -> float:
    """How many times as long ours takes."""
    return float(np.median(ours) / np.median(bare))
