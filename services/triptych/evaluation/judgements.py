"""How many judged queries it takes to tune a weight for each part of queries.

The weights of the sum (``linear``) are chosen anew: of all mixes of the parts of a query, in steps
of a twentieth (a tenth for three parts), the one that is best on a few queries of the training
half. The words of a text keep half of its weight. Among equals the mix next to the default is
taken, where every part counts the same. The held-out half tells what that gains over the default
and over ``auto``. Few judgements are enough for one weight, say Bruch et al. (An analysis of fusion
functions for hybrid retrieval, TOIS 2023).

The few are drawn 2,000 times, each time with another bootstrap of the held-out queries, so that
intervals hold both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from triptych.evaluation.fusions import Values
from triptych.evaluation.metrics import Floats
from triptych.evaluation.table import Group, ndcg, scores
from triptych.evaluation.tuning import Groups, present
from triptych.fusion.query import KEYWORD, WEIGHTS

SIZES = (5, 10, 20, 50, 100)
DRAWS = 2000
_STEPS = {2: 20, 3: 10}
"""By the number of parts how fine their mixes are."""


@dataclass(frozen=True)
class Tuned:
    """What tuning on so many judged queries gains, in nDCG@10 of held-out queries."""

    set: str
    gallery: str
    kind: str
    judged: int
    default: float
    auto: float
    value: float
    over_default: tuple[float, float, float]
    """The mean over draws, and the 2.5 and 97.5 % points."""
    over_auto: tuple[float, float, float]
    worse: float
    """The share of draws whose weights find less of all held-out queries than the default."""
    pool: int
    """Of how many queries they are drawn."""
    queries: int


def curves(tables: Groups, measured: Iterable[Values]) -> Iterator[Tuned]:
    """Yield the figures of every kind of queries that have several parts, by gallery."""
    for values in measured:
        training, held = (
            _by_mix([one for one in tables[half] if _is_of(one, values)])
            for half in ("training", "held-out")
        )
        if held is None or training is None:
            continue
        auto = dict(zip(values.queries, values.ways["auto"], strict=True))
        chosen_by = np.array([auto[query] for query in held.queries])
        pool = len(training.values)
        for size in (*(size for size in SIZES if size < pool), pool):
            yield _tuned(values, training, held, chosen_by, size)


def _is_of(group: Group, values: Values) -> bool:
    return (group.gallery, group.kind) == (values.gallery, values.kind)


@dataclass(frozen=True)
class _ByMix:
    """nDCG@10 of queries, by mix of their parts."""

    queries: Sequence[str]
    values: Floats
    """(queries, mixes), the default first."""


def _by_mix(groups: Sequence[Group]) -> _ByMix | None:
    """The values of a kind; None unless its queries have several parts."""
    parts = {part for group in groups for part, _, _ in group.cosines}
    if len(parts) not in _STEPS:
        return None
    several = mixes(sorted(parts))
    values = [np.stack([_values(group, mix) for mix in several], axis=1) for group in groups]
    return _ByMix([query for group in groups for query in group.queries], np.concatenate(values))


def _values(group: Group, mix: Mapping[str, float]) -> Floats:
    now = present(group.layout)
    weights = {**now.weights, **mix}
    weights[KEYWORD] = WEIGHTS[KEYWORD] * weights["text"]
    parameters = type(now)(weights, now.shares, now.bounds, now.alpha)
    return ndcg(group, scores(group, parameters, group.signals))


def mixes(parts: Sequence[str]) -> list[dict[str, float]]:
    """Weights of parts that sum to one, those next to equal ones first."""
    steps = _STEPS[len(parts)]
    whole = [
        np.array([*some, steps - sum(some)]) / steps
        for some in product(range(steps + 1), repeat=len(parts) - 1)
        if sum(some) <= steps
    ]
    equal = np.full(len(parts), 1 / len(parts))
    whole.sort(key=lambda mix: float(np.abs(mix - equal).max()))
    if not np.allclose(whole[0], equal):
        whole.insert(0, equal)
    return [dict(zip(parts, mix.tolist(), strict=True)) for mix in whole]


def _tuned(values: Values, training: _ByMix, held: _ByMix, auto: Floats, size: int) -> Tuned:
    random = np.random.default_rng(0)
    count = len(held.values)
    found, over_default, over_auto = np.zeros((3, DRAWS))
    resampled = np.zeros((2, DRAWS))
    for draw in range(DRAWS):
        some = random.choice(len(training.values), size, replace=False)
        mix = _best(training.values[some])
        gains = np.stack([held.values[:, mix] - held.values[:, 0], held.values[:, mix] - auto])
        found[draw] = held.values[:, mix].mean()
        over_default[draw], over_auto[draw] = gains.mean(axis=1)
        resampled[:, draw] = gains[:, random.integers(0, count, count)].mean(axis=1)
    bounds = np.percentile(resampled, [2.5, 97.5], axis=1)
    return Tuned(
        values.set,
        values.gallery,
        values.kind,
        size,
        float(held.values[:, 0].mean()),
        float(auto.mean()),
        float(found.mean()),
        (float(over_default.mean()), *bounds[:, 0].tolist()),
        (float(over_auto.mean()), *bounds[:, 1].tolist()),
        float((over_default < -_SAME).mean()),
        len(training.values),
        count,
    )


_SAME = 1e-9


def _best(values: NDArray[np.float64]) -> int:
    """The mix that is best on these queries; of equal ones the first, next to the default."""
    means = values.mean(axis=0)
    return int(np.flatnonzero(means >= means.max() - _SAME)[0])
