"""A collection gets an index for other encoders, or with other models, while it is used.

What a collection has learnt is a part of the layout of its index. So a change of it is a rebuild
like a change of encoders, of which every block is stored already.

The request is a document in the media store, so that it outlives every process. Until the end the
collection's own index is the only truth: it takes every item and every deletion. What it has and
the next index lacks, by id and version, is planned, and written to the next index under the same
version; twice does no harm. When a look at everything finds nothing lacking, a sample is verified,
writes wait for a moment, the last changes are copied, and the next index takes the other's place.
"""

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

import numpy as np
import structlog

from triptych.core.errors import (
    Conflict,
    IndexUnavailable,
    InvalidInput,
    ModelUnavailable,
    NotFound,
)
from triptych.core.fields import FIELDS
from triptych.core.item import MODALITIES, Item, Modality
from triptych.core.settings import Settings
from triptych.encoders.weights import WeightsError
from triptych.fusion import models
from triptych.fusion.blocks import Layout
from triptych.fusion.extended import Learnt, extended
from triptych.fusion.query import PresenceClass
from triptych.index import SearchIndex
from triptych.index.documents import Document, unpack_features
from triptych.index.generations import following, previous
from triptych.index.model import Held, IndexQuery, Listing, Versioned
from triptych.index.origin import Origin
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.derived import Derived, DerivedMissing, DerivedStore, part_digest
from triptych.ingest.indexing import Written
from triptych.ingest.renewing import Known, Renewal
from triptych.media.store import MediaStore

REBUILDS = "rebuilds"
"""The folder of requests, by the name of the collection."""
INCOMPLETE = "incomplete"
"""The folder of notes that an index has items without their vectors, since processes with other
encoders, or before a swap, wrote them; by the name of the collection, with the fingerprint of the
index."""
WINDOW = 1000
"""Items that one look compares."""
_TOGETHER = 256
"""Items that are written at once where nothing has to be described."""
_FEW = 500
"""Changes that are copied while writes wait, some seconds at most."""
_PASSES = 10
_SAMPLE = 100
_SEARCHED = 25
"""Of the sample, the items that are searched for by their own vector."""
_CANDIDATES = 20
_FOUND = 0.95
"""The share of a sample that must find itself; a search for neighbours is approximate."""
_NEAR = 1e-2
"""How far the float16 of two equal vectors may be apart, as an inner product."""
_ANY = 2**62
_AT_ONCE = 1000
_SEEN = " seen"
"""How a note ends that a pass has seen, which completes the items that it is about."""
_OF_ENCODERS = frozenset(
    {"fingerprint", "features", "vector", "words", "plain", "language", "keywords", "transcript",
     "writing", "errors", "notes", "status", "modalities", "predictions"}
)  # fmt: skip
"""The fields that other encoders or models may change."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rebuild:
    """A request, as it is stored."""

    collection: str
    identity: str
    fingerprint: str
    """Of the layout that the next index is for."""
    id: str
    """Of its messages."""
    swap: bool = True
    """Whether the next index takes the place of the other by itself."""
    ready: bool = False
    """Whether it could."""
    problem: str = ""
    """Why it does not go on until it is asked for again."""
    asked: float = 0.0
    """Seconds since 1970."""
    base: str = ""
    """Of the encoders that fill it. Requests of before there were models lack it."""
    models: tuple[str, ...] = ()
    """The references of what fills the rest."""

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(vars(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        facts = json.loads(data)
        return cls(**{**facts, "models": tuple(facts.get("models", ()))})

    def is_for(self, encoders: Layout) -> bool:
        """Whether these encoders fill the next index."""
        return (self.base or self.fingerprint) == encoders.fingerprint

    @property
    def waits(self) -> bool:
        """Whether nothing is to be done until somebody asks for it."""
        return bool(self.problem) or (self.ready and not self.swap)


@dataclass(frozen=True)
class Pass:
    """How far a look at all items is."""

    mark: str = ""
    """What was written later is looked at again."""
    after: Sequence[Any] | None = None
    lacking: int = 0
    """Items of which the next index had nothing, or something older, so far."""


@dataclass(frozen=True)
class Look:
    """What was found in some of the items."""

    chunks: Sequence[Chunk]
    position: Pass | None
    """Where to go on; None at the end."""
    lacking: int
    """In all of the pass so far."""
    mark: str


def _check_replaced(known: Rebuild) -> None:
    """Raise Conflict unless a request to other models may take the place of this one."""
    if known.ready and not known.problem:
        raise Conflict(
            f"collection {known.collection!r} has an index of other models that is ready: rebuild "
            "again to swap it, or give it up"
        )
    if not known.waits:
        raise Conflict(f"collection {known.collection!r} is being rebuilt to other models already")


class _NotYet(Exception):
    """Something has to be described before the swap."""


@dataclass(frozen=True)
class Rebuilder:
    """Builds collections anew for the encoders of this process, and what they have learnt."""

    store: MediaStore
    index: SearchIndex
    layout: Layout
    kept: DerivedStore
    settings: Settings

    # Asking

    def requested(self, collection: str) -> Rebuild | None:
        """The request of a collection that is not done with, if there is one that can be read."""
        with suppress(NotFound):
            data = self.store.read_document(REBUILDS, collection)
            try:
                return Rebuild.from_json(data)
            except (AttributeError, TypeError, ValueError):  # damaged, or of another version
                log.exception("request can't be read: ask for it again", collection=collection)
        return None

    def under_way(self) -> list[Rebuild]:
        """Every request that is not done with. Raises StoreUnavailable."""
        names = [one.name for one in self.store.documents(REBUILDS)]
        return [found for name in names if (found := self.requested(name)) is not None]

    def note_incomplete(self, collection: str) -> None:
        """Note that an item was written without its vectors."""
        with suppress(NotFound):  # the collection is gone since
            built = self.index.origin(collection).fingerprint
            self.store.write_document(INCOMPLETE, collection, built.encode())

    def is_incomplete(self, collection: str, found: Origin) -> bool:
        """Whether an index of our encoders has items that other encoders described."""
        noted = self._note(collection).partition(_SEEN)[0]
        return found.is_of(self.layout) and noted == found.fingerprint

    def incomplete(self, found: Mapping[str, Origin]) -> set[str]:
        """Those that are ``is_incomplete``, by one look at the store where there are none."""
        noted = {one.name for one in self.store.documents(INCOMPLETE)}
        return {name for name in noted.intersection(found) if self.is_incomplete(name, found[name])}

    def _note(self, collection: str) -> str:
        try:
            return self.store.read_document(INCOMPLETE, collection).decode()
        except NotFound:
            return ""

    def ask(
        self,
        collection: str,
        *,
        swap: bool = True,
        again: bool = False,
        models: Sequence[str] | None = None,
    ) -> Rebuild:
        """Ask for a rebuild, or for an earlier one to go on.

        Args:
            collection: its name.
            swap: whether the new index takes the place of the other as soon as it is whole.
            again: whether to go on with one that seems to be under way.
            models: the references of what fills the rest beside our encoders. None: those of an
                earlier request that is not done with, or else of the current index, unless they
                were trained on other encoders: then they are dropped.

        Raises:
            NotFound: no collection, or no model, of that name.
            Conflict: there is nothing to do, or another rebuild is under way.
            FingerprintMismatch: a model was trained on other encoders.
            InvalidInput: two models of one kind, or a file that may not be run.
        """
        found, asked = self.index.origin(collection), self.requested(collection)
        known = asked if asked is not None and asked.is_for(self.layout) else None
        if models is None:
            models = found.target(self.layout).models if known is None else known.models
            if lost := found.lost_models(self.layout):
                log.warning("models of other encoders are dropped", name=collection, models=lost)
        target = self._extended(models)
        mine = known if known is not None and known.fingerprint == target.fingerprint else None
        if known is not None and known is not mine and known.fingerprint != found.fingerprint:
            _check_replaced(known)
        current = found.fingerprint == target.fingerprint
        if current and not self.is_incomplete(collection, found):
            if asked is not None and known is mine:  # it was done, and killed before it said so
                self._end(collection)
            raise Conflict(
                f"there is nothing to do: collection {collection!r} is of these encoders and models"
            )
        if mine is not None and not mine.waits and not again:
            raise Conflict(f"collection {collection!r} is being rebuilt already")
        identity = self.index.identity(collection)
        if not current:
            self.index.begin(collection, target)
        rebuild = Rebuild(
            collection,
            identity=identity,
            fingerprint=target.fingerprint,
            id=secrets.token_hex(16) if mine is None else mine.id,
            swap=swap,
            asked=time.time(),
            base=self.layout.fingerprint,
            models=target.models,
        )
        self._write_down(rebuild)
        return rebuild

    def roll_back(self, collection: str) -> Rebuild:
        """Ask for the index that a rebuild has replaced; what was written since goes along.

        Raises:
            NotFound: no collection of that name.
            Conflict: there is no such index, or it is of other encoders than this process has.
        """
        self.index.origin(collection)
        try:
            kept = self.index.origin(previous(collection))
        except NotFound as error:
            raise Conflict(
                f"collection {collection!r} has no previous index to go back to"
            ) from error
        if kept.layout is None or not kept.is_of(self.layout):
            raise Conflict(
                f"the previous index of collection {collection!r} is of other encoders than this "
                f"process, which could not search it: {'; '.join(kept.changes(self.layout))}. Set "
                "them back, start gateway and workers again, then roll back"
            )
        return self.ask(collection, again=True, models=kept.layout.models)

    def _extended(self, references: Sequence[str]) -> Layout:
        """Our layout with what these models fill, each of which is looked at."""
        try:
            found = [models.load(self.store, reference) for reference in references]
        except WeightsError as error:
            raise InvalidInput(str(error)) from error
        except ImportError as error:
            raise ModelUnavailable(f"models can't be read here: {error}") from error
        return extended(self.layout, found)

    def cancel(self, collection: str) -> None:
        """Give a rebuild up; the next index is deleted.

        Raises NotFound where there is no collection, or none that is being rebuilt.
        """
        self.index.origin(collection)
        known = self.requested(collection)
        self._end(collection)
        if known is None:
            raise NotFound(f"collection {collection!r} is not being rebuilt")

    def forget(self, collection: str) -> None:
        """Forget what was asked for of a collection that is gone."""
        for folder in (REBUILDS, INCOMPLETE):
            self.store.delete_document(folder, collection)

    def _end(self, collection: str) -> None:
        self.store.delete_document(REBUILDS, collection)
        with suppress(NotFound):  # the collection may be gone, too
            self.index.abandon(collection)

    def _write_down(self, rebuild: Rebuild) -> None:
        self.store.write_document(REBUILDS, rebuild.collection, rebuild.to_json())

    # Planning

    def look(self, rebuild: Rebuild, position: Pass) -> Look:
        """Compare some items of both indexes; what the next one lacks comes in chunks.

        Raises NotFound where the collection is gone.
        """
        name = rebuild.collection
        if position.after is None:
            note = f"{rebuild.fingerprint}{_SEEN}"
            if self._note(name) == rebuild.fingerprint:  # what is written now writes it anew
                self.store.write_document(INCOMPLETE, name, note.encode())
            position = Pass(self.index.mark(name))
            self.index.refresh(name)  # so that the listing has what was written before the mark
        listing = Listing(limit=WINDOW, after=position.after, fields=("id",))
        page = self.index.list(name, listing)
        lacking = self._lacking(rebuild, [one["id"] for one in page.documents])
        chunks = list(self._chunks(rebuild, lacking, position.lacking))
        so_far = position.lacking + len(lacking)
        after = None if page.last is None else Pass(position.mark, page.last, so_far)
        return Look(chunks, after, so_far, position.mark)

    def _lacking(self, rebuild: Rebuild, ids: Sequence[str]) -> list[str]:
        """Those of the items that the next index has not, or has in an older version."""
        here = self.index.versions(rebuild.collection, ids)
        there = self.index.versions(self._target(rebuild)[0], ids)
        return [
            item
            for item in ids
            if item in here
            and here[item].status != "deleted"
            and not _is_settled(here[item], there.get(item), rebuild.fingerprint)
        ]

    def _target(self, rebuild: Rebuild) -> tuple[str, Layout]:
        """What is written to: the next index; or the collection's own, to complete it.

        Raises NotFound where neither is for what was asked.
        """
        name = rebuild.collection
        for one in (name, following(name)):
            found = self.index.origin(one)
            if found.fingerprint == rebuild.fingerprint and found.layout is not None:
                return one, found.layout
        raise NotFound(f"the index that collection {name!r} was to get is gone")

    def _renewal(self, rebuild: Rebuild) -> Renewal:
        return Renewal(self.index.origin(rebuild.collection), self._target(rebuild)[1])

    def _rebuild(self, chunk: Chunk) -> Rebuild:
        """What a chunk is of. Raises NotFound where that is done, or was given up."""
        asked = self.requested(chunk.collection)
        if asked is None or asked.id != chunk.batch:
            raise NotFound(f"collection {chunk.collection!r} is not being rebuilt")
        return asked

    def _chunks(self, rebuild: Rebuild, ids: Sequence[str], first: int) -> Iterator[Chunk]:
        renewal = self._renewal(rebuild)
        found = self.index.fetch(rebuild.collection, ids)
        routes: dict[tuple[Modality, ...], list[Item]] = {}
        for ordinal, (item, entry) in enumerate(found.items(), start=first):
            todo = self._undescribed(renewal, entry.document)
            size = len(entry.document.get("text", ""))
            routes.setdefault(todo, []).append(Item(item, ordinal, size=size))
        for route, items in routes.items():
            most = self.settings.chunk_items if route else _TOGETHER
            for start in range(0, len(items), most):
                yield Chunk(
                    rebuild.collection,
                    sequence=0,
                    fingerprint=self.layout.fingerprint,
                    slip=(*route, FUSION),
                    items=tuple(items[start : start + most]),
                    batch=rebuild.id,
                    identity=rebuild.identity,
                    rebuilds=True,
                )

    def _undescribed(self, renewal: Renewal, document: Document) -> tuple[Modality, ...]:
        """The modalities of an item that have to be described first."""
        item = renewal.item(document)
        missing = renewal.missing(document)
        return tuple(one for one in MODALITIES if one in missing and not self._derived(item, one))

    def _derived(self, item: Item, modality: Modality) -> Derived | None:
        if getattr(item, modality) is None:
            return None
        digest = part_digest(item, modality)
        return self.kept.read(self.kept.kinds[modality], [digest]).get(digest)

    # The steps

    def filled(self, chunk: Chunk) -> Chunk:
        """The chunk with what its items have now; messages bring ids alone."""
        found = self.index.fetch(chunk.collection, [item.id for item in chunk.items])
        renewal = self._renewal(self._rebuild(chunk))
        return chunk.of(
            [
                replace(renewal.item(found[item.id].document, item.ordinal), errors=item.errors)
                if item.id in found
                else replace(item, image=None, text=None, audio=None)
                for item in chunk.items
            ]
        )

    def write(self, chunk: Chunk, failure: str | None = None) -> Written:
        """Take the last step: write the items of a chunk to the next index. Twice changes nothing.

        Args:
            chunk: of a rebuild.
            failure: why nothing more can be described; its items get what is there.

        Raises:
            NotFound: the collection or the rebuild is gone.
            DerivedMissing: a step has to be done again.
            IndexUnavailable, StoreUnavailable, ModelUnavailable: send the chunk again.
        """
        return self._write(self._rebuild(chunk), chunk, failure)

    def _write(self, rebuild: Rebuild, chunk: Chunk, failure: str | None = None) -> Written:
        found = self.index.fetch(chunk.collection, [item.id for item in chunk.items])
        renewal = self._renewal(rebuild)
        renewed = self._renewed(chunk, renewal, found, failure)
        failed = {one.document["id"] for one in renewed if one.document["status"] == "failed"}
        name, _ = self._target(rebuild)
        outcomes = self.index.bulk(name, renewed, identity=chunk.identity)
        for outcome in outcomes:
            if outcome.result == "refused":
                raise IndexUnavailable(
                    f"the next index does not take {outcome.id!r}: {outcome.reason}"
                )
        if not all(outcome.whole for outcome in outcomes):  # the index has changed its encoders
            self.note_incomplete(chunk.collection)
        ordinals = {item.id: item.ordinal for item in chunk.items}
        return Written(chunk.ordinals, frozenset(ordinals[item] for item in failed))

    def _renewed(
        self, chunk: Chunk, renewal: Renewal, found: Mapping[str, Versioned], failure: str | None
    ) -> list[Versioned]:
        """The documents for the next index."""
        errors = {item.id: item.errors for item in chunk.items}
        learnt = Learnt.open(renewal.target, self.store)
        known, undescribed = [], set[Modality]()
        for item, entry in found.items():
            derived, failures, todo = self._made(renewal, entry.document, errors[item], failure)
            undescribed.update(todo)
            known.append(Known(entry.document, derived, failures))
        if undescribed:
            raise DerivedMissing(undescribed)
        documents = renewal.documents(known, learnt)
        return [
            Versioned(document, entry.version)
            for document, entry in zip(documents, found.values(), strict=True)
        ]

    def _made(
        self, renewal: Renewal, document: Document, errors: Mapping[str, str], failure: str | None
    ) -> tuple[dict[Modality, Derived], dict[Modality, str], list[Modality]]:
        """What the steps made of an item, what they could not, and what they have not done yet."""
        item = renewal.item(document)
        derived: dict[Modality, Derived] = {}
        failures: dict[Modality, str] = {}
        todo: list[Modality] = []
        for modality in renewal.missing(document):
            if (one := self._derived(item, modality)) is not None:
                derived[modality] = one
            elif reason := errors.get(modality) or failure:
                failures[modality] = reason
            elif getattr(item, modality) is None:
                failures[modality] = f"the document of the item does not tell its {modality}"
            else:
                todo.append(modality)
        return derived, failures, todo

    # The end

    def finish(self, rebuild: Rebuild, mark: str) -> Sequence[Chunk]:
        """Verify the next index and let it take the place of the other.

        Args:
            rebuild: what was asked for.
            mark: of a pass that has found nothing lacking.

        Returns:
            Chunks that have to be dealt with first; none if the rebuild has ended, or waits.

        Raises:
            NotFound: the collection is gone.
            IndexUnavailable, StoreUnavailable: try again.
        """
        name = rebuild.collection
        if self._target(rebuild)[0] == name:
            self._done(rebuild)
            return ()
        for _ in range(_PASSES):
            later = self.index.mark(name)
            ids = list(self.index.changed(name, mark))
            if chunks := self._catch_up(rebuild, ids):
                return chunks
            mark = later
            if len(ids) <= _FEW:
                break
        if self._is_ready(rebuild):
            return self._swap(rebuild, mark)
        return ()

    def _is_ready(self, rebuild: Rebuild) -> bool:
        """Whether the next index is as it should be, and is to be swapped."""
        name = rebuild.collection
        self._prune(name)
        self.index.refresh(following(name))
        if problem := self._verify(name, self._target(rebuild)[1]):
            self._write_down(replace(rebuild, problem=problem))
            log.error("the new index is not as it should be", collection=name, problem=problem)
            return False
        if not rebuild.swap:
            self._write_down(replace(rebuild, ready=True))
        return rebuild.swap

    def _swap(self, rebuild: Rebuild, mark: str) -> Sequence[Chunk]:
        """Swap, unless something has to be described first."""
        name = rebuild.collection
        for _ in range(_PASSES):
            try:
                self.index.swap(name, lambda: self._last(rebuild, mark))
            except _NotYet:
                if chunks := self._catch_up(rebuild, list(self.index.changed(name, mark))):
                    return chunks
                continue  # what lacked is there, or gone
            except Conflict as error:
                self._write_down(replace(rebuild, problem=error.reason))
                log.warning("the index is not swapped", collection=name, problem=error.reason)
                return ()
            self._take_over(name, mark)
            self._done(rebuild)
            log.info("collection is rebuilt", collection=name, fingerprint=rebuild.fingerprint)
            return ()
        raise IndexUnavailable(f"collection {name!r} changes too fast to be swapped now")

    def _take_over(self, name: str, mark: str) -> None:
        """Copy what the old index took although it was to take nothing more.

        Only somebody who lets its writes go on in the middle of a swap makes that possible. Such
        items are there without their vectors, which the next rebuild adds.
        """
        old = previous(name)
        self.index.refresh(old)
        ids = list(self.index.changed(old, mark))
        for start in range(0, len(ids), WINDOW):
            some = ids[start : start + WINDOW]
            there, here = self.index.versions(old, some), self.index.versions(name, some)
            late = [
                item
                for item, held in there.items()
                if item not in here or here[item].version < held.version
            ]
            entries = list(self.index.fetch(old, late).values())
            if entries and not all(one.whole for one in self.index.bulk(name, entries)):
                self.note_incomplete(name)
        self._bury(old, name)

    def _done(self, rebuild: Rebuild) -> None:
        name = rebuild.collection
        with suppress(NotFound):  # a process that was killed after the swap has left writes blocked
            self.index.abandon(name)
        self.store.delete_document(REBUILDS, name)
        if self._note(name) == f"{rebuild.fingerprint}{_SEEN}":
            self.store.delete_document(INCOMPLETE, name)

    def _last(self, rebuild: Rebuild, mark: str) -> None:
        """Copy the last changes, and deletions, while nobody writes; compare the numbers."""
        name = rebuild.collection
        if self._catch_up(rebuild, list(self.index.changed(name, mark))):
            raise _NotYet
        self._bury(name, following(name))
        done, total = totals(self.index, name)
        if done != total:
            raise Conflict(f"the new index has {done} items instead of {total}")

    def _catch_up(self, rebuild: Rebuild, ids: Sequence[str]) -> list[Chunk]:
        """Write what the next index lacks of these; chunks of what has to be described first."""
        waiting: list[Chunk] = []
        for start in range(0, len(ids), WINDOW):
            lacking = self._lacking(rebuild, ids[start : start + WINDOW])
            for chunk in self._chunks(rebuild, lacking, 0):
                if chunk.modality is not None:
                    waiting.append(chunk)
                    continue
                try:
                    self._write(rebuild, chunk)
                except DerivedMissing as error:
                    waiting.append(chunk.again(error.modalities))
        return waiting

    def _bury(self, name: str, target: str) -> None:
        """Copy the tombstones to another index, so that what was deleted stays so."""
        above = -1
        while dead := self.index.tombstones(name, _ANY, _AT_ONCE, above=above):
            entries = [Versioned(one, one["sequence"]) for one in dead]
            self.index.bulk(target, entries)
            above = entries[-1].version

    def _prune(self, name: str) -> None:
        """Delete what only the next index has: a process was frozen while an item was deleted."""
        done, total = totals(self.index, name)
        if done <= total:
            return
        ids = list(_ids(self.index, following(name), 1))
        for start in range(0, len(ids), WINDOW):
            some = ids[start : start + WINDOW]
            here, there = (self.index.versions(one, some) for one in (name, following(name)))
            for item in there.keys() - here.keys():
                with suppress(NotFound):
                    self.index.delete(following(name), item, there[item].version)

    def _verify(self, name: str, layout: Layout) -> str:
        """What is wrong with a sample of the next index; nothing if it is as it should be."""
        sample = self._sample(name)
        here, there = (self.index.fetch(one, sample) for one in (name, following(name)))
        for item in here.keys() & there.keys():
            if here[item].version == there[item].version:
                changed = _differences(here[item].document, there[item].document)
                if changed:
                    return f"item {item!r} has another {', '.join(sorted(changed))}"
        found = [entry.document for entry in there.values() if "features" in entry.document]
        if not found and any("features" in entry.document for entry in here.values()):
            return f"none of {len(sample)} items has a vector; are their media gone?"
        whole = found[:: max(1, len(found) // _SEARCHED)][:_SEARCHED]
        lost = [one["id"] for one in whole if not self._finds_itself(name, one, layout)]
        if len(lost) > (1 - _FOUND) * len(whole):
            return f"{len(lost)} of {len(whole)} items are not found by their own vector: {lost[0]}"
        return ""

    def _sample(self, name: str) -> list[str]:
        """Ids of the next index, some from each of several places."""
        done, _ = totals(self.index, name)
        step = max(1, done // _SAMPLE)
        return list(islice(_ids(self.index, following(name), step), _SAMPLE))

    def _finds_itself(self, name: str, document: Document, layout: Layout) -> bool:
        vector = unpack_features(document["features"], layout).astype(np.float32)
        present = tuple(one for one in MODALITIES if one in document["modalities"])
        absent = tuple(one for one in MODALITIES if one not in present)
        query = IndexQuery(
            classes=[PresenceClass(present, absent, vector)],
            candidates=_CANDIDATES,
            fields=("id",),
            fingerprint=layout.fingerprint,
        )
        own = float(vector @ vector)
        for match in self.index.search(following(name), query).matches:
            theirs = match.candidate.features.astype(np.float32)
            if match.candidate.id == document["id"] or float(vector @ theirs) > own - _NEAR:
                return True  # or another item has the very same parts
        return False


def _is_settled(here: Held, there: Held | None, fingerprint: str) -> bool:
    """Whether the next index has an item as it is, by the layout that it is for."""
    if there is None or there.version < here.version:
        return False
    return there.version > here.version or there.fingerprint == fingerprint


def _differences(one: Document, other: Document) -> set[str]:
    """The fields that two documents do not share, but for what encoders and indexes make."""
    names = {*one, *other} - _OF_ENCODERS - FIELDS.looked_up
    return {name for name in names if one.get(name) != other.get(name)}


def _ids(index: SearchIndex, name: str, step: int) -> Iterator[str]:
    """Every ``step``-th id, in order."""
    after: Sequence[Any] | None = None
    number = 0
    while True:
        page = index.list(name, Listing(limit=WINDOW, after=after, fields=("id",)))
        for document in page.documents:
            if number % step == 0:
                yield document["id"]
            number += 1
        if page.last is None:
            return
        after = page.last


def totals(index: SearchIndex, collection: str) -> tuple[int, int]:
    """How many items the next index has, and the collection."""
    done, total = (sum(index.count(name).values()) for name in (following(collection), collection))
    return done, total


def by_collection(rebuilds: Iterable[Rebuild]) -> dict[str, Rebuild]:
    """Requests by the name of their collection."""
    return {one.collection: one for one in rebuilds}
