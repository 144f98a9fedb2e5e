"""Whether a new strategy may take the place of an old one: both answer the same trials."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triptych.core.errors import Conflict
from triptych.fusion.measures import RESAMPLES, Floats, interval, ranks
from triptych.fusion.strategies.strategy import Strategy
from triptych.fusion.strategies.trials import Trial

ALL = "all"
"""The mean over kinds, each of the same weight."""


@dataclass(frozen=True)
class Gain:
    """What a kind of trials has of a new strategy: mean reciprocal ranks and their difference."""

    kind: str
    old: float
    new: float
    gain: float
    low: float
    """The 2.5 % point of the paired bootstrap over queries; ``high``, the 97.5 % point."""
    high: float
    queries: int


def reciprocal_ranks(strategy: Strategy, trial: Trial) -> Floats:
    """One over the rank of the first right item of each query."""
    found: Floats = 1 / ranks(strategy.scores(trial.queries, trial.items), trial.relevant)
    return found


def found(strategy: Strategy, trials: Sequence[Trial]) -> float:
    """The mean over kinds of trials of the mean reciprocal rank."""
    return float(np.mean([reciprocal_ranks(strategy, trial).mean() for trial in trials]))


def compare(old: Strategy, new: Strategy, trials: Sequence[Trial]) -> list[Gain]:
    """The gain of each kind of trials, and of all together.

    Trials must be of items that neither strategy was fitted on.
    """
    values = [(reciprocal_ranks(old, trial), reciprocal_ranks(new, trial)) for trial in trials]
    gains = [
        Gain(trial.kind, float(a.mean()), float(b.mean()), *interval(b - a), len(a))
        for trial, (a, b) in zip(trials, values, strict=True)
    ]
    return [*gains, _overall(values)]


def _overall(kinds: Sequence[tuple[Floats, Floats]]) -> Gain:
    """The mean over kinds: queries are drawn anew within each."""
    random = np.random.default_rng(0)
    drawn = np.mean([_resampled(b - a, random) for a, b in kinds], axis=0)
    old, new = (float(np.mean([each[side].mean() for each in kinds])) for side in (0, 1))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Gain(ALL, old, new, new - old, float(low), float(high), sum(len(a) for a, _ in kinds))


def _resampled(values: Floats, random: np.random.Generator) -> Floats:
    picked = random.integers(0, len(values), (RESAMPLES, len(values)))
    means: Floats = values[picked].mean(axis=1)
    return means


def surely_worse(gains: Sequence[Gain]) -> list[Gain]:
    """The kinds of trials in which the new strategy is worse beyond doubt."""
    return [gain for gain in gains if gain.high < 0]


def check_gains(name: str, gains: Sequence[Gain]) -> None:
    """Refuse a strategy that is surely worse.

    Raises:
        Conflict: in a kind of trials, or over all, even the upper bound of its gain is below zero.
    """
    worse = [
        f"{gain.kind} ({gain.old:.3f} → {gain.new:.3f}, {gain.low:+.3f} to {gain.high:+.3f})"
        for gain in surely_worse(gains)
    ]
    if worse:
        raise Conflict(
            f"{name} finds surely less than the present strategy: {', '.join(worse)}; "
            "it is not activated"
        )
