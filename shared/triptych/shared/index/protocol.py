"""What every search index can do. One contract suite runs on each implementation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from triptych.shared.fusion.query import PresenceClass
from triptych.shared.fusion.scores import Candidate
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

    terms: Sequence[str] = ()
    classes: Sequence[PresenceClass] = ()
    tags: Sequence[str] = ()
    """Tags that an item must all have."""
    keywords: Sequence[str] = ()
    """Keywords likewise."""
    candidates: int = 100
    """How many items each of the two kinds of clause contributes at most."""


@dataclass(frozen=True)
class Found:
    """A candidate and the document it belongs to, without vectors."""

    candidate: Candidate
    document: Document


@dataclass(frozen=True)
class Results:
    """The union of the best by words and the best by vectors, in no useful order."""

    found: Sequence[Found] = field(default_factory=tuple)
    total: int = 0
    total_is_exact: bool = True
    took_ms: int = 0


class SearchIndex(Protocol):
    """Collections of documents. Every method raises IndexUnavailable when it is unreachable."""

    def ping(self) -> None:
        """Return if the index answers."""
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

    def search(self, collection: str, query: IndexQuery) -> Results:
        """Return candidates with their raw scores. Raises NotFound for no such collection."""
        ...

    def failures(self, collection: str, batch: str, limit: int) -> list[Document]:
        """Documents of a batch that are failed or partial."""
        ...

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        ...

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        ...
