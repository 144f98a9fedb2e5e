"""all-MiniLM-L6-v2: texts to what they mean."""

import numpy as np
import pytest

from triptych.encoders.text.minilm import DIMS, MAX_TOKENS

MIXED = [
    "dog", "A red apple on a wooden table.", "x " * 300, "a piano stands in an old hall", "",
    "Привет мир", "the cat " * 20, "日本語", *(f"number {i} " * (i % 7 + 1) for i in range(30)),
]  # fmt: skip


def test_a_batch_is_the_same_as_one_by_one(minilm):
    """Padding and order of lengths change nothing, and each row stays with its text."""
    together = minilm.encode(MIXED)
    alone = np.concatenate([minilm.encode([text]) for text in MIXED])
    assert together.shape == (len(MIXED), DIMS)
    assert np.abs(together - alone).max() < 1e-5


def test_vectors_are_units(minilm):
    """So that an inner product is a cosine."""
    vectors = minilm.encode(MIXED)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_are_no_rows(minilm):
    """An empty batch has the width of any other."""
    assert minilm.encode([]).shape == (0, DIMS)


def test_what_is_too_long_is_cut(minilm):
    """Words behind the last token do not count, those before do."""
    long = "word " * (MAX_TOKENS - 2)
    first, second, third = minilm.encode([long, long + "elephant " * 50, "elephant " + long])
    assert np.allclose(first, second, atol=1e-5)
    assert not np.allclose(first, third, atol=1e-3)


def test_the_golden_text(minilm):
    """Five values within 0.02: int8 kernels differ between processors, models differ more."""
    vectors = minilm.encode(["A red apple on a wooden table."])[0]
    expected = [0.03447, -0.05333, 0.00929, 0.07147, 0.11126]
    assert vectors[[0, 50, 100, 200, 383]].tolist() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [("puppy", "dog", "piano"), ("automobile", "a red car", "a bowl of soup"),
     ("an instrument with keys", "piano", "puppy")],
)  # fmt: skip
def test_meaning_decides(minilm, query, near, far):
    """What means the same is nearer."""
    first, second, third = minilm.encode([query, near, far])
    assert first @ second > first @ third + 0.1
