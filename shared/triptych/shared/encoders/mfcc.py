"""MFCC statistics: a sound to 120 numbers on its timbre.

Davis & Mermelstein, Comparison of parametric representations for monosyllabic word recognition
(1980), computed by librosa: 20 coefficients a frame; over the frames their mean, deviation,
maximum and minimum, and the deviation of their first and second differences.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from triptych.shared.encoders.cards import Card, Vectors, fingerprint, unit_rows
from triptych.shared.media.audio import RATE, Samples

COEFFICIENTS = 20
DIMS = 6 * COEFFICIENTS
_FRAME = 2048
_HOP = 512
_SILENCE = 1e-20
_BLOCK_FRAMES = 4096  # a minute and a half
_DELTA_WIDTH = 9

# Mean and deviation of each statistic over 605 sounds (instruments, animals, machines), so that
# no statistic outweighs the others merely by its unit.
_SCALE = json.loads((files(__package__ or "") / "mfcc_scale.json").read_text())

CARD = Card(
    name="mfcc-statistics",
    version=1,
    modality="audio",
    dims=DIMS,
    licence="Apache-2.0",
    source="librosa",
    parameters=f"rate={RATE} n={COEFFICIENTS} frame={_FRAME} scale={fingerprint(_SCALE)}",
)


class MFCCStatistics:
    """Samples to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:  # noqa: ARG002 (as every encoder)
        self._mean = np.asarray(_SCALE["mean"], np.float32)
        self._deviation = np.asarray(_SCALE["deviation"], np.float32)

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 120)."""
        if not batch:
            return np.empty((0, DIMS), np.float32)
        rows = np.stack([statistics(samples) for samples in batch])
        return unit_rows((rows - self._mean) / self._deviation)


def statistics(samples: Samples) -> Vectors:
    """Return the 120 unscaled statistics of one sound; its loudness does not matter."""
    import librosa

    peak = float(max(samples.max(initial=0), -samples.min(initial=0)))
    decibels = librosa.power_to_db(_mel_power(samples, 1 / peak if peak > _SILENCE else 1.0))
    frames = librosa.feature.mfcc(S=decibels, n_mfcc=COEFFICIENTS)
    parts = (
        frames.mean(axis=1),
        frames.std(axis=1),
        _delta(frames, 1).std(axis=1),
        _delta(frames, 2).std(axis=1),
        frames.max(axis=1),
        frames.min(axis=1),
    )
    return np.concatenate(parts).astype(np.float32)


def _mel_power(samples: Samples, gain: float) -> NDArray[np.float32]:
    """Mel spectrogram, float32 (128, frames), of centred frames; the spectrum is never whole."""
    import librosa

    return np.concatenate(
        [
            librosa.feature.melspectrogram(
                y=block * np.float32(gain), sr=RATE, n_fft=_FRAME, hop_length=_HOP, center=False
            )
            for block in _blocks(samples)
        ],
        axis=1,
    )


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Stretches of ``_BLOCK_FRAMES`` frames; frame i is centred on sample i · hop."""
    count = 1 + max(_FRAME, len(samples)) // _HOP
    for first in range(0, count, _BLOCK_FRAMES):
        start = first * _HOP - _FRAME // 2
        stop = start + (min(_BLOCK_FRAMES, count - first) - 1) * _HOP + _FRAME
        before, block = max(0, -start), samples[max(0, start) : stop]
        yield np.pad(block, (before, stop - start - before - len(block)))


def _delta(frames: NDArray[np.float32], order: int) -> NDArray[np.float32]:
    """Differences over frames (librosa's Savitzky-Golay filter); zeros for a very short sound."""
    import librosa

    if frames.shape[1] < _DELTA_WIDTH:
        return np.zeros_like(frames)
    deltas: NDArray[np.float32] = librosa.feature.delta(frames, width=_DELTA_WIDTH, order=order)
    return deltas
