"""Conditions on the fields of an item, as clauses of an Elasticsearch filter.

Facts (``index.documents``) that older versions wrote lack ``whole`` and ``instant``, and their
documents the folded tags. These clauses find such ones as older versions did.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from triptych.core.fields import FIELDS, Kind
from triptych.core.instants import PATTERN, instant
from triptych.core.names import folded
from triptych.index.documents import INEXACT, exact, fact_key, kind
from triptych.index.model import Box, Circle, Condition, Group, Range, Value
from triptych.index.places import kept

Clause = dict[str, Any]
"""https://www.elastic.co/docs/reference/query-languages/querydsl"""

NOTHING: Clause = {"match_none": {}}

FACTS = {name: f"facts.{name}" for name in FIELDS["metadata"].kinds_of_values}
"""Where the index has values by key, by their kind."""
WHOLE, INSTANT = "facts.whole", "facts.instant"
"""Where it has large whole numbers, and dates, beside those."""

_LARGEST = math.nextafter(math.inf, 0)
_DOUBLE, _LONG = (-_LARGEST, _LARGEST), (-(2**63), 2**63 - 1)
_INTEGERS = range(-(2**63), 2**63)
"""Those that JSON may have; larger ones are written as floats."""
_LAST = "\U0010ffff"
"""Comes after every character of a term."""
_LONGEST = 8191
"""Characters of a term, at most 32,766 bytes: a longer one is refused, and no item has it."""


def filters(conditions: Iterable[Condition | Group]) -> list[Clause]:
    """Clauses that must all hold."""
    return [
        clause
        for one in conditions
        for clause in ([_joined(one)] if isinstance(one, Group) else _clauses(one))
    ]


def _joined(group: Group) -> Clause:
    if group.join == "or":
        each = [{"bool": {"filter": filters([member])}} for member in group.members]
        return {"bool": {"should": each, "minimum_should_match": 1}} if each else NOTHING
    every = {"bool": {"filter": filters(group.members)}}
    return every if group.join == "and" else {"bool": {"must_not": [every]}}


def _clauses(condition: Condition) -> Iterator[Clause]:
    field = condition.field
    if condition.any_of is not None:
        yield _one_of(field, condition.any_of)
    yield from (_one_of(field, [value]) for value in condition.all_of)
    if condition.none_of:
        yield {"bool": {"must_not": [_one_of(field, condition.none_of)]}}
    if condition.within is not None:
        yield within(field, condition.within)
    if condition.area is not None:
        yield _inside(condition.area)
    if condition.exists is not None:
        found = _present(field)
        yield found if condition.exists else {"bool": {"must_not": [found]}}
    if condition.prefix is not None:
        yield _beginning(field, condition.prefix)


def paths(field: str) -> Mapping[str, str]:
    """Where the index has the values of a field, by their kind."""
    declared = FIELDS.target(field).field
    if declared.keyed:
        return FACTS
    return dict.fromkeys(declared.kinds_of_values, declared.folded_in or declared.path)


def of_key(field: str) -> Clause:
    """The facts of one key of a field."""
    target = FIELDS.target(field)
    key = fact_key(target.field.name, str(target.key))
    return {"term": {"facts.key": key}} if len(key) <= _LONGEST else NOTHING


def lacking(path: str, clause: Clause | None = None) -> Clause:
    """What has no value there, and meets the clause."""
    missing = {"must_not": {"exists": {"field": path}}}
    return {"bool": {**missing, **({} if clause is None else {"filter": clause})}}


# Values


def _present(field: str) -> Clause:
    """Items that have any value."""
    declared = FIELDS.target(field).field
    if declared.keyed:
        return {"nested": {"path": "facts", "query": of_key(field)}}
    return {"exists": {"field": "point" if declared.kind is Kind.PLACE else declared.path}}


def _beginning(field: str, prefix: str) -> Clause:
    """Items that have a string which begins so."""
    declared = FIELDS.target(field).field
    path = paths(field).get("string")
    if path is None or len(prefix) > _LONGEST:
        return NOTHING
    if not declared.folded_in:
        return _any_of(field, [_from(path, prefix)])
    older = lacking(declared.folded_in, _from(declared.path, prefix))
    return _any_of(field, [_from(path, folded(prefix)), older])


def _from(path: str, prefix: str) -> Clause:
    """As a range: the server refuses a query for a prefix of more than 1,000 characters."""
    return {"range": {path: {"gte": prefix, "lt": f"{prefix}{_LAST}"}}}


def _one_of(field: str, values: Sequence[Value]) -> Clause:
    """Items that have one of the values; those of different kinds are never equal."""
    by_kind: dict[str, list[Any]] = {}
    for value in values:
        by_kind.setdefault(kind(value), []).append(value)
    clauses = []
    for name, path in paths(field).items():
        same = by_kind.get(name, [])
        if name == "number":
            clauses += _numbers(field, same)
        elif name == "string":
            clauses += _strings(field, [value for value in same if len(value) <= _LONGEST])
        elif same:
            clauses.append({"terms": {path: same}})
    return _any_of(field, clauses)


def _numbers(field: str, values: Sequence[float]) -> list[Clause]:
    path, (low, high) = paths(field)["number"], _limits(field)
    numbers = [_number(value) for value in values if low <= value <= high]
    if not FIELDS.target(field).field.keyed:
        return [{"terms": {path: numbers}}] if numbers else []
    small = [number for number in numbers if abs(number) < INEXACT]
    large = [number for number in numbers if abs(number) >= INEXACT]
    whole = [number for number in large if isinstance(number, int)]
    # The nearest double to the last whole ones is a number of its own.
    doubles = [number for number in large if number not in whole or float(number) < 2**63]
    return [
        *([{"terms": {path: small}}] if small else []),
        *([lacking(WHOLE, {"terms": {path: doubles}})] if doubles else []),
        *([{"terms": {WHOLE: whole}}] if whole else []),
    ]


def _strings(field: str, values: Sequence[str]) -> list[Clause]:
    if not values:
        return []
    declared, path = FIELDS.target(field).field, paths(field)["string"]
    if declared.folded_in:
        alike = list(dict.fromkeys(map(folded, values)))
        return [{"terms": {path: alike}}, {"terms": {declared.path: list(values)}}]
    dates = [when for value in values if (when := instant(value)) is not None]
    same_moment = [{"terms": {INSTANT: dates}}] if declared.keyed and dates else []
    return [{"terms": {path: list(values)}}, *same_moment]


# Ranges


def within(field: str, bounds: Range) -> Clause:
    """Items that have a value between the bounds, all of which are of one kind."""
    limits: dict[str, Any] = {
        name: value for name, value in vars(bounds).items() if value is not None
    }
    if not limits:
        return {"match_all": {}}
    name, *others = {kind(value) for value in limits.values()}
    if others or name == "boolean" or name not in paths(field):
        return NOTHING
    between = _between_numbers if name == "number" else _between_strings
    return _any_of(field, between(field, limits))


def _between_numbers(field: str, limits: Mapping[str, Any]) -> list[Clause]:
    path, ends = paths(field)["number"], _limits(field)
    if not _reachable(limits, ends):
        return []
    written = _within_limits(limits, ends)
    if not FIELDS.target(field).field.keyed:
        return [{"range": {path: written}}]
    if all(abs(value) < INEXACT for value in limits.values()):
        return [{"range": {path: written}}]
    double = lacking(WHOLE, {"range": {path: dict(map(_as_double, written.items()))}})
    whole = dict(map(_as_whole, _within_limits(limits, _LONG).items()))
    if not _reachable(limits, _LONG) or any(bound not in _INTEGERS for bound in whole.values()):
        return [double]
    return [double, {"range": {WHOLE: whole}}]


def _as_double(bound: tuple[str, float]) -> tuple[str, float]:
    """A bound as a float64, on the same side of all numbers that are no whole ones of 64 bits."""
    side, value = bound
    near = float(value)
    if near > value and near >= 2**63:
        side = {"gt": "gte", "lte": "lt"}.get(side, side)
    return side, near


def _as_whole(bound: tuple[str, float]) -> tuple[str, int]:
    """A bound of whole numbers: the first, or last, that is within it."""
    side, value = bound
    if side[0] == "g":
        return "gte", math.floor(value) + 1 if side == "gt" else math.ceil(value)
    return "lte", math.ceil(value) - 1 if side == "lt" else math.floor(value)


def _between_strings(field: str, limits: Mapping[str, str]) -> list[Clause]:
    declared, path = FIELDS.target(field).field, paths(field)["string"]
    # No item has so long a value, so it is before or after the beginning, too.
    strings = {side: value[:_LONGEST] for side, value in limits.items()}
    if declared.folded_in:
        strings = {side: folded(value) for side, value in strings.items()}
    text: Clause = {"range": {path: strings}}
    moments = {side: instant(value) for side, value in limits.items()}
    if not declared.keyed or None in moments.values():
        return [text]
    old = {"bool": {"filter": [text, {"regexp": {path: PATTERN}}]}}
    return [{"range": {INSTANT: moments}}, lacking(INSTANT, old)]


def _limits(field: str) -> tuple[float, float]:
    """The numbers that a field holds; others are refused in a query rather than not found."""
    declared = FIELDS.target(field).field
    return _DOUBLE if declared.keyed or declared.kind is Kind.NUMBER else _LONG


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
    return exact(value)


def _any_of(field: str, clauses: Sequence[Clause]) -> Clause:
    if not clauses:
        return NOTHING
    either = clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses}}
    if not FIELDS.target(field).field.keyed:
        return either
    # One fact has the key and the value.
    query = {"bool": {"filter": [of_key(field), either]}}
    return {"nested": {"path": "facts", "query": query}}


# Places


def _inside(area: Box | Circle) -> Clause:
    """Items that have their place there, of an index that knows none, too."""
    if isinstance(area, Circle):
        centre = [area.longitude, area.latitude]
        circle = {"distance": f"{area.within}m", "point": centre, "ignore_unmapped": True}
        return {"geo_distance": circle}
    # The server leaves out what lies below its edges, though it rounds points down to get there.
    box = {
        "top": kept("latitude", area.north),
        "left": kept("longitude", area.west),
        "bottom": kept("latitude", area.south),
        "right": kept("longitude", area.east),
    }
    return {"geo_bounding_box": {"point": box, "ignore_unmapped": True}}
