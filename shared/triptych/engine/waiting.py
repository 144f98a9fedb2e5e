"""Waiting until an item that was submitted is in the index."""

import time
from contextlib import suppress

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.index import SearchIndex
from triptych.index.documents import Document
from triptych.ingest.chunk import Chunk

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
"""Seconds between two looks."""


def await_document(index: SearchIndex, chunk: Chunk, seconds: float) -> Document | None:
    """Look until the index has this submission of a single item, or a later one.

    An index that is away, or a collection whose shard still starts, only means that the document
    is not there yet. None when the time is over.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, _LONGEST_PAUSE)
        with suppress(NotFound, IndexUnavailable):
            document = index.get(chunk.collection, chunk.items[0].id)
            if document["sequence"] >= chunk.sequence:
                return document
    return None
