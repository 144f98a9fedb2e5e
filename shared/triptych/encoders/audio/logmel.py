"""Log-mel statistics: a sound to 192 numbers on how its energy is spread over frequency.

Stevens, Volkmann & Newman, A scale for the measurement of the psychological magnitude pitch (1937);
64 bands in decibels over the floor; over the frames their mean, deviation and maximum.
"""

from collections.abc import Sequence

import numpy as np

from triptych.encoders.audio.mel import FRAME, HOP, LEAST_FRAMES, RANGE, decibels, peak
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import Bounds, Scale
from triptych.media.audio import RATE, Samples

BANDS = 64
DIMS = 3 * BANDS

CARD = Card(
    name="logmel-statistics",
    version=1,
    modality="audio",
    dims=DIMS,
    licence="Apache-2.0",
    source="librosa",
    parameters=(
        f"rate={RATE} bands={BANDS} frame={FRAME} hop={HOP} range={RANGE} least={LEAST_FRAMES}"
    ),
)


class LogMelStatistics(Encoder[Samples]):
    """Samples to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        pass

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 192).

        Loudness does not matter; the row of a silent sound is zeros.
        """
        rows = np.zeros((len(batch), DIMS), np.float32)
        for row, samples in zip(rows, batch, strict=True):
            if peak(samples):
                row[:] = statistics(samples)
        return unit_rows(rows)


def statistics(samples: Samples) -> Vectors:
    """Return the 192 statistics, in decibels, of one sound that is not silent."""
    count = 0
    total, squares = np.zeros((2, BANDS))
    highest = np.zeros(BANDS, np.float32)
    for block in decibels(samples, BANDS):
        count += block.shape[1]
        total += block.sum(axis=1, dtype=np.float64)
        squares += np.square(block, dtype=np.float64).sum(axis=1)
        np.maximum(highest, block.max(axis=1), out=highest)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return np.concatenate([mean, deviation, highest]).astype(np.float32)


ENCODERS = (
    Ready(
        card=CARD,
        roles=("acoustic",),
        depends=Depends("audio", ("librosa",)),
        scale=Scale(Bounds(0.95, 1.0)),
        make=LogMelStatistics,
    ),
)
