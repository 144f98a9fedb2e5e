"""Mel spectra: what librosa says, block by block."""

import librosa
import numpy as np
import pytest

from triptych.encoders.audio.mel import FRAME, HOP, LEAST_FRAMES, RANGE, decibels, peak
from triptych.media.audio import RATE


def noise(length: int) -> np.ndarray:
    """Noise that swells, so that the loudest frame is the last."""
    sound = np.random.default_rng(3).standard_normal(length) * np.linspace(0.001, 0.1, length)
    return sound.astype(np.float32)


def whole(samples: np.ndarray, bands: int = 64) -> np.ndarray:
    """All blocks together."""
    return np.concatenate(list(decibels(samples, bands)), axis=1)


@pytest.mark.parametrize("bands", [64, 128])
def test_the_spectrum_is_that_of_librosa(bands):
    """In decibels above the floor, within 0.001."""
    samples = noise(5 * RATE)
    power = librosa.feature.melspectrogram(
        y=samples / peak(samples), sr=RATE, n_fft=FRAME, hop_length=HOP, n_mels=bands
    )
    expected = librosa.power_to_db(power, ref=np.max, amin=1e-30, top_db=RANGE) + RANGE
    assert whole(samples, bands) == pytest.approx(expected, abs=1e-3)


def test_blocks_have_no_seams(monkeypatch):
    """The same whatever the size of a block, with the loudest in the last."""
    samples = noise(100_001)
    expected = whole(samples)
    monkeypatch.setattr("triptych.encoders.audio.mel._BLOCK_FRAMES", 7)
    assert whole(samples) == pytest.approx(expected, abs=1e-3)


def test_a_block_is_small():
    """A minute comes in parts of less than half of it."""
    sizes = [block.shape[1] for block in decibels(noise(60 * RATE), 64)]
    assert sum(sizes) == 1 + 60 * RATE // HOP
    assert max(sizes) <= 1024


def test_a_short_sound_is_followed_by_silence():
    """Three seconds in all."""
    spectrum = whole(noise(HOP * 10))
    assert spectrum.shape == (64, LEAST_FRAMES)
    assert spectrum[:, :11].max() == pytest.approx(RANGE, abs=1e-3)
    assert not spectrum[:, 11:].any()


def test_the_peak_is_the_largest_magnitude():
    """On either side; 0 of nothing."""
    assert peak(np.float32([0.1, -0.5, 0.2])) == pytest.approx(0.5)
    assert peak(np.float32([0.3, -0.1])) == pytest.approx(0.3)
    assert peak(np.empty(0, np.float32)) == 0
    assert peak(np.full(3, 1e-30, np.float32)) == 0
