"""Verification by alignment: how much one picture looks like another where it is laid on it.

A letter or a sign may have too few keypoints for several to agree. But each match of two
keypoints is a whole hypothesis of a similarity (Philbin et al., CVPR 2007, as in ``geometry``),
and the pixels tell whether it holds: correlation of colours (Lewis, Fast normalized
cross-correlation, 1995) over what both pictures show, at a low resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.encoders.encoder import Pixels
from triptych.encoders.image.descriptors import LocalFeatures, describe, rescaled
from triptych.encoders.image.geometry import mirror

_GRID = 32
"""Points along the longer edge of a candidate at which colours are compared."""
_HYPOTHESES = 16
"""How many of the nearest matches of a candidate are tried, and as many of the mirrored query."""
_SCALE = 16.0
_SHARED = 0.6
"""The least share of one of the two pictures that the other must show."""
_NOISE = 10.0
"""Levels of 255: below this contrast, alike colours are no evidence."""
_COARSEST = 48

Complex = NDArray[np.complex64]


@dataclass(frozen=True)
class View:
    """A picture with its keypoints, to be laid on others."""

    features: LocalFeatures
    """Of ``describe(picture, "rootsift")``."""
    picture: Pixels
    """As scaled for the features: uint8 RGB (h, w, 3)."""

    @cached_property
    def levels(self) -> list[Vectors]:
        """The picture and its halves down to some 48 pixels."""
        import cv2

        levels = [self.picture.astype(np.float32)]
        while max(levels[-1].shape) > _COARSEST:
            levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
        return levels

    @cached_property
    def samples(self) -> tuple[Complex, Vectors]:
        """Points in a regular grid, complex64 (n,), and the mean colours about, float32 (n, 3)."""
        import cv2

        height, width = self.picture.shape[:2]
        across, down = (max(2, round(edge / self.step)) for edge in (width, height))
        colours = cv2.resize(self.picture, (across, down), interpolation=cv2.INTER_AREA)
        x = (np.arange(across) + 0.5) * (width / across) - 0.5
        y = (np.arange(down) + 0.5) * (height / down) - 0.5
        points = (x + 1j * y[:, np.newaxis]).astype(np.complex64)
        return points.ravel(), np.asarray(colours, np.float32).reshape(-1, 3)

    @property
    def step(self) -> float:
        """Pixels between neighbours of the grid."""
        return float(max(self.picture.shape) / _GRID)


def view(picture: Pixels) -> View:
    """Describe uint8 RGB (h, w, 3) for ``likeness``."""
    return View(describe(picture, "rootsift"), rescaled(picture))


def likeness(query: View, candidates: Sequence[View]) -> Vectors:
    """How alike the colours are in the best alignment with each candidate: float32 (n,), 0 to 1.

    The query is tried as it is and mirrored; 0 where no alignment has enough of either picture.
    """
    mirrored = mirror(query.features)
    both = np.concatenate([query.features.vectors, mirrored.vectors])
    return np.array(
        [_best(query, mirrored, both, candidate) for candidate in candidates], np.float32
    )


def _best(query: View, mirrored: LocalFeatures, both: Vectors, candidate: View) -> float:
    if not len(query.features) or not len(candidate.features):
        return 0.0
    cosines = candidate.features.vectors @ both.T
    count = len(mirrored)
    straight = _hypotheses(query.features, candidate.features, cosines[:, :count])
    # A point z of the mirrored query is −z̄ in the query.
    turned = -_hypotheses(mirrored, candidate.features, cosines[:, count:]).conj()
    points = candidate.samples[0]
    positions = np.concatenate(
        [
            straight[:, :1] * points + straight[:, 1:],
            turned[:, :1] * points.conj() + turned[:, 1:],
        ]
    )
    scales = np.abs(np.concatenate([straight, turned])[:, 0])
    return float(_agreement(query, candidate, positions, scales).max(initial=0))


def _hypotheses(query: LocalFeatures, candidate: LocalFeatures, cosines: Vectors) -> Complex:
    """Slopes and shifts from the candidate to the query: complex64 (hypotheses, 2).

    Each keypoint of the candidate has its nearest one of the query, without a ratio test:
    the corners of one sign are often alike.
    """
    nearest = cosines.argmax(axis=1)
    columns = np.argsort(-cosines.max(axis=1), kind="stable")[:_HYPOTHESES]
    rows = nearest[columns]
    scales = query.sizes[rows] / candidate.sizes[columns]
    slopes = scales * np.exp(1j * (query.angles[rows] - candidate.angles[columns]))
    here, there = query.points[rows], candidate.points[columns]
    shifts = here[:, 0] + 1j * here[:, 1] - slopes * (there[:, 0] + 1j * there[:, 1])
    plausible = (scales < _SCALE) & (scales > 1 / _SCALE)
    hypotheses: Complex = np.stack([slopes, shifts], axis=1).astype(np.complex64)[plausible]
    return hypotheses


def _agreement(query: View, candidate: View, positions: Complex, scales: Vectors) -> Vectors:
    """The correlation under each hypothesis, lower where a picture shows what the other lacks."""
    height, width = query.picture.shape[:2]
    x, y = positions.real, positions.imag
    inside = (x > -1) & (x < width) & (y > -1) & (y < height)
    steps = scales * candidate.step
    of_query = inside.sum(axis=1) * steps**2 / (height * width)
    shared = np.minimum(np.maximum(inside.mean(axis=1), of_query), 1)
    enough = shared > _SHARED
    agreement = np.zeros(len(positions), np.float32)
    if enough.any():
        pairs = zip(positions[enough], steps[enough], strict=True)
        seen = np.stack([_seen(query, *pair) for pair in pairs])
        correlations = _correlation(candidate.samples[1], seen, inside[enough])
        agreement[enough] = correlations * np.sqrt(shared[enough])
    return agreement


def _seen(query: View, positions: Complex, step: float) -> Vectors:
    """Colours of the query, as coarse as the steps between the positions: float32 (n, 3)."""
    import cv2

    level = int(np.clip(round(np.log2(step)), 0, len(query.levels) - 1))
    at = (positions / 2**level)[np.newaxis]
    seen = cv2.remap(
        query.levels[level],
        np.ascontiguousarray(at.real, np.float32),
        np.ascontiguousarray(at.imag, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen[0], np.float32)


def _correlation(colours: Vectors, seen: Vectors, inside: NDArray[np.bool_]) -> Vectors:
    """Of colours (n, 3) with each of ``seen`` (hypotheses, n, 3), where it is inside."""
    mask = inside[..., np.newaxis].astype(np.float32)
    counts = 3 * mask.sum(axis=1)[:, 0]
    # One mean of all three channels: hues must agree, not only their changes.
    here, there = (
        (part - ((part * mask).sum(axis=(1, 2)) / counts)[:, np.newaxis, np.newaxis]) * mask
        for part in (np.broadcast_to(colours, seen.shape), seen)
    )
    noise = counts * _NOISE**2
    powers = [(part**2).sum(axis=(1, 2)) + noise for part in (here, there)]
    return np.asarray((here * there).sum(axis=(1, 2)) / np.sqrt(powers[0] * powers[1]), np.float32)
