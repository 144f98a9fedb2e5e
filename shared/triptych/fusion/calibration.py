"""Which scale the cosines between two blocks are on, as the encoders of both declare."""

from triptych.encoders.scales import UNIT, Bounds
from triptych.fusion.blocks import Block


def bounds(query: Block, item: Block) -> Bounds:
    """The scale of the cosines between vectors of a query's block and of an item's block.

    A pair of encoders of which neither declares anything has the range from 0 to 1.
    """
    if query.card.name == item.card.name:
        return item.scale.itself
    return item.scale.texts.get(query.card.name) or query.scale.texts.get(item.card.name) or UNIT
