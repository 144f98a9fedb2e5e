"""MFCC statistics: a sound to 120 numbers on its timbre.

Davis & Mermelstein, Comparison of parametric representations for monosyllabic word recognition
(1980): 20 coefficients a frame; over the frames their mean, deviation, maximum and minimum, and
the deviation of their first and second differences.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.audio.mel import FRAME, HOP, LEAST_FRAMES, RANGE, decibels, peak
from triptych.encoders.cards import Card, Vectors, fingerprint, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import Bounds, Scale
from triptych.media.audio import RATE, Samples

COEFFICIENTS = 20
DIMS = 6 * COEFFICIENTS
_BANDS = 128
_DELTA_WIDTH = 9

# Mean and deviation of each statistic over the 436 sound effects of the Tux Paint stamps that are
# not silent, so that no statistic outweighs the others merely by its unit.
_SCALE = json.loads((files(__package__ or "") / "mfcc_scale.json").read_text())

CARD = Card(
    name="mfcc-statistics",
    version=2,
    modality="audio",
    dims=DIMS,
    licence="Apache-2.0",
    source="librosa",
    parameters=(
        f"rate={RATE} n={COEFFICIENTS} bands={_BANDS} frame={FRAME} hop={HOP} range={RANGE} "
        f"least={LEAST_FRAMES} scale={fingerprint(_SCALE)} power=0.5"
    ),
)


class MFCCStatistics(Encoder[Samples]):
    """Samples to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:  # noqa: ARG002 (as every encoder)
        self._mean = np.asarray(_SCALE["mean"], np.float32)
        # The root of the deviation, half-way: in full it would lift the noise of the high
        # coefficients and of the differences to the level of the others.
        self._scale = np.sqrt(np.asarray(_SCALE["deviation"], np.float32))

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 120).

        Loudness does not matter; the row of a silent sound is zeros.
        """
        rows = np.zeros((len(batch), DIMS), np.float32)
        for row, samples in zip(rows, batch, strict=True):
            if peak(samples):
                row[:] = (statistics(samples) - self._mean) / self._scale
        return unit_rows(rows)


def statistics(samples: Samples) -> Vectors:
    """Return the 120 unscaled statistics of one sound that is not silent."""
    frames = coefficients(samples)
    parts = (
        frames.mean(axis=1),
        frames.std(axis=1),
        deltas(frames, 1).std(axis=1),
        deltas(frames, 2).std(axis=1),
        frames.max(axis=1),
        frames.min(axis=1),
    )
    return np.concatenate(parts).astype(np.float32)


def coefficients(samples: Samples) -> NDArray[np.float32]:
    """The MFCCs of a sound that is not silent, float32 (20, frames), of 130 frames at least.

    They are small, 12 MB an hour, where the spectrum that they are made from is not.
    """
    from scipy.fft import dct

    blocks = (dct(block, axis=0, norm="ortho") for block in decibels(samples, _BANDS))
    return np.concatenate([block[:COEFFICIENTS] for block in blocks], axis=1)


def deltas(frames: NDArray[np.float32], order: int) -> NDArray[np.float32]:
    """Differences over frames by a Savitzky-Golay filter; the shape stays."""
    import librosa

    differences: NDArray[np.float32] = librosa.feature.delta(
        frames, width=_DELTA_WIDTH, order=order
    )
    return differences


ENCODERS = (
    Ready(
        card=CARD,
        roles=("acoustic",),
        depends=Depends("audio", ("librosa", "scipy")),
        scale=Scale(Bounds(0.3, 0.95)),
        make=MFCCStatistics,
    ),
)
