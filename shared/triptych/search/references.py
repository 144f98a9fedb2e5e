"""Items as queries: what the index keeps of an item is compared, and nothing is encoded again."""

import hashlib
from functools import cache

import numpy as np

from triptych.core.errors import FingerprintMismatch, InvalidInput, NotFound
from triptych.core.item import Modality
from triptych.core.names import is_id, printable
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.index import SearchIndex
from triptych.index.documents import Document, unpack_features
from triptych.search.encoded import EncodedPart
from triptych.search.syntax import parse

PREFIX = "item:"


def refers(value: str) -> bool:
    """Whether a value names an item of the collection."""
    return value.startswith(PREFIX)


class References:
    """The items that one request refers to, each read once."""

    def __init__(self, index: SearchIndex, layout: Layout, collection: str) -> None:
        self._layout = layout
        self._get = cache(lambda item: index.get(collection, item))

    def document(self, value: str, field: str) -> Document:
        """The item of ``item:ID``. Raises NotFound with the field."""
        item = value.removeprefix(PREFIX)
        if not is_id(item):
            raise NotFound(f"{field}: no item {printable(item)!r}", field=field)
        try:
            document = self._get(item)
        except NotFound as error:
            hint = "; words that look like this are looked up in quotes" if "text" in field else ""
            raise NotFound(f"{field}: {error}{hint}", field=field) from error
        if document["fingerprint"] != self._layout.fingerprint:
            raise FingerprintMismatch(f"{field}: item {item!r} was indexed with other encoders")
        return document

    def part(self, value: str, part: Modality, field: str) -> EncodedPart:
        """What the index keeps of one part of an item. Raises NotFound, InvalidInput."""
        document = self.document(value, field)
        if part not in document.get("modalities", ()):
            reason = document.get("errors", {}).get(part)
            raise InvalidInput(
                f"{field}: item {document['id']!r} has no {part}"
                + (f" that can be used: {reason}" if reason else ""),
                field=field,
            )
        return stored_part(document, part, self._layout)

    def picture(self, value: str, field: str) -> str:
        """The digest of an item's picture in the media store. Raises NotFound, InvalidInput."""
        document = self.document(value, field)
        digest: str | None = document.get("media", {}).get("image")
        if digest is None:
            raise InvalidInput(f"{field}: item {document['id']!r} has no image", field=field)
        return digest


def stored_part(document: Document, part: Modality, layout: Layout) -> EncodedPart:
    """The blocks, and of a text the words, of a part that the item has."""
    packed = document.get("features")  # which what says nothing, as silence, does not have
    features = unpack_features(packed, layout).astype(np.float32)
    blocks = {
        name: _unit(features[layout.slices[name]])
        for name, modality in layout.modalities.items()
        if modality == part
    }
    text = document["text"] if part == "text" else ""
    said = hashlib.sha256(f"{packed} {text}".encode()).hexdigest()
    found = EncodedPart(f"item {part} {said}", blocks)
    if not text:
        return found
    words = parse(text, document.get("language"), operators=False).words
    return EncodedPart(found.key, blocks, words)


def _unit(vector: Vectors) -> Vectors:
    """What float16 has rounded, of length one again; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
