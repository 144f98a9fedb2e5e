"""Filters, facets and orders of requests: the models that check them, made from the catalogue.

The JSON Schema of these models is what ``/openapi.json`` publishes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, create_model, model_validator

from triptych.core import fields
from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS, Kind
from triptych.core.instants import microseconds
from triptych.core.names import composed
from triptych.core.values import describe, position_of
from triptych.index.model import Box, Circle, Condition, Facet, Group, Range, Sort, Value
from triptych.search.comparisons import (
    Bounds,
    Comparisons,
    InBox,
    InCircle,
    InstantRange,
    NumberRange,
    Ranged,
    WholeRange,
    condition,
    unset,
)
from triptych.search.operands import KEY_PATTERN, Named, Strict

SCORE = "score"
"""What only the hits of a search can be sorted by."""

_MAX_FIELDS = 32
_MAX_CONDITIONS = 256
"""Of a filter, with all that is in its groups."""
_MAX_DEPTH = 8
"""Of groups within groups."""


def _only_keys(schema: dict[str, Any]) -> None:
    """In JSON Schema, names beside those of properties have a pattern.

    Generated clients have no conditions by key where ``patternProperties`` says the same.
    """
    schema["propertyNames"] = {
        "anyOf": [{"enum": [*schema["properties"]]}, {"pattern": KEY_PATTERN}]
    }
    schema["maxProperties"] = _MAX_FIELDS


_FILTERABLE: dict[str, Any] = {
    field.name: (condition(field), Field(default_factory=unset))
    for field in FIELDS.filterable
    if not field.keyed
}
_Filterable: Any = create_model("_Filterable", **_FILTERABLE)
_ByKey: Any = condition(FIELDS["metadata"])


_GROUPS = ("and", "or", "not")


class Filter(_Filterable):
    """What an item must be, by field: null, a value, a list, or comparisons. All must hold.

    So must all filters of ``and``, one of those of ``or``, and not all of the one of ``not``.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_only_keys)
    __pydantic_extra__: dict[Annotated[str, Named("filter by", FIELDS.filterable)], _ByKey]

    every: "list[Filter]" = Field(
        alias="and", default_factory=unset, min_length=1, max_length=_MAX_CONDITIONS
    )
    either: "list[Filter]" = Field(
        alias="or", default_factory=unset, min_length=1, max_length=_MAX_CONDITIONS
    )
    negated: "Filter" = Field(alias="not", default_factory=unset)

    @model_validator(mode="before")
    @classmethod
    def _check_size(cls, value: Any) -> Any:
        if isinstance(value, dict):
            _check_size(value)
        return value

    @property
    def groups(self) -> dict[str, "list[Filter]"]:
        """The filters of each group that the request has."""
        found = {"and": self.every, "or": self.either, "not": self.negated and [self.negated]}
        return {name: filters for name, filters in found.items() if filters}

    def given(self) -> dict[str, Any]:
        """What is asked of each field, in an order that does not depend on the request's."""
        names = [name for name in _FILTERABLE if name in self.model_fields_set]
        return {name: getattr(self, name) for name in names} | dict(self.model_extra or {})


def _check_size(value: Mapping[str, Any]) -> None:
    """Raise ValueError for too much, before any of it is looked at more closely."""
    conditions, waiting = 0, [(value, 0)]
    while waiting:
        group, depth = waiting.pop()
        conditions += len(group.keys() - set(_GROUPS))
        if len(group) > _MAX_FIELDS:
            raise ValueError(f"at most {_MAX_FIELDS} fields are accepted")
        if conditions > _MAX_CONDITIONS or len(waiting) > _MAX_CONDITIONS:
            raise ValueError(f"at most {_MAX_CONDITIONS} conditions in all are accepted")
        if depth > _MAX_DEPTH:
            raise ValueError(f"groups are nested more than {_MAX_DEPTH} deep")
        for name in group.keys() & set(_GROUPS):
            inner = group[name] if isinstance(group[name], list) else [group[name]]
            waiting += [(one, depth + 1) for one in inner if isinstance(one, dict)]


def fields_of(requested: Filter, position: str = "filter") -> Iterator[tuple[str, str]]:
    """The fields that a filter names, and where."""
    yield from ((name, f"{position}.{name}") for name in requested.given())
    for group, filters in requested.groups.items():
        for number, one in enumerate(filters):
            where = f"{position}.{group}" if group == "not" else f"{position}.{group}.{number}"
            yield from fields_of(one, where)


def read_filter(requested: Filter) -> tuple[Condition | Group, ...]:
    """The conditions of a filter."""
    inner = {name: tuple(map(read_filter, filters)) for name, filters in requested.groups.items()}
    return (
        *(_read_condition(name, value) for name, value in requested.given().items()),
        *(one for conditions in inner.get("and", ()) for one in conditions),
        *([Group("or", tuple(Group("and", one) for one in inner["or"]))] if "or" in inner else []),
        *(Group("not", conditions) for conditions in inner.get("not", ())),
    )


def limits(requested: Filter) -> tuple[Condition | Group, ...]:
    """The conditions of a filter on which much depends, every part of which has to ask something.

    Raises InvalidInput for one that is empty, or has an empty list or group: it would find all, as
    where a program fills in a list that has nothing.
    """
    conditions = read_filter(requested)
    if not conditions or _has_gaps(requested) or not all(map(_asks, conditions)):
        raise InvalidInput(
            "the filter, or a list or group in it, is empty, so it finds all", field="filter"
        )
    return conditions


def _has_gaps(requested: Filter) -> bool:
    """Whether a list in it is empty, or a group in it has a filter that asks nothing."""
    values = requested.given().values()
    lists = [one.given().values() if isinstance(one, Comparisons) else [one] for one in values]
    inner = [one for filters in requested.groups.values() for one in filters]
    return any(one == [] for some in lists for one in some) or any(
        not read_filter(one) or _has_gaps(one) for one in inner
    )


def _asks(one: Condition | Group) -> bool:
    if isinstance(one, Group):
        return bool(one.members) and all(map(_asks, one.members))
    return one != Condition(one.field)


def _read_condition(name: str, requested: Any) -> Condition:
    field = FIELDS.target(name).field
    match requested:
        case None:
            return Condition(name, exists=False)
        case InBox():
            return Condition(name, area=Box(**requested.given()))
        case InCircle():
            return Condition(name, area=Circle(**requested.given()))
        case list():
            values = _all_compared(field, requested)
            return Condition(name, all_of=values) if field.many else Condition(name, any_of=values)
        case Comparisons():
            return _read_comparisons(name, field, requested)
    return Condition(name, any_of=(_compared(field, requested),))


def _read_comparisons(name: str, field: fields.Field, requested: Comparisons) -> Condition:
    given = requested.given()
    lists: dict[str, Any] = {
        attribute: _all_compared(field, given[attribute])
        for attribute in ("any_of", "all_of", "none_of")
        if attribute in given
    }
    bounds = _range(field, requested)
    return Condition(
        name,
        **lists,
        within=None if bounds == Range() else bounds,
        exists=given.get("exists"),
        prefix=_compared(field, given["prefix"]) if "prefix" in given else None,
    )


def _range(field: fields.Field, requested: Comparisons) -> Range:
    return Range(
        **{
            attribute: _compared(field, value)
            for attribute, value in requested.given().items()
            if attribute in Bounds.model_fields
        }
    )


def _all_compared(field: fields.Field, values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(_compared(field, value) for value in values)


def _compared(field: fields.Field, value: Any) -> Any:
    """A value of a request as indexes compare it."""
    if field.kind is Kind.INSTANT:
        return microseconds(value)
    if field.name == "id":
        return composed(value)
    return value.casefold() if field.case_folded else value


# Facets and orders

COUNTED = Named("count", FIELDS.facetable)
SORTED_BY = Named("sort by", FIELDS.sortable, (SCORE,))


class FacetRequest(Strict):
    """Counts of the values of a field, or of ranges of it."""

    field: Annotated[str, COUNTED]
    size: int = Field(10, ge=1, le=100, strict=True)
    ranges: list[Ranged] = Field(default_factory=list, max_length=32)


class SortRequest(Strict):
    """An order by a field."""

    field: Annotated[str, SORTED_BY]
    order: Literal["asc", "desc"] | None = Field(
        None, description="asc if not given, of the score desc: the best first"
    )


def read_facets(requested: Sequence[FacetRequest]) -> tuple[Facet, ...]:
    """The facets to count. Raises InvalidInput naming the position."""
    names = [facet.field for facet in requested]
    facets = []
    for number, facet in enumerate(requested):
        position = f"facets.{number}"
        field = FIELDS.target(facet.field).field
        if facet.field in names[:number]:
            raise InvalidInput(f"{position}: {facet.field} is given twice", field=position)
        if facet.ranges and not field.ordered:
            raise InvalidInput(
                f"{position}: {facet.field} has no order, so no ranges", field=position
            )
        if field.kind is Kind.INSTANT and not facet.ranges:
            raise InvalidInput(
                f"{position}: {facet.field} is counted by ranges only", field=position
            )
        ranges = tuple(
            _facet_range(field, bounds, f"{position}.ranges.{n}")
            for n, bounds in enumerate(facet.ranges)
        )
        facets.append(Facet(facet.field, facet.size, ranges))
    return tuple(facets)


def _facet_range(field: fields.Field, requested: Comparisons, position: str) -> Range:
    models: dict[Kind, type[Comparisons]] = {
        Kind.INSTANT: InstantRange,
        Kind.WHOLE: WholeRange,
        Kind.NUMBER: NumberRange,
    }
    model = models.get(field.kind)
    if model is None:
        return _range(field, requested)
    try:
        return _range(field, model.model_validate(requested.given()))
    except ValidationError as error:
        where = f"{position}.{position_of(error.errors()[0])}"
        raise InvalidInput(f"{position}.{describe(error)}", field=where) from error


def as_asked(
    requested: Sequence[FacetRequest], counts: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """The counts of an index for an answer: the bounds of ranges as the request has them."""
    return {
        facet.field: [
            {**bounds.given(), "count": counted["count"]}
            for bounds, counted in zip(facet.ranges, counts[facet.field], strict=True)
        ]
        if facet.ranges
        else counts[facet.field]
        for facet in requested
    }


def read_sort(requested: Sequence[SortRequest], *, scored: bool) -> tuple[Sort, ...]:
    """The orders, the first one first. Raises InvalidInput naming the position."""
    for number, sort in enumerate(requested):
        if sort.field == SCORE and not scored:
            raise InvalidInput(
                f"sort.{number}: nothing is searched for, so there is no score",
                field=f"sort.{number}",
            )
    return tuple(
        Sort(sort.field, (sort.order or ("desc" if sort.field == SCORE else "asc")) == "desc")
        for sort in requested
    )
