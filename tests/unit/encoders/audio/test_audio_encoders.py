"""What all audio encoders promise, each on the same synthesised sounds.

The combination is left out where only its parts could break.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.encoders import registry
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import unit_rows
from triptych.media.audio import RATE

READY = ("mfcc-statistics", "logmel-statistics", "musicnn", "audio-combined")
FITTED = "mfcc-words"

# Places and values of the decaying tone of 440 Hz, within 0.002: the differences between builds of
# the libraries are of the order of 1e-5, those of another parameter of 1e-2.
GOLDEN = {
    "mfcc-statistics": {20: -0.37, 60: -0.0195, 80: -0.4582, 102: 0.2292, 119: 0.0884},
    "logmel-statistics": {96: 0.0099, 135: 0.2708, 136: 0.2764, 137: 0.2174, 191: 0.0136},
    "musicnn": {37: 0.2878, 40: 0.2468, 100: 0.1392, 187: 0.2391, 199: 0.0761},
    "audio-combined": {20: -0.2136, 80: -0.2646, 256: 0.1596, 349: 0.1662, 511: 0.0439},
}


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    """A decaying sine."""
    time = np.arange(int(RATE * seconds)) / RATE
    return (np.sin(2 * np.pi * frequency * time) * np.exp(-3 * time) * 0.5).astype(np.float32)


def noise(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """White noise."""
    return np.random.default_rng(seed).normal(0, 0.2, int(RATE * seconds)).astype(np.float32)


def fit(seed: int = 0) -> Artefact:
    """A codebook of tones, noises and silence."""
    sounds = [tone(110 * 2**step, 1.5) for step in range(6)]
    return registry.fit(FITTED, iter([*sounds, noise(), np.zeros(RATE, np.float32)]), seed=seed)


@pytest.fixture(scope="module")
def encoders():
    """Every one of them by name; the networks are loaded once."""
    made = {name: registry.open_encoder(name) for name in READY}
    return {**made, FITTED: registry.load(fit())}


every = pytest.mark.parametrize("name", [*READY[:3], FITTED])


@every
@pytest.mark.parametrize("gain", [1e-6, 0.1, 3, 1000])
def test_loudness_does_not_matter(encoders, name, gain):
    """However quiet, it is the same sound."""
    first, second = encoders[name].encode([tone(440), tone(440) * np.float32(gain)])
    assert first @ second > 0.9999


@every
def test_silence_is_a_row_of_zeros(encoders, name):
    """And so is nothing at all, and the least of all numbers."""
    least = np.full(RATE, np.finfo(np.float32).smallest_subnormal)
    silent = [np.zeros(RATE, np.float32), least, np.empty(0, np.float32)]
    rows = encoders[name].encode([*silent, tone(440)])
    assert not rows[:3].any()
    assert np.linalg.norm(rows[3]) == pytest.approx(1, abs=1e-5)


@every
@settings(max_examples=8, deadline=None)
@given(length=st.integers(1, 3 * RATE))
def test_every_length_has_a_unit_vector(encoders, name, length):
    """From one sample on."""
    rows = encoders[name].encode([np.resize(noise(), length)])
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)


@every
@pytest.mark.parametrize("length", [1, 220, 2048, 2049, 65_974, 65_975])
def test_lengths_at_the_borders_have_a_unit_vector(encoders, name, length):
    """One sample, ten milliseconds, a frame, a window of the network."""
    rows = encoders[name].encode([np.resize(noise(), length)])
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)


@every
def test_a_batch_is_the_same_as_one_by_one(encoders, name):
    """In order, whatever the lengths, and the same every time."""
    encoder = encoders[name]
    batch = [tone(440), noise(), tone(880, 0.3), tone(220, 3.5)]
    together = encoder.encode(batch)
    assert together.shape == (4, encoder.card.dims)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([encoder.encode([s]) for s in batch]))
    assert np.array_equal(together, encoder.encode(batch))
    assert encoder.encode([]).shape == (0, encoder.card.dims)


@every
def test_a_map_is_the_same_as_an_array(encoders, name, tmp_path):
    """A long sound comes as a map that can't be written to."""
    whole = np.concatenate([tone(440, 2), noise(2)])
    whole.tofile(tmp_path / "samples")
    mapped = np.memmap(tmp_path / "samples", np.float32, mode="r")
    first, second = encoders[name].encode([whole, mapped])
    assert np.array_equal(first, second)


@every
def test_timbre_decides(encoders, name):
    """A part of a sound is nearer to it than noise is."""
    whole, part, hiss = encoders[name].encode([tone(440), tone(440)[RATE // 3 :], noise()])
    assert whole @ part > whole @ hiss + 0.1


@every
def test_how_long_a_sound_lasts_counts(encoders, name):
    """A short tone is nearer to a shorter one than to a long noise."""
    short, shorter, drone = encoders[name].encode([tone(440, 0.3), tone(440, 0.2), noise(4)])
    assert short @ shorter > short @ drone


@pytest.mark.parametrize("name", READY)
def test_the_golden_sound(encoders, name):
    """A few values of a tone."""
    row = encoders[name].encode([tone(440)])[0]
    values = {position: float(row[position]) for position in GOLDEN[name]}
    assert values == pytest.approx(GOLDEN[name], abs=0.002)


def test_the_combination_is_the_mean_of_the_cosines(encoders):
    """Of its three parts, each as long as the others."""
    sounds = [tone(440), noise(), tone(660, 0.5)]
    whole = encoders["audio-combined"].encode(sounds)
    parts = [encoders[name].encode(sounds) for name in READY[:3]]
    mean = np.mean([rows @ rows.T for rows in parts], axis=0)
    assert whole @ whole.T == pytest.approx(mean, abs=1e-5)
    assert unit_rows(np.hstack(parts)) == pytest.approx(whole, abs=1e-6)
