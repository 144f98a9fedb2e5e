"""What an image, text or audio worker does with a chunk: load, decode, encode."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import structlog

from triptych.core.errors import InvalidInput, NotFound, Unavailable
from triptych.core.item import Item, Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extract
from triptych.fusion.blocks import Rows
from triptych.fusion.layout import layout
from triptych.ingest.chunk import Chunk

_DECODED_BYTES = 64 * 2**20

log = structlog.get_logger(__name__)

Decode = Callable[[Item], tuple[Item, Any]]
"""From an item to the item (perhaps with more known of it) and its decoded media."""


def add_features(chunk: Chunk, modality: Modality, decode: Decode, extract: Extract) -> Chunk:
    """Encode one modality of each item that has it; an item that fails gets its reason.

    A chunk made for other models is passed on with every item failed: its vectors would not
    compare with those of the index.
    """
    ours = layout().fingerprint
    if chunk.fingerprint != ours:
        reason = f"made for models {chunk.fingerprint}, this worker has {ours}"
        return chunk.advance([item.failing(modality, reason) for item in chunk.items], {})
    items = list(chunk.items)
    encoded = dict(_encode(items, modality, decode, extract))
    rows = tuple(encoded)
    names = next(iter(encoded.values()), {})
    features = {
        name: Rows(rows, np.stack([blocks[name] for blocks in encoded.values()])) for name in names
    }
    return chunk.advance(items, features)


def _encode(
    items: list[Item], modality: Modality, decode: Decode, extract: Extract
) -> Iterator[tuple[int, dict[str, Vectors]]]:
    """Yield row and blocks of each item that can be encoded; note in ``items`` why others can't.

    Decoded media is dropped before too much of it is there: an hour of sound is 300 MB.
    """
    media: dict[int, Any] = {}
    size = 0
    for row, item in enumerate(items):
        if not item.has(modality):
            continue
        try:
            items[row], media[row] = decode(item)  # nothing else holds what may be large
        except (InvalidInput, NotFound) as error:
            items[row] = item.failing(modality, error.reason)
            continue
        except Unavailable:
            raise
        except Exception as error:
            log.exception("item can't be decoded", id=item.id, modality=modality)
            items[row] = item.failing(modality, _internal(error))
            continue
        size += getattr(media[row], "nbytes", len(media[row]))
        if size >= _DECODED_BYTES:
            yield from _extract(items, media, modality, extract)
            media, size = {}, 0
    yield from _extract(items, media, modality, extract)


def _extract(
    items: list[Item], media: dict[int, Any], modality: Modality, extract: Extract
) -> Iterator[tuple[int, dict[str, Vectors]]]:
    """Encode some media together; if that fails, one by one, to find which it is."""
    if not media:
        return
    try:
        found = extract(list(media.values()))
    except Exception as error:
        if len(media) > 1:
            for row, decoded in media.items():
                yield from _extract(items, {row: decoded}, modality, extract)
            return
        (row,) = media
        log.exception("item can't be encoded", id=items[row].id, modality=modality)
        items[row] = items[row].failing(modality, _internal(error))
        return
    for place, (row, note) in enumerate(zip(media, found.notes, strict=True)):
        items[row] = items[row].noting(note)
        yield row, {name: vectors[place] for name, vectors in found.blocks.items()}


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error}"
