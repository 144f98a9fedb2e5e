"""What conditions, facets and orders look at in a document: pure functions.

A change of what they make raises the format (``schema``), and ``upgrade`` makes all anew.
"""

from collections.abc import Iterator
from typing import Any

from triptych.core.fields import FIELDS, Field, Kind
from triptych.core.instants import instant
from triptych.core.names import folded
from triptych.index.documents import Document, exact, kind
from triptych.index.places import encoded

INSTANT = "instant"
"""The kind of a date among the values by key, in microseconds since 1970. It is there as a string,
too, as it was sent."""
LONG: tuple[str, str] = ("long", "")
"""Kind and value of a string of the metadata that is too long to be looked up."""
_MAX_NAME = 1024
"""Longer strings are stored, but nothing is found or counted by them."""

Fact = tuple[str, str, Any]
"""Field, kind and value."""


def facts_of(document: Document) -> Iterator[Fact]:
    """Everything that conditions, facets and orders look at, each once."""
    for field in FIELDS.compared:
        value = document.get(field.path)
        if value is not None:
            yield from dict.fromkeys(_of_field(field, value))
    for field in (field for field in FIELDS if field.keyed):
        for key, value in document.get(field.name, {}).items():
            if value is not None and _short(key):
                name = f"{field.name}.{key}"
                yield (name, *((kind(value), stored(value)) if _short(value) else LONG))
                if (when := instant(value)) is not None:
                    yield name, INSTANT, when


def _of_field(field: Field, value: Any) -> Iterator[Fact]:
    if field.kind is Kind.PLACE:
        for name in field.kinds_of_values:
            yield field.name, name, encoded(name, value[name])
        return
    (name,) = field.kinds_of_values
    for each in value if field.many else [value]:
        one = folded(each) if field.folded_in else each
        if _short(one):
            yield field.name, name, one


def stored(value: str | float | bool) -> str | float:  # noqa: FBT001
    """A value as the table of facts has it: numbers exactly, booleans as float64."""
    if isinstance(value, bool):
        return float(value)
    return value if isinstance(value, str) else exact(value)


def _short(value: Any) -> bool:
    return not isinstance(value, str) or len(value) <= _MAX_NAME
