"""What every encoder is: a card, and a function from a batch of media to vectors.

The media of the three modalities, as ``triptych.media`` decodes them:

* image: uint8 RGB of shape (height, width, 3), any size; an encoder scales it as it needs;
* text: a clean str;
* audio: float32 of shape (samples,), mono, 22,050 Hz, perhaps a memory map: read it by blocks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors

Pixels = NDArray[np.uint8]
"""A picture: uint8 RGB of shape (height, width, 3)."""

Media = TypeVar("Media")
Media_contra = TypeVar("Media_contra", contravariant=True)


@dataclass(frozen=True)
class Description:
    """The output of an encoder for a batch; row i and note i belong to element i."""

    vectors: Vectors
    """float32 (n, dims) as ``Encoder.encode`` returns them."""
    notes: Sequence[Mapping[str, Any]] = ()
    """Fields of the items that are no vectors, as a transcript; empty for most encoders."""


@dataclass(frozen=True)
class Batch(Generic[Media]):
    """Media of one kind that several encoders describe."""

    media: Sequence[Media]
    _features: dict["Encoder[Media]", Vectors] = field(default_factory=dict, init=False)

    def features(self, backbone: "Encoder[Media]") -> Vectors:
        """The vectors of a backbone, which runs once however many encoders share it."""
        if backbone not in self._features:
            self._features[backbone] = backbone.encode(self.media)
        return self._features[backbone]


class Encoder(ABC, Generic[Media]):
    """A model that turns a batch of one kind of media into vectors."""

    card: Card

    @property
    def side(self) -> int:
        """Pixels along the longer edge of a picture beyond which the encoder sees no more."""
        return 0

    def reach(self, text: str, /) -> int:
        """How many characters of a text, from its beginning, it reads: at least one; else all."""
        return len(text)

    @abstractmethod
    def encode(self, batch: Sequence[Media], /) -> Vectors:
        """Return float32 of shape (len(batch), card.dims), in the order of the batch.

        Each row is of length one and depends on its own element only. An element in which the
        encoder finds nothing (no keypoint, no known word, silence) has a row of zeros.
        """

    def describe(self, batch: Batch[Media], /) -> Description:
        """Encode a batch; encoders with a shared backbone or with notes override this."""
        return Description(self.encode(batch.media))


@dataclass(frozen=True)
class Headed(Encoder[Media]):
    """A backbone, and a pure function of its vectors. One pass of it serves many heads."""

    card: Card
    backbone: Encoder[Media]
    head: Callable[[Vectors], Vectors]

    @property
    def side(self) -> int:
        """That of the backbone."""
        return self.backbone.side

    def encode(self, batch: Sequence[Media], /) -> Vectors:
        """Encode media to float32 (n, card.dims)."""
        return self.head(self.backbone.encode(batch))

    def describe(self, batch: Batch[Media], /) -> Description:
        """Encode media; the backbone runs once for all of its heads."""
        return Description(self.head(batch.features(self.backbone)))


@runtime_checkable
class Fittable(Protocol[Media_contra]):
    """A class that learns an encoder from a corpus.

    If the vectors are in the space of texts, both methods also take the text encoder,
    ``fit(…, text=…)`` and ``load(…, text=…)``; the corpus consists of pairs of media and text.
    """

    @classmethod
    def fit(cls, corpus: Iterable[Media_contra], /, *, seed: int = 0) -> Artefact:
        """Learn from a corpus, read once; the same corpus and seed give the same bytes.

        Raises:
            InvalidInput: the corpus is too small to learn from; the message says what is needed.
        """
        ...

    @classmethod
    def load(cls, artefact: Artefact, /) -> "Encoder[Any] | Self":
        """The encoder that ``fit`` made. Raises WeightsError for the artefact of another."""
        ...
