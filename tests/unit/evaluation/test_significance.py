"""Tests of paired differences, by hand and by simulation."""

from itertools import product

import numpy as np
import pytest

from triptych.evaluation.significance import holm, p_values


def test_p_is_the_share_of_signs_that_go_as_far():
    """Of all signs of six differences, counted one by one."""
    values = np.array([0.3, 0.1, 0.5, -0.2, 0.4, 0.05])
    sums = [abs(np.dot(signs, values)) for signs in product((-1, 1), repeat=6)]
    exact = np.mean([one >= abs(values.sum()) - 1e-9 for one in sums])
    (p,) = p_values(values[:, None])
    assert p == pytest.approx(exact, abs=0.005)


def test_missing_queries_change_nothing():
    """As if they were not there; and no difference is no evidence."""
    values = np.array([0.3, 0.1, 0.5, 0.2, 0.4, 0.3, 0.2, 0.6])
    padded = np.append(values, [np.nan, 0.0])
    (alone,), (with_gaps,) = p_values(values[:, None]), p_values(padded[:, None])
    assert with_gaps == pytest.approx(alone, abs=0.003)
    assert p_values(np.zeros((8, 1))) == 1


def test_chance_is_claimed_as_often_as_it_should_be():
    """Where nothing differs, p below a twentieth comes once in twenty."""
    noise = np.random.default_rng(0).normal(size=(50, 2000))
    assert np.mean(p_values(noise, flips=2000) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_holm_by_hand():
    """Holm's own steps: the smallest counts for all, the next for one less, and none goes down."""
    corrected = holm(np.array([0.04, 0.01, 0.03, 0.005]))
    np.testing.assert_allclose(corrected, [0.06, 0.03, 0.06, 0.02])
    np.testing.assert_array_equal(holm(np.array([0.6, 0.9])), [1, 1])
