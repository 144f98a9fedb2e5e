"""Retrieval metrics per query, and the interval of their mean.

All take ``scores`` and ``relevant``, both (queries, gallery), and return float64 (queries,). Equal
scores count against the relevant item, so that a constant encoder scores 0.
"""

from dataclasses import dataclass

import numpy as np

from triptych.fusion.measures import Floats, Mask, Matrix, interval, ranks

__all__ = [
    "Floats",
    "Mask",
    "Matrix",
    "Result",
    "average_precision",
    "interval",
    "ranks",
    "recall_at",
    "result",
]


@dataclass(frozen=True)
class Result:
    """One figure of one encoder on one corpus, between its 95 % bootstrap bounds."""

    corpus: str
    encoder: str
    metric: str
    value: float
    low: float
    high: float
    queries: int
    goal: float | None = None
    """The least value to reach."""


def recall_at(k: int, scores: Matrix, relevant: Mask) -> Floats:
    """1 where a relevant item is among the first k. R@1 is also called P@1."""
    return (ranks(scores, relevant) <= k).astype(np.float64)


def average_precision(scores: Matrix, relevant: Mask) -> Floats:
    """The mean of the precision at the rank of each relevant item."""
    # Irrelevant first among equals.
    order = np.lexsort((relevant, -scores), axis=1)
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    averages: Floats = (precision * hits).sum(axis=1) / hits.sum(axis=1)
    return averages


def result(
    corpus: str, encoder: str, metric: str, values: Floats, goal: float | None = None
) -> Result:
    """A metric's values per query as one figure."""
    return Result(corpus, encoder, metric, *interval(values), len(values), goal)
