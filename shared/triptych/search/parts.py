"""The parts of a query as vectors and words, and items of the collection as such parts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import chain

import numpy as np

from triptych.core.errors import FingerprintMismatch, InvalidInput, NotFound
from triptych.core.item import Modality
from triptych.core.names import is_id, printable
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.extended import Learnt
from triptych.index.documents import Document, unpack_features
from triptych.index.ids import known_as
from triptych.index.model import MAX_CLAUSES, Clause, SearchIndex, Words
from triptych.index.within import Within, is_within
from triptych.search.syntax import parse

PREFIX = "item:"
"""How a reference to an item begins."""


@dataclass(frozen=True)
class EncodedPart:
    """One text, image or sound."""

    key: str
    """Equal for equal content, and only for that."""
    blocks: Mapping[str, Vectors]
    """By block a float32 unit vector (dims of the block,), or zeros where nothing was found."""
    words: Words = field(default_factory=Words)

    @cached_property
    def has_vectors(self) -> bool:
        """Whether an encoder found anything."""
        return any(vector.any() for vector in self.blocks.values())

    @property
    def has_words(self) -> bool:
        """Whether there is anything to look up, or to exclude."""
        return bool(self.words.should or self.words.must_not)


PartsByModality = Mapping[Modality, Sequence[EncodedPart]]


def mean_vectors(parts: PartsByModality) -> dict[Modality, Mapping[str, Vectors]]:
    """By modality the mean vectors of its parts; a text of operators alone has none."""
    return {
        modality: mean(several)
        for modality, several in parts.items()
        if any(part.has_vectors for part in several)
    }


def mean(parts: Sequence[EncodedPart]) -> Mapping[str, Vectors]:
    """By block the mean of the unit vectors, without those that are zeros.

    The inner product with it is the mean of the cosines. So of joint vectors, too: each example
    goes through the network on its own, and their mean is no vector that the network has made.
    """
    if len(parts) == 1:
        return parts[0].blocks
    rows: dict[str, list[Vectors]] = {}
    for name, vector in chain.from_iterable(part.blocks.items() for part in parts):
        block = rows.setdefault(name, [])
        if vector.any():
            block.append(vector)
    widths = {name: len(vector) for part in parts for name, vector in part.blocks.items()}
    return {
        name: np.mean(block, axis=0) if block else np.zeros(widths[name], np.float32)
        for name, block in rows.items()
    }


def all_words(parts: Sequence[EncodedPart]) -> Words:
    """The words of several texts, each once. Raises InvalidInput for too many operators."""
    if len(parts) == 1:
        return parts[0].words
    must = _distinct(part.words.must for part in parts)
    must_not = _distinct(part.words.must_not for part in parts)
    if max(len(must), len(must_not)) > MAX_CLAUSES:
        raise InvalidInput(f"more than {MAX_CLAUSES} words with + or with -", field="text")
    return Words(_distinct(part.words.should for part in parts)[:MAX_CLAUSES], must, must_not)


def _distinct(clauses: Iterable[Sequence[Clause]]) -> tuple[Clause, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(clauses)))


def is_reference(value: str) -> bool:
    """Whether a value names an item of the collection."""
    return value.startswith(PREFIX)


class Items:
    """The items that one request refers to, each read once. Nothing of them is encoded again."""

    def __init__(
        self,
        index: SearchIndex,
        layout: Layout,
        collection: str,
        learnt: Learnt | None = None,
        within: Within = (),
    ) -> None:
        self._index = index
        self._layout = layout
        self._collection = collection
        self._learnt = learnt
        self._within = within
        self._get = cache(self._read)

    def _read(self, item: str) -> Document:
        known = known_as(self._index, self._collection, item)
        # One that is outside is looked up like one that is not there: the answers are the same.
        if self._within and not is_within(self._index, self._collection, known, self._within):
            raise NotFound(f"no item {printable(item)!r} in collection {self._collection!r}")
        return self._index.get(self._collection, known)

    def document(self, item: str, field: str) -> Document:
        """The document of an item. Raises NotFound with the field, FingerprintMismatch."""
        if not is_id(item):
            raise NotFound(f"{field}: no item {printable(item)!r}", field=field)
        try:
            document: Document = self._get(item)
        except NotFound as error:
            hint = "; words that look like this are looked up in quotes" if "text" in field else ""
            raise NotFound(f"{field}: {error}{hint}", field=field) from error
        if document["fingerprint"] != self._layout.fingerprint:
            raise FingerprintMismatch(f"{field}: item {item!r} was indexed with other encoders")
        return document

    def modalities(self, item: str, field: str) -> list[Modality]:
        """Every part of an item that can be searched by: silence, for one, can't.

        Raises:
            InvalidInput: there is none.
            NotFound, FingerprintMismatch: as ``document`` does.
        """
        document = self.document(item, field)
        parts: list[Modality] = [
            part
            for part in document.get("modalities", ())
            if part == "text" or stored_part(document, part, self._layout).has_vectors
        ]
        if not parts:
            raise InvalidInput(f"item {item!r} has nothing to search by", field=field)
        return parts

    def part(self, reference: str, part: Modality, field: str) -> EncodedPart:
        """What the index keeps of one part of ``item:ID``. Raises NotFound, InvalidInput."""
        document = self.document(reference.removeprefix(PREFIX), field)
        if part not in document.get("modalities", ()):
            reason = document.get("errors", {}).get(part)
            raise InvalidInput(
                f"{field}: item {document['id']!r} has no {part}"
                + (f" that can be used: {reason}" if reason else ""),
                field=field,
            )
        stored = stored_part(document, part, self._layout)
        if self._learnt is None:
            return stored
        # The joint vector of the item says what all of its parts do: this one counts alone.
        return replace(stored, blocks=self._learnt.completed(stored.blocks))

    def image(self, reference: str, field: str) -> str:
        """The digest in the media store of the image of ``item:ID``.

        Raises:
            NotFound: no item of that id.
            InvalidInput: it has no image.
        """
        document = self.document(reference.removeprefix(PREFIX), field)
        digest: str | None = document.get("media", {}).get("image")
        if digest is None:
            raise InvalidInput(f"{field}: item {document['id']!r} has no image", field=field)
        return digest


def stored_part(document: Document, part: Modality, layout: Layout) -> EncodedPart:
    """The blocks, and of a text the words, of a part that the item has."""
    packed = document.get("features")  # an item without vectors, as silence, has none
    features = unpack_features(packed, layout).astype(np.float32)
    blocks = {
        name: _unit(features[layout.slices[name]])
        for name, modality in layout.modalities.items()
        if modality == part
    }
    text = document["text"] if part == "text" else ""
    digest = hashlib.sha256(f"{packed} {text}".encode()).hexdigest()
    words = parse(text, document.get("language"), operators=False).words if text else Words()
    return EncodedPart(f"item {part} {digest}", blocks, words)


def _unit(vector: Vectors) -> Vectors:
    """What float16 has rounded, of length one again; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
