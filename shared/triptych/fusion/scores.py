"""Score fusion: the signals of each candidate to one score, with its reasons.

``linear`` adds weighted, normalised scores. A cosine is rescaled to the bounds of its encoders.
BM25 has no upper bound, so it is divided by the best of the candidates, its theoretical minimum
being 0 (Bruch et al., An analysis of fusion functions for hybrid retrieval, TOIS 2023), and
multiplied by the share of the query's words that this best one has: else a query of which only one
word is anywhere would have a perfect match. ``rrf`` adds reciprocal ranks (Cormack et al., SIGIR
2009), scaled so that first everywhere is 1. ``dbsf`` scales each signal between three standard
deviations below and above its mean over the candidates (Mazzeschi, Distribution-based score fusion,
2023).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.fusion.query import KEYWORD, FusedQuery

Floats = NDArray[np.float64]
Method = Literal["linear", "rrf", "dbsf"]

RRF_K = 60
_DEVIATIONS = 3


@dataclass(frozen=True)
class Candidate:
    """What the index returned of one item, as far as scoring needs it."""

    id: str
    parts: frozenset[str]
    """Its modalities, and speech and writing where these were found in it."""
    keyword: float | None
    """BM25, or None when no word matched."""
    words: Mapping[str, float]
    """What each word that matched adds to it, by the labels of the query."""
    features: NDArray[np.floating]
    """The item's fused vector (layout.dims,), float16 as the index keeps it."""


@dataclass(frozen=True)
class Reason:
    """What one signal adds to one hit: contribution = weight · normalised."""

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
    why: Mapping[str, Reason]


@dataclass(frozen=True)
class _Signal:
    """One signal over all candidates; rows without it are not in ``present``."""

    name: str
    raw: Floats
    normalised: Floats
    weight: Floats
    present: NDArray[np.bool_]
    blocks: Mapping[str, Floats] = field(default_factory=dict)

    def ranks(self) -> NDArray[np.int64]:
        """1 for the candidate it says most about; meaningless where the signal is not present."""
        loss = np.where(self.present, -np.abs(self.weight) * self.normalised, np.inf)
        return np.searchsorted(np.sort(loss), loss) + 1  # equals share the better rank


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
    signals = _signals(query, candidates)
    contribute = _METHODS[method]
    contributions = [contribute(signal) for signal in signals]
    totals = np.sum([part for part, _ in contributions], axis=0)
    order = sorted(range(len(candidates)), key=lambda i: (-totals[i], candidates[i].id))[:limit]
    if not explain:
        return [Scored(index, float(totals[index]), {}) for index in order]
    ranks = [signal.ranks() for signal in signals]
    return [
        Scored(
            index,
            float(totals[index]),
            {
                signal.name: _reason(signal, rank, part, weight, index, candidates[index])
                for signal, rank, (part, weight) in zip(signals, ranks, contributions, strict=True)
                if signal.present[index]
            },
        )
        for index in order
    ]


def _reason(  # noqa: PLR0917
    signal: _Signal,
    ranks: NDArray[np.int64],
    part: Floats,
    weight: Floats,
    index: int,
    candidate: Candidate,
) -> Reason:
    contribution, share = float(part[index]), float(weight[index])
    return Reason(
        raw=float(signal.raw[index]),
        normalised=contribution / share if share else 0.0,
        rank=int(ranks[index]),
        weight=share,
        contribution=contribution,
        blocks={name: float(cosine[index]) for name, cosine in signal.blocks.items()},
        words=candidate.words if signal.name == KEYWORD else {},
    )


def _linear(signal: _Signal) -> tuple[Floats, Floats]:
    return np.where(signal.present, signal.weight * signal.normalised, 0.0), signal.weight


def _rrf(signal: _Signal) -> tuple[Floats, Floats]:
    reciprocal = (RRF_K + 1) / (RRF_K + signal.ranks())
    return np.where(signal.present, signal.weight * reciprocal, 0.0), signal.weight


def _dbsf(signal: _Signal) -> tuple[Floats, Floats]:
    values = signal.normalised[signal.present]
    mean, spread = (values.mean(), _DEVIATIONS * values.std()) if len(values) else (0.0, 0.0)
    if spread > 0:
        scaled = np.clip((signal.normalised - mean + spread) / (2 * spread), 0.0, 1.0)
    else:
        scaled = np.full_like(signal.normalised, 0.5)
    return np.where(signal.present, signal.weight * scaled, 0.0), signal.weight


_METHODS: Mapping[Method, Callable[[_Signal], tuple[Floats, Floats]]] = {
    "linear": _linear,
    "rrf": _rrf,
    "dbsf": _dbsf,
}


def _signals(query: FusedQuery, candidates: Sequence[Candidate]) -> list[_Signal]:
    """The keyword signal and one signal per query part, over all candidates."""
    scale = {present: query.scale(present) for present in {c.parts for c in candidates}}
    scales = np.array([scale[candidate.parts] for candidate in candidates])
    matrix = np.stack([candidate.features for candidate in candidates]).astype(np.float32)
    signals = [_vector_signal(name, query, candidates, matrix, scales) for name in _parts(query)]
    if query.keyword_weight > 0:
        signals.insert(0, _keyword_signal(query, candidates, scales))
    return signals


def _parts(query: FusedQuery) -> list[str]:
    return list(dict.fromkeys(term.signal for term in query.terms))


def _keyword_signal(query: FusedQuery, candidates: Sequence[Candidate], scales: Floats) -> _Signal:
    raw = np.array([candidate.keyword or 0.0 for candidate in candidates])
    best = int(raw.argmax())
    matched = candidates[best].words
    covered = sum(word in matched for word in query.words) / len(query.words) if matched else 1.0
    return _Signal(
        KEYWORD,
        raw,
        raw * (covered / raw[best]) if raw[best] > 0 else raw,
        query.keyword_weight * scales,
        np.array([candidate.keyword is not None for candidate in candidates]),
    )


def _vector_signal(
    name: str,
    query: FusedQuery,
    candidates: Sequence[Candidate],
    matrix: Vectors,
    scales: Floats,
) -> _Signal:
    cosines: dict[str, Floats] = {}
    raw = np.zeros(len(candidates))
    scaled = np.zeros(len(candidates))
    weights = np.zeros(len(candidates))
    for term in query.terms:
        if term.signal != name:
            continue
        # Row by row: in a matrix product equal rows may differ in the last bit, and not be a tie.
        block = matrix[:, query.layout.slices[term.block]]
        cosine = np.multiply(block, term.vector, dtype=np.float64).sum(axis=1)
        # A part without a vector, as silence is, is like nothing: less than one that is unlike.
        rescaled = np.where(block.any(axis=1), term.bounds.rescale(cosine), 0.0)
        part = query.layout.parts[term.block]
        has = np.array([part in candidate.parts for candidate in candidates])
        cosines[term.block] = np.where(has, cosine, 0.0)
        raw += term.weight * cosines[term.block]
        scaled += np.where(has, term.weight * rescaled, 0.0)
        weights += np.where(has, term.weight, 0.0)
    present = weights != 0
    raw, scaled = (
        np.divide(total, weights, out=np.zeros_like(total), where=present)
        for total in (raw, scaled)
    )
    return _Signal(name, raw, scaled, weights * scales, present, cosines)
