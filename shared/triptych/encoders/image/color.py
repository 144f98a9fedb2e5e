"""HSV colour histogram: a picture to how much it has of each colour; nothing is fitted.

Swain & Ballard, Color indexing (IJCV 1991), with the square root of the Hellinger kernel. A
pixel is shared between neighbouring bins; a greyish one, whose hue means nothing, between
levels of grey. White as of a page is left out, or it would be most of many a drawing.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder, Pixels
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import Bounds, Scale

SIDE = 128
HUES = 12
LEVELS = 4
GREYS = 8
DIMS = HUES * LEVELS * LEVELS + GREYS
_WHITE = 250
_VIVID = 0.2

CARD = Card(
    name="hsv-histogram",
    version=1,
    modality="image",
    dims=DIMS,
    licence="Apache-2.0",
    source="OpenCV",
    parameters=f"side={SIDE} bins={HUES}x{LEVELS}x{LEVELS}+{GREYS} white={_WHITE} vivid={_VIVID}",
)


class HSVHistogram(Encoder[Pixels]):
    """Pictures to unit vectors. One instance serves many threads."""

    card = CARD
    side = SIDE

    def __init__(self, *, threads: int = 1) -> None:
        """Take ``threads`` as every encoder does."""

    def encode(self, batch: Sequence[Pixels]) -> Vectors:
        """Encode pictures, each uint8 RGB (h, w, 3), to float32 (n, 200); white is zeros."""
        if not batch:
            return np.empty((0, DIMS), np.float32)
        return unit_rows(np.sqrt(np.stack([histogram(picture) for picture in batch])))


def histogram(picture: Pixels) -> NDArray[np.float64]:
    """Count pixels by hue, saturation and value, then by level of grey: float64 (200,)."""
    import cv2

    from triptych.media.image import fit_within

    pixels = fit_within(picture, SIDE).reshape(-1, 3)
    pixels = pixels[pixels.min(axis=1) < _WHITE]
    if not len(pixels):
        return np.zeros(DIMS)
    unit = (pixels.astype(np.float32) / 255)[np.newaxis]
    hue, saturation, value = cv2.cvtColor(unit, cv2.COLOR_RGB2HSV)[0].T
    # How much colour one sees: little in the pale and in the dark.
    vivid = np.minimum(saturation * value / np.float32(_VIVID), 1)
    axes = (
        _shares(hue / 360 * HUES, HUES, circular=True),
        _shares(saturation * (LEVELS - 1), LEVELS),
        _shares(value * (LEVELS - 1), LEVELS),
    )
    colours = np.zeros(HUES * LEVELS * LEVELS)
    for (h, hs), (s, ss), (v, vs) in product(*axes):
        bins = (h * LEVELS + s) * LEVELS + v
        colours += np.bincount(bins, hs * ss * vs * vivid, len(colours))
    greys = np.zeros(GREYS)
    for level, share in _shares(value * (GREYS - 1), GREYS):
        greys += np.bincount(level, share * (1 - vivid), GREYS)
    return np.concatenate([colours, greys])


def _shares(
    position: Vectors, bins: int, *, circular: bool = False
) -> list[tuple[NDArray[np.intp], Vectors]]:
    """The two bins about each position, and the share of each."""
    lower = np.floor(position).astype(np.intp)
    upper_share = position - lower
    if circular:
        pair = lower % bins, (lower + 1) % bins
    else:
        pair = np.minimum(lower, bins - 1), np.minimum(lower + 1, bins - 1)
    return [(pair[0], 1 - upper_share), (pair[1], upper_share)]


ENCODERS = (
    Ready(
        card=CARD,
        roles=("visual",),
        depends=Depends("image", ("cv2",)),
        scale=Scale(Bounds(0.7, 1.0)),
        make=HSVHistogram,
    ),
)
