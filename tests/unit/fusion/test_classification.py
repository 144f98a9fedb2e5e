"""Metrics of classes, against scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from triptych.fusion.classification import (
    Outcomes,
    accuracy,
    calibration_error,
    confusion_matrix,
    softmax,
)


@pytest.fixture
def answers():
    """Four hundred items of five classes, of which one is never predicted and one is rare."""
    draw = np.random.default_rng(0)
    truth = draw.choice(5, 400, p=(0.4, 0.3, 0.2, 0.08, 0.02))
    predicted = np.where(draw.random(400) < 0.6, truth, draw.integers(0, 5, 400))
    return truth, np.where(predicted == 3, 0, predicted)


def test_figures_are_those_of_scikit_learn(answers):
    """Confusion, accuracy, precision, recall and F1 of each class, and macro F1."""
    truth, predicted = answers
    confusion = confusion_matrix(truth, predicted, 5)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(truth, predicted))
    assert accuracy(confusion) == pytest.approx(metrics.accuracy_score(truth, predicted))
    outcomes = Outcomes.of(confusion)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, predicted, zero_division=0
        )
    np.testing.assert_allclose(outcomes.precision, precision)
    np.testing.assert_allclose(outcomes.recall, recall)
    np.testing.assert_allclose(outcomes.f1, f1)
    each = metrics.multilabel_confusion_matrix(truth, predicted)
    np.testing.assert_array_equal(
        np.stack([outcomes.tn, outcomes.fp, outcomes.fn, outcomes.tp], axis=1), each.reshape(5, 4)
    )


def test_accuracy_of_a_class_is_the_share_of_right_answers():
    """(TP + TN) / (TP + TN + FP + FN), by hand."""
    outcomes = Outcomes.of(np.array([[3, 1], [2, 4]]))
    assert outcomes.accuracy.tolist() == [0.7, 0.7]
    assert (outcomes.tp.tolist(), outcomes.fn.tolist()) == ([3, 4], [1, 2])


def test_a_class_without_items_has_zeros():
    """Nothing is divided by zero."""
    outcomes = Outcomes.of(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 3))
    assert outcomes.recall.tolist() == [0.5, 0.0, 0.0]
    assert outcomes.f1[2] == 0


def test_calibration_error_by_hand():
    """Two bins: sure of .9 and right in half of the cases, sure of .6 and always right."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    truth = np.array([0, 1, 0, 1])
    assert calibration_error(probabilities, truth) == pytest.approx(0.4)
    assert calibration_error(np.eye(2), np.array([0, 1])) == 0


def test_softmax_of_large_logits():
    """They do not overflow, and a high temperature levels them."""
    logits = np.array([[1000.0, 0.0]], np.float32)
    assert softmax(logits).tolist() == [[1.0, 0.0]]
    assert softmax(logits, 1e6)[0, 0] == pytest.approx(0.5, abs=1e-3)
