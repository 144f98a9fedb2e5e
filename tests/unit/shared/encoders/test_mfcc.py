"""MFCC statistics: sounds to their timbre."""

import numpy as np
import pytest

from triptych.shared.encoders.mfcc import DIMS, MFCCStatistics, statistics
from triptych.shared.media.audio import RATE


@pytest.fixture(scope="module")
def encoder():
    """The encoder."""
    return MFCCStatistics()


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    """A decaying sine."""
    time = np.arange(int(RATE * seconds)) / RATE
    return (np.sin(2 * np.pi * frequency * time) * np.exp(-3 * time) * 0.5).astype(np.float32)


def noise() -> np.ndarray:
    """White noise, the same every time."""
    return np.random.default_rng(0).normal(0, 0.2, RATE).astype(np.float32)


@pytest.mark.parametrize("gain", [1e-3, 0.1, 2, 100])
def test_loudness_does_not_matter(encoder, gain):
    """Half as loud is the same sound."""
    one, other = encoder.encode([tone(440), tone(440) * np.float32(gain)])
    assert one @ other > 0.9999


@pytest.mark.parametrize("length", [0, 1, 100, 2048, 5000])
def test_very_short_sounds_have_a_vector(encoder, length):
    """Shorter than a frame, shorter than the filter of the differences."""
    found = encoder.encode([tone(440)[:length]])
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_silence_has_a_vector(encoder):
    """And so has the least of all sounds."""
    least = np.full(RATE, np.finfo(np.float32).smallest_subnormal)
    found = encoder.encode([np.zeros(RATE, np.float32), least])
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_batch_is_the_same_as_one_by_one(encoder):
    """In order, whatever the lengths, and the same every time."""
    batch = [tone(440), noise(), tone(880, 0.3)]
    together = encoder.encode(batch)
    assert together.shape == (3, DIMS)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([encoder.encode([s]) for s in batch]))
    assert encoder.encode([]).shape == (0, DIMS)


def test_timbre_decides(encoder):
    """A part of a sound is nearer to it than noise is."""
    whole, part, other = encoder.encode([tone(440), tone(440)[RATE // 3 :], noise()])
    assert whole @ part > whole @ other + 0.3


def test_the_golden_sound(encoder):
    """Five values within 0.005."""
    expected = [-0.09277, -0.06522, -0.07755, -0.01002, 0.08931]
    assert encoder.encode([tone(440)])[0][[0, 1, 20, 60, 119]].tolist() == pytest.approx(
        expected, abs=0.005
    )


def test_a_long_sound_is_read_in_blocks(monkeypatch):
    """The statistics of blocks are those of the whole, whatever the size of a block."""
    samples = np.random.default_rng(3).standard_normal(60_001).astype(np.float32) * 0.1
    whole = statistics(samples)
    monkeypatch.setattr("triptych.shared.encoders.mfcc._BLOCK_FRAMES", 7)
    assert statistics(samples) == pytest.approx(whole, abs=1e-3)
