"""Metrics of retrieval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.evaluation.metrics import average_precision, interval, ranks, recall_at, result
from triptych.evaluation.tasks import TASKS, task

SCORES = np.array([[0.9, 0.8, 0.1], [0.2, 0.5, 0.7]])
RELEVANT = np.array([[False, True, False], [True, True, False]])


def test_ranks_are_those_of_the_best_relevant_item():
    """From one."""
    assert ranks(SCORES, RELEVANT).tolist() == [2, 2]
    assert recall_at(1, SCORES, RELEVANT).tolist() == [0, 0]
    assert recall_at(2, SCORES, RELEVANT).tolist() == [1, 1]


def test_average_precision_by_hand():
    """The mean of the precision at each relevant rank."""
    assert average_precision(SCORES, RELEVANT).tolist() == [1 / 2, (1 / 2 + 2 / 3) / 2]


def test_equal_scores_count_against():
    """An encoder that says the same of everything finds nothing."""
    same = np.zeros((1, 4))
    relevant = np.array([[True, False, False, False]])
    assert ranks(same, relevant).tolist() == [4]
    assert average_precision(same, relevant).tolist() == [1 / 4]


@given(st.integers(0, 2**32 - 1))
def test_a_perfect_ranking_is_perfect(seed):
    """And no ranking is better than one."""
    draw = np.random.default_rng(seed)
    relevant = draw.random((5, 9)) < 0.4
    relevant[:, 0] = True
    assert average_precision(relevant + draw.random((5, 9)) / 2, relevant) == pytest.approx(1)
    random = average_precision(draw.random((5, 9)), relevant)
    assert ((random > 0) & (random <= 1)).all()


def test_the_interval_holds_the_mean_and_narrows():
    """With more queries."""
    draw = np.random.default_rng(0)
    wide, narrow = (interval((draw.random(n) < 0.6).astype(float)) for n in (50, 5000))
    for value, low, high in (wide, narrow):
        assert low <= value <= high
        assert 0.4 < value < 0.8
    assert narrow[2] - narrow[1] < (wide[2] - wide[1]) / 3
    assert interval(np.ones(7)) == (1, 1, 1)


def test_a_result_says_how_many_queries_it_is_from():
    """And its goal."""
    figure = result("c", "e", "R@1", np.array([1.0, 0.0]), goal=0.9)
    assert (figure.value, figure.queries, figure.goal) == (0.5, 2, 0.9)


@pytest.mark.parametrize("name", TASKS)
def test_every_evaluation_is_there(name):
    """As a module of its name."""
    assert callable(task(name))
