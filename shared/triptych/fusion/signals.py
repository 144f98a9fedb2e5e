"""What each signal of a query says of each candidate, before they are combined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.fusion.query import AGAINST, KEYWORD, NAMED, FusedQuery

Floats = NDArray[np.float64]


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

    @property
    def shared(self) -> frozenset[str]:
        """Its parts; words that match are one also where it has them in its tags or names alone."""
        return self.parts if self.keyword is None else self.parts | {NAMED}


@dataclass(frozen=True)
class Signal:
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


def measure(query: FusedQuery, candidates: Sequence[Candidate]) -> list[Signal]:
    """The keyword signal and one signal per query part, over all candidates."""
    shared = [candidate.shared for candidate in candidates]
    scale = {present: query.scale(present) for present in set(shared)}
    scales = np.array([scale[present] for present in shared])
    matrix = np.stack([candidate.features for candidate in candidates]).astype(np.float32)
    found = [_vector_signal(name, query, candidates, matrix, scales) for name in _parts(query)]
    if query.keyword_weight > 0:
        found.insert(0, _keyword_signal(query, candidates, scales))
    return found


def _parts(query: FusedQuery) -> list[str]:
    return list(dict.fromkeys(term.signal for term in query.terms))


def _keyword_signal(query: FusedQuery, candidates: Sequence[Candidate], scales: Floats) -> Signal:
    raw = np.array([candidate.keyword or 0.0 for candidate in candidates])
    best = int(raw.argmax())
    matched = candidates[best].words
    covered = query.share(matched) if matched else 1.0
    return Signal(
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
) -> Signal:
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
        has = np.array([query.layout.has(term.block, one.parts) for one in candidates])
        cosines[term.block] = np.where(has, cosine, 0.0)
        raw += term.weight * cosines[term.block]
        scaled += np.where(has, term.weight * rescaled, 0.0)
        weights += np.where(has, term.weight, 0.0)
    present = weights != 0
    raw, scaled = (
        np.divide(total, weights, out=np.zeros_like(total), where=present)
        for total in (raw, scaled)
    )
    if name.startswith(AGAINST):
        # What is hardly like a negative part is not punished for the rest of its likeness.
        scaled = np.maximum(2 * scaled - 1, 0.0)
    return Signal(name, raw, scaled, weights * scales, present, cosines)
