"""What every encoder of the registry keeps, whatever it is."""

from functools import cache

import cv2
import numpy as np
import pytest

from triptych.encoders import registry
from triptych.encoders.image import visual_words
from triptych.encoders.registry import encoders, entry, open_encoder


def drawing(seed: int) -> np.ndarray:
    """Discs and lines on white, of some size."""
    draw = np.random.default_rng(seed)
    canvas = np.full((150 + 20 * (seed % 5), 180, 3), 255, np.uint8)
    for _ in range(12):
        colour = draw.integers(0, 255, 3).tolist()
        first, second = draw.integers(0, 150, (2, 2)).tolist()
        cv2.circle(canvas, first, int(draw.integers(5, 30)), colour, -1)
        cv2.line(canvas, first, second, colour, 3)
    return canvas


def tune(seed: int) -> np.ndarray:
    """Half a second to two of a few tones that fade."""
    draw = np.random.default_rng(seed)
    time = np.arange(11_025 * (1 + seed % 4)) / 22_050
    tones = sum(np.sin(2 * np.pi * f * time) for f in draw.uniform(100, 4000, 4))
    return (tones * np.exp(-2 * time) / 8).astype(np.float32)


WORDS = ("red", "green", "blue", "cat", "dog", "bird", "house", "tree", "river", "old", "young")
MEDIA = {
    "image": [drawing(seed) for seed in range(40)],
    "text": [" ".join(np.random.default_rng(n).permutation(WORDS)[: 2 + n % 5]) for n in range(40)],
    "audio": [tune(seed) for seed in range(40)],
}
WHOLE = {"minilm", "text-combined"}
SLOW = {"visual-whitened"}  # half a minute of eigenvectors: test_whitened has them smaller
HUB = {name for name in encoders() if encoders()[name].depends.extra == "hub"}
HERE = [
    name
    for name in sorted(set(encoders()) - SLOW - HUB)
    if not encoders()[name].takes_text and not encoders()[name].depends.missing
]


@cache
def fitted(name):
    """What the encoder learns from the media of its kind."""
    return registry.fit(name, MEDIA[entry(name).card.modality])


def opened(name):
    """The encoder, fitted where it is one to be fitted."""
    if entry(name).card.needs_fit:
        return registry.load(fitted(name))
    return open_encoder(name)


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch):
    """A codebook of pictures that is made in a second instead of ten."""
    monkeypatch.setattr(visual_words, "WORDS", 128)


@pytest.mark.parametrize("name", HERE)
def test_rows_are_units_of_the_width_on_the_card(name):
    """float32, in the order of the batch, each its own; none for an empty batch."""
    encoder = opened(name)
    batch = MEDIA[encoder.card.modality][:5]
    rows = encoder.encode(batch)
    assert rows.shape == (5, encoder.card.dims)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-4)
    assert len({row.tobytes() for row in rows}) == 5
    alone = np.concatenate([encoder.encode([element]) for element in batch])
    # These networks in whole numbers scale a batch of texts together; others are exact.
    cosines = (rows * alone).sum(axis=1)
    assert cosines == pytest.approx(1, abs=0.02 if name in WHOLE else 1e-5)
    empty = encoder.encode([])
    assert (empty.shape, empty.dtype) == ((0, encoder.card.dims), np.float32)


@pytest.mark.parametrize("name", [n for n in HERE if entry(n).card.modality == "text"])
@pytest.mark.parametrize("word", ["cat ", "Häuser ", "圖書館", "ﷺ ", "x"])
def test_a_text_is_read_as_far_as_it_says(name, word):
    """What is at the end counts; a short text is read as a whole."""
    encoder = opened(name)
    assert encoder.reach(word) == len(word)
    long = word * 4_000
    read = encoder.reach(long)
    assert 0 < read <= len(long)
    assert encoder.reach(long[:read]) == read
    other = long[: read - 12] + " green birds"
    assert not np.allclose(*encoder.encode([long[:read], other]), atol=1e-3)


@pytest.mark.parametrize("name", [name for name in HERE if entry(name).card.needs_fit])
def test_a_fitted_encoder_is_the_same_after_its_journey(name):
    """As bytes, in the store, and back; its card names the artefact."""
    encoder, artefact = opened(name), fitted(name)
    again = registry.load(type(artefact).from_bytes(artefact.data))
    batch = MEDIA[encoder.card.modality][:3]
    assert np.array_equal(encoder.encode(batch), again.encode(batch))
    assert encoder.card == again.card
    assert artefact.sha256 in encoder.card.weights
