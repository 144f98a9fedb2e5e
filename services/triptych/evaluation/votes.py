"""Votes: which pictures of a collection have the local descriptors of another.

McCann & Lowe, Local naive Bayes nearest neighbor (CVPR 2012): each descriptor of the query votes
for the pictures that its nearest neighbours are of, by how much nearer they are than the last.
A picture's votes are divided by the root of how many descriptors it has, or those with many
would always be ahead of a sign that has ten.
Neighbours are found by FLANN's randomised k-d trees (Muja & Lowe 2009), which are approximate.
"""

from collections.abc import Sequence

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.encoders.image.descriptors import LocalFeatures

_TREES = 4
_CHECKS = 64
_NEIGHBOURS = 10
_KDTREE = 1  # FLANN_INDEX_KDTREE, to which OpenCV gives no name in Python


class DescriptorIndex:
    """The descriptors of pictures in memory. It grows no more once made."""

    def __init__(self, pictures: Sequence[LocalFeatures], *, seed: int = 0) -> None:
        import cv2

        self._pictures = len(pictures)
        counts = np.array([len(features) for features in pictures], np.int64)
        self._owners = np.repeat(np.arange(len(pictures)), counts)
        self._sizes = np.sqrt(np.maximum(counts, 1))
        self._vectors = np.concatenate([features.vectors for features in pictures])
        cv2.setRNGSeed(seed)
        parameters: dict[str, bool | int | float | str] = {"algorithm": _KDTREE, "trees": _TREES}
        self._trees = cv2.flann.Index(self._vectors, parameters)

    def votes(self, query: LocalFeatures) -> Vectors:
        """How much of the query each picture has: float32 (pictures,), from 0."""
        count = min(_NEIGHBOURS, len(self._owners))
        if not len(query) or count < 2:  # noqa: PLR2004
            return np.zeros(self._pictures, np.float32)
        search: dict[str, bool | int | float | str] = {"checks": _CHECKS}
        indices, squares = self._trees.knnSearch(query.vectors, count, params=search)
        gains = squares[:, -1:] - squares
        votes = np.bincount(self._owners[indices].ravel(), gains.ravel(), self._pictures)
        return (votes / self._sizes).astype(np.float32)
