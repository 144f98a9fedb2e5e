"""The models that a collection has learnt: which there are, which are in use, which may go.

The files are in the media store under their references (``fusion.models``). An entry says that a
collection has learnt one; it has the card, so that a list reads no file.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Self

from triptych.core.errors import Conflict, FingerprintMismatch, NotFound
from triptych.encoders.weights import WeightsError
from triptych.fusion import models
from triptych.fusion.blocks import Layout
from triptych.fusion.models import Model, ModelCard
from triptych.fusion.strategies.comparison import Gain
from triptych.index import SearchIndex
from triptych.index.generations import following, previous
from triptych.media.store import MediaStore

LEARNT = "learnt"
"""The folder with a folder for each collection, by its identity."""


@dataclass(frozen=True)
class Verdict:
    """A comparison of a model with what served then, on items that no model has learnt from."""

    against: Sequence[str]
    """The references of the models that served; none: the blocks alone."""
    gains: Sequence[Gain]
    problem: str = ""
    """Why the model was refused."""
    at: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True)
class Entry:
    """A model that a collection has learnt."""

    reference: str
    card: ModelCard
    trained: float = 0.0
    """Seconds since 1970."""
    seconds: float = 0.0
    """That the training took."""
    verdict: Verdict | None = None
    """Of the latest comparison."""

    @property
    def labels(self) -> str:
        """Of a classifier: the field that has the labels."""
        return str(self.card.data.get("labels_of", ""))

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        facts = json.loads(data)
        card, verdict = facts.pop("card"), facts.pop("verdict")
        return cls(
            **facts,
            card=ModelCard(**{**card, "classes": tuple(card["classes"])}),
            verdict=None
            if verdict is None
            else Verdict(**{**verdict, "gains": [Gain(**one) for one in verdict["gains"]]}),
        )


@dataclass(frozen=True)
class CollectionModels:
    """The models of collections, in a media store. Each method raises NotFound for no collection.

    And IndexUnavailable, StoreUnavailable.
    """

    store: MediaStore
    index: SearchIndex

    def add(
        self, collection: str, model: Model, *, trained: float, seconds: float, identity: str = ""
    ) -> Entry:
        """Keep a model: first its file, then the entry.

        Args:
            collection: its name.
            model: what it has learnt.
            trained: when, in seconds since 1970.
            seconds: that this took.
            identity: of the collection that the model is of, which may be gone since. "": not told.
        """
        if identity not in {"", self.index.identity(collection)}:
            raise NotFound(f"collection {collection!r} was deleted, and made anew, while it learnt")
        models.save(self.store, model)
        entry = Entry(model.reference, model.card, trained, seconds)
        self._write(collection, entry)
        return entry

    def judge(self, collection: str, entry: Entry, verdict: Verdict) -> None:
        """Keep what a comparison has shown."""
        self._write(collection, replace(entry, verdict=verdict))

    def all(self, collection: str) -> list[Entry]:
        """The entries of a collection, the latest first."""
        folder = self._folder(collection)
        found = []
        for one in self.store.documents(folder):
            with suppress(NotFound):  # it is removed just now
                found.append(Entry.from_json(self.store.read_document(folder, one.name)))
        return sorted(found, key=lambda entry: -entry.trained)

    def get(self, collection: str, reference: str) -> Entry:
        """One of them. Raises NotFound where the collection has not learnt it, InvalidInput."""
        models.check_reference(reference)
        try:
            data = self.store.read_document(self._folder(collection), _name(reference))
        except NotFound as error:
            raise NotFound(f"collection {collection!r} has no model {reference}") from error
        return Entry.from_json(data)

    def active(self, collection: str) -> tuple[str, ...]:
        """The references of the models that serve."""
        layout = self.index.origin(collection).layout
        return () if layout is None else layout.models

    def with_model(self, collection: str, entry: Entry) -> tuple[str, ...]:
        """The models that serve once this one takes the place of the one of its kind."""
        layout = self.index.origin(collection).layout or Layout(())
        fusion = "" if layout.joint is None else layout.joint.reference
        if entry.card.kind == "fusion":
            return tuple(filter(None, (entry.reference, layout.classifier)))
        return tuple(filter(None, (fusion, entry.reference)))

    def without_model(self, collection: str, reference: str) -> tuple[str, ...]:
        """The models that serve once this one does not. Raises Conflict where it does not now."""
        models.check_reference(reference)
        active = self.active(collection)
        if reference not in active:
            raise Conflict(f"model {reference} of collection {collection!r} is not active")
        return tuple(one for one in active if one != reference)

    def remove(self, collection: str, reference: str) -> None:
        """Forget a model, and delete its file unless another collection has learnt the same.

        Raises Conflict while an index, perhaps the previous one, uses it.
        """
        self.get(collection, reference)
        if users := self._users(reference):
            raise Conflict(
                f"model {reference} is used by {', '.join(sorted(users))}: deactivate it, and drop "
                "the previous index (`triptych rollback --drop`)"
            )
        self._delete_file(reference, self.index.identity(collection))
        self.store.delete_document(self._folder(collection), _name(reference))

    def problem(self, entry: Entry, base: Layout) -> str:
        """Why a model can't serve with these encoders' blocks; "" if it can."""
        try:
            entry.card.check(base)
            models.load(self.store, entry.reference)
        except (FingerprintMismatch, NotFound) as error:
            return error.reason
        except WeightsError as error:
            return str(error)
        return ""

    def forget(self, identity: str) -> None:
        """Forget the models of a collection that is gone, by its identity."""
        folder = f"{LEARNT}/{identity}"
        for one in self.store.documents(folder):  # first, or nobody would know of them any more
            self._delete_file(_reference(one.name), identity)
        self.store.delete_folder(folder)

    def _delete_file(self, reference: str, identity: str) -> None:
        """Delete the file of a model that no other collection has learnt, and no index uses."""
        folders = [one.name for one in self.store.documents(LEARNT) if one.name != identity]
        names = {one.name for each in folders for one in self.store.documents(f"{LEARNT}/{each}")}
        if _name(reference) not in names and not self._users(reference):
            models.delete(self.store, reference)

    def _users(self, reference: str) -> set[str]:
        """The collections of which an index uses a model."""
        return {
            name
            for name in self.index.collections()
            for layout in self._layouts(name)
            if reference in layout.models
        }

    def _layouts(self, name: str) -> Iterator[Layout]:
        for one in (name, following(name), previous(name)):
            with suppress(NotFound, FingerprintMismatch):
                if (layout := self.index.origin(one).layout) is not None:
                    yield layout

    def _folder(self, collection: str) -> str:
        return f"{LEARNT}/{self.index.identity(collection)}"

    def _write(self, collection: str, entry: Entry) -> None:
        self.store.write_document(self._folder(collection), _name(entry.reference), entry.to_json())


def _name(reference: str) -> str:
    return f"{reference.replace('@', '-')}.json"


def _reference(name: str) -> str:
    return name.removesuffix(".json").replace("-", "@")
