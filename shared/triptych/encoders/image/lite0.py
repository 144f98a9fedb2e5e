"""EfficientNet-Lite0 with a head: the encoders that are made of one pass of the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.settings import cache_home
from triptych.encoders.cards import Card, Vectors
from triptych.encoders.image import efficientnet, heads
from triptych.encoders.image.efficientnet import EfficientNetLite0
from triptych.encoders.protocol import Encoder

_ON_LITE0 = (efficientnet.CARD.fingerprint,)
VISUAL_CARD = replace(heads.VISUAL, built_on=_ON_LITE0)
CONCEPT_CARD = replace(heads.CONCEPT, built_on=_ON_LITE0)


@dataclass(frozen=True)
class Headed:
    """A backbone, and a pure function of its features. One pass serves many heads."""

    card: Card
    backbone: EfficientNetLite0
    head: Callable[[Vectors], Vectors]

    @property
    def side(self) -> int:
        """Pixels along the longer edge beyond which it sees no more."""
        return self.backbone.side

    def encode(self, batch: Sequence[NDArray[np.uint8]], /) -> Vectors:
        """Encode pictures to float32 (n, card.dims)."""
        return self.head(self.backbone.encode(batch))


def visual(*, threads: int = 1) -> Headed:
    """What a picture looks like."""
    backbone = efficientnet.shared(threads=threads)
    return Headed(VISUAL_CARD, backbone, heads.VisualProjection())


def concept(*, threads: int = 1, text: Encoder[Any]) -> Headed:
    """What a picture shows, in the space of a text encoder."""
    backbone = efficientnet.shared(threads=threads)
    names = heads.class_vectors(text, heads.described_classes(), cache_home())
    return Headed(
        CONCEPT_CARD.in_space_of(text.card), backbone, heads.ConSE(backbone.classifier, names)
    )
