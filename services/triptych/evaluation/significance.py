"""Whether paired differences are more than chance, also where there are many of them.

Fisher's randomisation test: if two ways to fuse were equal, each query's difference could as well
have the other sign (Smucker et al., A comparison of statistical significance tests for information
retrieval evaluation, CIKM 2007). Holm's procedure keeps the chance of one false claim among all of
a table at the level of one test (Holm, A simple sequentially rejective multiple test procedure,
Scandinavian Journal of Statistics 1979).
"""

import numpy as np

from triptych.evaluation.metrics import Floats

LEVEL = 0.05
FLIPS = 100_000
"""So the smallest p is 1e-5, which several thousand comparisons multiply."""
_AT_ONCE = 2_000
_ROUNDING = 1e-9


def p_values(differences: Floats, *, flips: int = FLIPS, seed: int = 0) -> Floats:
    """The two-sided p of each mean difference.

    Args:
        differences: (queries, comparisons); NaN where a comparison lacks the query.
        flips: how often signs are drawn, the same for all comparisons.
        seed: of the signs.
    """
    values = np.nan_to_num(differences)  # a difference of 0 is the same whatever its sign
    observed = np.abs(values.sum(axis=0)) - _ROUNDING
    random = np.random.default_rng(seed)
    as_far = np.zeros(values.shape[1])
    for start in range(0, flips, _AT_ONCE):
        signs = random.choice([-1.0, 1.0], (min(_AT_ONCE, flips - start), len(values)))
        as_far += (np.abs(signs @ values) >= observed).sum(axis=0)
    p: Floats = (1 + as_far) / (1 + flips)
    return p


def holm(p: Floats) -> Floats:
    """Each p of a family, (n,), corrected for all of them."""
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(corrected)
    result[order] = np.minimum(corrected, 1.0)
    return result
