"""Geometric verification: how many keypoints agree on where one picture lies in another.

Philbin et al., Object retrieval with large vocabularies and fast spatial matching (CVPR 2007):
each match of two SIFT keypoints, which have a size and an angle, is a whole hypothesis of a
similarity, so all are tried and none is drawn at random; the best is refined to an affinity by
least squares. Matches pass Lowe's ratio test (IJCV 2004).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.encoders.image.descriptors import LocalFeatures

_RATIO = 0.8
_TOLERANCE = 0.04
"""Of the candidate's extent; twice that for a hypothesis not refined yet."""
_LEAST = 3
"""Matches below which there is nothing to refine."""
_CONVINCING = 4
"""Fewer inliers count as none: three often agree by chance."""
_GAIN = 2.0
"""The range of a cosine."""
_HALF = 8
"""Inliers that bring half of the gain."""
_BY_CHANCE = 0.6
"""Nine of ten candidates that show another picture have a smaller likeness."""
_FOR_AFFINITY = 6
_SQUEEZE = 4.0
_SCALE = 16.0
_CELL = 2.0
"""Pixels: keypoints nearer than that count once."""

Complex = NDArray[np.complex64]


def verify(query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> NDArray[np.int64]:
    """Count the matches that agree with one affinity, for each candidate: int64 (n,).

    The query is tried as it is and mirrored. All are of ``describe(picture, "rootsift")``.
    """
    mirrored = mirror(query)
    both = np.concatenate([query.vectors, mirrored.vectors])
    return np.array(
        [_agreeing(query, mirrored, both, candidate) for candidate in candidates], np.int64
    )


def rerank(similarities: Vectors, inliers: NDArray[np.int64], likeness: Vectors) -> Vectors:
    """Scores of candidates, of the shape of the arguments: the similarity, and a gain for evidence.

    The gain by inliers saturates, as a hundred are no better evidence than fifty. The gain by
    ``alignment.likeness`` begins above what pictures reach by chance.
    """
    by_inliers = _GAIN * inliers / (inliers + _HALF)
    by_likeness = np.maximum(likeness - _BY_CHANCE, 0) / (1 - _BY_CHANCE)
    scores: Vectors = (similarities + by_inliers + by_likeness).astype(np.float32)
    return scores


def mirror(features: LocalFeatures) -> LocalFeatures:
    """SIFT or RootSIFT features of the mirrored picture, left of the y axis, without the picture.

    A descriptor is 4 × 4 cells along and across the keypoint's angle, of 8 directions each: the
    mirror changes the order of those across, and the turn of the directions.
    """
    cells = features.descriptors.reshape(-1, 4, 4, 8)
    flipped = cells[:, ::-1, :, -np.arange(8) % 8].reshape(features.descriptors.shape)
    return replace(
        features,
        points=features.points * np.array([-1, 1], np.float32),
        angles=np.float32(np.pi) - features.angles,
        descriptors=flipped,
    )


def _agreeing(
    query: LocalFeatures, mirrored: LocalFeatures, both: Vectors, candidate: LocalFeatures
) -> int:
    if min(len(query), len(candidate)) < _LEAST:
        return 0
    rows, columns = _matches(both, candidate.vectors)
    straight = rows < len(query)
    return max(
        _inliers(query, candidate, rows[straight], columns[straight]),
        _inliers(mirrored, candidate, rows[~straight] - len(query), columns[~straight]),
    )


def _matches(query: Vectors, candidate: Vectors) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of matches: the second nearest of each is clearly farther."""
    cosines = query @ candidate.T
    rows = np.arange(len(query))
    nearest = cosines.argmax(axis=1)
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1
    second = cosines.max(axis=1)
    passed = (1 - best) < _RATIO**2 * (1 - second)
    return rows[passed], nearest[passed]


def _inliers(
    query: LocalFeatures,
    candidate: LocalFeatures,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> int:
    """How many matches agree with the best hypothesis, refined."""
    if len(rows) < _LEAST:
        return 0
    here, there = _complex(query.points[rows]), _complex(candidate.points[columns])
    turns = np.exp(1j * (candidate.angles[columns] - query.angles[rows]))
    scales = candidate.sizes[columns] / query.sizes[rows]
    slopes = (scales * turns).astype(np.complex64)
    shifts = there - slopes * here
    tolerance = _TOLERANCE * float(np.ptp(candidate.points, axis=0).max())
    errors = np.abs(slopes[:, np.newaxis] * here + shifts[:, np.newaxis] - there)
    errors[(scales > _SCALE) | (scales < 1 / _SCALE)] = np.inf
    agreed = errors < 2 * tolerance
    inside = agreed[agreed.sum(axis=1).argmax()]
    for _ in range(2):
        if inside.sum() < _LEAST:
            return 0
        refined = _refined(here, there, inside)
        if refined is None:
            return 0
        inside = np.abs(refined - there) < tolerance
    count = min(_distinct(here[inside]), _distinct(there[inside]))
    return count if count >= _CONVINCING else 0


def _refined(here: Complex, there: Complex, inside: NDArray[np.bool_]) -> Complex | None:
    """Where the map that fits the inliers puts every point; None if it collapses or mirrors.

    An affinity, or a similarity where there are too few to tell.
    """
    columns = [here, np.ones_like(here)]
    if inside.sum() >= _FOR_AFFINITY:
        columns.append(here.conj())
    terms = np.stack(columns, axis=1)
    fitted = np.linalg.lstsq(terms[inside], there[inside], rcond=None)[0]
    # z ↦ a z + b + c z̄ has the singular values |a| + |c| and |a| − |c|; c > a would mirror.
    direct = abs(fitted[0])
    skew = abs(fitted[2]) if len(fitted) > 2 else 0.0  # noqa: PLR2004
    if direct - skew < (direct + skew) / _SQUEEZE or not 1 / _SCALE < direct < _SCALE:
        return None
    mapped: Complex = terms @ fitted
    return mapped


def _distinct(points: Complex) -> int:
    cells = np.round(points.view(np.float32) / _CELL).view(np.complex64)
    return len(np.unique(cells))


def _complex(points: Vectors) -> Complex:
    return np.ascontiguousarray(points, np.float32).view(np.complex64)[:, 0]
