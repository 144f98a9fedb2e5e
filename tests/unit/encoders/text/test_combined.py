"""Two text encoders side by side."""

import numpy as np
import pytest

from triptych.encoders.registry import open_encoder
from triptych.encoders.text.combined import CARD, DIMS, TextCombined
from triptych.encoders.text.use_multilingual import USEMultilingual

TEXTS = ["a red apple", "ein roter Apfel", "собака", "a grand piano"]


@pytest.fixture(scope="module")
def encoder() -> TextCombined:
    """The encoder."""
    return TextCombined()


def test_cosines_are_the_weighted_mean_of_both(encoder, minilm):
    """Four tenths of MiniLM's and six of the other's."""
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (4, DIMS)
    assert vectors.dtype == np.float32
    one, other = minilm.encode(TEXTS), USEMultilingual().encode(TEXTS)
    expected = 0.4 * one @ one.T + 0.6 * other @ other.T
    assert np.allclose(vectors @ vectors.T, expected, atol=1e-5)


def test_no_texts_are_no_rows(encoder):
    """Of the width of any other batch."""
    assert encoder.encode([]).shape == (0, DIMS)


def test_a_translation_is_near(encoder):
    """Nearer than another text in English."""
    apple, german, _, piano = encoder.encode(TEXTS)
    assert apple @ german > apple @ piano + 0.1


def test_the_registry_knows_it(minilm):
    """Its card follows those of its parts."""
    assert isinstance(open_encoder("text-combined"), TextCombined)
    assert CARD.built_on[0] == minilm.card.fingerprint
