"""SURF: keypoints where the Hessian of a picture is greatest, described by Haar wavelets.

Bay, Ess, Tuytelaars & Van Gool, Speeded-Up Robust Features (CVIU 2008). Second derivatives are
differences of boxes; wavelets are read from an integral image. A filter has three lobes: with L
pixels each it stands for the derivative of a Gaussian of scale 1.2 · 3L / 9 pixels.

No OpenCV wheel has SURF, and that of Mahotas does not survive a quarter turn (docs/encoders.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors, unit_rows

Grey = NDArray[np.uint8]
"""A picture in shades of grey, uint8 (h, w)."""

DIMS = 64
OCTAVES = ((3, 5, 7, 9), (5, 9, 13, 17), (9, 17, 25, 33))
"""The lobes of each octave. All octaves look at every pixel, as pictures are small."""
_SCALE = 1.2 * 3 / 9
"""Of a lobe of one pixel."""
_CROSS = 0.9**2
"""The weight of the mixed derivative, which makes up for the boxes (equation 3)."""
_RADIUS = 6
"""Scales around a keypoint that its orientation is taken from."""
_BINS = 72
"""Of the circle; a quarter turn is a whole number of them."""
_WINDOW = _BINS // 6
_CELLS = 4
_CELL = 5
"""Samples along a cell."""
_REACH = int(np.ceil((np.hypot(10, 10) + 2) * _SCALE * OCTAVES[-1][-1]))
"""Pixels around a keypoint that are looked at: half the diagonal of its square, and a wavelet."""


@dataclass(frozen=True)
class Keypoints:
    """Where something is, how large, and how clearly: the clearest first."""

    points: Vectors
    """float32 (n, 2): x and y in pixels; a pixel's centre is a whole number."""
    scales: Vectors
    """float32 (n,): pixels of the Gaussian."""
    responses: Vectors
    """float32 (n,): the determinant of the Hessian."""

    @property
    def sizes(self) -> Vectors:
        """The widths of the filters that found them, float32 (n,) in pixels."""
        return self.scales * np.float32(3 / _SCALE)


def detect(grey: Grey, *, limit: int, threshold: float) -> Keypoints:
    """Find up to ``limit`` keypoints whose determinant is above ``threshold``, of grey 0 to 255."""
    lobes = sorted({lobe for octave in OCTAVES for lobe in octave})
    layers = {lobe: _determinant(grey, lobe) for lobe in lobes}
    found = [
        _maxima(np.stack([layers[lobe] for lobe in octave]), octave, threshold)
        for octave in OCTAVES
    ]
    points, scales, responses = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-responses, kind="stable")[:limit]
    return Keypoints(points[order], scales[order], responses[order])


def _determinant(grey: Grey, lobe: int) -> Vectors:
    """The determinant of the Hessian at the scale of a lobe, float32 (h, w)."""
    across = _box(grey, 3 * lobe, 2 * lobe - 1) - 3 * _box(grey, lobe, 2 * lobe - 1)
    down = _box(grey, 2 * lobe - 1, 3 * lobe) - 3 * _box(grey, 2 * lobe - 1, lobe)
    step = (lobe + 1) // 2
    square = np.pad(_box(grey, lobe, lobe), step, mode="edge")
    first, last = slice(None, -2 * step), slice(2 * step, None)
    mixed = square[first, last] + square[last, first] - square[first, first] - square[last, last]
    determinant: Vectors = (across * down - np.float32(_CROSS) * mixed**2) / np.float32(
        (3 * lobe) ** 4
    )
    return determinant


def _box(grey: Grey, width: int, height: int) -> Vectors:
    """The sum over a box around each pixel, the rim repeated."""
    import cv2

    return np.asarray(
        cv2.boxFilter(
            grey, cv2.CV_32F, (width, height), normalize=False, borderType=cv2.BORDER_REPLICATE
        ),
        np.float32,
    )


def _maxima(
    stack: Vectors, octave: Sequence[int], threshold: float
) -> tuple[Vectors, Vectors, Vectors]:
    """Points, scales and responses of the maxima of an octave over place and scale, refined.

    ``stack`` is float32 (layers, h, w), one layer for each lobe.
    """
    import cv2

    highest = np.stack([cv2.dilate(layer, np.ones((3, 3), np.uint8)) for layer in stack])
    around = np.maximum(np.maximum(highest[:-2], highest[1:-1]), highest[2:])
    peaks = (stack[1:-1] >= around) & (stack[1:-1] > threshold)
    peaks[:, [0, -1]] = peaks[:, :, [0, -1]] = False
    at = np.argwhere(peaks)
    at[:, 0] += 1
    offsets = _refined(stack, at)
    inside = np.abs(offsets).max(axis=1, initial=0) < 1
    at, offsets = at[inside], offsets[inside]
    layer, row, column = (at + offsets).T
    lobes = octave[0] + layer * (octave[1] - octave[0])
    return (
        np.stack([column, row], axis=1).astype(np.float32),
        (_SCALE * lobes).astype(np.float32),
        stack[tuple(at.T)],
    )


def _refined(stack: Vectors, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far from each voxel the quadric through its neighbours has its maximum: (n, 3).

    Brown & Lowe, Invariant features from interest point groups (BMVC 2002).
    """
    steps = np.eye(3, dtype=np.intp)

    def value(offset: NDArray[np.intp]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = stack[tuple((at + offset).T)].astype(np.float64)
        return values

    centre = value(0 * steps[0])
    gradient = np.stack([(value(e) - value(-e)) / 2 for e in steps], axis=1)
    hessian = np.empty((len(at), 3, 3))
    for i, e in enumerate(steps):
        hessian[:, i, i] = value(e) + value(-e) - 2 * centre
        for j, f in enumerate(steps[:i]):
            mixed = (value(e + f) + value(-e - f) - value(e - f) - value(f - e)) / 4
            hessian[:, i, j] = hessian[:, j, i] = mixed
    # A ridge has no single maximum along itself: it stays where it is there.
    inverse = np.linalg.pinv(hessian, hermitian=True)
    offsets: NDArray[np.float64] = -(inverse @ gradient[:, :, np.newaxis])[..., 0]
    return offsets


class Wavelets:
    """Haar wavelets anywhere in a picture, whose rim is repeated."""

    def __init__(self, grey: Grey) -> None:
        import cv2

        sums = cv2.integral(np.pad(grey, _REACH, mode="edge"))
        self._width = sums.shape[1]
        self._sums = sums.ravel()

    def __call__(self, x: Vectors, y: Vectors, half: NDArray[np.int32]) -> tuple[Vectors, Vectors]:
        """How much brighter it becomes to the right and downwards, for squares of 2 · half."""
        # Sums have their places at the corners of pixels.
        column = np.rint(x + (_REACH + 0.5)).astype(np.int32)
        row = np.rint(y + (_REACH + 0.5)).astype(np.int32)
        centre = row * np.int32(self._width) + column
        down = half * np.int32(self._width)
        (nw, n, ne), (w, e), (sw, s, se) = (
            [self._sums[centre + dy + dx] for dx in across]
            for dy, across in (
                (-down, (-half, 0, half)),
                (0, (-half, half)),
                (down, (-half, 0, half)),
            )
        )
        right = (se - ne) - 2 * (s - n) + (sw - nw)
        below = (se - sw) - 2 * (e - w) + (ne - nw)
        return right.astype(np.float32), below.astype(np.float32)


def orient(wavelets: Wavelets, keypoints: Keypoints) -> Vectors:
    """The direction in which it becomes brighter around each keypoint: radians, (n,), clockwise."""
    grid = np.arange(-_RADIUS, _RADIUS + 1, dtype=np.float32)
    y, x = (part.ravel() for part in np.meshgrid(grid, grid, indexing="ij"))
    near = x**2 + y**2 < _RADIUS**2
    y, x = y[near], x[near]
    scales = keypoints.scales[:, np.newaxis]
    weights = np.exp(-(x**2 + y**2) / np.float32(2 * 2.5**2))
    half = np.rint(2 * scales).astype(np.int32)
    right, below = wavelets(
        keypoints.points[:, :1] + x * scales, keypoints.points[:, 1:] + y * scales, half
    )
    right, below = right * weights, below * weights
    turns = np.arctan2(below, right) / np.float32(2 * np.pi) * _BINS
    bins = np.floor(turns).astype(np.intp) % _BINS
    bins += np.arange(len(bins))[:, np.newaxis] * _BINS
    sums = [_windows(_histograms(bins, part)) for part in (right, below)]
    best = np.hypot(*sums).argmax(axis=1)[:, np.newaxis]
    across, down = (np.take_along_axis(part, best, axis=1)[:, 0] for part in sums)
    angles: Vectors = np.arctan2(down, across).astype(np.float32)
    return angles


def _histograms(bins: NDArray[np.intp], values: Vectors) -> NDArray[np.float64]:
    """The sum of each row's values by bin, (n, bins)."""
    histograms = np.bincount(bins.ravel(), values.ravel(), len(bins) * _BINS).astype(np.float64)
    return histograms.reshape(-1, _BINS)


def _windows(histograms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over a sixth of the circle that begins at each bin, of the shape of the histograms."""
    around = np.concatenate([histograms, histograms[:, : _WINDOW - 1]], axis=1)
    total = np.pad(np.cumsum(around, axis=1), ((0, 0), (1, 0)))
    windows: NDArray[np.float64] = total[:, _WINDOW:] - total[:, :-_WINDOW]
    return windows


def describe(wavelets: Wavelets, keypoints: Keypoints, angles: Vectors) -> Vectors:
    """Unit vectors float32 (n, 64): of each of 4 × 4 cells Σdx, Σdy, Σ|dx| and Σ|dy|."""
    side = _CELLS * _CELL
    grid = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    y, x = (part.ravel() for part in np.meshgrid(grid, grid, indexing="ij"))
    weights = np.exp(-(x**2 + y**2) / np.float32(2 * 3.3**2))
    scales = keypoints.scales[:, np.newaxis]
    cosine, sine = np.cos(angles)[:, np.newaxis], np.sin(angles)[:, np.newaxis]
    right, below = wavelets(
        keypoints.points[:, :1] + scales * (cosine * x - sine * y),
        keypoints.points[:, 1:] + scales * (sine * x + cosine * y),
        np.rint(scales).astype(np.int32),
    )
    along = (cosine * right + sine * below) * weights
    aside = (cosine * below - sine * right) * weights
    parts = np.stack([along, aside, np.abs(along), np.abs(aside)], axis=1)
    cells = parts.reshape(-1, 4, _CELLS, _CELL, _CELLS, _CELL).sum(axis=(3, 5))
    return unit_rows(cells.transpose(0, 2, 3, 1).reshape(-1, DIMS))
