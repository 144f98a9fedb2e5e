"""The documents of an index: which fields are hidden, how features and metadata are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from triptych.core.fields import FIELDS
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout

Document = Mapping[str, Any]
"""One item as the index holds it."""

Features = NDArray[np.float16]

NO_FEATURES: Features = np.zeros(0, np.float16)
"""Of an item of an index whose blocks are not known."""

DELETED = "deleted"
"""The status of a tombstone, which only indexes know."""

SCHEMA_VERSION = 3
"""Goes up with every change that an existing index can't take."""


def facts(document: Document) -> list[dict[str, Any]]:
    """Each value by key of a document, by key and kind; null says nothing, and zero has no sign."""
    return [
        {
            "key": fact_key(field.name, key),
            kind(value): 0 if value == 0.0 and kind(value) == "number" else value,
        }
        for field in FIELDS
        if field.keyed
        for key, value in document.get(field.name, {}).items()
        if value is not None
    ]


def fact_key(field: str, key: str) -> str:
    """How facts call a key of a field: keys of the metadata have no dots, and stand alone."""
    return key if field == "metadata" else f"{field}.{key}"


def kind(value: str | float | bool) -> str:  # noqa: FBT001
    """string, number or boolean."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def with_digests(document: Document) -> Document:
    """A document as an index keeps it: what it refers to in the media store can be looked up."""
    digests = sorted({*document.get("digests", ()), *document.get("media", {}).values()})
    return {**document, "digests": digests} if digests else document


def fitting(document: Document, fingerprint: str) -> Document:
    """A document as an index of this fingerprint takes it: without a vector by other encoders.

    It is found by its words and fields then, and gets its vector when the collection is rebuilt.
    Predictions go the same way.
    """
    if fits(document, fingerprint):
        return document
    kept = {name: value for name, value in document.items() if name not in _OF_ENCODERS}
    if "predictions" not in document:
        return kept
    kept["facts"] = facts(kept)
    return kept


_OF_ENCODERS = frozenset({"vector", "features", "predictions"})


def fits(document: Document, fingerprint: str) -> bool:
    """Whether an index of this fingerprint takes a document with its vector."""
    return bool(document.get("fingerprint", fingerprint) == fingerprint)


def tombstone(item_id: str, version: int, last: Document | None) -> Document:
    """What takes the place of a deleted item: its last document's batch and media, no contents."""
    kept = {name: last[name] for name in ("batch", "media", "digests") if last and name in last}
    return with_digests({"id": item_id, "status": DELETED, "sequence": version, **kept})


def is_tombstone(document: Document) -> bool:
    """Whether a document only tells that its item was deleted."""
    return document.get("status") == DELETED


def parts(document: Mapping[str, Any]) -> frozenset[str]:
    """What an item has: its modalities, and speech and writing where these were found in it."""
    recognised = {"speech": "transcript", "writing": "writing"}
    return frozenset(
        [
            *document.get("modalities", ()),
            *(part for part, name in recognised.items() if name in document),
        ]
    )


def pack_features(fused: Vectors) -> str:
    """Base64 of the fused vector as little-endian float16."""
    return pybase64.b64encode_as_string(fused.astype("<f2").tobytes())


def unpack_features(packed: str | None, layout: Layout) -> Features:
    """The fused vector, float16 (layout.dims,); zeros for a document without features."""
    if packed is None:
        return np.zeros(layout.dims, np.float16)
    return np.frombuffer(pybase64.b64decode(packed, validate=True), "<f2")


def selected(document: Document, fields: Sequence[str] | None) -> Document:
    """Some fields of a document, such as ``tags`` and ``metadata.year``; None: all public ones."""
    if fields is None:
        return public(document)
    chosen = {name: document[name] for name in fields if name in document}
    for target in map(FIELDS.target, (name for name in fields if "." in name)):
        values = document.get(target.field.name, {})
        if target.field.name not in fields and target.key in values:
            chosen.setdefault(target.field.name, {})[target.key] = values[target.key]
    return chosen


def returned(document: Document, fields: Sequence[str] | None) -> Document:
    """What an index returns of a document: some fields, and always its id."""
    return selected(document, None if fields is None else ("id", *fields))


def public(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a client sees of a document: without vectors and index words."""
    return {name: value for name, value in document.items() if name not in FIELDS.hidden}
