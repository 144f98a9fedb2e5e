"""Conditions on the fields of items, as masks over rows."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from triptych.index.documents import kind
from triptych.index.embedded.records import stored
from triptych.index.embedded.view import Mask, Rows, View, parsed
from triptych.index.model import Condition, Range, Value

_LARGEST = sys.float_info.max
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


def values(view: View, field: str, kind: str) -> Iterator[tuple[str | float, Rows]]:
    """The values of a field that are of one kind, in order, and the rows that have each."""
    for value, numbers in view.connection.execute(_VALUES, (field, kind)):
        yield value, parsed(numbers)


def holding(view: View, conditions: Iterable[Condition]) -> Mask:
    """The items for which all conditions hold."""
    matching = view.visible.copy()
    for condition in conditions:
        field = condition.field
        if condition.any_of is not None:
            matching &= _one_of(view, field, condition.any_of)
        for value in condition.all_of:
            matching &= _one_of(view, field, [value])
        if condition.none_of:
            matching &= ~_one_of(view, field, condition.none_of)
        if condition.within is not None:
            matching &= within(view, field, condition.within)
    return matching


def _one_of(view: View, field: str, values: Sequence[Value]) -> Mask:
    """Items that have one of the values; those of different kinds are never equal."""
    matching = np.zeros(view.size, bool)
    for value in values:
        query = f"{_ROWS} AND kind = ? AND value = ?"
        (rows,) = view.numbers(query, (field, kind(value), comparable(value)))
        matching[rows] = True
    return matching


def within(view: View, field: str, bounds: Range) -> Mask:
    """Items that have a value between the bounds, all of which are of one kind."""
    limits = {name: value for name, value in vars(bounds).items() if value is not None}
    if not limits:
        return view.visible
    of_kind, *others = {kind(value) for value in limits.values()}
    if others or of_kind == "boolean":
        return np.zeros(view.size, bool)
    comparisons = "".join(f" AND value {_SIGNS[name]} ?" for name in limits)
    (rows,) = view.numbers(
        f"{_ROWS} AND kind = ?{comparisons}", (field, of_kind, *map(comparable, limits.values()))
    )
    return view.mask(rows)


def comparable(value: Value) -> str | float:
    """A value as SQLite compares it with those that are stored."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.copysign(math.inf, 1 if value > 0 else -1)
    return stored(value)
