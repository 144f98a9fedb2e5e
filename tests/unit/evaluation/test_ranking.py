"""Metrics of rankings, against the values of trec_eval (pytrec_eval-terrier 0.5.11)."""

import numpy as np
import pytest

from triptych.evaluation.ranking import METRICS, gain

GRADES = [3, 2, 1, 1]
LATE = [*[0] * 10, 3]


@pytest.mark.parametrize(
    ("metric", "results", "expected"),
    [
        ("nDCG@10", [3, 2, 1, 1], 1.0),
        ("nDCG@10", [0, 2, 3, 0, 1], 0.6063920),
        ("nDCG@10", [0, 0, 0], 0.0),
        ("nDCG@10", LATE, 0.0),
        ("recall@10", [0, 2, 3, 0, 1], 0.75),
        ("recall@10", LATE, 0.0),
        ("MRR", [0, 2, 3, 0, 1], 0.5),
        ("MRR", LATE, 1 / 11),
        ("MRR", [], 0.0),
    ],
)
def test_metrics_are_those_of_trec_eval(metric, results, expected):
    """Linear gains, all items that answer the query in the denominator."""
    assert METRICS[metric](results, GRADES) == pytest.approx(expected, abs=1e-6)


def test_what_is_right_beyond_ten_is_no_fault():
    """The best ten of twelve right items are the best there is."""
    assert METRICS["nDCG@10"]([1] * 10, [1] * 12) == pytest.approx(1)
    assert METRICS["recall@10"]([1] * 10, [1] * 12) == pytest.approx(10 / 12)


def test_a_gain_is_paired():
    """A small difference of each query is sure, however much queries differ."""
    others = np.random.default_rng(0).random(50)
    value, low, high = gain(others + 0.01, others)
    assert (value, low, high) == pytest.approx((0.01, 0.01, 0.01))
