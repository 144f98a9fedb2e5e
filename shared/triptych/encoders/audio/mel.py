"""Mel spectra of a sound, block by block: the audio encoders start from them.

A sound may last hours and be a memory map, so nothing here makes a copy of it or holds its whole
spectrum. Loudness is taken away: a spectrum is in decibels below the loudest band of the loudest
frame, down to 80.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from triptych.media.audio import RATE, Samples

RANGE = 80.0
"""Decibels from silence to the loudest; anything fainter counts as silent."""
FRAME = 2048
HOP = 512
LEAST_FRAMES = 130
"""Three seconds, as long as the input of the networks for sounds."""

_SILENCE = 1e-20
_BLOCK_FRAMES = 1024  # 24 seconds: 20 MB of spectrum


def peak(samples: Samples) -> float:
    """The largest magnitude, or 0 for a sound that is silent or empty."""
    largest = float(max(samples.max(initial=0), -samples.min(initial=0)))
    return largest if largest > _SILENCE else 0.0


def decibels(samples: Samples, bands: int) -> Iterator[NDArray[np.float32]]:
    """Yield spectra float32 (bands, frames), 0 to 80 dB, of a sound that is not silent.

    There are ``LEAST_FRAMES`` in all at least. Frame i is centred on sample i · ``HOP``. A sound of
    more than one block is read twice, since its loudest band is known only at its end.
    """
    count = _frame_count(samples)
    if count > _BLOCK_FRAMES:
        loudest = max(float(power.max()) for power in _powers(samples, bands))
        yield from (_over_floor(power, loudest) for power in _powers(samples, bands))
    else:
        (power,) = _powers(samples, bands)
        silence = max(0, LEAST_FRAMES - count)
        yield np.pad(_over_floor(power, float(power.max())), ((0, 0), (0, silence)))


def _over_floor(power: NDArray[np.float32], loudest: float) -> NDArray[np.float32]:
    floor = np.float32(loudest * 10 ** (-RANGE / 10))
    levels: NDArray[np.float32] = np.log10(np.maximum(power / floor, np.float32(1)))
    levels *= 10
    return levels


def _powers(samples: Samples, bands: int) -> Iterator[NDArray[np.float32]]:
    """Power in each band, float32 (bands, frames), as librosa's ``melspectrogram``."""
    import librosa

    gain = np.float32(1 / peak(samples))
    for block in _blocks(samples):
        spectrum = librosa.stft(block * gain, n_fft=FRAME, hop_length=HOP, center=False)
        yield _filters(bands) @ (spectrum.real**2 + spectrum.imag**2)


@cache
def _filters(bands: int) -> NDArray[np.float32]:
    """Slaney's mel filters, float32 (bands, 1 + FRAME / 2)."""
    import librosa

    filters: NDArray[np.float32] = librosa.filters.mel(sr=RATE, n_fft=FRAME, n_mels=bands)
    return filters


def _frame_count(samples: Samples) -> int:
    return 1 + len(samples) // HOP


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Stretches of ``_BLOCK_FRAMES`` frames, with zeros before the start and after the end."""
    count = _frame_count(samples)
    for first in range(0, count, _BLOCK_FRAMES):
        start = first * HOP - FRAME // 2
        stop = start + (min(_BLOCK_FRAMES, count - first) - 1) * HOP + FRAME
        before, block = max(0, -start), samples[max(0, start) : stop]
        yield np.pad(block, (before, stop - start - before - len(block)))
