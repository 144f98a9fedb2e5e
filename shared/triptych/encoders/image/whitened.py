"""What a picture looks like, whitened on a corpus: for collections of one kind of picture.

PCA whitening (Jégou & Chum, Negative evidences and co-occurrences, ECCV 2012): directions in
which all pictures of the corpus are alike count less. It needs no labels.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Headed, Pixels
from triptych.encoders.entries import Depends, Fitted
from triptych.encoders.image import efficientnet
from triptych.encoders.image.heads import visual_layers

_DIMS = 384
_FLOOR = 1e-3
"""Share of the variance that is added to each direction, so that noise is not blown up."""
_FEWEST = 64
_TOGETHER = 64

CARD = Card(
    name="visual-whitened",
    version=1,
    modality="image",
    dims=_DIMS,
    licence="Apache-2.0",
    source="Jégou & Chum, Negative evidences and co-occurrences (ECCV 2012)",
    needs_fit=True,
    parameters=f"floor={_FLOOR} least={_FEWEST}",
    built_on=(efficientnet.CARD.fingerprint,),
)


class VisualWhitened:
    """Pooled activations to unit vectors of 384 numbers, fewer after a smaller corpus."""

    @classmethod
    def fit(cls, corpus: Iterable[Pixels], *, seed: int = 0) -> Artefact:
        """Learn the directions of a corpus; nothing is drawn, so ``seed`` changes nothing.

        Raises:
            InvalidInput: fewer than 64 pictures.
        """
        del seed
        network = efficientnet.shared(threads=1)
        pictures = iter(corpus)
        parts = iter(lambda: list(islice(pictures, _TOGETHER)), [])
        return fit_layers(visual_layers(network.encode(part)) for part in parts)

    @classmethod
    def load(cls, artefact: Artefact) -> Headed[Pixels]:
        """The encoder that ``fit`` made. Raises WeightsError for an artefact of another."""
        mean, matrix = artefact.arrays["mean"], artefact.arrays["matrix"]
        card = artefact.fitted(CARD, dims=matrix.shape[1])

        def head(pooled: Vectors) -> Vectors:
            return unit_rows((visual_layers(pooled) - mean) @ matrix)

        return Headed(card, efficientnet.shared(threads=1), head)


def fit_layers(parts: Iterable[Vectors]) -> Artefact:
    """Learn from layers as ``visual_layers`` has them, a part (n, width) of the corpus at a time.

    Raises:
        InvalidInput: fewer than 64 pictures.
    """
    count, total, products = 0, 0.0, 0.0
    for part in parts:
        count += len(part)
        exact: NDArray[Any] = part.astype(np.float64)
        total = total + exact.sum(axis=0)
        products = products + exact.T @ exact
    if count < _FEWEST:
        raise InvalidInput(f"{CARD.name} needs {_FEWEST} pictures to be fitted, not {count}")
    mean = np.asarray(total) / count
    variances, directions = np.linalg.eigh(np.asarray(products) / count - np.outer(mean, mean))
    dims = min(_DIMS, count - 1, len(mean))
    variances, directions = variances[::-1][:dims].clip(0), directions[:, ::-1][:, :dims]
    # An eigenvector is one of two: the one whose greatest number is positive.
    greatest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[greatest, np.arange(dims)])
    # Scale each by its share of their variance.
    matrix = directions / np.sqrt(variances / variances.sum() + _FLOOR)
    arrays = {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}
    return Artefact(CARD.name, CARD.version, arrays, {"pictures": count})


ENCODERS = (
    Fitted(
        card=CARD,
        roles=("visual",),
        depends=Depends("image", efficientnet.PACKAGES),
        learner=VisualWhitened,
    ),
)
