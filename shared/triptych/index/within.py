"""A part of a collection: of all its items those that a filter lets somebody see."""

from collections.abc import Sequence

from triptych.index.model import Condition, Group, Listing, SearchIndex

Within = Sequence[Condition | Group]
"""Conditions that must all hold; none at all: the whole collection."""


def is_within(index: SearchIndex, collection: str, item: str, within: Within) -> bool:
    """Whether an item is there, and in this part. Raises NotFound where the collection is not."""
    listing = Listing((Condition("id", any_of=(item,)), *within), limit=1, fields=("id",))
    return bool(index.list(collection, listing).documents)
