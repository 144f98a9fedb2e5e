"""Codebooks: k-means words and who is nearest to which."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import InvalidInput
from triptych.encoders.codebook import (
    fit_codebook,
    nearest,
    reservoir,
    sample,
    squared_distances,
)

CENTRES = np.array([[0, 0], [10, 0], [0, 10]], np.float32)


@pytest.fixture(scope="module")
def clouds():
    """Three clouds of points."""
    noise = np.random.default_rng(0).normal(0, 0.5, (300, 2))
    return (np.repeat(CENTRES, 100, axis=0) + noise).astype(np.float32)


def test_words_are_the_middles_of_clouds(clouds):
    """One word a cloud, whichever the order."""
    words = fit_codebook(clouds, 3, seed=0)
    assert words.dtype == np.float32
    assert np.sqrt(squared_distances(CENTRES, words).min(axis=1)).max() < 0.2


def test_a_seed_decides(clouds):
    """The same seed gives the same words to the bit, another seed others."""
    assert np.array_equal(fit_codebook(clouds, 20, 1), fit_codebook(clouds, 20, 1))
    assert not np.array_equal(fit_codebook(clouds, 20, 1), fit_codebook(clouds, 20, 2))


def test_too_few_descriptors(clouds):
    """The message has both numbers."""
    with pytest.raises(InvalidInput, match="300 local descriptors: 301 words"):
        fit_codebook(clouds, 301, 0)


def test_distances(clouds):
    """As by definition, never below zero, and nearest is of the least."""
    words = clouds[:7]
    distances = squared_distances(clouds, words)
    expected = ((clouds[:, np.newaxis] - words) ** 2).sum(axis=2)
    assert np.allclose(distances, expected, atol=1e-3)
    assert distances.min() >= 0
    assert np.array_equal(nearest(clouds, words), expected.argmin(axis=1))


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 40))
def test_a_sample_is_part_of_the_stream(sizes, limit):
    """As many as requested or all there are, none twice, in order, the same every time."""
    numbers = np.arange(sum(sizes), dtype=np.float32)[:, np.newaxis]
    groups = np.split(numbers, np.cumsum(sizes)[:-1]) if sizes else []
    drawn = sample(iter(groups), limit, 0)
    assert len(drawn) == min(limit, sum(sizes))
    assert (np.diff(drawn[:, 0]) > 0).all() if len(drawn) else True
    assert np.array_equal(drawn, sample(iter(groups), limit, 0))


def test_a_sample_prefers_no_part():
    """What comes late is drawn as often as what comes early."""
    groups = [np.full((50, 1), number, np.float32) for number in range(100)]
    drawn = np.concatenate([sample(groups, 100, seed) for seed in range(20)])
    assert drawn.mean() == pytest.approx(49.5, abs=3)  # of a mean of 2,000: deviation 0.65


def test_a_reservoir_draws_from_a_stream():
    """Every element as often, all if there are few, and the same with one seed."""
    assert list(reservoir(iter("abc"), 5, 0)) == ["a", "b", "c"]
    drawn = [number for seed in range(200) for number in reservoir(range(100), 10, seed)]
    assert np.mean(drawn) == pytest.approx(49.5, abs=3)  # of a mean of 2,000: deviation 0.65
    assert reservoir(range(100), 10, 3) == reservoir(range(100), 10, 3)
