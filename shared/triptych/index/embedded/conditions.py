"""Conditions on the fields of items, as masks over places."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from triptych.core.fields import FIELDS
from triptych.index.documents import kind
from triptych.index.embedded.records import stored
from triptych.index.embedded.state import Mask
from triptych.index.embedded.store import Places, View, parsed
from triptych.index.model import Condition, Range, Value

KINDS = FIELDS["metadata"].kinds_of_values
"""In the order in which their values are sorted."""

_LARGEST = sys.float_info.max
_SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
_PLACES = """
    SELECT group_concat(place) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?)
"""
_VALUES = """
    SELECT value, group_concat(place) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?) AND kind = ?
    GROUP BY value ORDER BY value
"""


def values(view: View, field: str, kind: str) -> Iterator[tuple[str | float, Places]]:
    """The values of a field that are of one kind, in order, and the places that have each."""
    for value, places in view.connection.execute(_VALUES, (field, kind)):
        yield value, parsed(places)


def holding(view: View, conditions: Iterable[Condition]) -> Mask:
    """The items for which all conditions hold."""
    found = view.visible.copy()
    for condition in conditions:
        field = condition.field
        if condition.any_of is not None:
            found &= _one_of(view, field, condition.any_of)
        for value in condition.all_of:
            found &= _one_of(view, field, [value])
        if condition.none_of:
            found &= ~_one_of(view, field, condition.none_of)
        if condition.within is not None:
            found &= within(view, field, condition.within)
    return found


def _one_of(view: View, field: str, asked: Sequence[Value]) -> Mask:
    """Items that have one of the values; those of different kinds are never equal."""
    found = np.zeros(view.size, bool)
    for value in asked:
        query = f"{_PLACES} AND kind = ? AND value = ?"
        (places,) = view.numbers(query, (field, kind(value), comparable(value)))
        found[places] = True
    return found


def within(view: View, field: str, asked: Range) -> Mask:
    """Items that have a value between the bounds, all of which are of one kind."""
    bounds = {name: value for name, value in vars(asked).items() if value is not None}
    if not bounds:
        return view.visible
    name, *others = {kind(value) for value in bounds.values()}
    if others or name == "boolean":
        return np.zeros(view.size, bool)
    limits = "".join(f" AND value {_SIGNS[sign]} ?" for sign in bounds)
    (places,) = view.numbers(
        f"{_PLACES} AND kind = ?{limits}", (field, name, *map(comparable, bounds.values()))
    )
    return view.mask(places)


def comparable(value: Value) -> str | float:
    """A value as SQLite compares it with those that are stored."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.copysign(math.inf, 1 if value > 0 else -1)
    return stored(value)
