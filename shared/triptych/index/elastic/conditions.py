"""Conditions on the fields of an item, as clauses of an Elasticsearch filter."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from triptych.core.fields import FIELDS
from triptych.index.documents import fact_key, kind
from triptych.index.model import Condition, Range, Value

Clause = dict[str, Any]
"""https://www.elastic.co/docs/reference/query-languages/querydsl"""

NOTHING: Clause = {"match_none": {}}

FACTS = {name: f"facts.{name}" for name in FIELDS["metadata"].kinds_of_values}
"""Where the index has values by key, by their kind."""

_LARGEST = math.nextafter(math.inf, 0)
_DOUBLE, _LONG = (-_LARGEST, _LARGEST), (-(2**63), 2**63 - 1)
_INTEGERS = range(-(2**63), 2**63)
"""Those that JSON may have; larger ones are written as floats."""
_LONGEST = 8191
"""Characters of a term, at most 32,766 bytes: a longer one is refused, and no item has it."""


def filters(conditions: Iterable[Condition]) -> list[Clause]:
    """Clauses that must all hold."""
    return [clause for condition in conditions for clause in _clauses(condition)]


def _clauses(condition: Condition) -> Iterator[Clause]:
    field = condition.field
    if condition.any_of is not None:
        yield _one_of(field, condition.any_of)
    yield from (_one_of(field, [value]) for value in condition.all_of)
    if condition.none_of:
        yield {"bool": {"must_not": [_one_of(field, condition.none_of)]}}
    if condition.within is not None:
        yield within(field, condition.within)


def paths(field: str) -> Mapping[str, str]:
    """Where the index has the values of a field, by their kind."""
    declared = FIELDS.target(field).field
    return FACTS if declared.keyed else dict.fromkeys(declared.kinds_of_values, declared.path)


def _limits(field: str) -> tuple[float, float]:
    """The numbers that a field holds; others are refused in a query rather than not found."""
    return _DOUBLE if FIELDS.target(field).field.keyed else _LONG


def of_key(field: str) -> Clause:
    """The facts of one key of a field."""
    target = FIELDS.target(field)
    key = fact_key(target.field.name, str(target.key))
    return {"term": {"facts.key": key}} if len(key) <= _LONGEST else NOTHING


def _one_of(field: str, values: Sequence[Value]) -> Clause:
    """Items that have one of the values; those of different kinds are never equal."""
    clauses = []
    for name, path in paths(field).items():
        same: list[Any] = [value for value in values if kind(value) == name]
        if name == "number":
            low, high = _limits(field)
            same = [_number(value) for value in same if low <= value <= high]
        if name == "string":
            same = [value for value in same if len(value) <= _LONGEST]
        if same:
            clauses.append({"terms": {path: same}})
    return _any_of(field, clauses)


def within(field: str, bounds: Range) -> Clause:
    """Items that have a value between the bounds, all of which are of one kind."""
    limits: dict[str, Any] = {
        name: value for name, value in vars(bounds).items() if value is not None
    }
    if not limits:
        return {"match_all": {}}
    name, *others = {kind(value) for value in limits.values()}
    path = paths(field).get(name)
    if others or path is None or name == "boolean":
        return NOTHING
    if name == "number":
        if not _reachable(limits, _limits(field)):
            return NOTHING
        limits = _within_limits(limits, _limits(field))
    if name == "string":  # no item has so long a value, so it is before or after the beginning, too
        limits = {side: value[:_LONGEST] for side, value in limits.items()}
    return _any_of(field, [{"range": {path: limits}}])


def _reachable(bounds: Mapping[str, Any], limits: tuple[float, float]) -> bool:
    """Whether any number of the field may lie between the bounds."""
    low, high = limits
    return all(
        value <= high if name.startswith("g") else value >= low for name, value in bounds.items()
    )


def _within_limits(bounds: Mapping[str, Any], limits: tuple[float, float]) -> dict[str, Any]:
    """The bounds that can be written; the others hold for every number of the field."""
    low, high = limits
    return {name: _number(value) for name, value in bounds.items() if low <= value <= high}


def _number(value: float) -> float:
    """As JSON can have it; zero has no sign."""
    return value if isinstance(value, int) and value in _INTEGERS else float(value) + 0.0


def _any_of(field: str, clauses: Sequence[Clause]) -> Clause:
    if not clauses:
        return NOTHING
    either = clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses}}
    if not FIELDS.target(field).field.keyed:
        return either
    # One fact has the key and the value.
    query = {"bool": {"filter": [of_key(field), either]}}
    return {"nested": {"path": "facts", "query": query}}
