"""Weights, shares, bounds and alpha by measurement: the best ones on the training half.

First the bounds: floors and ceilings are quantiles of the cosines of pairs that are not related and
of pairs that are, by each comparison, over the queries of one part. Then a coordinate search over
few, round values, from the present ones. It maximises the mean nDCG@10 over kinds of queries and
galleries, less the mean shortfall below the best single. Few parameters keep the held-out half,
which is only looked at in the end, as good.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.encoders.scales import Bounds
from triptych.engine import Engine
from triptych.evaluation.galleries import (
    COLLECTION,
    LOSSES,
    fill,
    label,
    losing,
)
from triptych.evaluation.judged import HALVES, Half
from triptych.evaluation.metrics import interval
from triptych.evaluation.queries import EncodedSet
from triptych.evaluation.ranking import gain
from triptych.evaluation.search import SINGLES
from triptych.evaluation.table import (
    ComparisonKey,
    Floats,
    Group,
    Parameters,
    groups,
    ndcg,
    scores,
)
from triptych.fusion.blocks import Layout
from triptych.fusion.query import ALPHA, COMPARISONS, WEIGHTS, bounds

_ALPHAS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
_FACTORS = (0.5, 0.7, 1.4, 2.0)
_ROUND = 0.05
_UNRELATED = (0.25, 0.5, 0.75, 0.9)
_RELATED = (0.5, 0.75, 0.9, 0.99)
_LEAST_GAIN = 2e-4
"""A smaller gain is no reason to change anything."""
_SWEEPS = 2

Groups = Mapping[Half, Sequence[Group]]


@dataclass(frozen=True)
class Quantiles:
    """The cosines of one comparison."""

    comparison: ComparisonKey
    unrelated: tuple[float, ...]
    """25, 50, 75 and 90 % of the cosines of items without a grade are below these."""
    related: tuple[float, ...]
    """50, 75, 90 and 99 % of the cosines of graded items are below these."""


def tabulate(encoded: EncodedSet, engine: Engine) -> Groups:
    """Compute the tables of both halves. Uses and drops the engine's collection ``judged``."""
    tables: dict[Half, list[Group]] = {half: [] for half in HALVES}
    for loss in LOSSES:
        poorer = losing(encoded.gallery, loss)
        fill(engine, poorer)
        try:
            for half in HALVES:
                tables[half] += groups(
                    label(loss),
                    poorer,
                    encoded.queries[half],
                    encoded.judged.grades,
                    engine.index,
                )
        finally:
            engine.index.drop(COLLECTION)
    return tables


def present(layout: Layout) -> Parameters:
    """The parameters that the code has."""
    blocks = {block.name: block for block in layout.blocks}
    compared = [
        (part, entry)
        for part, comparisons in COMPARISONS.items()
        for entry in comparisons
        if entry.query_block in blocks and entry.item_block in blocks
    ]
    return Parameters(
        weights=WEIGHTS,
        shares={(part, e.query_block, e.item_block): e.share for part, e in compared},
        bounds={
            (e.query_block, e.item_block): bounds(blocks[e.query_block], blocks[e.item_block])
            for _, e in compared
        },
        alpha=ALPHA,
    )


def quantiles(tables: Sequence[Group]) -> list[Quantiles]:
    """The quantiles of each comparison, over the queries of one part on the whole gallery."""
    cosines: dict[ComparisonKey, tuple[list[Vectors], list[Vectors]]] = {}
    for group in tables:
        parts = {part for part, _, _ in group.cosines}
        if len(parts) > 1 or group.gallery != label(0.0):
            continue
        for key, cosine in group.cosines.items():
            has = group.present[group.layout.parts[key[2]]]
            unrelated, related = cosines.setdefault(key, ([], []))
            unrelated.append(cosine[:, has][group.grades[:, has] == 0])
            related.append(cosine[:, has][group.grades[:, has] > 0])
    return [
        Quantiles(key, _points(unrelated, _UNRELATED), _points(related, _RELATED))
        for key, (unrelated, related) in cosines.items()
        if sum(map(len, related))
    ]


def _points(cosines: Sequence[Vectors], fractions: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, np.quantile(np.concatenate(cosines), fractions)))


def values(tables: Sequence[Group], parameters: Parameters) -> dict[tuple[str, str], Floats]:
    """nDCG@10 of each query by all of its signals, by gallery and kind."""
    return _pooled(tables, lambda group: ndcg(group, scores(group, parameters, group.signals)))


def singles(tables: Sequence[Group], parameters: Parameters) -> dict[tuple[str, str], float]:
    """The mean nDCG@10 of the best single, by gallery and kind; kinds of one signal have none."""
    best: dict[tuple[str, str], float] = {}
    for signals in SINGLES.values():
        able = [group for group in tables if set(signals) < set(group.signals)]
        pooled = _pooled(able, lambda group: ndcg(group, scores(group, parameters, signals)))  # noqa: B023
        for key, each in pooled.items():
            best[key] = max(best.get(key, 0.0), float(each.mean()))
    return best


def _pooled(
    tables: Sequence[Group], measure: Callable[[Group], Floats]
) -> dict[tuple[str, str], Floats]:
    pooled: dict[tuple[str, str], list[Floats]] = {}
    for group in tables:
        pooled.setdefault((group.gallery, group.kind), []).append(measure(group))
    return {key: np.concatenate(each) for key, each in pooled.items()}


def objective(
    tables: Sequence[Group], parameters: Parameters, best: Mapping[tuple[str, str], float]
) -> float:
    """The mean nDCG@10 over kinds and galleries, less the mean shortfall below the best single."""
    means = {key: float(each.mean()) for key, each in values(tables, parameters).items()}
    below = [max(0.0, best.get(key, 0.0) - mean) for key, mean in means.items()]
    return float(np.mean(list(means.values())) - np.mean(below))


def tune(tables: Sequence[Group]) -> Parameters:
    """The best parameters on these groups: a coordinate search from those that the code has."""
    chosen = present(tables[0].layout)
    best = singles(tables, chosen)
    reached = objective(tables, chosen, best)
    steps = list(_steps(tables))
    for _ in range(_SWEEPS):
        before = reached
        for step in steps:
            for candidate in step(chosen):
                value = objective(tables, candidate, best)
                if value > reached + _LEAST_GAIN:
                    chosen, reached = candidate, value
        if reached == before:
            break
    return chosen


Step = Callable[[Parameters], Iterator[Parameters]]


def _steps(tables: Sequence[Group]) -> Iterator[Step]:
    """One coordinate each: the bounds, alpha, the weights, the shares."""
    measured = quantiles(tables)
    yield from (partial(_other_bounds, measured=each) for each in measured)
    yield lambda parameters: (replace(parameters, alpha=alpha) for alpha in _ALPHAS)
    signals = {signal for group in tables for signal in group.signals}
    yield from (partial(_other_weights, name=name) for name in sorted(signals - {"text"}))
    compared = dict.fromkeys(key for group in tables for key in group.cosines)
    yield from (partial(_other_shares, key=key) for key in compared if _is_second(key))


def _is_second(key: ComparisonKey) -> bool:
    """Whether a comparison is not the first of its part, the share of which is 1."""
    return key[1:] != (COMPARISONS[key[0]][0].query_block, COMPARISONS[key[0]][0].item_block)


def _other_bounds(parameters: Parameters, measured: Quantiles) -> Iterator[Parameters]:
    """Another floor, or another ceiling."""
    pair = measured.comparison[1:]
    now = parameters.bounds[pair]
    floors = {Bounds(_rounded(cosine), now.ceiling) for cosine in measured.unrelated}
    ceilings = {Bounds(now.floor, _rounded(cosine)) for cosine in measured.related}
    for candidate in sorted(floors | ceilings, key=lambda each: (each.floor, each.ceiling)):
        if candidate.floor < candidate.ceiling:
            yield replace(parameters, bounds={**parameters.bounds, pair: candidate})


def _other_weights(parameters: Parameters, name: str) -> Iterator[Parameters]:
    for factor in _FACTORS:
        weight = round(parameters.weights[name] * factor, 2)
        yield replace(parameters, weights={**parameters.weights, name: weight})


def _other_shares(parameters: Parameters, key: ComparisonKey) -> Iterator[Parameters]:
    for factor in _FACTORS:
        yield replace(
            parameters, shares={**parameters.shares, key: round(parameters.shares[key] * factor, 2)}
        )


def _rounded(cosine: float) -> float:
    return float(np.clip(round(round(cosine / _ROUND) * _ROUND, 2), -1, 1))


def compared(
    tables: Sequence[Group], now: Parameters, tuned: Parameters
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Yield the mean over queries and galleries now, as tuned, and their difference."""
    before, after = (np.concatenate(list(values(tables, each).values())) for each in (now, tuned))
    yield "now", interval(before)
    yield "tuned", interval(after)
    yield "difference", gain(after, before)


def changes(now: Parameters, tuned: Parameters, layout: Layout) -> Iterator[str]:
    """The parameters that would be better, by their names in the code."""
    if tuned.alpha != now.alpha:
        yield f"ALPHA: {now.alpha} → {tuned.alpha}"
    for name, weight in tuned.weights.items():
        if weight != now.weights[name]:
            yield f"WEIGHTS, {name}: {now.weights[name]} → {weight}"
    for (part, query_block, item_block), share in tuned.shares.items():
        if share != now.shares[part, query_block, item_block]:
            was = now.shares[part, query_block, item_block]
            yield f"COMPARISONS, {part}, {query_block} with {item_block}: {was} → {share}"
    cards = {block.name: block.card.name for block in layout.blocks}
    for (query_block, item_block), bound in tuned.bounds.items():
        if bound != now.bounds[query_block, item_block]:
            pair = f"{cards[query_block]} with {cards[item_block]}"
            yield f"scale of {pair}: {now.bounds[query_block, item_block]} → {bound}"
