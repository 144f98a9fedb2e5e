"""Visual words by max pooling: a picture to how well it answers each word of a codebook.

The response of word k to a picture x is that of its best local descriptor,
``f_k(x) = max_i exp(-|x_i - w_k|² / σ²)``, weighed by how rare such an answer is in the corpus
(inverse document frequency). Several extractors with codebooks of one size are combined by
the maximum over extractors, word by word.

Max pooling: Boureau et al., Learning mid-level features for recognition (CVPR 2010); soft
assignment: van Gemert et al., Visual word ambiguity (TPAMI 2010); words: Sivic & Zisserman,
Video Google (ICCV 2003).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.codebook import fit_codebook, reservoir, sample, squared_distances
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

WORDS = 1024
_PICTURES = 2000
_DESCRIPTORS = 100_000
_SHARPNESS = 2.0
"""σ² is the mean squared distance of a descriptor to its word, over this."""


@dataclass(frozen=True)
class Vocabulary:
    """What is learnt for one extractor: words (k, d), their rarity (k,), and σ²."""

    words: Vectors
    rarity: Vectors
    spread: float

    def respond(self, features: LocalFeatures) -> Vectors:
        """The best response to each word, float32 (k,) from 0 to 1; zeros without keypoints."""
        if not len(features):
            return np.zeros(len(self.words), np.float32)
        # The greatest response is that at the least distance.
        least = squared_distances(features.vectors, self.words).min(axis=0)
        responses: Vectors = np.exp(-least / np.float32(self.spread))
        return responses

    def weigh(self, features: LocalFeatures) -> Vectors:
        """The responses by rarity, a unit vector float32 (1, k)."""
        return unit_rows((self.respond(features) * self.rarity)[np.newaxis])


def learn(pictures: Sequence[LocalFeatures], seed: int) -> Vocabulary:
    """Learn a vocabulary. Raises InvalidInput if there are fewer descriptors than words."""
    vectors = sample((features.vectors for features in pictures), _DESCRIPTORS, seed)
    words = fit_codebook(vectors, WORDS, seed)
    # A part is enough for a mean, and bounds the matrix of distances.
    distances = squared_distances(vectors[: 8 * WORDS], words).min(axis=1)
    plain = Vocabulary(words, np.ones(WORDS, np.float32), float(distances.mean()) / _SHARPNESS)
    answers = np.sum([plain.respond(features) for features in pictures], axis=0)
    rarity = np.log((1 + len(pictures)) / (np.minimum(answers, len(pictures)) + 0.5))
    return Vocabulary(words, rarity.astype(np.float32), plain.spread)


class VisualWords(Encoder[Pixels]):
    """Pictures to unit vectors of one number a word. One instance serves many threads."""

    kinds: ClassVar[tuple[Kind, ...]]
    base: ClassVar[Card]
    side = SIDE

    def __init__(self, card: Card, vocabularies: Sequence[Vocabulary]) -> None:
        self.card = card
        self._vocabularies = vocabularies

    @classmethod
    def fit(cls, corpus: Iterable[Pixels], *, seed: int = 0) -> Artefact:
        """Learn the words of pictures, each uint8 RGB (h, w, 3).

        Raises:
            InvalidInput: fewer local descriptors than words.
        """
        return cls.fit_features(map(cls.extract, corpus), seed=seed)

    @classmethod
    def fit_features(cls, corpus: Iterable[Sequence[LocalFeatures]], *, seed: int = 0) -> Artefact:
        """Learn as ``fit`` does, from what ``extract`` made of each picture."""
        pictures = reservoir(corpus, _PICTURES, seed)
        arrays: dict[str, Vectors] = {}
        spreads: dict[str, float] = {}
        for number, kind in enumerate(cls.kinds):
            learnt = learn([features[number] for features in pictures], seed)
            arrays |= {f"{kind}.words": learnt.words, f"{kind}.rarity": learnt.rarity}
            spreads[kind] = learnt.spread
        values = {"spreads": spreads, "pictures": len(pictures), "seed": seed}
        return Artefact(cls.base.name, cls.base.version, arrays, values)

    @classmethod
    def load(cls, artefact: Artefact) -> Self:
        """The encoder as fitted. Raises WeightsError."""
        card = artefact.fitted(cls.base, dims=WORDS)
        vocabularies = [
            Vocabulary(
                artefact.arrays[f"{kind}.words"],
                artefact.arrays[f"{kind}.rarity"],
                artefact.values["spreads"][kind],
            )
            for kind in cls.kinds
        ]
        return cls(card, vocabularies)

    def encode(self, batch: Sequence[Pixels]) -> Vectors:
        """Encode pictures, each uint8 RGB (h, w, 3), to float32 (n, 1024)."""
        return self.encode_features([self.extract(picture) for picture in batch])

    @classmethod
    def extract(cls, picture: Pixels) -> Sequence[LocalFeatures]:
        """The local features by each extractor."""
        return [describe(picture, kind) for kind in cls.kinds]

    def encode_features(self, batch: Sequence[Sequence[LocalFeatures]]) -> Vectors:
        """Encode what ``extract`` made of each picture, to float32 (n, 1024)."""
        if not batch:
            return np.empty((0, WORDS), np.float32)
        return np.concatenate([self._encode(extracted) for extracted in batch])

    def _encode(self, extracted: Sequence[LocalFeatures]) -> Vectors:
        pairs = zip(self._vocabularies, extracted, strict=True)
        rows = [vocabulary.weigh(features) for vocabulary, features in pairs]
        return unit_rows(np.maximum.reduce(rows))


def _card(name: str, parameters: str = PARAMETERS, source: str = "OpenCV, scikit-learn") -> Card:
    return Card(
        name=name,
        version=1,
        modality="image",
        dims=WORDS,
        licence="Apache-2.0",
        source=source,
        needs_fit=True,
        parameters=f"{parameters} words={WORDS} sharpness={_SHARPNESS}",
    )


class SIFTWords(VisualWords):
    """Words of SIFT descriptors."""

    kinds = ("sift",)
    base = _card("sift-words")


class ORBWords(VisualWords):
    """Words of ORB's 256 bits: k-means of bits is by Hamming distance."""

    kinds = ("orb",)
    base = _card("orb-words")


class SURFWords(VisualWords):
    """Words of SURF descriptors."""

    kinds = ("surf",)
    base = _card("surf-words", SURF_PARAMETERS, f"{SURF_SOURCE}, scikit-learn")


class CombinedWords(VisualWords):
    """The maximum over extractors: SIFT and ORB, word by word."""

    kinds = ("sift", "orb")
    base = _card("combined-words")


class ThreeWords(VisualWords):
    """The maximum over extractors: SIFT, SURF and ORB, word by word."""

    kinds = ("sift", "surf", "orb")
    base = _card(
        "sift-surf-orb-words",
        f"{PARAMETERS} surf: {SURF_PARAMETERS}",
        f"OpenCV, {SURF_SOURCE}, scikit-learn",
    )


ENCODERS = tuple(
    Fitted(
        card=learner.base,
        roles=("visual",),
        depends=Depends("image", ("cv2", "sklearn")),
        learner=learner,
    )
    for learner in (SIFTWords, SURFWords, ORBWords, CombinedWords, ThreeWords)
)
