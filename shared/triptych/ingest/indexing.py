"""The last step: fuse the blocks of a chunk and write one document per item."""

from dataclasses import replace

import structlog

from triptych.core.errors import NotFound, Unavailable
from triptych.fusion.blocks import fuse
from triptych.fusion.layout import layout
from triptych.index import SearchIndex
from triptych.index.model import Outcome, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document, refused
from triptych.ingest.progress import Progress

log = structlog.get_logger(__name__)


def index_chunk(chunk: Chunk, index: SearchIndex, progress: Progress) -> None:
    """Write the documents, then count them. Doing it twice changes nothing.

    Raises:
        IndexUnavailable: nothing is counted; the chunk is to come again.
    """
    everything = {item.ordinal for item in chunk.items}
    try:
        failed = _write(chunk, index)
    except Unavailable:
        raise
    except NotFound as error:
        log.warning("collection was deleted meanwhile", reason=error.reason, batch=chunk.batch)
        failed = everything
    except Exception:
        # A defect must not leave a batch that never ends: its items are counted as failed.
        log.exception("chunk can't be indexed", collection=chunk.collection, batch=chunk.batch)
        failed = everything
    if chunk.batch is not None:
        progress.mark(chunk.batch, done=everything, failed=failed)


def _write(chunk: Chunk, index: SearchIndex) -> set[int]:
    """Write one document per item; return the ordinals of those that failed."""
    documents = _documents(chunk)
    outcomes = index.bulk(chunk.collection, documents)
    refused = _refused(documents, outcomes)
    if refused:
        index.bulk(chunk.collection, refused)
    return {
        item.ordinal
        for item, entry, outcome in zip(chunk.items, documents, outcomes, strict=True)
        if entry.document["status"] == "failed" or outcome.result == "refused"
    }


def _documents(chunk: Chunk) -> list[Versioned]:
    ours = layout()
    if chunk.features and chunk.fingerprint != ours.fingerprint:
        reason = f"made by models {chunk.fingerprint}, this worker has {ours.fingerprint}"
        items = tuple(item.failing("item", reason) for item in chunk.items)
        chunk = replace(chunk, items=items, features={})
    fused = fuse(chunk.features, len(chunk.items), ours)
    # The ordinal orders lines of one batch that name the same item: the last line wins.
    return [
        Versioned(document(chunk, item, vector), chunk.sequence + item.ordinal)
        for item, vector in zip(chunk.items, fused, strict=True)
    ]


def _refused(documents: list[Versioned], outcomes: list[Outcome]) -> list[Versioned]:
    """Failure documents for those that the index does not take, as metadata of another type."""
    return [
        Versioned(refused(entry.document, outcome.reason), entry.version)
        for entry, outcome in zip(documents, outcomes, strict=True)
        if outcome.result == "refused"
    ]
