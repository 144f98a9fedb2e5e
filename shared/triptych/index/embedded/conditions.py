"""Conditions on the fields of items, as masks over rows."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from triptych.core.fields import FIELDS
from triptych.core.instants import instant
from triptych.core.names import folded
from triptych.index.documents import kind
from triptych.index.embedded.facts import INSTANT, stored
from triptych.index.embedded.view import Mask, Rows, View, parsed
from triptych.index.model import Box, Circle, Condition, Group, Range, Value
from triptych.index.places import STEPS, distances, encoded

_LARGEST = sys.float_info.max
_LAST = chr(0x10FFFF)
"""Comes after every character of a string. (``substr`` of SQLite ends at a NUL.)"""
_SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
_ROWS = """
    SELECT group_concat(place) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?)
"""
_VALUES = """
    SELECT value, group_concat(place) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?) AND kind = ?
    GROUP BY value ORDER BY value
"""
_COORDINATES = """
    SELECT group_concat(place), group_concat(value) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?) AND kind = ?
"""


def values(view: View, field: str, kind: str) -> Iterator[tuple[str | float, Rows]]:
    """The values of a field that are of one kind, in order, and the rows that have each."""
    for value, numbers in view.connection.execute(_VALUES, (field, kind)):
        yield value, parsed(numbers)


def holding(view: View, conditions: Iterable[Condition | Group]) -> Mask:
    """The items for which all conditions hold."""
    matching = view.visible.copy()
    for one in conditions:
        for mask in [_joined(view, one)] if isinstance(one, Group) else _masks(view, one):
            matching &= mask
    return matching


def _joined(view: View, group: Group) -> Mask:
    if group.join == "or":
        matching = np.zeros(view.size, bool)
        for member in group.members:
            matching |= holding(view, [member])
        return matching
    every = holding(view, group.members)
    return every if group.join == "and" else ~every


def _masks(view: View, condition: Condition) -> Iterator[Mask]:
    """What each part of a condition leaves; among them may be rows without an item."""
    field = condition.field
    if condition.any_of is not None:
        yield _one_of(view, field, condition.any_of)
    yield from (_one_of(view, field, [value]) for value in condition.all_of)
    if condition.none_of:
        yield ~_one_of(view, field, condition.none_of)
    if condition.within is not None:
        yield within(view, field, condition.within)
    if condition.area is not None:
        yield _inside(view, field, condition.area)
    if condition.exists is not None:
        (rows,) = view.numbers(_ROWS, (field,))
        yield view.mask(rows) if condition.exists else ~view.mask(rows)
    if condition.prefix is not None:
        yield _beginning(view, field, condition.prefix)


def _one_of(view: View, field: str, values: Sequence[Value]) -> Mask:
    """Items that have one of the values; those of different kinds are never equal."""
    matching = np.zeros(view.size, bool)
    for value in values:
        (rows,) = view.numbers(f"{_ROWS} AND kind = ? AND value = ?", (field, *_fact(field, value)))
        matching[rows] = True
    return matching


def _beginning(view: View, field: str, prefix: str) -> Mask:
    """Items that have a string which begins so."""
    first = folded(prefix) if FIELDS.target(field).field.folded_in else prefix
    query = f"{_ROWS} AND kind = 'string' AND value >= ? AND value < ?"
    (rows,) = view.numbers(query, (field, first, f"{first}{_LAST}"))
    return view.mask(rows)


def within(view: View, field: str, bounds: Range) -> Mask:
    """Items that have a value between the bounds, all of which are of one kind."""
    limits = {name: value for name, value in vars(bounds).items() if value is not None}
    if not limits:
        return view.visible
    facts = [_fact(field, value) for value in limits.values()]
    if {kind for kind, _ in facts} == {INSTANT, "string"}:
        facts = [(kind(value), comparable(value)) for value in limits.values()]
    of_kind, *others = {kind for kind, _ in facts}
    if others or of_kind == "boolean":
        return np.zeros(view.size, bool)
    comparisons = "".join(f" AND value {_SIGNS[name]} ?" for name in limits)
    (rows,) = view.numbers(
        f"{_ROWS} AND kind = ?{comparisons}", (field, of_kind, *(value for _, value in facts))
    )
    return view.mask(rows)


def _fact(field: str, value: Value) -> tuple[str, str | float]:
    """Kind and value of the facts that are equal to a value."""
    declared = FIELDS.target(field).field
    if declared.keyed and (when := instant(value)) is not None:
        return INSTANT, when
    if declared.folded_in and isinstance(value, str):
        return "string", folded(value)
    return kind(value), comparable(value)


def comparable(value: Value) -> str | float:
    """A value as SQLite compares it with those that are stored."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.copysign(math.inf, 1 if value > 0 else -1)
    return stored(value)


def _inside(view: View, field: str, area: Box | Circle) -> Mask:
    """Items that have their place there."""
    if isinstance(area, Circle):
        rows, degrees = _coordinates(view, field, "latitude")
        latitudes = np.full(view.size, np.nan)
        latitudes[rows] = degrees
        rows, longitudes = _coordinates(view, field, "longitude")
        metres = distances(area.latitude, area.longitude, latitudes[rows], longitudes)
        return view.mask(rows[metres <= area.within])
    matching = _between(view, field, "latitude", area.south, area.north)
    if area.west <= area.east:
        return matching & _between(view, field, "longitude", area.west, area.east)
    west = _between(view, field, "longitude", area.west, 180)
    return matching & (west | _between(view, field, "longitude", -180, area.east))


def _between(view: View, field: str, name: str, low: float, high: float) -> Mask:
    query = f"{_ROWS} AND kind = ? AND value BETWEEN ? AND ?"
    (rows,) = view.numbers(query, (field, name, encoded(name, low), encoded(name, high)))
    return view.mask(rows)


def _coordinates(view: View, field: str, name: str) -> tuple[Rows, np.ndarray]:
    """The rows that have a place, and their latitudes or longitudes in degrees."""
    rows, numbers = view.numbers(_COORDINATES, (field, name))
    return rows, numbers * STEPS[name]
