"""Audio descriptors side by side: MFCC statistics, log-mel statistics and musicnn.

Each is a unit vector, so that every descriptor counts the same and the inner product is the mean
of the three cosines.
"""

from collections.abc import Sequence

import numpy as np

from triptych.encoders.audio import logmel, mfcc, musicnn
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import Bounds, Scale
from triptych.media.audio import Samples

_PARTS = (mfcc.CARD, logmel.CARD, musicnn.CARD)
DIMS = sum(card.dims for card in _PARTS)

CARD = Card(
    name="audio-combined",
    version=1,
    modality="audio",
    dims=DIMS,
    licence="Apache-2.0 and ISC",
    source="; ".join(card.source for card in _PARTS),
    parameters="weights=equal",
    built_on=tuple(card.fingerprint for card in _PARTS),
)


class AudioCombined(Encoder[Samples]):
    """Samples to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        self._encoders = (
            mfcc.MFCCStatistics(threads=threads),
            logmel.LogMelStatistics(threads=threads),
            musicnn.Musicnn(threads=threads),
        )

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 512).

        Loudness does not matter; the row of a silent sound is zeros.
        """
        return unit_rows(np.hstack([encoder.encode(batch) for encoder in self._encoders]))


ENCODERS = (
    Ready(
        card=CARD,
        roles=("acoustic",),
        depends=Depends("audio", ("librosa", "onnx", "onnxruntime", "scipy", "soxr")),
        scale=Scale(Bounds(0.65, 0.95)),
        make=AudioCombined,
    ),
)
