"""Moving a collection into another index: what its encoders made is copied, no media are read.

Versions go along, so a document is never overwritten by an older one. That makes a migration that
was interrupted a matter of running it again, and one of a collection that is still written to, too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import and_
from typing import Any

from triptych.core.errors import NotFound
from triptych.core.names import named
from triptych.index.documents import Document, is_tombstone, kept
from triptych.index.model import Listing, Outcome, SearchIndex
from triptych.index.origin import mismatch

CHUNK = 250
"""Documents that are written at once: some 5 MB."""
_PAGE = 1000


@dataclass(frozen=True)
class Copied:
    """How far a migration is."""

    done: int = 0
    newer: int = 0
    """Of these, documents of which the target has, or had, a newer version: that stays."""
    refused: Sequence[Outcome] = ()
    """Of these, what the target does not take."""


@dataclass(frozen=True)
class Difference:
    """What a collection and its copy differ in."""

    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Items in the source and in the target, for each status of which the numbers differ."""
    missing: Sequence[str] = ()
    """Ids that only the source has."""
    strays: Sequence[str] = ()
    """Ids that only the target has: deleted in the source, or never in it."""
    different: Sequence[str] = ()
    """Ids of the sample whose documents differ."""

    @property
    def lines(self) -> list[str]:
        """A line for each kind of difference; none if both are alike."""
        lines = [
            f"{status}: {theirs} in the source, {ours} in the target"
            for status, (theirs, ours) in sorted(self.counts.items())
        ]
        for what, ids in (
            ("only in the source", self.missing),
            ("only in the target", self.strays),
            ("not the same in both", self.different),
        ):
            if ids:
                lines.append(f"{what}: {named(ids)}")
        return lines


def copy(source: SearchIndex, target: SearchIndex, collection: str) -> Iterator[Copied]:
    """Write every document of a collection into another index; yields after each chunk.

    Tombstones go along, so what was deleted in the source is deleted in the target, and so does
    the identity, unless the target has the collection already.

    Raises:
        NotFound: the source has no such collection.
        FingerprintMismatch: other encoders built it, there or here.
        IndexUnavailable: one of both does not answer; run it again then.
    """
    built = source.origin(collection)
    if not built.is_of(target.layout):
        raise mismatch(collection, built, target.layout)
    # The target gets no collection that the source lacks.
    layout = built.target(target.layout)
    target.ensure(collection, identity=source.identity(collection), layout=layout)
    there = target.origin(collection)
    if there.fingerprint != built.fingerprint:
        raise mismatch(collection, there, target.layout)
    source.refresh(collection)
    documents = iter(source.scan(collection, tombstones=True))
    so_far = Copied()
    while chunk := list(islice(documents, CHUNK)):
        items = [not is_tombstone(entry.document) for entry in chunk]
        outcomes = target.bulk(collection, chunk)
        superseded = [outcome.result == "superseded" for outcome in outcomes]
        so_far = replace(
            so_far,
            done=so_far.done + sum(items),
            newer=so_far.newer + sum(map(and_, superseded, items)),
            refused=(*so_far.refused, *(o for o in outcomes if o.result == "refused")),
        )
        yield so_far


def compare(
    source: SearchIndex, target: SearchIndex, collection: str, *, sample: int
) -> Difference:
    """Compare the counts, the ids, and a sample of the documents, spread evenly over the ids.

    What is looked up beside what is shown is made of it: a collection that was made before there
    was any lacks it.

    ``sample`` is at least 1. A document is compared in all its fields but the float32 vector: the
    bits that every score is made of, its float16 ``features``, are among them.
    """
    for index in (source, target):
        index.refresh(collection)
    theirs, ours = source.count(collection), target.count(collection)
    counts = {status: (theirs.get(status, 0), ours.get(status, 0)) for status in {*theirs, *ours}}
    here, there = _ids(source, collection), _ids(target, collection)
    both = sorted(here & there)
    sampled = both[:: max(1, len(both) // sample)][:sample]
    return Difference(
        counts={status: pair for status, pair in counts.items() if pair[0] != pair[1]},
        missing=tuple(sorted(here - there)),
        strays=tuple(sorted(there - here)),
        different=tuple(
            item
            for item in sampled
            if _get(source, collection, item) != _get(target, collection, item)
        ),
    )


def prune(target: SearchIndex, collection: str, ids: Iterable[str], *, version: int) -> None:
    """Delete items of the target, unless they were written under a newer version."""
    for item in ids:
        with suppress(NotFound):
            target.delete(collection, item, version)


def _get(index: SearchIndex, collection: str, item: str) -> Document | None:
    try:
        return kept(index.get(collection, item))
    except NotFound:
        return None


def _ids(index: SearchIndex, collection: str) -> set[str]:
    ids: set[str] = set()
    after: Sequence[Any] | None = None
    while True:
        page = index.list(collection, Listing(limit=_PAGE, after=after, fields=["id"]))
        ids.update(document["id"] for document in page.documents)
        if page.last is None:
            return ids
        after = page.last
