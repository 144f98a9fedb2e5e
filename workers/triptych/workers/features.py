"""What an image, text or audio worker does with a chunk: load, decode, encode."""

from collections.abc import Callable
from typing import Any

from triptych.shared.encoders.cards import Modality
from triptych.shared.encoders.extractors import Extractor
from triptych.shared.errors import InvalidInput, NotFound
from triptych.shared.fusion.blocks import LAYOUT, Rows
from triptych.shared.item import Chunk, Item

Decode = Callable[[Item], tuple[Item, Any]]
"""From an item to the item (perhaps with more known of it) and its decoded media."""


def add_features(chunk: Chunk, modality: Modality, decode: Decode, extract: Extractor) -> Chunk:
    """Encode one modality of each item that has it; an item that fails gets its reason.

    A chunk made for other models is passed on with every item failed: its vectors would not
    compare with those of the index.
    """
    if chunk.fingerprint != LAYOUT.fingerprint:
        reason = f"made for models {chunk.fingerprint}, this worker has {LAYOUT.fingerprint}"
        return chunk.advance([item.failing(modality, reason) for item in chunk.items], {})
    items = list(chunk.items)
    rows, media = [], []
    for row, item in enumerate(items):
        if not item.has(modality):
            continue
        try:
            items[row], decoded = decode(item)
        except (InvalidInput, NotFound) as error:
            items[row] = item.failing(modality, error.reason)
        else:
            rows.append(row)
            media.append(decoded)
    if not rows:
        return chunk.advance(items, {})
    features = extract(media)
    return chunk.advance(items, {name: Rows(tuple(rows), v) for name, v in features.items()})
