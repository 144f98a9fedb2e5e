"""BM25 as Lucene computes it, in float32 and to the last bit.

Sources: org.apache.lucene.search.similarities.BM25Similarity and org.apache.lucene.util.SmallFloat
of Lucene 10. The length of a field is kept in one byte there, exact below 40.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors

_K1 = np.float32(1.2)
_B = np.float32(0.75)
_ONE = np.float32(1)

_EXACT = 24
"""So many lengths have a code of their own before those of SmallFloat's four bits begin."""


def _decoded(code: int) -> int:
    """The length that a byte stands for (SmallFloat.byte4ToInt)."""
    if code < _EXACT:
        return code
    mantissa, shift = (code - _EXACT) & 7, ((code - _EXACT) >> 3) - 1
    return _EXACT + (mantissa if shift < 0 else (mantissa | 8) << shift)


LENGTHS = np.array([_decoded(code) for code in range(256)], np.int64)
"""Every length that can be told apart."""


def quantised(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Lengths as Lucene remembers them: the longest that is not longer and has a code."""
    return LENGTHS[np.searchsorted(LENGTHS, lengths, side="right") - 1]


def idf(documents: int, matching: int) -> np.float32:
    """How much a term says that ``matching`` of the ``documents`` with its field have."""
    return np.float32(math.log(1 + (documents - matching + 0.5) / (matching + 0.5)))


def phrase_idf(idfs: Iterable[np.float32]) -> np.float32:
    """How much a phrase says: the sum over its terms."""
    return np.float32(sum(map(float, idfs)))


def bm25(
    weight: np.float32, counts: NDArray[np.integer], lengths: NDArray[np.integer], average: float
) -> Vectors:
    """Scores of items for one term.

    Args:
        weight: the idf of the term.
        counts: (n,) how often each item has it.
        lengths: (n,) words in its field.
        average: words in a field, over the items that have it.

    Returns:
        float32 (n,).
    """
    length = quantised(lengths).astype(np.float32)
    inverse = _ONE / (_K1 * ((_ONE - _B) + _B * length / np.float32(average)))
    scores: Vectors = weight - weight / (_ONE + counts.astype(np.float32) * inverse)
    return scores
