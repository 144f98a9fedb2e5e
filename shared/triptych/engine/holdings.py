"""What a collection holds: which items just as they would be sent, and what their files are."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from triptych.core.answers import Described, Omissible
from triptych.core.errors import NotFound
from triptych.core.item import Modality
from triptych.index import SearchIndex
from triptych.index.documents import Document
from triptych.index.model import Condition, Listing, Range, Sort
from triptych.index.within import Within
from triptych.media.store import MediaStore
from triptych.media.types import LOOKED_AT, type_of

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


def holdings(
    index: SearchIndex, collection: str, prefix: str, after: str, within: Within = ()
) -> Holdings:
    """The next ``MOST`` items whose ids begin with a prefix. Raises NotFound."""
    bounds = Range(gt=after) if after >= prefix and after else Range(gte=prefix)
    conditions = [Condition("id", within=bounds), *within]
    if prefix:
        conditions.append(Condition("id", within=Range(lt=prefix + _LAST)))
    listing = Listing(conditions, sort=[Sort("id")], limit=MOST, fields=("names",))
    found = [
        Held(document["id"], document.get("names"))
        for document in index.list(collection, listing).documents
    ]
    return Holdings(found, after=found[-1].id if len(found) == MOST else None)


@dataclass(frozen=True)
class Medium:
    """A part of an item as it was sent; of a text, its characters as UTF-8."""

    file: BinaryIO
    """At its beginning; the receiver closes it."""
    size: int
    """Bytes."""
    digest: str
    """The sha256."""
    type: str
    """The media type (RFC 6838), by its content."""


def medium(store: MediaStore, document: Document, modality: Modality) -> Medium:
    """A part of an item. Raises NotFound where it has none, and StoreUnavailable."""
    if modality == "text" and (text := document.get("text")) is not None:
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        return Medium(io.BytesIO(data), len(data), digest, "text/plain; charset=utf-8")
    digest = digest_of(document, modality)
    file, size = store.open(digest)
    head = file.read(LOOKED_AT)
    file.seek(0)
    return Medium(file, size, digest, type_of(head))


def digest_of(document: Document, modality: Modality) -> str:
    """The sha256 of the image or sound of an item. Raises NotFound where it has none."""
    if modality not in document.get("media", {}):
        raise NotFound(f"item {document['id']} has no {modality}")
    return str(document["media"][modality])
