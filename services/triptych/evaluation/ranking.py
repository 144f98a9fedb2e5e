"""Metrics of a ranking with graded judgements, as trec_eval has them; pure functions.

``results`` are the grades of the results, best first, 0 for items without a judgement;
``grades`` are those of all items that answer the query, in any order.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log2

import numpy as np

from triptych.evaluation.metrics import Floats, interval

DEPTH = 10

Metric = Callable[[Sequence[int], Sequence[int]], float]


def ndcg(results: Sequence[int], grades: Sequence[int]) -> float:
    """nDCG@10: the sum of grade / log2(rank + 1), over that of the best possible order.

    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002.
    """
    return _gain(results) / _gain(sorted(grades, reverse=True))


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / log2(rank + 1) for rank, grade in enumerate(grades[:DEPTH], start=1))


def recall(results: Sequence[int], grades: Sequence[int]) -> float:
    """recall@10: the share of the right items, of whatever grade, that are among the first ten."""
    return sum(grade > 0 for grade in results[:DEPTH]) / sum(grade > 0 for grade in grades)


def reciprocal_rank(results: Sequence[int], _: Sequence[int]) -> float:
    """MRR: one over the rank of the first right item, of whatever grade; 0 if there is none."""
    ranks = (1 / rank for rank, grade in enumerate(results, start=1) if grade > 0)
    return next(ranks, 0.0)


METRICS: Mapping[str, Metric] = {
    "nDCG@10": ndcg,
    "recall@10": recall,
    "MRR": reciprocal_rank,
}


def gain(ours: Floats, others: Floats) -> tuple[float, float, float]:
    """The mean gain of ours, between the 2.5 and 97.5 % points of its paired bootstrap.

    Both are (queries,), of the same queries in the same order.
    """
    return interval(np.asarray(ours) - np.asarray(others))
