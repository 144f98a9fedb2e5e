"""Log-mel statistics: how energy lies over frequency."""

import numpy as np
import pytest

from triptych.encoders.audio.logmel import BANDS, statistics
from triptych.encoders.audio.mel import decibels
from triptych.media.audio import RATE


def test_the_statistics_are_in_their_order(monkeypatch):
    """Mean, deviation and maximum of each band, though it is read in blocks."""
    samples = np.random.default_rng(0).normal(0, 0.2, 4 * RATE).astype(np.float32)
    spectrum = np.concatenate(list(decibels(samples, BANDS)), axis=1)
    monkeypatch.setattr("triptych.encoders.audio.mel._BLOCK_FRAMES", 7)
    expected = [spectrum.mean(1), spectrum.std(1), spectrum.max(1)]
    assert statistics(samples) == pytest.approx(np.concatenate(expected), rel=1e-4, abs=1e-3)


def test_a_tone_is_loudest_in_its_band():
    """And a higher one in a higher."""
    time = np.arange(RATE) / RATE
    tones = [np.sin(2 * np.pi * pitch * time).astype(np.float32) for pitch in (200, 1000, 4000)]
    bands = [int(statistics(sound)[:BANDS].argmax()) for sound in tones]
    assert bands == sorted(set(bands))
