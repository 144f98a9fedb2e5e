"""Filters, facets and orders of requests: the models that check them, made from the catalogue.

The JSON Schema of these models is what ``/openapi.json`` publishes.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema

from triptych.core import fields
from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS, Kind
from triptych.core.names import printable
from triptych.core.values import Keyword, Whole, describe, position_of
from triptych.index.model import Condition, Facet, Range, Sort, Value
from triptych.search.operands import (
    KEY_PATTERN,
    BoundString,
    Instant,
    Named,
    Number,
    Scalar,
    Strict,
    microseconds,
)

SCORE = "score"
"""What only the hits of a search can be sorted by."""

_MAX_VALUES = 1000
_MAX_CONDITIONS = 32

B = TypeVar("B")


def _unset() -> Any:
    """The default of what may be left out but not be null."""
    return None


class Comparisons(Strict):
    """What a field is compared with; at least one."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        names = [field.alias or name for name, field in cls.model_fields.items()]
        if not isinstance(value, dict):
            raise ValueError(f"an object of {', '.join(names)} is accepted")  # noqa: TRY004
        if unknown := [name for name in value if name not in names]:
            raise ValueError(
                f"{printable(unknown[0])} is unknown here; {', '.join(names)} are accepted"
            )
        if not value:
            raise ValueError(f"one of {', '.join(names)} is missing")
        return value

    def given(self) -> dict[str, Any]:
        """Those that the request has, by attribute."""
        names = [name for name in type(self).model_fields if name in self.model_fields_set]
        return {name: getattr(self, name) for name in names}


class Bounds(Comparisons, Generic[B]):
    """Bounds of the values of a field; all must hold."""

    gte: B = Field(default_factory=_unset)
    gt: B = Field(default_factory=_unset)
    lte: B = Field(default_factory=_unset)
    lt: B = Field(default_factory=_unset)


class NumberRange(Bounds[Number]):
    """Between numbers."""


class StringRange(Bounds[BoundString]):
    """Between strings, in the order of their code points."""


class InstantRange(Bounds[Instant]):
    """Between dates or times; UTC without a zone, midnight without a time."""


class WholeRange(Bounds[Whole]):
    """Between whole numbers."""


class _OneOrMore:
    """Annotates a discriminated union of which a value may fit two branches equally well."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler(schema)
        return {**{key: found[key] for key in found if key != "oneOf"}, "anyOf": found["oneOf"]}


def _shape(value: Any) -> str:
    """The branch of a union that a value, or a model that was made of it, belongs to."""
    match value:
        case StringRange():
            return "(strings)"
        case Comparisons():
            return "(object)"
        case list():
            return "(list)"
        case dict() if any(isinstance(value.get(name), str) for name in Bounds.model_fields):
            return "(strings)"
        case dict():
            return "(object)"
    return "(value)"


Ranged = Annotated[
    Annotated[NumberRange, Tag("(object)")] | Annotated[StringRange, Tag("(strings)")],
    Discriminator(lambda value: "(strings)" if _shape(value) == "(strings)" else "(object)"),
]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _list(value: Any, least: int) -> Any:
    return Annotated[list[value], Field(min_length=least, max_length=_MAX_VALUES)]


def _several(value: Any, least: int) -> Any:
    """A list, or one value that stands for a list of it."""
    many = _list(value, least)
    return Annotated[many, BeforeValidator(_as_list, json_schema_input_type=value | many)]


def _lists(value: Any) -> dict[str, Any]:
    return {
        "any_of": (_several(value, 1), Field(alias="any", default_factory=_unset)),
        "all_of": (_several(value, 0), Field(alias="all", default_factory=_unset)),
        "none_of": (_several(value, 0), Field(alias="none", default_factory=_unset)),
    }


def _comparisons(name: str, value: Any, base: type[Comparisons] = Comparisons) -> Any:
    return create_model(f"{name}Comparisons", __base__=base, **_lists(value))


_KEYWORDS = _comparisons("Keyword", Keyword)
_WHOLES = _comparisons("Whole", Whole, WholeRange)
_NUMBERS = _comparisons("Number", Scalar, NumberRange)
_STRINGS = _comparisons("String", Scalar, StringRange)


def _condition(field: fields.Field) -> Any:
    """What a filter may ask of a field: a value, a list, or comparisons."""
    match field.kind:
        case Kind.INSTANT:
            return InstantRange
        case Kind.KEYWORD if field.choices:
            value: Any = Literal[field.choices]
            comparisons = [_comparisons(field.name.capitalize(), value)]
        case Kind.KEYWORD:
            value, comparisons = Keyword, [_KEYWORDS]
        case Kind.WHOLE:
            value, comparisons = Whole, [_WHOLES]
        case _:
            value, comparisons = Scalar, [_NUMBERS, _STRINGS]
    tags = ("(object)", "(strings)")[: len(comparisons)]
    branches = [
        Annotated[value, Tag("(value)")],
        Annotated[_list(value, 0 if field.many else 1), Tag("(list)")],
        *(Annotated[model, Tag(tag)] for model, tag in zip(comparisons, tags, strict=True)),
    ]

    def shape(value: Any) -> str:
        tag = _shape(value)
        return "(object)" if tag == "(strings)" and tag not in tags else tag

    return Annotated[reduce(or_, branches), Discriminator(shape), _OneOrMore()]


def _only_keys(schema: dict[str, Any]) -> None:
    """In JSON Schema, names beside those of properties have a pattern.

    Generated clients have no conditions by key where ``patternProperties`` says the same.
    """
    schema["propertyNames"] = {
        "anyOf": [{"enum": [*schema["properties"]]}, {"pattern": KEY_PATTERN}]
    }
    schema["maxProperties"] = _MAX_CONDITIONS


_FILTERABLE: dict[str, Any] = {
    field.name: (_condition(field), Field(default_factory=_unset))
    for field in FIELDS.filterable
    if not field.keyed
}
_Filterable: Any = create_model("_Filterable", **_FILTERABLE)
_ByKey: Any = _condition(FIELDS["metadata"])


class Filter(_Filterable):
    """What an item must be, by field: a value, a list, or comparisons. All must hold."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_only_keys)
    __pydantic_extra__: dict[Annotated[str, Named("filter by", FIELDS.filterable)], _ByKey]

    @model_validator(mode="before")
    @classmethod
    def _check_size(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > _MAX_CONDITIONS:
            raise ValueError(f"at most {_MAX_CONDITIONS} fields are accepted")
        return value

    def given(self) -> dict[str, Any]:
        """What is asked of each field, in an order that does not depend on the request's."""
        names = [name for name in type(self).model_fields if name in self.model_fields_set]
        return {name: getattr(self, name) for name in names} | dict(self.model_extra or {})


def read_filter(requested: Filter) -> tuple[Condition, ...]:
    """The conditions of a filter."""
    return tuple(_read_condition(name, value) for name, value in requested.given().items())


def _read_condition(name: str, requested: Any) -> Condition:
    field = FIELDS.target(name).field
    if not isinstance(requested, Comparisons):
        if not isinstance(requested, list):
            return Condition(name, any_of=(_compared(field, requested),))
        values = _all_compared(field, requested)
        return Condition(name, all_of=values) if field.many else Condition(name, any_of=values)
    lists = {
        attribute: _all_compared(field, values)
        for attribute, values in requested.given().items()
        if attribute not in Bounds.model_fields
    }
    bounds = _range(field, requested)
    return Condition(
        name,
        any_of=lists.get("any_of"),
        all_of=lists.get("all_of", ()),
        none_of=lists.get("none_of", ()),
        within=None if bounds == Range() else bounds,
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
    models: dict[Kind, type[Comparisons]] = {Kind.INSTANT: InstantRange, Kind.WHOLE: WholeRange}
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
