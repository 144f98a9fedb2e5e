"""The last step: fuse the blocks of a chunk and write one document per item."""

from triptych.shared import mapping
from triptych.shared.errors import FingerprintMismatch
from triptych.shared.fusion.blocks import LAYOUT, fuse
from triptych.shared.index import SearchIndex
from triptych.shared.index.protocol import Outcome, Versioned
from triptych.shared.item import Chunk
from triptych.shared.progress import Progress


def index_chunk(chunk: Chunk, index: SearchIndex, progress: Progress) -> None:
    """Write the documents, then count them. Doing it twice changes nothing.

    Raises:
        FingerprintMismatch: the chunk was made by other models than this process has.
        IndexUnavailable: nothing is counted; the chunk is to come again.
    """
    documents = _documents(chunk)
    outcomes = index.bulk(chunk.collection, documents)
    refused = _refused(documents, outcomes)
    if refused:
        index.bulk(chunk.collection, refused)
    if chunk.batch is not None:
        failed = {
            entry.document["id"] for entry in documents if entry.document["status"] == "failed"
        }
        failed |= {entry.document["id"] for entry in refused}
        progress.mark(
            chunk.batch,
            done=[item.ordinal for item in chunk.items],
            failed=[item.ordinal for item in chunk.items if item.id in failed],
        )


def _documents(chunk: Chunk) -> list[Versioned]:
    if chunk.features and chunk.fingerprint != LAYOUT.fingerprint:
        raise FingerprintMismatch(
            f"chunk made by models {chunk.fingerprint}, this worker has {LAYOUT.fingerprint}"
        )
    fused = fuse(chunk.features, len(chunk.items))
    # The ordinal orders lines of one batch that name the same item: the last line wins.
    return [
        Versioned(mapping.document(chunk, item, vector), chunk.sequence + item.ordinal)
        for item, vector in zip(chunk.items, fused, strict=True)
    ]


def _refused(documents: list[Versioned], outcomes: list[Outcome]) -> list[Versioned]:
    """Failure documents for those that the index does not take, as metadata of another type."""
    return [
        Versioned(mapping.refused(entry.document, outcome.reason), entry.version)
        for entry, outcome in zip(documents, outcomes, strict=True)
        if outcome.result == "refused"
    ]
