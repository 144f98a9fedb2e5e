"""The last step: fuse the blocks of a chunk and write one document per item.

The steps before describe items by the encoders alone. What the collection has learnt fills the rest
here, for the index that is the collection's now.

An item whose document can't be made or is not taken gets a failure document with the reason. So
nothing is lost without a trace, and one item does not stop the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog

from triptych.core.errors import IndexUnavailable, TriptychError, Unavailable, internal
from triptych.core.item import Item
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout, fuse
from triptych.fusion.classifier import Prediction
from triptych.fusion.extended import Learnt
from triptych.index import SearchIndex
from triptych.index.model import Outcome, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.derived import DerivedStore, described
from triptych.ingest.documents import document, failure

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Written:
    """What became of the items of a chunk, by their ordinals."""

    done: frozenset[int]
    failed: frozenset[int] = frozenset()
    """Those of which nothing is searchable; they are done, too."""
    whole: bool = True
    """Whether the index took every vector: not those of other encoders than its own."""


def write(chunk: Chunk, index: SearchIndex, layout: Layout, kept: DerivedStore) -> Written:
    """Write one document per item of a chunk whose steps are done. Twice changes nothing.

    Raises:
        IndexUnavailable: the index does not answer, or does not even take the failure document of
            an item; send the chunk again.
        StoreUnavailable: derived data can't be read now.
        ModelUnavailable: what the collection has learnt can't be run now.
        DerivedMissing: a step has to be done again.
        NotFound: the collection was deleted meanwhile.
    """
    target = index.origin(chunk.collection).target(layout)
    written = _write(chunk, target, index, layout, kept)
    if not written.whole:
        now = index.origin(chunk.collection).target(layout)
        if now.fingerprint != target.fingerprint:  # it got other models in between
            return _write(chunk, now, index, layout, kept)
    return written


def _write(
    chunk: Chunk, target: Layout, index: SearchIndex, layout: Layout, kept: DerivedStore
) -> Written:
    """Write the documents for an index of the layout ``target``."""
    learnt = Learnt.open(target, kept.store)
    chunk, fused = _fused(chunk, layout, kept)
    chunk = _for(target, chunk, layout)
    entries = zip(chunk.items, learnt.extend(fused), learnt.predictions(fused), strict=True)
    documents = [_document(chunk, *entry) for entry in entries]
    outcomes = _bulk(chunk, index, documents)
    refused = {
        row: outcome.reason for row, outcome in enumerate(outcomes) if outcome.result == "refused"
    }
    _write_failures(chunk, index, refused)
    failed = frozenset(
        item.ordinal
        for row, (item, body) in enumerate(zip(chunk.items, documents, strict=True))
        if body["status"] == "failed" or row in refused
    )
    return Written(chunk.ordinals, failed, all(outcome.whole for outcome in outcomes))


def fail(
    chunk: Chunk, index: SearchIndex, layout: Layout, reason: str, status: str = "failed"
) -> Written:
    """Write a failure document for every item. Raises as ``write``."""
    chunk = _for(index.origin(chunk.collection).target(layout), chunk, layout)
    _write_failures(chunk, index, dict.fromkeys(range(len(chunk.items)), reason), status)
    return Written(chunk.ordinals, chunk.ordinals)


def _for(target: Layout, chunk: Chunk, layout: Layout) -> Chunk:
    """A chunk that our encoders described, for an index of this layout."""
    if chunk.fingerprint != layout.fingerprint:
        return chunk
    return replace(chunk, fingerprint=target.fingerprint)


def _fused(chunk: Chunk, layout: Layout, kept: DerivedStore) -> tuple[Chunk, Vectors]:
    """The chunk and the fused vectors; where these can't be had, every item with the reason."""
    reason = f"made by models {chunk.fingerprint}, this worker has {layout.fingerprint}"
    if not chunk.derived or chunk.fingerprint == layout.fingerprint:
        try:
            items, blocks = zip(*described(chunk, kept), strict=True)
            return replace(chunk, items=items), fuse(blocks, layout)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("chunk can't be fused", collection=chunk.collection, batch=chunk.batch)
            reason = internal(error)
    failed = tuple(item.failing("item", reason) for item in chunk.items)
    return replace(chunk, items=failed), np.zeros((len(failed), layout.dims), np.float32)


def _document(
    chunk: Chunk, item: Item, fused: Vectors, prediction: Prediction | None
) -> dict[str, Any]:
    try:
        return document(chunk, item, fused, prediction)
    except Exception as error:
        log.exception("document can't be made", id=item.id, collection=chunk.collection)
        return failure(chunk, item, internal(error))


def _write_failures(
    chunk: Chunk, index: SearchIndex, reasons: Mapping[int, str], status: str = "failed"
) -> None:
    """Write the failure documents of these rows. Raises IndexUnavailable, NotFound."""
    if not reasons:
        return
    failed = replace(chunk, items=tuple(chunk.items[row] for row in reasons))
    bodies = [
        failure(chunk, item, reason, status)
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
        return index.bulk(chunk.collection, documents, identity=chunk.identity)
    except TriptychError:
        raise
    except Exception:
        log.exception("chunk can't be written", collection=chunk.collection, batch=chunk.batch)
    return [_write_alone(chunk, index, entry) for entry in documents]


def _write_alone(chunk: Chunk, index: SearchIndex, entry: Versioned) -> Outcome:
    try:
        (outcome,) = index.bulk(chunk.collection, [entry], identity=chunk.identity)
    except TriptychError:
        raise
    except Exception as error:
        item = entry.document["id"]
        log.exception("document can't be written", id=item, collection=chunk.collection)
        return Outcome(item, "refused", internal(error))
    return outcome
