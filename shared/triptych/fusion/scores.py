"""Score fusion: the signals of each candidate to one score, with its reasons.

``linear`` adds weighted, normalised scores. A cosine is rescaled to the bounds of its encoders.
BM25 has no upper bound, so it is divided by the best of the candidates, its theoretical minimum
being 0 (Bruch et al., An analysis of fusion functions for hybrid retrieval, TOIS 2023), and
multiplied by the share of the query's words that this best one has: else a query of which only one
word is anywhere would have a perfect match. ``rrf`` adds reciprocal ranks (Cormack et al., SIGIR
2009), scaled so that first everywhere is 1. ``dbsf`` scales each signal between three standard
deviations below and above its mean over the candidates (Mazzeschi, Distribution-based score
fusion, 2023). ``product`` demands all parts at once (``fusion.product``). ``auto`` is ``product``
where the parts of the query add to each other, else ``linear``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from triptych.fusion.product import Product, parts_add, positive_parts
from triptych.fusion.query import AGAINST, KEYWORD, FusedQuery
from triptych.fusion.signals import Candidate, Floats, Signal, measure

Fused = Literal["linear", "product", "rrf", "dbsf"]
"""How the signals of a search were combined."""
Method = Literal["auto", "linear", "product", "rrf", "dbsf"]
"""How they are to be combined."""
BySignal = Mapping[str, Floats]

RRF_K = 60
_DEVIATIONS = 3
_TWO = 2


@dataclass(frozen=True)
class Reason:
    """What one signal adds to one hit.

    The contribution is weight · normalised; of a ``product`` it is the signal's share of it.
    """

    raw: float
    normalised: float
    rank: int
    weight: float
    contribution: float
    blocks: Mapping[str, float] = field(default_factory=dict)
    """The cosine per block, where the signal is a vector."""
    words: Mapping[str, float] = field(default_factory=dict)
    """BM25 per word that matched, where the signal is words."""


@dataclass(frozen=True)
class Scored:
    """A candidate's index in ``candidates``, its score, and the reasons that sum to it."""

    index: int
    score: float
    fused: Fused
    """How all candidates were scored."""
    why: Mapping[str, Reason] = field(default_factory=dict)


def score(
    query: FusedQuery,
    candidates: Sequence[Candidate],
    method: Method,
    limit: int | None = None,
    *,
    explain: bool = True,
) -> list[Scored]:
    """Score candidates exactly; the best ``limit`` with their reasons, ties broken by id.

    Without ``explain`` the reasons are left out, which changes no score.
    """
    if not candidates:
        return []
    signals = measure(query, candidates)
    combined = combine(query, candidates, signals, method)
    fused, values, totals = combined.fused, combined.values, combined.scores
    order = sorted(range(len(candidates)), key=lambda i: (-totals[i], candidates[i].id))[:limit]
    if not explain:
        return [Scored(index, float(totals[index]), fused) for index in order]
    ranks = {signal.name: signal.ranks() for signal in signals}
    contributions = combined.contributions()
    return [
        Scored(
            index,
            float(totals[index]),
            fused,
            {
                signal.name: Reason(
                    raw=float(signal.raw[index]),
                    normalised=float(values[signal.name][index]),
                    rank=int(ranks[signal.name][index]),
                    weight=float(signal.weight[index]),
                    contribution=float(contributions[signal.name][index]),
                    blocks={name: float(cosine[index]) for name, cosine in signal.blocks.items()},
                    words=candidates[index].words if signal.name == KEYWORD else {},
                )
                for signal in signals
                if signal.present[index]
            },
        )
        for index in order
    ]


@dataclass(frozen=True)
class Combined:
    """Signals, combined over all candidates."""

    fused: Fused
    values: BySignal
    """What is combined of each signal."""
    scores: Floats
    contributions: Callable[[], BySignal]
    """Makes what each signal adds; together they are the scores."""


def combine(
    query: FusedQuery, candidates: Sequence[Candidate], signals: Sequence[Signal], method: Method
) -> Combined:
    """Score candidates, of which there is at least one; float64 (candidates,)."""
    fused = _fused(method, query, candidates, signals)
    return _product(query, candidates, signals) if fused == "product" else _sum(signals, fused)


def _fused(
    method: Method, query: FusedQuery, candidates: Sequence[Candidate], signals: Sequence[Signal]
) -> Fused:
    """How these candidates are scored. A product of one part is the part: the same as a sum."""
    if method == "auto":
        return "product" if parts_add(query, candidates, signals) else "linear"
    return "linear" if method == "product" and len(positive_parts(signals)) < _TWO else method


def _sum(signals: Sequence[Signal], method: Fused) -> Combined:
    values = {signal.name: _VALUES[method](signal) for signal in signals}
    contributions = {
        signal.name: np.where(signal.present, signal.weight * values[signal.name], 0.0)
        for signal in signals
    }
    scores = np.sum(list(contributions.values()), axis=0)
    return Combined(method, values, scores, lambda: contributions)


def _product(
    query: FusedQuery, candidates: Sequence[Candidate], signals: Sequence[Signal]
) -> Combined:
    """The product of what items are to be like, less the sum of what they are not to be like."""
    product = Product(query, candidates, signals)
    against = [signal for signal in signals if signal.name.startswith(AGAINST)]
    if not against:
        return Combined("product", product.values, product.scores, product.contributions)
    taken = _sum(against, "linear")
    return Combined(
        "product",
        {**product.values, **taken.values},
        product.scores + taken.scores,
        lambda: {**product.contributions(), **taken.contributions()},
    )


def _linear(signal: Signal) -> Floats:
    return signal.normalised


def _rrf(signal: Signal) -> Floats:
    return (RRF_K + 1) / (RRF_K + signal.ranks())


def _dbsf(signal: Signal) -> Floats:
    values = signal.normalised[signal.present]
    mean, spread = (values.mean(), _DEVIATIONS * values.std()) if len(values) else (0.0, 0.0)
    if spread > 0:
        return np.clip((signal.normalised - mean + spread) / (2 * spread), 0.0, 1.0)
    return np.full_like(signal.normalised, 0.5)


_VALUES: Mapping[Fused, Callable[[Signal], Floats]] = {
    "linear": _linear,
    "rrf": _rrf,
    "dbsf": _dbsf,
}
