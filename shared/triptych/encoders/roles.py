"""The roles that encoders play: which part of an item each describes, in which block.

``settings.Encoders`` says which encoder plays which role; one without an encoder is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from triptych.core.item import Modality, Part
from triptych.core.settings import Encoders


@dataclass(frozen=True)
class Role:
    """A block of the fused vector, before it is known which encoder fills it."""

    block: str
    modality: Modality
    """The worker that fills it."""
    part: Part
    """What an item must have for the block to say anything."""
    in_text_space: bool = False
    """Whether its vectors compare with those of texts."""


ROLES = (
    Role("semantic", "text", "text"),
    Role("concept", "image", "image", in_text_space=True),
    Role("visual", "image", "image"),
    Role("acoustic", "audio", "audio"),
    Role("heard", "audio", "audio", in_text_space=True),
    Role("spoken", "audio", "speech", in_text_space=True),
    Role("written", "image", "writing", in_text_space=True),
)


def assigned(encoders: Encoders) -> Iterator[tuple[Role, str]]:
    """Each role that is played, with the reference of its encoder."""
    for role in ROLES:
        if reference := getattr(encoders, role.block):
            yield role, reference
