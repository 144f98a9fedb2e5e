"""Sounds found by one of their family."""

import numpy as np

from triptych.evaluation.families import leave_one_out
from triptych.evaluation.metrics import average_precision, recall_at

VECTORS = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]


def test_a_query_is_not_in_its_own_gallery():
    """Every row is compared with the others only, in their order."""
    scores, relevant = leave_one_out(VECTORS, ["a", "a", "b", "b", "c"])
    assert scores.shape == relevant.shape == (4, 4)
    assert relevant.tolist()[0] == [True, False, False, False]
    assert relevant.tolist()[3] == [False, False, True, False]
    assert scores.tolist()[2] == [0, 0, 1, 0]


def test_one_without_family_is_no_query():
    """But may be found."""
    scores, _ = leave_one_out(VECTORS[[4, 0, 1]], ["c", "a", "a"])
    assert scores.shape == (2, 2)


def test_an_encoder_that_tells_families_apart_finds_all():
    """And one that says the same of all finds nothing."""
    labels = ["a", "a", "b", "b", "c"]
    scores, relevant = leave_one_out(VECTORS, labels)
    assert recall_at(1, scores, relevant).tolist() == [1] * 4
    assert average_precision(scores, relevant).tolist() == [1] * 4
    scores, relevant = leave_one_out(np.ones((5, 2), np.float32), labels)
    assert recall_at(1, scores, relevant).sum() == 0
