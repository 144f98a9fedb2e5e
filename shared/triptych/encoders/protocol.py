"""What every encoder is: a card, and a function from a batch of media to vectors.

The media of the three modalities, as ``shared.media`` decodes them:

* image: uint8 RGB of shape (height, width, 3), any size; an encoder scales it as it needs;
* text: a clean str;
* audio: float32 of shape (samples,), mono, 22,050 Hz, perhaps a memory map: read it by blocks.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, Self, TypeVar, runtime_checkable

from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors

Media_contra = TypeVar("Media_contra", contravariant=True)


class Encoder(Protocol[Media_contra]):
    """A model that turns a batch of one kind of media into vectors."""

    card: Card

    def encode(self, batch: Sequence[Media_contra], /) -> Vectors:
        """Return float32 of shape (len(batch), card.dims), in the order of the batch.

        Each row is of length one and depends on its own element only. One in which the encoder
        finds nothing (no keypoint, no known word, silence) is a row of zeros.
        """
        ...


@runtime_checkable
class Fittable(Protocol[Media_contra]):
    """An encoder class that learns from a corpus first.

    One whose vectors are in the space of texts takes the text encoder, too: ``fit(…, text=…)`` and
    ``load(…, text=…)``; its corpus is of pairs of media and text.
    """

    @classmethod
    def fit(cls, corpus: Iterable[Media_contra], /, *, seed: int = 0) -> Artefact:
        """Learn from a corpus, read once; the same corpus and seed give the same bytes.

        Raises:
            InvalidInput: the corpus is too small to learn from; the message says what is needed.
        """
        ...

    @classmethod
    def load(cls, artefact: Artefact, /) -> Self:
        """The encoder that ``fit`` made. Raises WeightsError for an artefact of another."""
        ...
