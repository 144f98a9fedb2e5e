"""The last step: fuse the blocks of a chunk and write one document per item.

An item whose document can't be made or is not taken gets a failure document with the reason. So
nothing is lost without a trace, and one item does not stop the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import structlog

from triptych.core.errors import IndexUnavailable, TriptychError, internal
from triptych.core.item import Item
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout, fuse
from triptych.index import SearchIndex
from triptych.index.model import Outcome, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document, failure

log = structlog.get_logger(__name__)


def write(chunk: Chunk, index: SearchIndex, layout: Layout) -> frozenset[int]:
    """Write one document per item; return the ordinals of those that failed.

    Doing it twice changes nothing.

    Raises:
        IndexUnavailable: the index does not answer, or does not even take the failure document of
            an item; send the chunk again.
        NotFound: the collection was deleted meanwhile.
    """
    chunk, fused = _fused(chunk, layout)
    documents = [
        _document(chunk, item, vector) for item, vector in zip(chunk.items, fused, strict=True)
    ]
    refused = {
        row: outcome.reason
        for row, outcome in enumerate(_bulk(chunk, index, documents))
        if outcome.result == "refused"
    }
    _write_failures(chunk, index, refused)
    return frozenset(
        item.ordinal
        for row, (item, body) in enumerate(zip(chunk.items, documents, strict=True))
        if body["status"] == "failed" or row in refused
    )


def fail(chunk: Chunk, index: SearchIndex, reason: str) -> frozenset[int]:
    """Write a failure document for every item; return the ordinals. Raises as ``write``."""
    _write_failures(chunk, index, dict.fromkeys(range(len(chunk.items)), reason))
    return chunk.ordinals


def _fused(chunk: Chunk, layout: Layout) -> tuple[Chunk, Vectors]:
    """The chunk and the fused vectors; where these can't be had, every item with the reason."""
    reason = f"made by models {chunk.fingerprint}, this worker has {layout.fingerprint}"
    if not chunk.features or chunk.fingerprint == layout.fingerprint:
        try:
            return chunk, fuse(chunk.features, len(chunk.items), layout)
        except Exception as error:
            log.exception("chunk can't be fused", collection=chunk.collection, batch=chunk.batch)
            reason = internal(error)
    items = tuple(item.failing("item", reason) for item in chunk.items)
    return replace(chunk, items=items, features={}), np.zeros((len(items), layout.dims), np.float32)


def _document(chunk: Chunk, item: Item, fused: Vectors) -> dict[str, Any]:
    try:
        return document(chunk, item, fused)
    except Exception as error:
        log.exception("document can't be made", id=item.id, collection=chunk.collection)
        return failure(chunk, item, internal(error))


def _write_failures(chunk: Chunk, index: SearchIndex, reasons: Mapping[int, str]) -> None:
    """Write the failure documents of these rows. Raises IndexUnavailable, NotFound."""
    if not reasons:
        return
    failed = replace(chunk, items=tuple(chunk.items[row] for row in reasons))
    bodies = [
        failure(chunk, item, reason)
        for item, reason in zip(failed.items, reasons.values(), strict=True)
    ]
    for outcome in _bulk(failed, index, bodies):
        if outcome.result == "refused":
            raise IndexUnavailable(
                f"the index does not take the failure document of {outcome.id!r}: {outcome.reason}"
            )


def _bulk(chunk: Chunk, index: SearchIndex, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Write the document of each item of a chunk; one outcome each.

    A document at which the index breaks is refused: then each is written on its own.
    """
    # The ordinal orders lines of one batch that name the same item: the last line wins.
    documents = [
        Versioned(body, chunk.sequence + item.ordinal)
        for item, body in zip(chunk.items, bodies, strict=True)
    ]
    try:
        return index.bulk(chunk.collection, documents)
    except TriptychError:
        raise
    except Exception:
        log.exception("chunk can't be written", collection=chunk.collection, batch=chunk.batch)
    return [_write_alone(index, chunk.collection, entry) for entry in documents]


def _write_alone(index: SearchIndex, collection: str, entry: Versioned) -> Outcome:
    try:
        (outcome,) = index.bulk(collection, [entry])
    except TriptychError:
        raise
    except Exception as error:
        log.exception("document can't be written", id=entry.document["id"], collection=collection)
        return Outcome(entry.document["id"], "refused", internal(error))
    return outcome
