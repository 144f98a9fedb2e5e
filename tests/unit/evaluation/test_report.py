"""What is written down of judged queries and classes."""

import numpy as np
import pytest

from triptych.evaluation import report
from triptych.evaluation.fusions import Values


def test_ways_stand_beside_the_sum():
    """Each with its interval; p is corrected for all of them, and the bound has none."""
    draw = np.random.default_rng(0)
    linear = draw.uniform(0.3, 0.5, 40)
    ways = {"linear": linear, "auto": linear + 0.1, "rrf": linear, "oracle": linear + 0.2}
    both = [Values("composed x", "whole", kind, [""] * 40, ways, {}) for kind in ("trap", "sum")]
    found = report._composed(both)
    assert [(one["set"], one["kind"], one["queries"]) for one in found] == [
        ("composed x", "trap", 40), ("composed x", "sum", 40),
    ]  # fmt: skip
    auto = found[0]["ways"]["auto"]
    assert auto["ndcg"][0] == pytest.approx(linear.mean() + 0.1, abs=1e-4)
    assert auto["gain"] == pytest.approx([0.1, 0.1, 0.1])
    assert auto["p"] == pytest.approx(4e-5, abs=1e-4), "four comparisons"
    assert found[0]["ways"]["rrf"]["p"] == 1
    assert found[0]["ways"]["linear"]["p"] is None
    assert found[0]["ways"]["oracle"]["p"] is None


def test_outcomes_are_counted_by_class():
    """Rows are what items are, columns what they were taken for."""
    outcomes = report._outcomes(np.array([[5, 1], [2, 7]]))
    assert outcomes == {"tp": [5, 7], "tn": [7, 5], "fp": [2, 1], "fn": [1, 2]}
