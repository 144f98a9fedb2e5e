"""From what a user types to the fields of a search request: pure functions."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triptych.core.fields import Field


_CONDITION = re.compile(r"([^=<>!^]+?)\s*(>=|<=|!=|\^=|=|>|<)\s*(.*)", re.DOTALL)
_GROUPS = {"and", "or", "not"}
_BOUNDS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}


def options(
    *,
    filters: Iterable[str],
    tags: Sequence[str],
    keywords: Sequence[str],
    weights: Iterable[str],
    facets: Iterable[str],
    sort: Iterable[str],
    fields: Iterable[str] | None,
    fusion: str,
    limit: int,
    explain: bool,
) -> dict[str, Any]:
    """The fields of a search request besides the query. Raises ValueError."""
    sets = {"tags": list(tags), "keywords": list(keywords)}
    common = [json.dumps({name: {"all": values}}) for name, values in sets.items() if values]
    return without_empty(
        {
            "filter": filter_of([*common, *filters]),
            "weights": dict(map(weight_of, weights)),
            "facets": [facet_of(entry) for entry in facets] or None,
            "sort": [sort_of(entry) for entry in sort] or None,
            "fields": None if fields is None else names_of(fields),
            "fusion": fusion,
            "limit": limit,
            "explain": None if explain else False,
        }
    )


def filter_of(entries: Iterable[str]) -> dict[str, Any]:
    """Conditions like ``tags=a,b``, ``status!=failed``, ``metadata.year>=2000``, or JSON.

    All must hold. For ``=``, an item must have every value of ``tags``, ``keywords`` and
    ``modalities``, and one of the values of any other field. ``id^=a/`` asks for what begins so.
    Groups (``or``, ``not``) and null are JSON.

    Raises:
        ValueError: an entry that is no condition, or two that contradict each other.
    """
    conditions: dict[str, Any] = {}
    for entry in entries:
        given = _conditions(entry)
        if given.keys() & _GROUPS:
            conditions.setdefault("and", []).append(given)
            continue
        for name, condition in given.items():
            conditions[name] = (
                _both(name, conditions[name], condition) if name in conditions else condition
            )
    return conditions


def _conditions(entry: str) -> dict[str, Any]:
    if entry.lstrip().startswith("{"):
        conditions: dict[str, Any] = json.loads(entry)
        return conditions
    parsed = _CONDITION.fullmatch(entry.strip())
    if parsed is None:
        raise ValueError(
            f"filter {entry!r} is not like tags=a,b, status!=failed, metadata.year>=2000 or JSON"
        )
    name, operator, text = parsed.groups()
    if operator == "^=":
        return {name: {"prefix": _begins(text)}}
    values = _values(name, text)
    if bound := _BOUNDS.get(operator):
        if len(values) > 1:
            raise ValueError(f"filter {entry!r}: {operator} takes one value")
        return {name: {bound: values[0]}}
    return {name: {"none" if operator == "!=" else _equal(name): values}}


def _begins(text: str) -> str:
    """A string, in quotes or without."""
    try:
        whole = json.loads(text)
    except ValueError:
        return text
    return whole if isinstance(whole, str) else text


def _equal(name: str) -> str:
    field = _field(name)
    return "all" if field is not None and field.many else "any"


def _has_numbers(name: str) -> bool:
    from triptych.core.fields import Kind

    field = _field(name)
    return field is not None and field.kind in {Kind.SCALARS, Kind.WHOLE, Kind.NUMBER}


def _field(name: str) -> "Field | None":
    """The field that a condition names; None if there is none: the gateway reports that."""
    from triptych.core.fields import FIELDS  # it needs Pydantic, which takes a while to import

    try:
        return FIELDS.target(name).field
    except KeyError:
        return None


def _values(name: str, text: str) -> list[Any]:
    """JSON where it is a string or a list, else pieces between commas."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, list):
        return whole
    if isinstance(whole, str):
        return [whole]
    pieces = [piece.strip() for piece in text.split(",")]
    return [_typed(piece) for piece in pieces] if _has_numbers(name) else pieces


def _typed(text: str) -> str | float | bool:
    """Read a number or a boolean; anything else, also in quotes, is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (str, float, int)) else text


def _both(name: str, first: Any, second: Any) -> dict[str, Any]:
    """Merge two conditions on one field; a condition that is no object means ``=``."""
    merged = _ways(name, first)
    for way, values in _ways(name, second).items():
        if way in merged and way not in {"all", "none"}:
            raise ValueError(f"filter: {name} is given twice in the same way")
        merged[way] = [*merged[way], *values] if way in merged else values
    return merged


def _ways(name: str, condition: Any) -> dict[str, Any]:
    if condition is None:
        return {"exists": False}
    if isinstance(condition, dict):
        return dict(condition)
    return {_equal(name): condition if isinstance(condition, list) else [condition]}


def facet_of(entry: str) -> str | dict[str, Any]:
    """``tags``, ``tags:30`` for so many values, or JSON for ranges. Raises ValueError."""
    if entry.startswith("{"):
        ranges: dict[str, Any] = json.loads(entry)
        return ranges
    name, separator, size = entry.rpartition(":")
    if not separator:
        return entry
    if not size.isdecimal():
        raise ValueError(f"facet {entry!r} is not like tags or tags:30")
    return {"field": name, "size": int(size)}


def sort_of(entry: str) -> str | dict[str, str]:
    """``added`` or ``added:desc``. Raises ValueError."""
    name, separator, order = entry.rpartition(":")
    if not separator:
        return entry
    if order not in {"asc", "desc"}:
        raise ValueError(f"sort {entry!r} is not like added, added:asc or added:desc")
    return {"field": name, "order": order}


def weight_of(entry: str) -> tuple[str, float]:
    """``text=2``. Raises ValueError."""
    name, separator, value = entry.partition("=")
    try:
        if separator:
            return name, float(value)
    except ValueError:
        pass
    raise ValueError(f"weight {entry!r} is not of the form name=number")


def names_of(entries: Iterable[str]) -> list[str]:
    """Names, several in one entry between commas; ``""`` is none at all."""
    return [name for entry in entries for name in map(str.strip, entry.split(",")) if name]


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are neither None nor an empty object."""
    return {name: value for name, value in values.items() if value is not None and value != {}}
