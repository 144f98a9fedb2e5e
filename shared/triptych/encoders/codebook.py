"""Codebooks: visual words, or audio words, which are k-means centres of local descriptors.

Sivic & Zisserman, Video Google (ICCV 2003). The k-means is scikit-learn's mini-batch one (Sculley,
Web-scale k-means clustering, 2010), on one thread, so that a seed always gives the same words.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.encoders.cards import Vectors

Element = TypeVar("Element")

_BATCH = 4096
_EPOCHS = 30


def fit_codebook(vectors: Vectors, words: int, seed: int) -> Vectors:
    """Cluster float32 (n, d) into the centres float32 (words, d).

    Raises:
        InvalidInput: there are fewer vectors than words.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    if len(vectors) < words:
        raise InvalidInput(
            f"the corpus has {len(vectors)} local descriptors: {words} words need as many at least"
        )
    model = MiniBatchKMeans(words, batch_size=_BATCH, max_iter=_EPOCHS, n_init=1, random_state=seed)
    with threadpool_limits(1):
        model.fit(np.ascontiguousarray(vectors, np.float32))
    return np.asarray(model.cluster_centers_, np.float32)


def sample(groups: Iterable[Vectors], limit: int, seed: int) -> Vectors:
    """Draw ``limit`` rows at random from groups of float32 (n, d), read once; all if fewer.

    Every row is equally likely, and at most twice ``limit`` rows and a group are held. Without any
    group the sample is empty, float32 (0, 0).
    """
    random = np.random.default_rng(seed)
    rows: list[Vectors] = []
    keys: list[NDArray[np.float64]] = []
    held = 0
    for group in groups:
        rows.append(group)
        keys.append(random.random(len(group)))
        held += len(group)
        if held > 2 * limit:
            drawn, least = _least(rows, keys, limit)
            rows, keys = [drawn], [least]
            held = limit
    return _least(rows, keys, limit)[0] if rows else np.empty((0, 0), np.float32)


def _least(
    rows: list[Vectors], keys: list[NDArray[np.float64]], limit: int
) -> tuple[Vectors, NDArray[np.float64]]:
    """The rows of the ``limit`` least keys, in the order in which they came."""
    every = np.concatenate(keys)
    least = np.sort(np.argsort(every, kind="stable")[:limit])
    return np.concatenate(rows)[least], every[least]


def reservoir(elements: Iterable[Element], limit: int, seed: int) -> Sequence[Element]:
    """Draw ``limit`` elements at random from a stream read once (Vitter 1985); all if fewer."""
    random = np.random.default_rng(seed)
    drawn: list[Element] = []
    for number, element in enumerate(elements):
        if len(drawn) < limit:
            drawn.append(element)
        elif (index := int(random.integers(number + 1))) < limit:
            drawn[index] = element
    return drawn


def squared_distances(vectors: Vectors, codebook: Vectors) -> Vectors:
    """Squared Euclidean distance of float32 (n, d) to each word (k, d): float32 (n, k)."""
    squares = np.einsum("nd,nd->n", vectors, vectors)[:, np.newaxis]
    distances = vectors @ codebook.T
    distances *= -2
    distances += squares
    distances += np.einsum("kd,kd->k", codebook, codebook)
    nonnegative: Vectors = np.maximum(distances, 0, out=distances)
    return nonnegative


def nearest(vectors: Vectors, codebook: Vectors) -> NDArray[np.intp]:
    """The nearest word of each vector, (n,)."""
    # The vector's own norm does not decide.
    norms = np.einsum("kd,kd->k", codebook, codebook)
    words: NDArray[np.intp] = np.argmax(vectors @ codebook.T - norms / 2, axis=1)
    return words
