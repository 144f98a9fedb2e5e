"""The engine: it indexes items and answers queries, and knows neither HTTP nor queues.

Whoever makes an ``Engine`` gives it its settings; nothing in it is global. The steps of an item
and the search of a query are its methods over plain types. Gateway, workers, command line,
evaluation and notebooks are shells over it.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson
import structlog

from triptych.core.errors import IndexUnavailable, MediaError, NotFound, Unavailable
from triptych.core.gallery import Gallery
from triptych.core.item import Item, Modality
from triptych.core.settings import Settings
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extractor, Extractors
from triptych.engine import holdings, learning
from triptych.engine.collections import (
    Collection,
    CollectionSummary,
    Situation,
    describe,
    summaries,
)
from triptych.engine.holdings import Holdings, Medium, digest_of, medium
from triptych.engine.learning import LearntModel, TrainingState, training_state
from triptych.engine.waiting import await_document
from triptych.fusion.blocks import Layout
from triptych.fusion.layout import make_layout
from triptych.index import SearchIndex, open_index
from triptych.index.documents import public
from triptych.index.ids import known_as
from triptych.index.item_document import ItemDocument
from triptych.index.model import Page
from triptych.index.within import Within, is_within
from triptych.ingest import indexing
from triptych.ingest.accepting import Accepted, AcceptedOne, Acceptor, Target
from triptych.ingest.activating import Comparing
from triptych.ingest.changing import Changer
from triptych.ingest.chunk import Chunk
from triptych.ingest.clock import Clock, StoreClock
from triptych.ingest.collecting import ERASED, THINNED, Collected, Collector
from triptych.ingest.collection_models import CollectionModels
from triptych.ingest.decoding import decoder
from triptych.ingest.derived import DerivedMissing, DerivedStore, described
from triptych.ingest.indexing import Written
from triptych.ingest.intake import Intake, Uploaded
from triptych.ingest.ledger import Ledger, Settlement
from triptych.ingest.lines import Form
from triptych.ingest.manifest import (
    Entry,
    Manifest,
    delete_manifest,
    read_entries,
    read_manifest,
)
from triptych.ingest.planning import BEGINNING, Plan, Planner, Position
from triptych.ingest.rebuilding import Rebuilder
from triptych.ingest.resumable import ResumableUploads
from triptych.ingest.sent import ItemChange, ItemFields
from triptych.ingest.steps import Step, Stepped
from triptych.ingest.trainings import TrainingRequests
from triptych.media.store import MediaStore

if TYPE_CHECKING:  # a worker does not search, and has no library for it
    from triptych.engine.adding import Report, Source
    from triptych.engine.deleting import Deleted
    from triptych.engine.mapping import CollectionMap
    from triptych.engine.rebuilding import Progress
    from triptych.engine.searchers import Searchers
    from triptych.media.previews import Previews
    from triptych.search.answer import Answer
    from triptych.search.filtering import Filter
    from triptych.search.request import SearchRequest, SimilarRequest
    from triptych.search.searcher import Searcher


log = structlog.get_logger(__name__)

_SHOWN_SIDE = 256
"""Pixels of a picture in a notebook."""


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
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.layout = layout
        self.extractors = extractors
        if index is not None:
            self.index = index
        self.clock = clock or StoreClock(store)
        self._acceptor = Acceptor(store, settings.limits, layout.fingerprint, self.clock)
        self._planner = Planner(store, settings)
        self._kept = DerivedStore.of(store, settings, layout)

    @classmethod
    def open(
        cls,
        settings: Settings | str | Path,
        *,
        clock: Callable[[MediaStore], Clock] = StoreClock,
    ) -> Self:
        """Open the store that the settings name; index and encoders are opened when first used.

        Args:
            settings: all of them; or a folder for media and index, which ``triptych up --data``
                serves, with the other settings of the environment.
            clock: what orders the submissions; where several processes accept items for one
                store, they need one that they share.

        Raises:
            InvalidInput: an encoder of the settings does not exist or does not fit its role.
            StoreUnavailable: what a fitted encoder learnt can't be read.
        """
        if not isinstance(settings, Settings):
            settings = Settings.of_folder(Path(settings))
        store = MediaStore(settings.media_url)
        layout = make_layout(settings.encoders, store)
        extractors = Extractors(settings.encoders, threads=settings.compute_threads, store=store)
        engine = cls(
            settings, store=store, layout=layout, extractors=extractors, clock=clock(store)
        )
        # An empty folder may be one that is not mounted: where there are collections, it is.
        store.may_begin = lambda: not engine.index.collections()
        return engine

    @cached_property
    def index(self) -> SearchIndex:
        """The index that the settings name. Raises ValueError where none has a URL like theirs."""
        return open_index(self.settings, self.layout)

    @cached_property
    def searcher(self) -> "Searcher":
        """What answers queries, and remembers what it has encoded."""
        from triptych.search.searcher import Searcher

        return Searcher(self.settings, self.store, self.layout, self.index, self.extractors)

    @cached_property
    def searchers(self) -> "Searchers":
        """What answers queries to collections that other encoders built, too."""
        from triptych.engine.searchers import Searchers

        return Searchers(self.searcher)

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

    @cached_property
    def rebuilder(self) -> Rebuilder:
        """What builds collections anew for these encoders."""
        return Rebuilder(self.store, self.index, self.layout, self._kept, self.settings)

    @property
    def _situation(self) -> Situation:
        return Situation(self.index, self.layout, self.rebuilder)

    def collections(self) -> list[CollectionSummary]:
        """Every collection with its counts and the state of its index, or with what is wrong."""
        return summaries(self._situation)

    def waiting(self) -> list[str]:
        """The collections that other encoders built, and that nobody builds anew now."""
        return self._situation.waiting()

    def tell_waiting(self) -> None:
        """Log which collections wait for a rebuild; an index that is away says nothing."""
        with suppress(Unavailable):
            for name in self.waiting():
                changes = self.index.origin(name).changes(self.layout)
                log.warning("collection needs a rebuild", collection=name, changes=changes)

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
            FingerprintMismatch: it can't be copied, since nobody knows its blocks.
        """
        self.store.begin()  # before there is a collection, of which it would have to know
        self.index.ensure(name, shards=shards, replicas=replicas)
        return self.collection(name)

    def collection(self, name: str) -> Collection:
        """The items of a collection, and the encoders and weights that it is searched with."""
        return describe(self._situation, name)

    def map(self, name: str) -> "CollectionMap":
        """The items of a collection that were added last, on a plane. Raises NotFound."""
        from triptych.engine.mapping import map_of

        return map_of(self.index, name)

    def delete_collection(self, name: str) -> None:
        """Delete a collection with everything in it. Raises NotFound.

        Its media, and what it has learnt, go with the next ``collect``.
        """
        identity = self.index.identity(name)
        self.store.write_document(ERASED, identity, b"")
        self.index.drop(name)
        self.rebuilder.forget(name)
        self.training_requests.forget(name)

    def rebuild(
        self,
        collection: str,
        *,
        progress: "bool | Callable[[Progress], None]" = True,
        rollback: bool = False,
        models: Sequence[str] | None = None,
    ) -> "Progress":
        """Build a collection anew for these encoders, in this process; it can be used meanwhile.

        What is stored serves again: vectors whose encoder stays, and the media. If it is
        interrupted, call it again: it goes on.

        Args:
            collection: its name.
            progress: whether to show a bar; or a function, called with a report now and then.
            rollback: whether to go back to the index that a rebuild has replaced.
            models: references of the models that the collection is to have, none at all if empty.
                None: those that it has, if they were trained on these encoders.

        Raises:
            NotFound: no collection, or no model, of that name.
            Conflict: there is nothing to do; or the new index is not as it should be.
            IndexUnavailable, StoreUnavailable: it can't go on.
        """
        from triptych.engine import rebuilding

        return rebuilding.rebuild(self, collection, progress, rollback=rollback, models=models)

    # What a collection learns

    @cached_property
    def training_requests(self) -> TrainingRequests:
        """What collections are to learn, and how far it is."""
        return TrainingRequests(self.store, self.index)

    @cached_property
    def learnt_models(self) -> CollectionModels:
        """The models that collections have learnt, as they are kept."""
        return CollectionModels(self.store, self.index)

    @property
    def comparing(self) -> Comparing:
        """What compares models with what serves."""
        return Comparing(self.store, self.index, self.layout, self.settings.train_items)

    def training(self, collection: str) -> TrainingState:
        """The latest training of a collection by a worker. Raises NotFound."""
        identity = self.index.identity(collection)
        asked = self.training_requests.requested(collection)
        if asked is None or asked.identity != identity:
            raise NotFound(f"nothing was trained for collection {collection!r}")
        return training_state(asked, self.training_requests.course(asked))

    def models(self, collection: str) -> list[LearntModel]:
        """The models that a collection has learnt, the latest first. Raises NotFound."""
        models = self.learnt_models
        return [
            learning.described(models, collection, entry, self.layout, whole=False)
            for entry in models.all(collection)
        ]

    def model(self, collection: str, reference: str) -> LearntModel:
        """One of them with its card. Raises NotFound, InvalidInput."""
        entry = self.learnt_models.get(collection, reference)
        return learning.described(self.learnt_models, collection, entry, self.layout, whole=True)

    def delete_model(self, collection: str, reference: str) -> None:
        """Delete a model that no index uses. Raises NotFound, Conflict, InvalidInput."""
        self.learnt_models.remove(collection, reference)

    def activate(
        self,
        collection: str,
        reference: str,
        *,
        force: bool = False,
        progress: "bool | Callable[[Progress], None]" = True,
    ) -> "Progress":
        """Let a model serve, in this process: compare it, then build the collection anew with it.

        The collection can be used meanwhile, and rolled back afterwards.

        Args:
            collection: its name.
            reference: of a model that it has learnt.
            force: whether to do so without a comparison.
            progress: whether to show a bar; or a function, called with a report now and then.

        Raises:
            NotFound: no collection or model of that name.
            Conflict: the model finds surely less than what serves, or serves already.
            InvalidInput: too few items were set aside to compare with.
            IndexUnavailable, StoreUnavailable: it can't go on.
        """
        models = learning.target(self, collection, reference)
        if not force:
            learning.check(self, collection, reference)
        return self.rebuild(collection, progress=progress, models=models)

    def deactivate(
        self,
        collection: str,
        reference: str,
        *,
        progress: "bool | Callable[[Progress], None]" = True,
    ) -> "Progress":
        """Let a model serve no more. Raises Conflict where it does not; else as ``activate``."""
        models = self.learnt_models.without_model(collection, reference)
        return self.rebuild(collection, progress=progress, models=models)

    # Accept

    def accept_item(
        self,
        collection: str,
        fields: ItemFields,
        files: Mapping[Modality, bytes],
        names: Mapping[Modality, str],
        *,
        key: str | None = None,
    ) -> AcceptedOne:
        """Store the media of one item; ``process`` takes the steps of its chunk.

        Args:
            collection: made if it does not exist.
            fields: what is known of the item.
            files: the bytes of its parts.
            names: what the uploader called these files.
            key: the sender's, of this submission: under the same key it is accepted once.

        Raises:
            InvalidInput, TooLarge: nothing is accepted.
            KeyReused: the key came before with something else.
            StoreUnavailable: nothing is accepted.
        """
        return self._acceptor.single(self._target(collection, key), fields, files, names)

    def change_item(
        self, collection: str, item: str, change: ItemChange | Mapping[str, Any]
    ) -> AcceptedOne:
        """Accept a change of an item without its media; ``process`` takes the steps of its chunk.

        Args:
            collection: its name.
            item: the id.
            change: by field what it becomes, or None to remove it; of values by key only those that
                are given change, as a JSON merge patch has it (RFC 7396).

        Raises:
            NotFound: there is no such item.
            InvalidInput: nothing would be left of the item, or the change can't be made.
            MediaError: its new text can't be used.
            Conflict: others change the item all the time.
            StoreUnavailable, IndexUnavailable: nothing is accepted.
        """
        change = change if isinstance(change, ItemChange) else ItemChange.model_validate(change)
        known = known_as(self.index, collection, item)
        self.store.begin()
        target = Target(collection, self.index.identity(collection))
        return Changer(self.store, self.index, self._acceptor).change(target, known, change)

    def intake(self) -> Intake:
        """What takes the files of an upload, one by one, before they are accepted."""
        return self._acceptor.intake()

    @cached_property
    def uploads(self) -> ResumableUploads:
        """Files that come in pieces, before they are accepted."""
        return ResumableUploads(self.store, self.settings.limits, self.settings.upload_ttl)

    def accept_manifest(
        self,
        collection: str,
        data: bytes,
        uploads: Mapping[str, Uploaded] | None = None,
        form: Form = "jsonl",
        *,
        key: str | None = None,
    ) -> Accepted:
        """Store a batch of a manifest; ``plan`` and ``step`` work it off.

        Args:
            collection: made if it does not exist.
            data: the manifest.
            uploads: the files that it names; None: they are on the server.
            form: of the manifest.
            key: the sender's, of this submission: under the same key it is accepted once.

        Raises:
            InvalidInput, TooLarge: it is no manifest, or has no items, or too many.
            KeyReused: the key came before with something else.
            StoreUnavailable: nothing is accepted.
        """
        return self._acceptor.manifest(self._target(collection, key), data, uploads, form)

    def accept_files(self, collection: str, uploads: Intake, *, key: str | None = None) -> Accepted:
        """Store a batch of files; those of one stem are one item. As ``accept_manifest``."""
        return self._acceptor.files(self._target(collection, key), uploads)

    def accept_items(self, collection: str, items: Iterable[Mapping[str, Any]]) -> Accepted:
        """Store a batch of items with their media: bytes, or paths of this machine."""
        return self._acceptor.items(self._target(collection), items)

    def accept_again(self, collection: str, entries: Iterable[Entry]) -> Manifest:
        """Store a batch of entries of an earlier one."""
        return self._acceptor.again(self._target(collection), entries)

    def _target(self, collection: str, key: str | None = None) -> Target:
        self.store.begin()
        return Target(collection, self.index.ensure(collection), key)

    def withdraw(self, batch: str) -> None:
        """Forget a batch, or a single item, that was not accepted after all."""
        delete_manifest(self.store, batch)

    # Index

    def plan(
        self,
        manifest: Manifest,
        position: Position = BEGINNING,
        *,
        under_way: Container[int] | None = None,
    ) -> Plan:
        """Cut the next ``WINDOW`` items of an open batch into chunks.

        Args:
            manifest: the batch.
            position: where to begin.
            under_way: to plan again what got lost: the ordinals of what did not. What the index
                has is left out, too.

        Raises:
            NotFound: the batch is not open any more.
            StoreUnavailable, IndexUnavailable: try again.
        """
        # It may have been accepted by a process with other encoders: those of the workers count.
        manifest = replace(manifest, fingerprint=self.layout.fingerprint)
        if under_way is None:
            return self._planner.plan(manifest, position)

        def skip(items: Sequence[Item]) -> Container[int]:
            left = [item for item in items if item.ordinal not in under_way]
            settled = self.ledger.settled(manifest, left)
            return {item.ordinal for item in items if item not in left} | settled.keys()

        return self._planner.plan(manifest, position, skip)

    def step(self, chunk: Chunk) -> Stepped:
        """Take the first step of a chunk's slip, unless that is the last: describe a modality.

        Raises:
            NotFound: the batch is not open any more, so that every item is dealt with.
            StoreUnavailable: the media can't be read now.
            ValueError: only the last step is left.
        """
        if (modality := chunk.modality) is None:
            raise ValueError("every modality is described: write the chunk")
        if modality == "text" or chunk.rebuilds:
            chunk = self._filled(chunk)
        extractor = self.extractors[modality]
        side = extractor.side if modality == "image" else 0
        decode = decoder(modality, self.settings, self.store, side=side)
        seconds = self.settings.step_seconds
        return Step(modality, decode, extractor, self.layout, self._kept, seconds)(chunk)

    def write(self, chunk: Chunk) -> Written:
        """Take the last step: write a document per item.

        Raises:
            NotFound: the collection was deleted meanwhile, or the batch is not open any more.
            DerivedMissing: a step has to be done again.
            IndexUnavailable, StoreUnavailable, ModelUnavailable: send the chunk again.
        """
        if chunk.rebuilds:
            return self.rebuilder.write(chunk)
        written = indexing.write(self._filled(chunk), self.index, self.layout, self._kept)
        if not written.whole:
            self.rebuilder.note_incomplete(chunk.collection)
        return written

    def described(self, chunk: Chunk) -> list[tuple[Item, Mapping[str, Vectors]]]:
        """The items before the last step, and the blocks of each. Raises as ``write``."""
        return described(self._filled(chunk), self._kept)

    def fail(self, chunk: Chunk, reason: str) -> Written:
        """End a chunk that can't go on: a failure document per item. Raises as ``write``."""
        if chunk.rebuilds:
            return self.rebuilder.write(chunk, reason)
        return indexing.fail(self._filled(chunk), self.index, self.layout, reason)

    def quarantine(self, chunk: Chunk, evidence: str) -> Written:
        """End items that killed their workers again and again. Raises as ``write``."""
        if chunk.rebuilds:  # what is stored of it stays
            return self.rebuilder.write(chunk, evidence)
        filled = self._filled(chunk)
        return indexing.fail(filled, self.index, self.layout, evidence, "quarantined")

    def process(self, chunk: Chunk) -> Written:
        """Take every step of a chunk here and now."""
        done: set[int] = set()
        failed: set[int] = set()
        waiting = [chunk]
        while waiting:
            one = waiting.pop()
            if one.modality is not None:
                stepped = self.step(one)
                waiting += filter(None, (stepped.rest, stepped.chunk))
                continue
            try:
                written = self.write(one)
            except DerivedMissing as error:
                waiting.append(one.again(error.modalities))
                continue
            done |= written.done
            failed |= written.failed
        return Written(frozenset(done), frozenset(failed))

    def _filled(self, chunk: Chunk) -> Chunk:
        """The chunk with what its items have; messages bring references to the manifest alone."""
        if chunk.rebuilds:
            return self.rebuilder.filled(chunk)
        if not any(item.place for item in chunk.items):
            return chunk
        entries = read_entries(self.store, chunk.batch, chunk.items)
        return chunk.of(
            [
                replace(
                    entry.item,
                    ordinal=item.ordinal,
                    image=item.image,
                    audio=item.audio,
                    errors=item.errors,
                    size=item.size,
                    place=item.place,
                )
                for entry, item in zip(entries, chunk.items, strict=True)
            ]
        )

    # The ledger

    @cached_property
    def ledger(self) -> Ledger:
        """What was accepted, beside what became of it."""
        return Ledger(self.store, self.index)

    def settle(self, batch: str) -> Settlement:
        """Compare an open batch with the index, and close it if nothing is missing.

        Raises:
            NotFound: it is not open.
            IndexUnavailable, StoreUnavailable: try again.
        """
        manifest = read_manifest(self.store, batch)
        settlement = self.ledger.settle(manifest)
        if not settlement.missing:
            self.ledger.close(manifest, settlement)
        return settlement

    def collect(self, *, everything: bool = False) -> Collected:
        """Remove what deleted items and collections left behind; or whatever nothing refers to.

        Uploads that expired go, too.

        Raises IndexUnavailable, StoreUnavailable.
        """
        settings = self.settings
        uploads = self.uploads.collect()
        collector = Collector(
            self.store, self.index, self.ledger, settings.media_grace, settings.batch_ttl
        )
        return replace(collector.collect(everything=everything), uploads=uploads)

    def add(
        self,
        collection: str,
        source: "Source | Iterable[Source]",
        *,
        progress: "bool | Callable[[Report], None]" = True,
        **options: Any,
    ) -> "Report":
        """Index files or items in this process.

        Args:
            collection: made if it does not exist.
            source: a folder, a file, a manifest (JSONL or CSV) or an item, or several of these.
                Files of one stem are one item, whose id is their path relative to the working
                folder, without the extension. An item has the fields of a manifest line; its image
                and audio are bytes, or paths of this machine.
            progress: whether to show a bar; or a function, called with a report after every chunk.
            options: ``root``, a folder that ids are relative to; ``exclude``, patterns of files and
                folders to leave out; ``again=True`` indexes files that are there just so, too.

        Returns:
            Counts, and the items that failed with their reasons: a bad item raises nothing.

        Raises:
            FileNotFoundError: a path is not there.
            IndexUnavailable, StoreUnavailable: it can't go on. Adding it all again is harmless.
        """
        from triptych.engine import adding

        return adding.add(self, collection, source, progress, options)

    def adding(
        self, collection: str, source: "Source | Iterable[Source]", **options: Any
    ) -> "Iterator[Report]":
        """Index as ``add`` does, step by step: a report after every chunk, the last one whole."""
        from triptych.engine import adding

        return adding.adding(self, collection, source, **options)

    # Look up, delete

    def item(self, collection: str, item: str) -> ItemDocument:
        """The document of an item. Raises NotFound."""
        return public(self.index.get(collection, known_as(self.index, collection, item)))

    def medium(self, collection: str, item: str, modality: Modality) -> Medium:
        """A part of an item as it was sent. Raises NotFound, also where it has none."""
        known = known_as(self.index, collection, item)
        return medium(self.store, self.index.get(collection, known), modality)

    def digest(self, collection: str, item: str, modality: Modality) -> str:
        """The sha256 of the image or sound of an item. Raises NotFound, also where it has none."""
        known = known_as(self.index, collection, item)
        return digest_of(self.index.get(collection, known), modality)

    @property
    def previews(self) -> "Previews":
        """Thumbnails and waveforms, by the digests of pictures and sounds."""
        return self.searcher.previews

    def await_item(self, chunk: Chunk, seconds: float) -> ItemDocument | None:
        """The document of a single item as soon as it is indexed, or None if that takes longer."""
        document = await_document(self.index, chunk, seconds)
        return None if document is None else public(document)

    def delete_item(self, collection: str, item: str) -> None:
        """Delete an item. Raises NotFound. Its media go with the next ``collect``."""
        known = known_as(self.index, collection, item)
        self.index.delete(collection, known, self.clock.next())
        self.store.write_document(THINNED, collection, b"")

    def delete_items(self, collection: str, wanted: "Filter | Mapping[str, Any]") -> "Deleted":
        """Delete up to 1,000 items that a filter finds; call it again while there are more.

        Args:
            collection: its name.
            wanted: the filter, as a search has it.

        Raises:
            InvalidInput: naming the field; also for an empty filter.
            NotFound: no collection of that name.
            IndexUnavailable: some of them may be deleted; ask again.
        """
        from triptych.engine import deleting
        from triptych.engine.asking import search_request

        asked = search_request(filter=wanted).filter if isinstance(wanted, Mapping) else wanted
        conditions = deleting.conditions_of(self.searcher, collection, asked)
        try:
            deleted = deleting.delete_matching(self.index, collection, conditions, self.clock.next)
        except IndexUnavailable:  # some of them may be deleted
            self.store.write_document(THINNED, collection, b"")
            raise
        if deleted.deleted:
            self.store.write_document(THINNED, collection, b"")
        return deleted

    def known(self, collection: str, contents: Mapping[str, str]) -> set[str]:
        """Of at most 1,000 ids with the digests of their content: those that need not be sent."""
        return holdings.known(self.index, collection, contents)

    def holdings(
        self, collection: str, prefix: str = "", after: str = "", within: Within = ()
    ) -> Holdings:
        """The next 1,000 items whose ids begin with a prefix. Raises NotFound."""
        return holdings.holdings(self.index, collection, prefix, after, within)

    def sees(self, collection: str, item: str, within: Within) -> bool:
        """Whether an item is there, and in a part of the collection."""
        try:
            return is_within(self.index, collection, known_as(self.index, collection, item), within)
        except NotFound:
            return False

    def manifest(self, batch: str) -> Manifest:
        """A batch that was accepted. Raises NotFound."""
        return self.ledger.manifest(batch)

    def failures(self, batch: str, limit: int = 1000, after: Sequence[Any] | None = None) -> Page:
        """The items of a batch that are failed, partial or quarantined, a page of them.

        Raises NotFound.
        """
        return self.index.failures(self.manifest(batch).collection, batch, limit, after)

    # Ask

    def search(
        self,
        collection: str,
        request: "SearchRequest | None" = None,
        *,
        within: Within = (),
        **query: Any,
    ) -> "Answer":
        """Answer a query, or list items where nothing is searched for.

        Args:
            collection: its name.
            request: the query; or give its fields by name.
            within: the part of the collection that is seen; what is outside is not there.
            query: ``text``, ``image`` and ``audio``, one or several; ``not_``, a dict of
                negative parts; ``filter``, ``limit`` and the other fields of a search. An image
                or sound is bytes, a path, ``item:ID``, or a URL of an allowed host.

        Raises:
            InvalidInput: naming the field.
            NotFound: no collection, or no item, of that name.
            FingerprintMismatch: other encoders built the collection, and can't be loaded here.
            OSError: a file can't be read.
        """
        from triptych.engine.asking import search_request
        from triptych.search import searching

        asked = search_request(**query) if request is None else request
        return self.searchers.ask(
            collection, lambda searcher: searching.search(searcher, collection, asked, within)
        )

    def similar(
        self,
        collection: str,
        item: str,
        request: "SimilarRequest | None" = None,
        *,
        within: Within = (),
        **options: Any,
    ) -> "Answer":
        """Find items by every part that one of the collection has. Takes options as ``search``."""
        from triptych.engine.asking import similar_request
        from triptych.search import searching

        asked = similar_request(**options) if request is None else request
        return self.searchers.ask(
            collection,
            lambda searcher: searching.similar(
                searcher, collection, known_as(self.index, collection, item), asked, within
            ),
        )

    def gallery(self, collection: str, answer: "Answer") -> Gallery:
        """An answer with the pictures of its hits, as a notebook shows it."""

        def thumbnail(item: str) -> bytes | None:
            try:
                digest = self.digest(collection, item, "image")
                return self.previews.thumbnail(digest, _SHOWN_SIDE)
            except (NotFound, MediaError):  # it has none, or is gone
                return None

        return Gallery(orjson.loads(answer.to_json()), thumbnail)
