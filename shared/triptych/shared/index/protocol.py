"""What every search index can do. One contract suite runs on each implementation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from triptych.shared.fusion.query import PresenceClass
from triptych.shared.fusion.scores import Candidate
from triptych.shared.index.filters import Condition, Facet, Sort
from triptych.shared.index.words import Words
from triptych.shared.mapping import Document


@dataclass(frozen=True)
class Versioned:
    """A document and the version under which it is written; an older one never wins."""

    document: Document
    version: int


@dataclass(frozen=True)
class Outcome:
    """What became of one document of a bulk write."""

    id: str
    result: Literal["written", "superseded", "refused"]
    reason: str = ""


@dataclass(frozen=True)
class IndexQuery:
    """One request: words and vectors, both within the filter."""

    words: Words = field(default_factory=Words)
    classes: Sequence[PresenceClass] = ()
    filter: Sequence[Condition] = ()
    candidates: int = 100
    """How many items the words, and each presence class, contribute at most."""
    facets: Sequence[Facet] = ()
    """Over the items that ``total`` counts."""
    fields: Sequence[str] | None = None
    """The fields of the documents that are needed; all that are public by default."""


@dataclass(frozen=True)
class Found:
    """A candidate and the document it belongs to, without vectors."""

    candidate: Candidate
    document: Document


Counts = Sequence[Mapping[str, Any]]
"""Of a facet: ``value`` and ``count``; of ranges their bounds and ``count``, as asked."""


@dataclass(frozen=True)
class Results:
    """The union of the best by words and the best by vectors, in no useful order."""

    found: Sequence[Found] = ()
    total: int = 0
    """Items that match a word or are among the best by vectors."""
    total_is_exact: bool = True
    took_ms: int = 0
    facets: Mapping[str, Counts] = field(default_factory=dict)
    """By the name of the field."""


@dataclass(frozen=True)
class Listing:
    """Items by a filter alone, in an order that does not depend on a query."""

    filter: Sequence[Condition] = ()
    sort: Sequence[Sort] = ()
    limit: int = 10
    after: Sequence[Any] | None = None
    """``Page.last`` of the page before this one."""
    facets: Sequence[Facet] = ()
    fields: Sequence[str] | None = None


@dataclass(frozen=True)
class Page:
    """Some of the documents that a listing has."""

    documents: Sequence[Document]
    total: int
    last: Sequence[Any] | None
    """Where the next page starts, as JSON has it; None if there is none."""
    facets: Mapping[str, Counts] = field(default_factory=dict)


class SearchIndex(Protocol):
    """Collections of documents. Every method raises IndexUnavailable when it is unreachable.

    Those that look into a collection raise NotFound where it is not there, and
    FingerprintMismatch where it was built by other encoders. ``snapshot`` is what ``freeze``
    returned: the collection as it was then. One that is over is CursorExpired.
    """

    def ping(self) -> None:
        """Return if the index answers."""
        ...

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        ...

    def ensure(self, collection: str) -> None:
        """Create the collection unless it exists. Raises FingerprintMismatch, InvalidInput."""
        ...

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        ...

    def bulk(self, collection: str, documents: Sequence[Versioned]) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others."""
        ...

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        ...

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete a document. Raises NotFound."""
        ...

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """Return candidates with their raw scores."""
        ...

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """Return documents by filter and order."""
        ...

    def freeze(self, collection: str) -> str:
        """Keep the collection as it is for some minutes of paging; returns the snapshot."""
        ...

    def scan(self, collection: str) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        ...

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values.

        A kind is ``string``, ``number`` or ``boolean``.
        """
        ...

    def failures(self, collection: str, batch: str, limit: int) -> Sequence[Document]:
        """Documents of a batch that are failed or partial."""
        ...

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        ...

    def advice(self, collection: str) -> str | None:
        """What its keeper should know, such as that the collection has outgrown this index."""
        ...

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        ...
