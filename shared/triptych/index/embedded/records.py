"""What of a document goes into which table: pure functions, which purging relies on, too."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from triptych.core.fields import FIELDS, Kind
from triptych.core.names import check_id
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.index.documents import (
    Document,
    is_tombstone,
    kept,
    parts,
)
from triptych.index.embedded.facts import Fact, facts_of
from triptych.index.embedded.schema import INDEXED

PARTS = ("image", "text", "audio", "speech", "writing")
"""What an item may have, by the number of its bit."""

_HIDDEN = frozenset(
    field.name
    for field in FIELDS.stored
    if not field.public and field.kind not in {Kind.VECTOR, Kind.PACKED}
)
"""What is stored beside the public fields; vectors have a file of their own."""

Posting = tuple[str, str, int]
"""Indexed field, term, how often."""


@dataclass(frozen=True)
class Record:
    """A document as it is stored."""

    id: str
    public: bytes
    hidden: bytes
    parts: int
    blocks: int
    """Which blocks of the layout are not all zeros, a bit each."""
    vector: Vectors | None
    lengths: Sequence[int]
    """Of each indexed field, the number of its words."""
    postings: Sequence[Posting]
    facts: Sequence[Fact]
    tombstone: str | None
    """The document as JSON if it is one: then nothing else is stored."""


def make_record(document: Document, layout: Layout | None) -> Record:
    """Take a document apart; without a layout it has no vector.

    Raises ValueError, with the reason, for one that can't be stored.
    """
    try:
        check_id(document["id"])
    except ValueError as error:
        raise ValueError(f"id: {error}") from error
    document = kept(document)
    vector = _vector(document, layout)
    words = words_of(document)
    try:
        return Record(
            id=document["id"],
            public=orjson.dumps({k: v for k, v in document.items() if k not in FIELDS.hidden}),
            hidden=orjson.dumps({k: v for k, v in document.items() if k in _HIDDEN}),
            parts=bits(PARTS, parts(document)),
            blocks=_filled(vector, layout),
            vector=vector,
            lengths=[len(field) for field in words],
            postings=list(postings(words)),
            facts=list(facts_of(document)),
            tombstone=orjson.dumps(document).decode() if is_tombstone(document) else None,
        )
    except (TypeError, OverflowError) as error:
        raise ValueError(f"can't be stored: {error}") from error


def _vector(document: Document, layout: Layout | None) -> Vectors | None:
    if "vector" not in document or layout is None:
        return None
    vector = np.asarray(document["vector"], np.float32)
    if vector.shape != (layout.dims,):
        raise ValueError(f"vector of shape {vector.shape}, not ({layout.dims},)")
    if not np.isfinite(vector).all():
        raise ValueError("vector is not finite")
    return vector


def _filled(vector: Vectors | None, layout: Layout | None) -> int:
    if vector is None or layout is None:
        return 0
    return bits(
        layout.slices, [name for name, where in layout.slices.items() if vector[where].any()]
    )


def bits(names: Sequence[str] | Mapping[str, Any], members: Collection[str]) -> int:
    """A number with a bit for each of the names that is among the members."""
    return sum(1 << number for number, name in enumerate(names) if name in members)


def words_of(document: Document) -> list[list[str]]:
    """The words of each indexed field, in order."""
    paths = (path.split(".", 1) for path in INDEXED)
    return [document.get(name, {}).get(field, "").split() for name, field in paths]


def postings(words: Sequence[Sequence[str]]) -> Iterator[Posting]:
    """Each word of each field, and how often it is there."""
    for field, terms in zip(INDEXED, words, strict=True):
        for term, count in Counter(terms).items():
            yield field, term, count
