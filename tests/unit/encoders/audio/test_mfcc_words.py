"""Audio words: a codebook of frames, and how strongly a sound has each word."""

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.audio.mfcc_words import DIMS, WORDS, MFCCWords, local_frames
from triptych.encoders.weights import WeightsError
from triptych.media.audio import RATE


def tone(frequency: float, seconds: float) -> np.ndarray:
    """A decaying sine."""
    time = np.arange(int(RATE * seconds)) / RATE
    return (np.sin(2 * np.pi * frequency * time) * np.exp(-3 * time) * 0.5).astype(np.float32)


def noise(seconds: float) -> np.ndarray:
    """White noise, the same every time."""
    return np.random.default_rng(0).normal(0, 0.2, int(RATE * seconds)).astype(np.float32)


def fit(seed: int = 0) -> Artefact:
    """A codebook of tones and noise."""
    return MFCCWords.fit([*(tone(110 * 2**step, 1.5) for step in range(6)), noise(1)], seed=seed)


@pytest.fixture(scope="module")
def artefact():
    """One that several tests read."""
    return fit()


def test_the_same_corpus_and_seed_give_the_same_bytes(artefact):
    """Another seed gives others."""
    assert fit().data == artefact.data
    assert fit(seed=1).data != artefact.data


def test_a_corpus_without_enough_frames_is_refused():
    """Silence has none."""
    with pytest.raises(InvalidInput, match="128 words need as many"):
        MFCCWords.fit([np.zeros(RATE, np.float32)])
    with pytest.raises(InvalidInput, match="128 words need as many"):
        MFCCWords.fit([tone(440, 0.5)])


def test_an_artefact_of_another_encoder_is_refused(artefact):
    """With its name."""
    other = type(artefact)("visual-words", 1, artefact.arrays)
    with pytest.raises(WeightsError, match="visual-words"):
        MFCCWords.load(other)


def test_a_word_is_the_nearest_centre(artefact):
    """A sound of one frame's kind has that word most, in both halves of the vector."""
    arrays = artefact.arrays
    sound = tone(330, 2)
    frames = (local_frames(sound) - arrays["mean"]) / arrays["deviation"]
    distances = np.linalg.norm(frames[:, np.newaxis] - arrays["words"], axis=2)
    common = np.bincount(distances.argmin(axis=1)).argmax()
    row = MFCCWords.load(artefact).encode([sound])[0]
    assert row.shape == (DIMS,)
    assert row[WORDS:].argmax() == common
    assert row[common] > 0.9 * row[:WORDS].max()


def test_the_maximum_remembers_what_is_heard_once(artefact):
    """A click in a drone is in the first half as strongly as in a click alone."""
    encoder = MFCCWords.load(artefact)
    drone = tone(220, 3)
    mixed = drone.copy()
    mixed[RATE : RATE + 4096] += noise(1)[:4096]
    highest, shares = (np.split(row, 2) for row in encoder.encode([drone, mixed]))
    assert np.abs(shares[0] - highest[0]).max() > 0.1


def test_only_audible_frames_are_described():
    """Neither the silence before a sound nor that after it."""
    sound = np.concatenate([np.zeros(2 * RATE, np.float32), noise(0.5)])
    assert local_frames(sound).shape[1] == 40
    assert len(local_frames(sound)) < 0.8 * RATE / 512


def test_a_long_sound_is_read_in_blocks(monkeypatch, artefact):
    """Whatever the size of a block."""
    encoder = MFCCWords.load(artefact)
    sound = np.concatenate([tone(440, 2), noise(2)])
    whole = encoder.encode([sound])
    monkeypatch.setattr("triptych.encoders.audio.mfcc_words._BLOCK_FRAMES", 7)
    # Products of matrices of another size round differently, on each processor in its own way.
    assert encoder.encode([sound]) == pytest.approx(whole, abs=1e-4)


def test_golden_vectors(artefact):
    """Two tones as they were when the encoder was written, without the order of words.

    A twentieth is allowed: another processor rounds otherwise, which moves a few frames from word
    to word; another seed moves these numbers further.
    """
    first, second, hiss = MFCCWords.load(artefact).encode([tone(330, 2), tone(350, 2), noise(1)])
    measured = np.abs(first).max(), np.abs(first).sum(), first @ second
    assert measured == pytest.approx((0.617, 2.932, 0.846), rel=0.05)
    assert first @ hiss < 0.05
