"""MiniLM and Universal Sentence Encoder side by side: for English as for other languages.

The vectors of both stand one after the other, each scaled by the root of its weight: so the inner
product is the weighted mean of both cosines. MiniLM tells English texts apart better, the other
understands sixteen languages. A text in another language is nearly the same to MiniLM from all
texts, so that the other decides.
"""

from collections.abc import Sequence

import numpy as np

from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import Bounds, Scale
from triptych.encoders.text import minilm, use_multilingual

_PARTS = (minilm.CARD, use_multilingual.CARD)
_WEIGHTS = (0.4, 0.6)
"""Of ten steps the best for names and translations on the training half of the judged stamps."""
DIMS = sum(card.dims for card in _PARTS)

CARD = Card(
    name="text-combined",
    version=1,
    modality="text",
    dims=DIMS,
    licence="Apache-2.0",
    source="; ".join(card.source for card in _PARTS),
    parameters=f"weights={','.join(map(str, _WEIGHTS))}",
    built_on=tuple(card.fingerprint for card in _PARTS),
)


class TextCombined(Encoder[str]):
    """Texts to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        self._encoders = (
            minilm.MiniLM(threads=threads),
            use_multilingual.USEMultilingual(threads=threads),
        )

    def reach(self, text: str) -> int:
        """As far as both read."""
        return min(encoder.reach(text) for encoder in self._encoders)

    def encode(self, batch: Sequence[str]) -> Vectors:
        """Encode texts to float32 unit vectors (n, 896)."""
        weighted = [
            encoder.encode(batch) * np.float32(weight**0.5)
            for encoder, weight in zip(self._encoders, _WEIGHTS, strict=True)
        ]
        return unit_rows(np.hstack(weighted))


ENCODERS = (
    Ready(
        card=CARD,
        roles=("semantic",),
        depends=Depends("multilingual", (*minilm.PACKAGES, *use_multilingual.PACKAGES)),
        scale=Scale(Bounds(0.15, 1.0)),
        make=TextCombined,
    ),
)
