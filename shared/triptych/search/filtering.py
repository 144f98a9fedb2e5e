"""Filters, facets and orders as a request has them, to those that every index understands."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.item import MODALITIES
from triptych.core.names import check_text, printable
from triptych.index.model import (
    ADDED,
    METADATA,
    SETS,
    Condition,
    Facet,
    Range,
    Sort,
    Value,
)
from triptych.search.request import FacetRequest, SortRequest

SCORE = "score"
"""What only the hits of a search can be sorted by."""

_FACETS = ("tags", "keywords", "modalities", "status", "language", ADDED)
_SORTS = ("id", ADDED)
_ORDERS = {SCORE: "desc"}
"""Of the others it is ascending, unless the request says more."""
_SEVERAL = frozenset({"tags", "keywords", "modalities"})
"""The fields of which an item has several values, so that a list means all of these."""
_CHOICES: Mapping[str, Collection[str]] = {
    "modalities": MODALITIES,
    "status": ("indexed", "partial", "failed"),
}
_LISTS = {"any": "any_of", "all": "all_of", "none": "none_of"}
_BOUNDS = ("gte", "gt", "lte", "lt")
_MAX_VALUES = 1000
_MAX_CHARS = 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_filter(given: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a filter. Raises InvalidInput naming the place."""
    return tuple(_condition(field, value) for field, value in given.items())


def read_facets(given: Sequence[FacetRequest]) -> tuple[Facet, ...]:
    """The facets to count. Raises InvalidInput naming the place."""
    names = [facet.field for facet in given]
    facets = []
    for number, facet in enumerate(given):
        where = f"facets.{number}"
        _check_field(facet.field, _FACETS, where, "count")
        if facet.field in names[:number]:
            raise InvalidInput(f"{where}: {facet.field} is given twice", field=where)
        if facet.ranges and facet.field != ADDED and not is_key(facet.field):
            raise InvalidInput(f"{where}: {facet.field} has no order, so no ranges", field=where)
        if facet.field == ADDED and not facet.ranges:
            raise InvalidInput(f"{where}: added is counted by ranges only", field=where)
        ranges = tuple(
            _range(facet.field, bounds, f"{where}.ranges.{place}")
            for place, bounds in enumerate(facet.ranges)
        )
        facets.append(Facet(facet.field, facet.size, ranges))
    return tuple(facets)


def as_asked(
    given: Sequence[FacetRequest], counts: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """The counts of an index for an answer: the bounds of ranges as the request has them."""
    return {
        facet.field: [
            {**bounds, "count": found["count"]}
            for bounds, found in zip(facet.ranges, counts[facet.field], strict=True)
        ]
        if facet.ranges
        else counts[facet.field]
        for facet in given
    }


def read_sort(given: Sequence[SortRequest], *, scored: bool) -> tuple[Sort, ...]:
    """The orders, the first one first. Raises InvalidInput naming the place."""
    known = (*_SORTS, SCORE) if scored else _SORTS
    for number, sort in enumerate(given):
        if sort.field == SCORE and not scored:
            raise InvalidInput(
                f"sort.{number}: nothing is searched for, so there is no score",
                field=f"sort.{number}",
            )
        _check_field(sort.field, known, f"sort.{number}", "sort by")
    return tuple(
        Sort(sort.field, (sort.order or _ORDERS.get(sort.field, "asc")) == "desc") for sort in given
    )


def _condition(field: str, value: Any) -> Condition:
    where = f"filter.{field}"
    _check_field(field, (*SETS, ADDED), where, "filter by")
    if not isinstance(value, dict):
        if field == ADDED:
            raise InvalidInput(
                f"{where}: an object of {', '.join(_BOUNDS)} is accepted", field=where
            )
        if not isinstance(value, list):
            return Condition(field, any_of=(_value(field, value, where),))
        value = {"all" if field in _SEVERAL else "any": value}
    bounds = {name: bound for name, bound in value.items() if name in _BOUNDS}
    lists = {name: values for name, values in value.items() if name not in _BOUNDS}
    accepted = _accepted(field)
    for name in value:
        if name not in accepted:
            raise InvalidInput(
                f"{where}: {printable(name)} is unknown here; {', '.join(accepted)} are accepted",
                field=where,
            )
    if not value:
        raise InvalidInput(f"{where}: one of {', '.join(accepted)} is missing", field=where)
    return Condition(
        field,
        within=_range(field, bounds, where) if bounds else None,
        **{
            _LISTS[name]: _values(field, values, f"{where}.{name}", empty=name != "any")
            for name, values in lists.items()
        },
    )


def _accepted(field: str) -> tuple[str, ...]:
    if field == ADDED:
        return _BOUNDS
    return (*_LISTS, *_BOUNDS) if field.startswith(METADATA) else tuple(_LISTS)


def _values(field: str, given: Any, where: str, *, empty: bool) -> tuple[Value, ...]:
    values = given if isinstance(given, list) else [given]
    least = 0 if empty else 1
    if not least <= len(values) <= _MAX_VALUES:
        raise InvalidInput(f"{where}: {least} to {_MAX_VALUES} values are accepted", field=where)
    return tuple(_value(field, value, where) for value in values)


def _value(field: str, value: Any, where: str) -> Value:
    if field.startswith(METADATA):
        return _scalar(value, where)
    if not isinstance(value, str):
        raise InvalidInput(f"{where}: a string, or strings, are accepted", field=where)
    name = _string(value, where)
    if field in _CHOICES and name not in _CHOICES[field]:
        raise InvalidInput(
            f"{where}: {printable(name)!r} is none of {', '.join(_CHOICES[field])}", field=where
        )
    return name.casefold() if field == "keywords" else name


def _scalar(value: Any, where: str) -> Value:
    match value:
        case str():
            return _string(value, where)
        case bool():
            return bool(value)
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case _:
            raise InvalidInput(
                f"{where}: a string, a finite number (whole: 64 bits), true or false is accepted",
                field=where,
            )


def _string(value: str, where: str) -> str:
    try:
        check_text(value)
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}", field=where) from error
    if not 1 <= len(value) <= _MAX_CHARS:
        raise InvalidInput(f"{where}: 1 to {_MAX_CHARS} characters are accepted", field=where)
    return value


def _range(field: str, given: Mapping[str, Any], where: str) -> Range:
    bounds: dict[str, Any] = {}
    for name, value in given.items():
        place = f"{where}.{name}"
        if name not in _BOUNDS:
            raise InvalidInput(f"{where}: {', '.join(_BOUNDS)} are accepted", field=where)
        if isinstance(value, bool):
            raise InvalidInput(f"{place}: true and false have no order", field=place)
        bounds[name] = _microseconds(value, place) if field == ADDED else _scalar(value, place)
    if not bounds:
        raise InvalidInput(f"{where}: one of {', '.join(_BOUNDS)} is missing", field=where)
    if len({isinstance(value, str) for value in bounds.values()}) > 1:
        raise InvalidInput(f"{where}: all bounds are numbers, or all are strings", field=where)
    return Range(**bounds)


def _microseconds(value: Any, where: str) -> int:
    """Since 1970, of an ISO 8601 date or time; UTC without a zone, midnight without a time."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{where}: a date or time as 2026-01-31 or 2026-01-31T12:00:00Z is accepted",
            field=where,
        ) from error
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH) // timedelta(
        microseconds=1
    )


def _check_field(field: str, known: Sequence[str], where: str, verb: str) -> None:
    if field in known or is_key(field):
        return
    raise InvalidInput(
        f"{where}: there is no field {printable(field)!r} to {verb}; "
        f"there are {', '.join(known)} and {METADATA}KEY",
        field=where,
    )


def is_key(field: str) -> bool:
    """Whether it is METADATA and a key."""
    return len(field) > len(METADATA) and field.startswith(METADATA)
