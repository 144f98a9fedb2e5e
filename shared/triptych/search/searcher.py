"""What a search works with: the index, the encoders of queries, and what is remembered of them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from triptych.core.errors import Busy
from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Settings
from triptych.core.threads import usable_cpus
from triptych.encoders.extractors import Extractor
from triptych.fusion.blocks import Layout
from triptych.index.model import SearchIndex
from triptych.media.store import MediaStore
from triptych.search.encoded import EncodedPart
from triptych.search.memo import Memo
from triptych.search.metadata import MetadataKeys
from triptych.search.ranking import Ranking

_ENCODED = 512
"""Texts, images and sounds of queries; the words of a long text are some 30 KB, vectors less."""
_PATIENCE_SECONDS = 10.0
_RANKINGS = 8
"""Up to 8,000 hits with their reasons each, some 5 MB."""


@dataclass(frozen=True)
class Searcher:
    """The parts of an engine that answer queries. One instance serves many threads."""

    settings: Settings
    store: MediaStore
    layout: Layout
    index: SearchIndex
    extractors: Mapping[Modality, Extractor]
    slots: Mapping[Modality, threading.Semaphore] = field(
        default_factory=lambda: {
            modality: threading.Semaphore(usable_cpus()) for modality in MODALITIES
        }
    )
    """Of processors: beyond these all would only be slower, and take more memory. By modality,
    since a text takes milliseconds and the longest sound some ten seconds."""
    encoded: Memo[EncodedPart] = field(default_factory=lambda: Memo(_ENCODED))
    rankings: Memo[Ranking] = field(default_factory=lambda: Memo(_RANKINGS))
    metadata: MetadataKeys = field(default_factory=MetadataKeys)

    @contextmanager
    def slot(self, modality: Modality) -> Iterator[None]:
        """Held while a part of a query is decoded, encoded or verified. Raises Busy.

        Nobody waits for long: whoever waits has one of the threads that others need.
        """
        slots = self.slots[modality]
        if not slots.acquire(timeout=_PATIENCE_SECONDS):
            raise Busy(f"other {modality} queries take too long")
        try:
            yield
        finally:
            slots.release()
