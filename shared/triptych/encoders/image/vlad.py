"""VLAD: a picture to the sums of its descriptors' residuals at each word, PCA-whitened.

Jégou et al., Aggregating local descriptors into a compact image representation (CVPR 2010);
intra-normalisation: Arandjelović & Zisserman, All about VLAD (CVPR 2013); whitening: Jégou &
Chum, Negative evidences and co-occurrences in image retrieval (ECCV 2012).
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.codebook import fit_codebook, nearest, reservoir, sample
from triptych.encoders.encoder import Encoder, Pixels
from triptych.encoders.entries import Depends, Fitted
from triptych.encoders.image.descriptors import (
    PARAMETERS,
    SIDE,
    SURF_PARAMETERS,
    SURF_SOURCE,
    Kind,
    LocalFeatures,
    describe,
)

WORDS = 64
DIMS = 256
_PICTURES = 2000
_LEAST_PICTURES = 32
_DESCRIPTORS = 100_000
_POWER = 0.5


class VLAD(Encoder[Pixels]):
    """Pictures to unit vectors. One instance serves many threads."""

    kind: ClassVar[Kind]
    base: ClassVar[Card]
    side = SIDE

    def __init__(self, card: Card, words: Vectors, mean: Vectors, whitening: Vectors) -> None:
        self.card = card
        self._words = words
        self._mean = mean
        self._whitening = whitening

    @classmethod
    def fit(cls, corpus: Iterable[Pixels], *, seed: int = 0) -> Artefact:
        """Learn from pictures, each uint8 RGB (h, w, 3); dims are 256, or one less than pictures.

        Raises:
            InvalidInput: fewer than 32 pictures with keypoints, or too few descriptors.
        """
        return cls.fit_features((describe(picture, cls.kind) for picture in corpus), seed=seed)

    @classmethod
    def fit_features(cls, corpus: Iterable[LocalFeatures], *, seed: int = 0) -> Artefact:
        """Learn as ``fit`` does, from the features of each picture."""
        pictures = reservoir((features for features in corpus if len(features)), _PICTURES, seed)
        if len(pictures) < _LEAST_PICTURES:
            raise InvalidInput(
                f"the corpus has {len(pictures)} pictures with keypoints, "
                f"{cls.base.name} needs {_LEAST_PICTURES}"
            )
        vectors = sample((features.vectors for features in pictures), _DESCRIPTORS, seed)
        words = fit_codebook(vectors, WORDS, seed)
        rows = np.stack([aggregate(features, words) for features in pictures])
        mean, whitening = fit_whitening(rows, min(DIMS, len(rows) - 1))
        arrays = {"words": words, "mean": mean, "whitening": whitening}
        values = {"pictures": len(pictures), "seed": seed}
        return Artefact(cls.base.name, cls.base.version, arrays, values)

    @classmethod
    def load(cls, artefact: Artefact) -> Self:
        """The encoder as fitted. Raises WeightsError."""
        dims = artefact.arrays["whitening"].shape[1] if "whitening" in artefact.arrays else DIMS
        card = artefact.fitted(cls.base, dims=dims)
        return cls(card, *(artefact.arrays[name] for name in ("words", "mean", "whitening")))

    def encode(self, batch: Sequence[Pixels]) -> Vectors:
        """Encode pictures, each uint8 RGB (h, w, 3), to float32 (n, dims)."""
        return self.encode_features([describe(picture, self.kind) for picture in batch])

    def encode_features(self, batch: Sequence[LocalFeatures]) -> Vectors:
        """Encode features that are there already, to float32 (n, dims)."""
        if not batch:
            return np.empty((0, self.card.dims), np.float32)
        return np.concatenate([self._encode(features) for features in batch])

    def _encode(self, features: LocalFeatures) -> Vectors:
        if not len(features):
            return np.zeros((1, self.card.dims), np.float32)
        row = aggregate(features, self._words) - self._mean
        return unit_rows((row @ self._whitening)[np.newaxis])


def aggregate(features: LocalFeatures, words: Vectors) -> Vectors:
    """Sum the residuals at each word, power-law and unit per word and over all: (words · d,)."""
    vectors = features.vectors
    members = np.zeros((len(words), len(vectors)), np.float32)
    assigned = nearest(vectors, words)
    members[assigned, np.arange(len(vectors))] = 1
    sums = members @ (vectors - words[assigned])
    tamed = np.sign(sums) * np.abs(sums) ** np.float32(_POWER)
    flat: Vectors = unit_rows(unit_rows(tamed).reshape(1, -1))[0]
    return flat


def fit_whitening(rows: Vectors, dims: int) -> tuple[Vectors, Vectors]:
    """PCA of float32 (n, d): mean (d,) and the whitening projection (d, dims), dims below n.

    By the Gram matrix, as there are fewer rows than columns.
    """
    mean = rows.mean(axis=0)
    centred = (rows - mean).astype(np.float64)
    variances, directions = np.linalg.eigh(centred @ centred.T)
    variances, directions = variances[::-1][:dims], directions[:, ::-1][:, :dims]
    # The floor keeps directions in which the corpus hardly varies from being mere noise.
    floor = variances[0] * 1e-4
    projection = centred.T @ (directions / np.maximum(variances, floor))
    # An eigenvector's sign is the library's whim.
    signs = np.sign(projection[np.abs(projection).argmax(axis=0), np.arange(dims)])
    return mean, (projection * signs).astype(np.float32)


def _card(name: str, parameters: str, source: str) -> Card:
    return Card(
        name=name,
        version=1,
        modality="image",
        dims=DIMS,
        licence="Apache-2.0",
        source=f"{source}, scikit-learn",
        needs_fit=True,
        parameters=f"{parameters} words={WORDS} power={_POWER} whitened",
    )


class RootSIFTVLAD(VLAD):
    """VLAD of RootSIFT descriptors."""

    kind = "rootsift"
    base = _card("rootsift-vlad", PARAMETERS, "OpenCV")


class SURFVLAD(VLAD):
    """VLAD of SURF descriptors."""

    kind = "surf"
    base = _card("surf-vlad", SURF_PARAMETERS, SURF_SOURCE)


ENCODERS = tuple(
    Fitted(
        card=learner.base,
        roles=("visual",),
        depends=Depends("image", ("cv2", "sklearn")),
        learner=learner,
    )
    for learner in (RootSIFTVLAD, SURFVLAD)
)
