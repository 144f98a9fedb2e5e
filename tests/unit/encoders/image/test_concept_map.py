"""Concepts learnt from pictures with their texts."""

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.core.settings import Encoders
from triptych.encoders import artefacts, registry
from triptych.encoders.extractors import load_extractor
from triptych.encoders.image.concept_map import CARD, fit_features, layers
from triptych.encoders.image.efficientnet import POOLED
from triptych.encoders.registry import card_of, open_encoder
from triptych.encoders.weights import WeightsError
from triptych.fusion.layout import make_layout
from triptych.media.store import MediaStore

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 40), "blue": (20, 40, 220), "black": (5, 5, 5)}
SHAPES = ("circle", "square", "triangle", "cross")
UNSEEN = {("red", "square"), ("green", "circle"), ("blue", "cross"), ("black", "triangle")}


def drawn(colour: str, shape: str, seed: int) -> np.ndarray:
    """A shape of a colour on white, somewhere and of some size: uint8 (160, 160, 3)."""
    draw = np.random.default_rng(seed)
    canvas = np.full((160, 160, 3), 255, np.uint8)
    x, y = (int(v) for v in draw.integers(60, 100, 2))
    size, paint = int(draw.integers(25, 45)), COLOURS[colour]
    if shape == "circle":
        cv2.circle(canvas, (x, y), size, paint, -1)
    elif shape == "square":
        cv2.rectangle(canvas, (x - size, y - size), (x + size, y + size), paint, -1)
    elif shape == "triangle":
        corners = np.array([[x, y - size], [x - size, y + size], [x + size, y + size]])
        cv2.fillPoly(canvas, [corners], paint)
    else:
        cv2.line(canvas, (x - size, y), (x + size, y), paint, 12)
        cv2.line(canvas, (x, y - size), (x, y + size), paint, 12)
    return canvas


def pairs(combinations, each):
    """Pictures with their texts."""
    return [
        (drawn(colour, shape, seed), f"a {colour} {shape}")
        for colour, shape in sorted(combinations)
        for seed in range(each)
    ]


@pytest.fixture(scope="module")
def corpus():
    """What is learnt from: twelve of the sixteen combinations."""
    return pairs(set(product(COLOURS, SHAPES)) - UNSEEN, 6)


@pytest.fixture(scope="module")
def artefact(corpus, minilm):
    """What is learnt."""
    return registry.fit("concept-map", iter(corpus), text=minilm)


@pytest.fixture
def store(artefact, tmp_path):
    """Where it is stored."""
    store = MediaStore(tmp_path.as_uri())
    artefacts.save(store, artefact)
    return store


def recall(encoder, text):
    """How many pictures of unseen combinations are nearest to their own text of all sixteen."""
    names = [f"a {colour} {shape}" for colour, shape in product(COLOURS, SHAPES)]
    queries = pairs(UNSEEN, 6)
    scores = encoder.encode([picture for picture, _ in queries]) @ text.encode(names).T
    own = [names.index(name) for _, name in queries]
    return np.mean([(row > row[i]).sum() < 3 for row, i in zip(scores, own, strict=True)])


def test_what_was_never_seen_together_is_found(artefact, store, minilm):
    """An unseen colour and shape is among the three best of sixteen texts, chance being 3 in 16."""
    encoder = open_encoder(artefact.reference, store=store, text=minilm)
    assert recall(encoder, minilm) > 0.5
    assert recall(open_encoder("conse", text=minilm), minilm) < recall(encoder, minilm)


def test_rows_are_units_and_their_own(artefact, store, minilm, corpus):
    """A batch is the same as one by one; none of nothing."""
    encoder = open_encoder(artefact.reference, store=store, text=minilm)
    pictures = [picture for picture, _ in corpus[::20]]
    together = encoder.encode(pictures)
    assert (together.shape[1], together.dtype) == (encoder.card.dims, np.float32)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode([picture]) for picture in pictures])
    assert np.allclose(together, alone, atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.card.dims)


def test_the_same_pairs_give_the_same_bytes(artefact, corpus, minilm):
    """Whatever the seed; other texts give others."""
    assert registry.fit("concept-map", corpus, seed=7, text=minilm).data == artefact.data
    others = [(picture, f"{text} again") for picture, text in corpus]
    assert registry.fit("concept-map", others, text=minilm).data != artefact.data


def test_the_map_is_ridge_regression(minilm):
    """As its dual has it, in parts or whole."""
    draw = np.random.default_rng(2)
    x = draw.uniform(0, 2, (80, POOLED)).astype(np.float32)
    y = draw.normal(size=(80, 3)).astype(np.float32)
    text = replace(minilm.card, dims=3)
    artefact = fit_features([(x[:50], y[:50]), (x[50:], y[50:])], text)
    seen = layers(x).astype(np.float64)
    seen -= seen.mean(axis=0)
    products = seen @ seen.T
    ridge = np.eye(80) * np.trace(products) / 1280
    expected = seen.T @ np.linalg.solve(products + ridge, y - y.mean(axis=0))
    # Kept as float32.
    assert np.allclose(artefact.arrays["matrix"], expected, atol=1e-4)
    assert np.abs(expected).max() > 1e-2


def test_another_text_encoder_is_refused(artefact, store, minilm):
    """By the card and by the encoder: its vectors would compare with nothing."""

    class Other:
        card = replace(minilm.card, version=99)

    with pytest.raises(WeightsError, match="fitted with another text encoder than minilm"):
        open_encoder(artefact.reference, store=store, text=Other())
    with pytest.raises(WeightsError, match="fit it anew"):
        card_of(artefact.reference, store, text=Other.card)
    with pytest.raises(InvalidInput, match="concept-map is compared with texts"):
        registry.fit("concept-map", [])
    with pytest.raises(InvalidInput, match="triptych fit concept-map"):
        card_of("concept-map", store, text=minilm.card)


def test_too_little_is_refused(corpus, minilm):
    """The message says what is needed."""
    with pytest.raises(InvalidInput, match="64 pictures with a text to be fitted, not 63"):
        registry.fit("concept-map", corpus[:63], text=minilm)
    same = np.ones((64, POOLED), np.float32)
    with pytest.raises(InvalidInput, match="pictures that differ"):
        fit_features([(same, np.eye(64, 384, dtype=np.float32))], minilm.card)


def test_it_fills_the_concept_block(artefact, store, corpus):
    """By its reference, as the layout has it, in one pass with the other head."""
    encoders = Encoders(concept=artefact.reference)
    extractor = load_extractor("image", encoders, threads=1, store=store)
    concept = extractor.encoders["concept"]
    assert concept.backbone is extractor.encoders["visual"].backbone
    (block,) = [b for b in make_layout(encoders, store).blocks if b.name == "concept"]
    assert block.card == concept.card
    assert block.card.fingerprint != CARD.fingerprint
    rows = extractor([corpus[0][0]]).blocks["concept"]
    assert np.allclose(rows, concept.encode([corpus[0][0]]), atol=1e-6)
