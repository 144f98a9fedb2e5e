"""The engine: it indexes items and answers queries, and knows neither HTTP nor queues.

Whoever makes an ``Engine`` gives it its settings; nothing in it is global. The steps of an item
and the search of a query are its methods over plain types. Gateway, workers, command line,
evaluation and notebooks are shells over it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from triptych.core.item import Modality
from triptych.core.settings import Settings
from triptych.encoders.extractors import Extractor, Extractors
from triptych.engine.collections import Collection, CollectionSummary, describe, summaries
from triptych.engine.waiting import await_document
from triptych.fusion.blocks import Layout
from triptych.fusion.layout import make_layout
from triptych.index import SearchIndex, open_index
from triptych.index.documents import public
from triptych.index.item_document import ItemDocument
from triptych.ingest import indexing, single
from triptych.ingest.accepting import Accepted, Acceptor
from triptych.ingest.chunk import Chunk, submission_sequence
from triptych.ingest.decoding import decoder
from triptych.ingest.manifest import ItemFields, Manifest, delete_manifest, read_manifest
from triptych.ingest.planning import Planner
from triptych.ingest.steps import Step
from triptych.media.store import MediaStore

if TYPE_CHECKING:  # a worker does not search, and has no library for it
    from triptych.engine.adding import Report, Source
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
        extractors: Mapping[Modality, Extractor],
        index: SearchIndex | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.layout = layout
        self.extractors = extractors
        if index is not None:
            self.index = index
        self._acceptor = Acceptor(store, settings.limits, layout.fingerprint)
        self._planner = Planner(store, settings)

    @classmethod
    def open(cls, settings: Settings | str | Path) -> Self:
        """Open the store that the settings name; index and encoders are opened when first used.

        Args:
            settings: all of them; or a folder for media and index, which ``triptych up --data``
                serves, with the other settings of the environment.

        Raises:
            InvalidInput: an encoder of the settings does not exist or does not fit its role.
            StoreUnavailable: what a fitted encoder learnt can't be read.
        """
        if not isinstance(settings, Settings):
            settings = Settings.of_folder(Path(settings))
        store = MediaStore(settings.media_url)
        layout = make_layout(settings.encoders, store)
        extractors = Extractors(settings.encoders, threads=settings.compute_threads, store=store)
        return cls(settings, store=store, layout=layout, extractors=extractors)

    @cached_property
    def index(self) -> SearchIndex:
        """The index that the settings name. Raises ValueError where none has a URL like theirs."""
        return open_index(self.settings, self.layout)

    @cached_property
    def searcher(self) -> "Searcher":
        """What answers queries, and remembers what it has encoded."""
        from triptych.search.searcher import Searcher

        return Searcher(self.settings, self.store, self.layout, self.index, self.extractors)

    def close(self) -> None:
        """Close what was opened. The engine is of no use afterwards."""
        if "index" in vars(self):
            self.index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, *modalities: Modality) -> None:
        """Load the encoders of these modalities now, so that their first use is fast."""
        for modality in modalities:
            self.extractors[modality]  # a mapping that loads what is looked up

    # Collections

    def collections(self) -> list[CollectionSummary]:
        """Every collection with its counts, or with what is wrong with it."""
        return summaries(self.index)

    def create_collection(
        self, name: str, *, shards: int | None = None, replicas: int | None = None
    ) -> Collection:
        """Make a collection, or give it other numbers of shards and replicas.

        Args:
            name: its name.
            shards: into how many parts the index is cut. None: one, or as it is.
            replicas: how many copies of each part there are beside it. None: one as soon as there
                are two nodes, or as it is.

        Raises:
            InvalidInput: the index can't have so many; the embedded one has one shard.
            FingerprintMismatch: other encoders built it.
        """
        self.index.ensure(name, shards=shards, replicas=replicas)
        return self.collection(name)

    def collection(self, name: str) -> Collection:
        """The items of a collection, and the encoders and weights that it is searched with."""
        return describe(self.index, self.layout, name)

    def delete_collection(self, name: str) -> None:
        """Delete a collection with everything in it. Raises NotFound."""
        self.index.drop(name)

    # Accept

    def accept_item(
        self,
        collection: str,
        fields: ItemFields,
        files: Mapping[Modality, bytes],
        names: Mapping[Modality, str],
    ) -> Chunk:
        """Store the media of one item; ``process`` takes the steps of the chunk.

        Args:
            collection: made if it does not exist.
            fields: what is known of the item.
            files: the bytes of its parts.
            names: what the uploader called these files.

        Raises:
            InvalidInput, TooLarge: nothing is accepted.
            StoreUnavailable: nothing is accepted.
        """
        self.index.ensure(collection)
        max_chars = self.settings.limits.text_chars
        item = single.make_item(self.store, fields, files, names, max_chars=max_chars)
        return single.make_chunk(collection, item, self.layout.fingerprint)

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

    def accept_items(self, collection: str, items: Iterable[Mapping[str, Any]]) -> Accepted:
        """Store a batch of items with their media: bytes, or paths of this machine."""
        self.index.ensure(collection)
        return self._acceptor.items(collection, items)

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
            ValueError: only the last step is left.
        """
        if (modality := chunk.modality) is None:
            raise ValueError("every modality is described: write the chunk")
        extractor = self.extractors[modality]
        side = extractor.side if modality == "image" else 0
        decode = decoder(modality, self.settings, self.store, side=side)
        return Step(modality, decode, extractor, self.layout)(chunk)

    def write(self, chunk: Chunk) -> frozenset[int]:
        """Take the last step: write a document per item; return the ordinals that failed.

        Raises:
            NotFound: the collection was deleted meanwhile.
            IndexUnavailable: nothing is known of the items; send the chunk again.
        """
        return indexing.write(chunk, self.index, self.layout)

    def fail(self, chunk: Chunk, reason: str) -> frozenset[int]:
        """End a chunk that can't go on: a failure document per item. Raises as ``write``."""
        return indexing.fail(chunk, self.index, reason)

    def process(self, chunk: Chunk) -> frozenset[int]:
        """Take every step of a chunk here and now; return the ordinals that failed."""
        while chunk.modality is not None:
            chunk = self.step(chunk)
        return self.write(chunk)

    def add(
        self,
        collection: str,
        source: "Source | Iterable[Source]",
        *,
        progress: "bool | Callable[[Report], None]" = True,
    ) -> "Report":
        """Index files or items in this process.

        Args:
            collection: made if it does not exist.
            source: a folder, a file, a JSONL manifest or an item, or several of these. Files of one
                stem are one item. An item has the fields of a manifest line; its image and audio
                are bytes, or paths of this machine.
            progress: whether to show a bar; or a function, called with a report after every chunk.

        Returns:
            Counts, and the items that failed with their reasons: a bad item raises nothing.

        Raises:
            FileNotFoundError: a path is not there.
            IndexUnavailable, StoreUnavailable: it can't go on. Adding it all again is harmless.
        """
        from triptych.engine import adding

        return adding.add(self, collection, source, progress)

    def adding(self, collection: str, source: "Source | Iterable[Source]") -> "Iterator[Report]":
        """Index as ``add`` does, step by step: a report after every chunk, the last one whole."""
        from triptych.engine import adding

        return adding.adding(self, collection, source)

    # Look up, delete

    def item(self, collection: str, item: str) -> ItemDocument:
        """The document of an item. Raises NotFound."""
        return public(self.index.get(collection, item))

    def await_item(self, chunk: Chunk, seconds: float) -> ItemDocument | None:
        """The document of a single item as soon as it is indexed, or None if that takes longer."""
        document = await_document(self.index, chunk, seconds)
        return None if document is None else public(document)

    def delete_item(self, collection: str, item: str) -> None:
        """Delete an item from the index; its media stay in the store. Raises NotFound."""
        self.index.delete(collection, item, submission_sequence())

    def manifest(self, batch: str) -> Manifest:
        """A batch that was accepted. Raises NotFound."""
        return read_manifest(self.store, batch)

    def failures(self, batch: str, limit: int = 1000) -> list[ItemDocument]:
        """The items of a batch that are not whole. Raises NotFound."""
        page = self.index.failures(self.manifest(batch).collection, batch, limit)
        return [public(document) for document in page.documents]

    # Ask

    def search(
        self, collection: str, request: "SearchRequest | None" = None, **query: Any
    ) -> "Answer":
        """Answer a query, or list items where nothing is searched for.

        Args:
            collection: its name.
            request: the query; or give its fields by name.
            query: ``text``, ``image`` and ``audio``, one or several; ``not_``, a dict of
                negative parts; ``filter``, ``limit`` and the other fields of a search. An image
                or sound is bytes, a path, ``item:ID``, or a URL of an allowed host.

        Raises:
            InvalidInput: naming the field.
            NotFound: no collection, or no item, of that name.
            OSError: a file can't be read.
        """
        from triptych.engine.asking import search_request
        from triptych.search import searching

        if request is None:
            request = search_request(**query)
        return searching.search(self.searcher, collection, request)

    def similar(
        self,
        collection: str,
        item: str,
        request: "SimilarRequest | None" = None,
        **options: Any,
    ) -> "Answer":
        """Find items by every part that one of the collection has. Takes options as ``search``."""
        from triptych.engine.asking import similar_request
        from triptych.search import searching

        if request is None:
            request = similar_request(**options)
        return searching.similar(self.searcher, collection, item, request)
