"""What a collection holds: which items just as they would be sent, and what their files are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triptych.core.answers import Described, Omissible
from triptych.core.errors import NotFound
from triptych.index import SearchIndex
from triptych.index.model import Condition, Listing, Range, Sort

MOST = 1000
"""Items that are looked up, or listed, at once."""
_LAST = "\U0010ffff"
"""Comes after every character of an id."""


@dataclass(frozen=True)
class Held(Described):
    """An item by its id."""

    id: str
    names: Omissible[Mapping[str, str]] = None
    """The file name of each part, as the sender called it."""


@dataclass(frozen=True)
class Holdings(Described):
    """Items in the order of their ids."""

    items: Sequence[Held]
    after: Omissible[str] = None
    """What the next request begins after; absent at the end."""


def known(index: SearchIndex, collection: str, contents: Mapping[str, str]) -> set[str]:
    """The ids of the items that are whole, and whose content has this digest.

    Args:
        index: where to look.
        collection: one that does not exist has no items.
        contents: the digest of the content by id, at most ``MOST``.
    """
    of_these = Condition("id", any_of=tuple(contents))
    listing = Listing([of_these], limit=len(contents), fields=("content", "status"))
    try:
        page = index.list(collection, listing)
    except NotFound:
        return set()
    return {
        found["id"]
        for found in page.documents
        if found["status"] == "indexed" and found.get("content") == contents[found["id"]]
    }


def holdings(index: SearchIndex, collection: str, prefix: str, after: str) -> Holdings:
    """The next ``MOST`` items whose ids begin with a prefix. Raises NotFound."""
    bounds = Range(gt=after) if after else Range(gte=prefix)
    conditions = [Condition("id", within=bounds)]
    if prefix:
        conditions.append(Condition("id", within=Range(lt=prefix + _LAST)))
    listing = Listing(conditions, sort=[Sort("id")], limit=MOST, fields=("names",))
    found = [
        Held(document["id"], document.get("names"))
        for document in index.list(collection, listing).documents
    ]
    return Holdings(found, after=found[-1].id if len(found) == MOST else None)
