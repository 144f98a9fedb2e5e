"""Score fusion: the signals of each candidate to one score, with its reasons.

``linear`` adds weighted, normalised scores. BM25 has no upper bound, so it is divided by the best
of the candidates, its theoretical minimum being 0; a cosine is on a theoretical scale already
(Bruch et al., An analysis of fusion functions for hybrid retrieval, TOIS 2023). ``rrf`` adds
reciprocal ranks (Cormack et al., SIGIR 2009), scaled so that first everywhere is 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triptych.shared.encoders.cards import Vectors
from triptych.shared.fusion.query import KEYWORD, FusedQuery

Floats = NDArray[np.float64]
Method = Literal["linear", "rrf"]

RRF_K = 60


@dataclass(frozen=True)
class Candidate:
    """What the index returned of one item, as far as scoring needs it."""

    id: str
    parts: frozenset[str]
    """Its modalities, and speech and writing where these were found in it."""
    keyword: float | None
    """BM25, or None when no word matched."""
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


@dataclass(frozen=True)
class Scored:
    """A candidate's place in ``candidates``, its score, and the reasons that sum to it."""

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
        """1 for the candidate it adds most to; meaningless where the signal is not present."""
        loss = np.where(self.present, -self.weight * self.normalised, np.inf)
        return np.searchsorted(np.sort(loss), loss) + 1  # equals share the better rank


def score(
    query: FusedQuery,
    candidates: Sequence[Candidate],
    method: Method,
    limit: int | None = None,
) -> list[Scored]:
    """Score candidates exactly; the best ``limit`` with their reasons, ties broken by id."""
    if not candidates:
        return []
    signals = _signals(query, candidates)
    contribute = _METHODS[method]
    contributions = [contribute(signal) for signal in signals]
    totals = np.sum([part for part, _ in contributions], axis=0)
    order = sorted(range(len(candidates)), key=lambda i: (-totals[i], candidates[i].id))
    ranks = [signal.ranks() for signal in signals]
    return [
        Scored(
            index,
            float(totals[index]),
            {
                signal.name: _reason(signal, rank, part, weight, index)
                for signal, rank, (part, weight) in zip(signals, ranks, contributions, strict=True)
                if signal.present[index]
            },
        )
        for index in order[:limit]
    ]


def _reason(
    signal: _Signal, ranks: NDArray[np.int64], part: Floats, weight: Floats, index: int
) -> Reason:
    contribution, share = float(part[index]), float(weight[index])
    return Reason(
        raw=float(signal.raw[index]),
        normalised=contribution / share if share else 0.0,
        rank=int(ranks[index]),
        weight=share,
        contribution=contribution,
        blocks={name: float(cosine[index]) for name, cosine in signal.blocks.items()},
    )


def _linear(signal: _Signal) -> tuple[Floats, Floats]:
    return np.where(signal.present, signal.weight * signal.normalised, 0.0), signal.weight


def _rrf(signal: _Signal) -> tuple[Floats, Floats]:
    reciprocal = (RRF_K + 1) / (RRF_K + signal.ranks())
    return np.where(signal.present, signal.weight * reciprocal, 0.0), signal.weight


_METHODS: Mapping[Method, Callable[[_Signal], tuple[Floats, Floats]]] = {
    "linear": _linear,
    "rrf": _rrf,
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
    best = raw.max()
    return _Signal(
        KEYWORD,
        raw,
        raw / best if best > 0 else raw,
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
    weighted = np.zeros(len(candidates))
    weights = np.zeros(len(candidates))
    for term in query.terms:
        if term.signal != name:
            continue
        # Row by row: in a matrix product equal rows may differ in the last bit, and not be a tie.
        products = np.multiply(
            matrix[:, query.layout.slices[term.block]], term.vector, dtype=np.float64
        )
        cosine = products.sum(axis=1)
        part = query.layout.parts[term.block]
        has = np.array([part in candidate.parts for candidate in candidates])
        cosines[term.block] = np.where(has, cosine, 0.0)
        weighted += term.weight * cosines[term.block]
        weights += np.where(has, term.weight, 0.0)
    mean = np.divide(weighted, weights, out=np.zeros_like(weighted), where=weights > 0)
    return _Signal(name, mean, mean, weights * scales, weights > 0, cosines)
