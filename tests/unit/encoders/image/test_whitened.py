"""Whitening on a corpus of pictures."""

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.encoders.image.lite0 import Headed
from triptych.encoders.image.whitened import CARD, VisualWhitened, fit_layers


def layers(count: int, width: int = 30) -> np.ndarray:
    """Rows that vary much more along some directions than along others."""
    draw = np.random.default_rng(4)
    mixed = draw.normal(size=(count, width)) * np.geomspace(1, 0.2, width)
    return (mixed @ np.linalg.qr(draw.normal(size=(width, width)))[0] + 3).astype(np.float32)


def test_what_is_learnt_has_like_variance_everywhere():
    """Directions of much and of little variance come out alike, around zero."""
    rows = layers(500)
    arrays = fit_layers([rows]).arrays
    whitened = (rows - arrays["mean"]) @ arrays["matrix"]
    assert np.abs(whitened.mean(axis=0)).max() < 1e-3
    spread = whitened.std(axis=0)
    assert spread.max() / spread.min() < 1.3
    assert rows.std(axis=0).min() > 0.1


def test_parts_of_the_corpus_do_not_matter():
    """The same artefact up to rounding, and to the byte with the same parts."""
    rows = layers(200)
    whole, parts = fit_layers([rows]), fit_layers([rows[:70], rows[70:]])
    assert np.allclose(whole.arrays["matrix"], parts.arrays["matrix"], atol=1e-3)
    assert fit_layers([rows]).data == whole.data


def test_a_small_corpus_is_refused():
    """The message says how many are needed."""
    with pytest.raises(InvalidInput, match="64 pictures to be fitted, not 63"):
        fit_layers([layers(63)])


def test_a_fitted_encoder_is_one_head_of_the_network(clock):
    """Fit on pictures, load, encode: unit rows, and a batch is the same as one by one."""
    draw = np.random.default_rng(5)
    corpus = [np.roll(clock, int(k), axis=(0, 2)) for k in draw.integers(0, 100, 64)]
    corpus = [(picture * draw.uniform(0.3, 1)).astype(np.uint8) for picture in corpus]
    encoder = VisualWhitened.load(VisualWhitened.fit(iter(corpus)))
    assert isinstance(encoder, Headed)
    assert encoder.card.dims == 63
    assert encoder.card.fingerprint != CARD.fingerprint
    together = encoder.encode(corpus[:3])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode([picture]) for picture in corpus[:3]])
    assert np.allclose(together, alone, atol=1e-5)


def test_golden_cosines():
    """As they were when this was written, within 0.002: the sign and order of axes are free."""
    rows = layers(200)
    arrays = fit_layers([rows]).arrays
    whitened = (rows - arrays["mean"]) @ arrays["matrix"]
    whitened /= np.linalg.norm(whitened, axis=1, keepdims=True)
    cosines = (whitened @ whitened[0])[1:6]
    assert cosines == pytest.approx([-0.0893, 0.2744, -0.0272, -0.2846, -0.0875], abs=0.002)
