"""The layout of this deployment, as its settings have it."""

from functools import cache

from triptych.shared.blobs import MediaStore, open_store
from triptych.shared.encoders.registry import card_of
from triptych.shared.encoders.roles import assigned
from triptych.shared.errors import InvalidInput
from triptych.shared.fusion.blocks import Block, Layout
from triptych.shared.settings import Encoders, settings


def make_layout(encoders: Encoders, store: MediaStore) -> Layout:
    """The blocks that these encoders fill.

    Raises:
        InvalidInput: no encoder of that name, one that is not fitted, or of another modality.
        NotFound, StoreUnavailable: what a fitted encoder learnt can't be read.
    """
    text = card_of(encoders.semantic, store)
    blocks = []
    for role, reference in assigned(encoders):
        card = card_of(reference, store, text=text if role.in_text_space else None)
        if card.modality != role.modality:
            raise InvalidInput(
                f"encoder {reference} is for {card.modality}, {role.block} is of {role.modality}"
            )
        blocks.append(Block(role.block, role.modality, role.part, role.in_text_space, card))
    return Layout(tuple(blocks))


@cache
def layout() -> Layout:
    """The layout of this process, made once."""
    return make_layout(settings().encoders, open_store(settings().media_url))
