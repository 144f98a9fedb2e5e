"""How well scores rank what is relevant, per query, and the interval of a mean. Pure functions.

``scores`` and ``relevant`` are (queries, gallery). Equal scores count against the relevant item, so
that a constant score finds nothing.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.floating]
Mask = NDArray[np.bool_]

RESAMPLES = 2000


def ranks(scores: Matrix, relevant: Mask) -> NDArray[np.int64]:
    """The rank, from 1, of the best relevant item of each query."""
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    positions: NDArray[np.int64] = 1 + ((scores >= best) & ~relevant).sum(axis=1)
    return positions


def interval(values: Floats, *, seed: int = 0) -> tuple[float, float, float]:
    """The mean over queries, and the 2.5 and 97.5 % points of its bootstrap."""
    picked = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picked].mean(axis=1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
