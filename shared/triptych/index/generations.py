"""The indexes of one collection: the current one, the next one, and the one before.

A collection is built anew in an index beside its current one, *next*, which then takes its place;
what was replaced is kept as *previous*. Each is addressed like a collection of its own, by the name
of the collection and its role. No user can name a collection like that: names have no dots.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from triptych.core.errors import IndexUnavailable, NotFound

if TYPE_CHECKING:
    from triptych.index.model import SearchIndex, Versioned

ROLES = ("next", "previous")

log = structlog.get_logger(__name__)


def following(collection: str) -> str:
    """The name of the index that is being built for a collection."""
    return f"{collection}.next"


def previous(collection: str) -> str:
    """The name of the index that a collection had before."""
    return f"{collection}.previous"


def delete_beside(index: "SearchIndex", collection: str, item: str, version: int) -> None:
    """Delete an item from the other indexes of a collection, so that its contents are gone.

    One that takes nothing now, as during a swap, gets the deletion from ``forget_beside``.
    """
    for name in (following(collection), previous(collection)):
        try:
            with suppress(NotFound):
                index.delete(name, item, version)
        except IndexUnavailable as error:
            log.warning("an item is deleted later", index=name, id=item, reason=error.reason)


def bury_beside(index: "SearchIndex", collection: str, tombstones: Sequence["Versioned"]) -> None:
    """The same for many items, of which those stay away that an index never had."""
    for name in (following(collection), previous(collection)):
        try:
            with suppress(NotFound):
                held = index.versions(name, [one.document["id"] for one in tombstones])
                index.bulk(name, [one for one in tombstones if one.document["id"] in held])
        except IndexUnavailable as error:
            log.warning("items are deleted later", index=name, reason=error.reason)


def forget_beside(index: "SearchIndex", collection: str, versions: Mapping[str, int]) -> None:
    """Before tombstones of a collection are removed, delete their items from its other indexes.

    A process that was killed may have deleted them from the current one only; they would come back
    with a rollback.
    """
    for name in (following(collection), previous(collection)):
        with suppress(NotFound):
            held = index.versions(name, versions)
            for item, known in held.items():
                if known.status != "deleted" and known.version <= versions[item]:
                    with suppress(NotFound):
                        index.delete(name, item, versions[item])
            index.forget(name, versions)
