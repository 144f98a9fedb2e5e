"""What every index speaks: conditions, queries, results, and the protocol that each implements.

One contract suite runs on each implementation.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from triptych.core.fields import FIELDS
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.query import PresenceClass
from triptych.fusion.signals import Candidate
from triptych.index.documents import Document
from triptych.index.origin import Origin

Value = str | float | bool


@dataclass(frozen=True)
class Range:
    """Between these bounds, of numbers or of strings.

    Values by key that are dates are compared with dates as instants, other strings in the order of
    their code points.
    """

    gte: float | str | None = None
    gt: float | str | None = None
    lte: float | str | None = None
    lt: float | str | None = None


@dataclass(frozen=True)
class Box:
    """Between two parallels and two meridians, in degrees, the edges included.

    Where ``west`` is the larger longitude, it lies across the date line.
    """

    north: float
    south: float
    west: float
    east: float


@dataclass(frozen=True)
class Circle:
    """All that is ``within`` so many metres of a point, along the surface."""

    latitude: float
    longitude: float
    within: float


@dataclass(frozen=True)
class Condition:
    """What the values of a field must be: all that is set must hold. They may be none.

    Numbers are compared exactly, dates among values by key as instants, and labels (a field that
    is ``folded_in`` another) regardless of case.
    """

    field: str
    """One of the filterable fields of the catalogue; of metadata with a key, ``metadata.year``."""
    any_of: tuple[Value, ...] | None = None
    all_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    within: Range | None = None
    area: Box | Circle | None = None
    """Of places."""
    exists: bool | None = None
    """Whether there is a value at all."""
    prefix: str | None = None
    """What a string begins with."""


@dataclass(frozen=True)
class Group:
    """Conditions that must all hold (``and``), one of which must (``or``), or not all (``not``)."""

    join: Literal["and", "or", "not"]
    members: tuple["Condition | Group", ...]


Conditions = Sequence[Condition | Group]
"""All of which must hold."""


@dataclass(frozen=True)
class Facet:
    """Counts of the values of a field (the most frequent ones, equals by value), or of ranges."""

    field: str
    size: int = 10
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Sort:
    """An order by a field; items without it come last, equals by id."""

    field: str
    """One of the sortable fields; of metadata, numbers come before dates before other strings
    before booleans."""
    descending: bool = False


MAX_CLAUSES = 128
"""Of a longer text the beginning is looked up."""

LABELLED = 32
"""The number of clauses, the first ones, of which a hit says whether they matched."""


@dataclass(frozen=True)
class Clause:
    """One word, phrase, prefix or fuzzy word.

    An item's score for a ``word`` or ``phrase`` is BM25 as Lucene has it (k1 1.2, b 0.75), the
    best of its fields, by their weights, and, for a word, of its stems and of ``plain``; for
    ``prefix`` and ``fuzzy`` it is 1.
    """

    label: str
    """As in the query, for reasons and highlights."""
    kind: Literal["word", "phrase", "prefix", "fuzzy"]
    terms: tuple[str, ...]
    """``word``: its stems, any of which may match, in the ``words`` of an item. The others are
    looked up in ``plain``: ``phrase``: words one after the other; ``prefix``, ``fuzzy``: one."""
    fields: tuple[str, ...] = FIELDS.searchable
    edits: int = 0
    """``fuzzy``: how many letters may be wrong, left out, added or swapped with the next; the
    first letter must be right."""
    plain: tuple[str, ...] = ()
    """``word``: what is as good as its stems, if there is something: a phrase."""


@dataclass(frozen=True)
class Words:
    """``should`` makes the score; an item must have all of ``must`` and none of ``must_not``."""

    should: Sequence[Clause] = ()
    must: Sequence[Clause] = ()
    must_not: Sequence[Clause] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the clauses of which a hit says whether they matched."""
        return tuple(clause.label for clause in self.should[:LABELLED])


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
    whole: bool = True
    """Whether the vector was written, too, if there is one: False where other encoders made it."""


@dataclass(frozen=True)
class Held:
    """What an index has under an id: a document, or the tombstone of one (status ``deleted``)."""

    version: int
    status: str
    fingerprint: str | None = field(default=None, compare=False)
    """Of the encoders that made the document; None for a tombstone."""


@dataclass(frozen=True)
class IndexQuery:
    """One request: words and vectors, both within the filter."""

    words: Words = field(default_factory=Words)
    classes: Sequence[PresenceClass] = ()
    filter: Conditions = ()
    candidates: int = 100
    """How many items the words contribute at most, and each presence class at least."""
    facets: Sequence[Facet] = ()
    """Over the items that match a word or are among the best by vectors."""
    exact_total: bool = False
    """Whether the total has to be exact, where that takes more time."""
    fields: Sequence[str] | None = None
    """The fields of the documents that are needed; all that are public by default."""
    fingerprint: str | None = None
    """Of the encoders that made the vectors of the classes; None: those of this process."""
    worded: Vectors | None = None
    """If there is one, the items that have all the words by their inner product with it, too."""
    blocks: Collection[str] | None = None
    """Those that are scored, or None for all. The features of a match may lack the others."""
    of_one_part: bool = False
    """Whether all vectors are of one part of the query, such as its text: then the items that are
    near by one block are mostly those that are near by another."""


@dataclass(frozen=True)
class Match:
    """A candidate and the document it belongs to, without vectors."""

    candidate: Candidate
    document: Document


Counts = Sequence[Mapping[str, Any]]
"""Of a facet: ``value`` and ``count``; of ranges, in their order, the bounds and ``count``."""


@dataclass(frozen=True)
class Results:
    """The union of the best by words and the best by vectors, in no useful order."""

    matches: Sequence[Match] = ()
    total: int = 0
    """Items within the filter that have a word of the query or a block that it is compared with,
    however many candidates are asked for; if it is not exact, at least so many."""
    total_is_exact: bool = True
    took_ms: int = 0
    facets: Mapping[str, Counts] = field(default_factory=dict)
    """By the name of the field."""


@dataclass(frozen=True)
class Listing:
    """Items by a filter alone, in an order that does not depend on a query."""

    filter: Conditions = ()
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


NOT_WHOLE = ("failed", "partial", "quarantined")
"""The statuses of documents of which a part, or nothing, is searchable."""


def not_whole(batch: str, limit: int, after: Sequence[Any] | None) -> Listing:
    """The documents of a batch that ``failures`` returns."""
    conditions = (Condition("batch", any_of=(batch,)), Condition("status", any_of=NOT_WHOLE))
    return Listing(conditions, limit=limit, after=after)


class SearchIndex(Protocol):
    """Collections of documents. Every method raises IndexUnavailable when it is unreachable.

    Those that look into a collection raise NotFound where it is not there, and
    FingerprintMismatch where it was built by another version of Triptych, whose documents are
    different. ``snapshot`` is what ``freeze`` returned: the collection as it was then. One that is
    over is CursorExpired.

    Vectors of different encoders never meet. In a collection that other encoders built, everything
    works but a search by vectors, which is FingerprintMismatch; and a document whose
    ``fingerprint`` is not that of the index is taken without its vector. A collection is *built
    anew* in an index of its own, which is addressed like a collection (``generations.following``)
    until it takes the place of the other one.

    IndexUnavailable means that the same call may succeed later: whatever the server or the disk has
    against it now, such as a full disk, missing rights, or too much work.

    A deleted item leaves a *tombstone* under the version of the deletion, so that an older version
    of it never appears again. Only ``versions``, ``tombstones`` and a scan that asks
    for them show tombstones.
    """

    layout: Layout
    """Of the encoders of this process: the blocks of indexes that it makes."""

    def ping(self) -> None:
        """Return if the index answers."""
        ...

    def origin(self, collection: str) -> Origin:
        """What built the index of a collection. Raises NotFound."""
        ...

    def origins(self) -> Mapping[str, Origin]:
        """What built the index of each collection, but for those of another version."""
        ...

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        ...

    def ensure(
        self,
        collection: str,
        *,
        identity: str | None = None,
        layout: Layout | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> str:
        """Create the collection unless it exists.

        Args:
            collection: its name.
            identity: of a new one that is the copy of another; by default it gets one of its own.
            layout: of a new one that is the copy of another; None: that of this process.
            shards: into how many parts it is cut, at least 1. None: one, or as it is. A collection
                that has another number is copied, which takes as long as a migration; it is
                written to and searched meanwhile.
            replicas: how many copies of each part there are beside it. None: one as soon as there
                are two nodes, or as it is.

        Returns:
            Its identity, 16 hex digits: a collection of the same name that is made after this one
            was dropped has another.

        Raises:
            FingerprintMismatch: it can't be copied, since its blocks are not known.
            InvalidInput: it can't have this name, or so many shards or replicas.
        """
        ...

    def identity(self, collection: str) -> str:
        """What ``ensure`` returned. Raises NotFound."""
        ...

    def drop(self, collection: str) -> None:
        """Delete a collection and what is in it. Raises NotFound."""
        ...

    def bulk(
        self, collection: str, documents: Sequence[Versioned], *, identity: str | None = None
    ) -> list[Outcome]:
        """Write documents, one outcome each, in order; a bad one does not stop the others.

        ``refused`` is only what the document itself causes. With ``identity``, a collection of this
        name that has another one is NotFound, and is not written to.
        """
        ...

    def get(self, collection: str, item_id: str) -> Document:
        """Return a document, as written by the latest ``bulk``. Raises NotFound."""
        ...

    def fetch(self, collection: str, ids: Collection[str]) -> dict[str, Versioned]:
        """The documents of items with their features, as written by the latest ``bulk``.

        Nothing for the others; vectors may be left out.
        """
        ...

    def shown(
        self, collection: str, ids: Collection[str], fields: Sequence[str] | None
    ) -> dict[str, Document]:
        """What hits show of items: some fields, or all that clients see (None), and always the id.

        As searches see them, which may be some moments older. Nothing for items that are gone.
        """
        ...

    def delete(self, collection: str, item_id: str, version: int) -> None:
        """Delete an item, also from the next and the previous index; a newer version of it stays.

        Raises NotFound where there is none, and remembers the deletion nevertheless.
        """
        ...

    def versions(self, collection: str, ids: Collection[str]) -> dict[str, Held]:
        """What there is under each id, as written by the latest ``bulk``; nothing for the others.

        Thousands of ids take few requests.
        """
        ...

    def tombstones(
        self, collection: str, before: int, limit: int, *, above: int = -1
    ) -> Sequence[Document]:
        """The oldest tombstones with a version below ``before`` and above ``above``.

        ``sequence`` is the version.
        """
        ...

    def forget(self, collection: str, versions: Mapping[str, int]) -> None:
        """Remove tombstones for good, given by id and version; what was written since stays."""
        ...

    def referenced(self, digests: Collection[str]) -> set[str]:
        """Which of the digests a document of any collection refers to, as of now.

        All of them while there is a collection of which this can't be told. Tombstones refer to
        nothing.
        """
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

    def scan(self, collection: str, *, tombstones: bool = False) -> Iterator[Versioned]:
        """Every document with its version and its vector, to write it into another index."""
        ...

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """The keys in the metadata of the items, each with the kinds of its values.

        A kind is ``string``, ``number`` or ``boolean``.
        """
        ...

    def failures(
        self, collection: str, batch: str, limit: int, after: Sequence[Any] | None = None
    ) -> Page:
        """Documents of a batch that are not whole, by id; ``after`` is ``last`` of a page."""
        ...

    def count(self, collection: str) -> dict[str, int]:
        """Documents per status."""
        ...

    def advice(self, collection: str) -> str | None:
        """What the operator should know, such as that the collection has outgrown this index."""
        ...

    def refresh(self, collection: str) -> None:
        """Make every write so far visible to ``search``."""
        ...

    def begin(self, collection: str, layout: Layout) -> None:
        """Make the index *next* of a collection, for a layout.

        If it is there, for this layout, it stays with what it has. If the *previous* index is for
        it, that is *next*, too. Writes that an interrupted ``swap`` has blocked go on. Raises
        NotFound.
        """
        ...

    def swap(self, collection: str, finish: Callable[[], None]) -> None:
        """Let *next* take the place of the collection, whose index becomes *previous*.

        For readers and writers of every process this is one step. An older *previous* index is
        deleted.

        Args:
            collection: its name.
            finish: called while writes to the collection wait (they are IndexUnavailable after some
                seconds); it writes to *next* what is missing there. If it raises, nothing changes.

        Raises NotFound where there is no *next*.
        """
        ...

    def abandon(self, collection: str) -> None:
        """Delete the index *next*, unless it is *previous*, too. Blocked writes go on."""
        ...

    def discard(self, collection: str) -> None:
        """Delete the index *previous*. Raises NotFound."""
        ...

    def mark(self, collection: str) -> str:
        """Where ``changed`` begins to see what is written from now on."""
        ...

    def changed(self, collection: str, since: str) -> Iterator[str]:
        """The ids of items that were written since a mark, and perhaps of a few that were not.

        All of them if the mark is of another index. Of deleted items, some may be among them.
        """
        ...

    def close(self) -> None:
        """Close connections and files. The index is not to be used afterwards."""
        ...
