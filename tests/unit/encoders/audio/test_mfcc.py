"""MFCC statistics: what they are of."""

import librosa
import numpy as np
import pytest

from triptych.encoders.audio.mfcc import coefficients, statistics
from triptych.media.audio import RATE


def noise(seconds: float) -> np.ndarray:
    """White noise, the same every time."""
    return np.random.default_rng(0).normal(0, 0.2, int(RATE * seconds)).astype(np.float32)


def test_the_coefficients_are_those_of_librosa():
    """Of decibels that begin at the floor; within 0.01 of values up to 900."""
    samples = noise(4)
    power = librosa.feature.melspectrogram(y=samples, sr=RATE)
    above = librosa.power_to_db(power, ref=np.max, amin=1e-30, top_db=80) + 80
    expected = librosa.feature.mfcc(S=above, n_mfcc=20)
    assert coefficients(samples) == pytest.approx(expected, abs=0.01)


def test_the_statistics_are_in_their_order():
    """Mean, deviation, those of the differences, maximum, minimum; twenty each."""
    samples = noise(4)
    frames = coefficients(samples)
    actual = np.split(statistics(samples), 6)
    expected = [
        frames.mean(1),
        frames.std(1),
        librosa.feature.delta(frames).std(1),
        librosa.feature.delta(frames, order=2).std(1),
        frames.max(1),
        frames.min(1),
    ]
    for part, values in zip(actual, expected, strict=True):
        assert part == pytest.approx(values, rel=1e-4, abs=1e-4)


def test_a_long_sound_is_read_in_blocks(monkeypatch):
    """The statistics of blocks are those of the whole, whatever the size of a block."""
    samples = noise(3)
    whole = statistics(samples)
    monkeypatch.setattr("triptych.encoders.audio.mel._BLOCK_FRAMES", 7)
    assert statistics(samples) == pytest.approx(whole, abs=2e-3)
