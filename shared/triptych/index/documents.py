"""The documents of an index: which fields are hidden, how features and metadata are kept."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from triptych.core.fields import FIELDS, Kind
from triptych.core.instants import instant, iso
from triptych.core.names import folded
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.index.places import point

Document = Mapping[str, Any]
"""One item as the index holds it."""

Features = NDArray[np.float16]

NO_FEATURES: Features = np.zeros(0, np.float16)
"""Of an item of an index whose blocks are not known."""

DELETED = "deleted"
"""The status of a tombstone, which only indexes know."""

SCHEMA_VERSION = 3
"""Goes up with every change that an existing index can't take."""


INEXACT = 2**53
"""Whole numbers from here on, up or down, may be the same as float64."""


def facts(document: Document) -> list[dict[str, Any]]:
    """Each value by key of a document, by key and kind; null says nothing, and zero has no sign.

    A large number is there as the ``whole`` one that it is, too, and a date as an ``instant``. The
    ``number`` of a large whole one is the float64 below it, so that both in turn sort all numbers.
    """
    return [
        {"key": fact_key(field.name, key), **_fact(value)}
        for field in FIELDS
        if field.keyed
        for key, value in document.get(field.name, {}).items()
        if value is not None
    ]


def _fact(value: str | float | bool) -> dict[str, Any]:  # noqa: FBT001
    match kind(value):
        case "number":
            number = exact(value)  # type: ignore[arg-type]
            if isinstance(number, int) and abs(number) >= INEXACT:
                return {"number": _below(number), "whole": number}
            return {"number": number}
        case "string":
            when = instant(value)
            return {"string": value, **({} if when is None else {"instant": when})}
    return {"boolean": value}


def fact_key(field: str, key: str) -> str:
    """How facts call a key of a field; one of the metadata stands alone if it has no dot."""
    return key if field == "metadata" and "." not in key else f"{field}.{key}"


def _below(whole: int) -> float:
    near = float(whole)
    return math.nextafter(near, -math.inf) if near > whole else near


def exact(value: float) -> float:
    """A number as indexes compare it: of 64 bits if it is whole, else float64; no sign of zero.

    Raises OverflowError for a whole number that no float64 comes near.
    """
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    whole = value.is_integer() and -(2**63) <= value < 2**63
    return int(value) if whole else value


def kind(value: str | float | bool) -> str:  # noqa: FBT001
    """string, number or boolean."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def kept(document: Document) -> Document:
    """A document as an index keeps it: with what is looked up beside what is shown.

    These are the digests of its media, and of other fields the form that Elasticsearch compares.
    """
    digests = sorted({*document.get("digests", ()), *document.get("media", {}).values()})
    looked_up = {
        "digests": digests,
        "facts": facts(document),
        **{
            field.folded_in: list(dict.fromkeys(map(folded, document.get(field.name, ()))))
            for field in FIELDS
            if field.folded_in
        },
        "point": point(document["place"]) if "place" in document else None,
    }
    shown = {name: value for name, value in document.items() if name not in looked_up}
    return {**shown, **{name: value for name, value in looked_up.items() if value}}


def fitting(document: Document, fingerprint: str) -> Document:
    """A document as an index of this fingerprint takes it: without a vector by other encoders.

    It is found by its words and fields then, and gets its vector when the collection is rebuilt.
    Predictions go the same way.
    """
    if fits(document, fingerprint):
        return document
    return {name: value for name, value in document.items() if name not in _OF_ENCODERS}


_OF_ENCODERS = frozenset({"vector", "features", "predictions"})


def fits(document: Document, fingerprint: str) -> bool:
    """Whether an index of this fingerprint takes a document with its vector."""
    return bool(document.get("fingerprint", fingerprint) == fingerprint)


def tombstone(item_id: str, version: int, last: Document | None) -> Document:
    """What takes the place of a deleted item: its last document's batch and media, no contents."""
    left = {name: last[name] for name in ("batch", "media", "digests") if last and name in last}
    return kept({"id": item_id, "status": DELETED, "sequence": version, **left})


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
    return shown(chosen)


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """Fields of a document as clients see them: instants as ISO 8601, in UTC."""
    for name in _INSTANTS:
        if isinstance(document.get(name), int):
            document[name] = iso(document[name])
    return document


_INSTANTS = [field.name for field in FIELDS.stored if field.kind is Kind.INSTANT and field.public]


def returned(document: Document, fields: Sequence[str] | None) -> Document:
    """What an index returns of a document: some fields, and always its id."""
    return selected(document, None if fields is None else ("id", *fields))


def public(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a client sees of a document: without vectors and index words."""
    return shown({name: value for name, value in document.items() if name not in FIELDS.hidden})
