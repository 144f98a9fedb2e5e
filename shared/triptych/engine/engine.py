"""The engine: it indexes items and answers queries, and knows neither HTTP nor queues.

Whoever makes an ``Engine`` gives it its settings; nothing in it is global. The steps of an item
and the search of a query are its methods over plain types. Gateway, workers, command line,
evaluation and notebooks are shells over it.
"""

from collections.abc import Mapping
from typing import Self

from triptych.core.item import Modality
from triptych.core.settings import Settings
from triptych.encoders.extractors import Extractor, Extractors
from triptych.fusion.blocks import Layout
from triptych.fusion.layout import make_layout
from triptych.index import SearchIndex, open_index
from triptych.ingest import indexing
from triptych.ingest.accepting import Accepted, Acceptor
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.decoding import decoder
from triptych.ingest.manifest import Manifest, delete_manifest
from triptych.ingest.planning import Planner
from triptych.ingest.steps import Step
from triptych.media.store import MediaStore
from triptych.search import searching
from triptych.search.answer import Answer
from triptych.search.request import SearchRequest, SimilarRequest
from triptych.search.searcher import Searcher


class Engine:
    """Everything that is needed to index items and to answer queries. Serves many threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: MediaStore,
        layout: Layout,
        index: SearchIndex,
        extractors: Mapping[Modality, Extractor],
    ) -> None:
        self.settings = settings
        self.store = store
        self.layout = layout
        self.index = index
        self.extractors = extractors
        self.searcher = Searcher(settings, store, layout, index, extractors)
        self._acceptor = Acceptor(store, settings.limits, layout.fingerprint)
        self._planner = Planner(store, settings)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the store and the index that the settings name; encoders load as they are needed.

        Raises:
            InvalidInput: an encoder of the settings does not exist or does not fit its role.
            StoreUnavailable: what a fitted encoder learnt can't be read.
            ValueError: no index has a URL like that of the settings.
        """
        store = MediaStore(settings.media_url)
        layout = make_layout(settings.encoders, store)
        extractors = Extractors(settings.encoders, threads=settings.compute_threads, store=store)
        index = open_index(settings, layout)
        return cls(settings, store=store, layout=layout, index=index, extractors=extractors)

    def load(self, *modalities: Modality) -> None:
        """Load the encoders of these modalities now, so that their first use is fast."""
        for modality in modalities:
            self.extractors[modality]  # a mapping that loads what is looked up

    # Accept

    def accept_manifest(
        self, collection: str, data: bytes, uploads: Mapping[str, bytes] | None = None
    ) -> Accepted:
        """Store a batch of a JSONL manifest; ``plan`` and ``step`` work it off."""
        self.index.ensure(collection)
        return self._acceptor.manifest(collection, data, uploads)

    def accept_files(self, collection: str, uploads: Mapping[str, bytes]) -> Accepted:
        """Store a batch of files by name; those of one stem are one item."""
        self.index.ensure(collection)
        return self._acceptor.files(collection, uploads)

    def withdraw(self, manifest: Manifest) -> None:
        """Forget a batch that was not accepted after all."""
        delete_manifest(self.store, manifest.batch)

    # Index

    def plan(self, manifest: Manifest, start: int = 0) -> list[Chunk]:
        """Cut the next ``WINDOW`` items of a batch into chunks. Raises StoreUnavailable."""
        return self._planner.plan(manifest, start)

    def step(self, chunk: Chunk) -> Chunk:
        """Take the first step of a chunk's slip, unless that is the last: describe a modality.

        Raises:
            StoreUnavailable: the media can't be read now.
        """
        (modality, *_) = chunk.slip
        extractor = self.extractors[modality]  # type: ignore[index]
        side = extractor.side if modality == "image" else 0
        decode = decoder(modality, self.settings, self.store, side=side)  # type: ignore[arg-type]
        return Step(modality, decode, extractor, self.layout)(chunk)  # type: ignore[arg-type]

    def write(self, chunk: Chunk) -> frozenset[int]:
        """Take the last step: write a document per item; return the ordinals that failed.

        Raises:
            NotFound: the collection was deleted meanwhile.
            IndexUnavailable: nothing is known of the items; the chunk is to come again.
        """
        return indexing.write(chunk, self.index, self.layout)

    def process(self, chunk: Chunk) -> frozenset[int]:
        """Take every step of a chunk here and now; return the ordinals that failed."""
        while chunk.slip[0] != FUSION:
            chunk = self.step(chunk)
        return self.write(chunk)

    # Ask

    def search(self, collection: str, request: SearchRequest) -> Answer:
        """Answer a query, or list items where nothing is searched for."""
        return searching.search(self.searcher, collection, request)

    def similar(self, collection: str, item: str, request: SimilarRequest) -> Answer:
        """Find items by every part that one of the collection has."""
        return searching.similar(self.searcher, collection, item, request)
