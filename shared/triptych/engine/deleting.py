"""Deleting the items that a filter finds, so many at once that a request stays short."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triptych.core.answers import Described
from triptych.core.errors import IndexUnavailable
from triptych.index import SearchIndex
from triptych.index.documents import is_tombstone, tombstone
from triptych.index.generations import bury_beside
from triptych.index.model import Condition, Group, Listing, Sort, Versioned
from triptych.search.filtering import Filter, limits
from triptych.search.planning import plan
from triptych.search.request import SearchRequest
from triptych.search.searcher import Searcher

MOST = 1000
"""Items that are deleted at once."""


@dataclass(frozen=True)
class Deleted(Described):
    """What was deleted."""

    deleted: int
    more: bool
    """Whether the filter finds more: ask again."""


def conditions_of(
    searcher: Searcher, collection: str, wanted: Filter
) -> Sequence[Condition | Group]:
    """What a filter asks for. Raises InvalidInput as ``limits`` and a search do."""
    limits(wanted)
    request = SearchRequest(filter=wanted)
    index = searcher.index
    return plan(request, lambda keys: searcher.metadata.of(index, collection, keys)).conditions


def delete_matching(
    index: SearchIndex,
    collection: str,
    conditions: Sequence[Condition | Group],
    numbers: Callable[[int], int],
) -> Deleted:
    """Delete up to ``MOST`` items, but for those that change meanwhile.

    Args:
        index: of the collection.
        collection: its name.
        conditions: all of which hold for the items.
        numbers: gives the first of so many numbers that are above those of all submissions.

    Raises:
        NotFound: no collection of that name.
        IndexUnavailable: some of them may be deleted; ask again.
    """
    identity = index.identity(collection)
    index.refresh(collection)  # else those that were deleted just now are found again
    listing = Listing(conditions, sort=[Sort("id")], limit=MOST, fields=("id", "sequence"))
    page = index.list(collection, listing)
    listed = {one["id"]: one["sequence"] for one in page.documents}
    fetched = index.fetch(collection, listed)
    there = {item: one for item, one in fetched.items() if not is_tombstone(one.document)}
    # What was changed since it was listed may no longer be what the filter finds.
    found = {item: one for item, one in there.items() if one.document["sequence"] == listed[item]}
    more = page.last is not None or len(found) < len(there)
    if not found:
        return Deleted(0, more)
    first = numbers(len(found))
    buried = [
        Versioned(tombstone(item, number, entry.document), number)
        for number, (item, entry) in enumerate(found.items(), start=first)
    ]
    outcomes = index.bulk(collection, buried, identity=identity)
    result = {outcome.id: outcome.result for outcome in outcomes}
    deleted = [one for one in buried if result[one.document["id"]] == "written"]
    # Whoever asks again does not find these, even if others were refused.
    bury_beside(index, collection, deleted)
    for outcome in outcomes:
        if outcome.result == "refused":
            reason = outcome.reason
            raise IndexUnavailable(f"the index does not take a deletion: {reason}")
    return Deleted(len(deleted), more or len(deleted) < len(buried))
