"""The last step: fuse the blocks of a chunk and write one document per item."""

from dataclasses import replace

from triptych.fusion.blocks import Layout, fuse
from triptych.index import SearchIndex
from triptych.index.model import Outcome, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document, refused


def write(chunk: Chunk, index: SearchIndex, layout: Layout) -> frozenset[int]:
    """Write one document per item; return the ordinals of those that failed.

    Doing it twice changes nothing.

    Raises:
        IndexUnavailable: the chunk is to come again.
        NotFound: the collection was deleted meanwhile.
    """
    documents = _documents(chunk, layout)
    outcomes = index.bulk(chunk.collection, documents)
    if others := _refused(documents, outcomes):
        index.bulk(chunk.collection, others)
    return frozenset(
        item.ordinal
        for item, entry, outcome in zip(chunk.items, documents, outcomes, strict=True)
        if entry.document["status"] == "failed" or outcome.result == "refused"
    )


def _documents(chunk: Chunk, layout: Layout) -> list[Versioned]:
    if chunk.features and chunk.fingerprint != layout.fingerprint:
        reason = f"made by models {chunk.fingerprint}, this worker has {layout.fingerprint}"
        items = tuple(item.failing("item", reason) for item in chunk.items)
        chunk = replace(chunk, items=items, features={})
    fused = fuse(chunk.features, len(chunk.items), layout)
    # The ordinal orders lines of one batch that name the same item: the last line wins.
    return [
        Versioned(document(chunk, item, vector), chunk.sequence + item.ordinal)
        for item, vector in zip(chunk.items, fused, strict=True)
    ]


def _refused(documents: list[Versioned], outcomes: list[Outcome]) -> list[Versioned]:
    """Failure documents for those that the index does not take."""
    return [
        Versioned(refused(entry.document, outcome.reason), entry.version)
        for entry, outcome in zip(documents, outcomes, strict=True)
        if outcome.result == "refused"
    ]
