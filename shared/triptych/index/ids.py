"""Ids as collections have them: in NFC, but for those of items that were added before."""

from triptych.core.names import composed, is_id
from triptych.index.documents import DELETED
from triptych.index.model import SearchIndex


def known_as(index: SearchIndex, collection: str, item: str) -> str:
    """What a collection calls an item: its id in NFC, or as it is given where only that is there.

    Raises as ``SearchIndex.versions`` does.
    """
    normal = composed(item)
    if normal == item or not is_id(item):
        return normal
    held = index.versions(collection, [normal, item])
    there = [one for one in (normal, item) if one in held and held[one].status != DELETED]
    return (there or [normal])[0]
