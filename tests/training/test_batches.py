"""Batches, the closed-form start, and what can't be learnt from."""

import numpy as np
import pytest

from triptych.encoders.cards import unit_rows
from triptych.training.batches import Batches, Patterns, neighbours
from triptych.training.start import projections


def test_neighbours_are_others_and_near(examples):
    """By the inner product of blocks."""
    near = neighbours(examples.features)
    assert not (near == np.arange(240)[:, None]).any()
    product = examples.features.vectors @ examples.features.vectors.T
    nearest = np.take_along_axis(product, near, axis=1).mean()
    assert nearest > product.mean() + 0.1


def test_patterns_are_never_empty_and_all_occur(examples):
    """Every set of the parts that an item has."""
    patterns = Patterns(examples.features, np.random.default_rng(0))
    whole = int(np.flatnonzero(patterns.has.all(axis=1))[0])
    drawn = patterns.draw(np.full(400, whole))
    assert drawn.any(axis=1).all()
    assert len({tuple(row) for row in drawn.tolist()}) == 7
    alone = int(np.flatnonzero(patterns.has.sum(axis=1) == 1)[0])
    assert (patterns.draw(np.array([alone])) == patterns.has[alone]).all()


def test_batches_are_the_same_for_a_seed(examples):
    """Two views of the same items, positives on the diagonal, and no part that an item lacks."""
    first, again = (
        next(Batches(examples, size=64, labelled=0.1, seed=3).epoch()) for _ in range(2)
    )
    np.testing.assert_array_equal(first.first[0], again.first[0])
    assert (np.diag(first.positive) > 0).all()
    np.testing.assert_allclose(first.positive.sum(axis=1), 1, atol=1e-6)
    for vectors, present in (first.first, first.second):
        assert len(vectors) == 64
        assert present.any(axis=1).all()
    assert (first.first[1] != first.second[1]).any()


def test_labels_are_weaker_positives(labelled):
    """A label counts a tenth of the same content."""
    batch = next(Batches(labelled, size=32, labelled=0.1, seed=0).epoch())
    weights = batch.positive / np.diag(batch.positive)[:, None]
    assert {round(float(each), 3) for each in weights.ravel()} == {0.0, 0.1, 1.0}


@pytest.mark.parametrize("width", [24, 8])
def test_the_start_brings_a_picture_to_its_text(examples, width):
    """Nearer than chance, on items that it was not computed from."""
    training, held = examples.split(0.3, seed=1)
    start = projections(training.features, width)
    both = held.features.rows(held.features.has("text") & held.features.has("image"))
    text = unit_rows(both.block("semantic") @ start["semantic"].matrix + start["semantic"].bias)
    picture = unit_rows(sum(
        both.block(name) @ start[name].matrix + start[name].bias for name in ("concept", "visual")
    ))  # fmt: skip
    product = text @ picture.T
    assert np.diag(product).mean() > product.mean() + 0.3


def test_without_a_text_another_part_is_the_anchor(examples):
    """Pictures and sounds alone."""
    start = projections(examples.features.only(["image", "audio"]), 24)
    assert not start["semantic"].matrix.any()
    assert start["acoustic"].matrix.any()
    np.testing.assert_array_equal(start["concept"].matrix, np.eye(24))
