"""What a filter may ask of one field: a value, a list, or comparisons, as Pydantic models."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    Tag,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema

from triptych.core import fields
from triptych.core.fields import Kind
from triptych.core.names import printable
from triptych.core.values import Instant, Keyword, Latitude, Longitude, Whole
from triptych.search.operands import BoundString, Number, Scalar, Strict

_MAX_VALUES = 1000
_FARTHEST = 20_100_000
"""Metres, a little more than half the way around the earth."""

B = TypeVar("B")


def unset() -> Any:
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

    gte: B = Field(default_factory=unset)
    gt: B = Field(default_factory=unset)
    lte: B = Field(default_factory=unset)
    lt: B = Field(default_factory=unset)


class NumberRange(Bounds[Number]):
    """Between numbers."""


class StringRange(Bounds[BoundString]):
    """Between strings, in the order of their code points."""


class InstantRange(Bounds[Instant]):
    """Between dates or times; UTC without a zone, midnight without a time."""


class WholeRange(Bounds[Whole]):
    """Between whole numbers."""


class Existence(Comparisons):
    """Whether there is any value."""

    exists: StrictBool = Field(default_factory=unset)


class InstantComparisons(InstantRange, Existence):
    """Between dates or times, or whether there is one."""


class InBox(Comparisons):
    """Between two parallels and two meridians; across the date line if west is above east."""

    north: Latitude
    south: Latitude
    west: Longitude
    east: Longitude

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.north < self.south:
            raise ValueError(f"north ({self.north}) is south of south ({self.south})")
        return self


class InCircle(Comparisons):
    """Within so many metres of a point, along the surface of the earth."""

    latitude: Latitude
    longitude: Longitude
    within: Annotated[float, Field(strict=True, gt=0, le=_FARTHEST, allow_inf_nan=False)] = Field(
        description="metres"
    )


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


_AREAS: dict[str, Any] = {
    "(circle)": InCircle,
    "(exists)": Existence,
    "(box)": InBox,
    "(null)": None,
}


def _area(value: Any) -> str:
    """Which area is asked for; a box if it isn't clear."""
    if value is None:
        return "(null)"
    names = value.keys() if isinstance(value, dict) else set()
    for tag, model in _AREAS.items():
        if model and (isinstance(value, model) or names & model.model_fields.keys()):
            return tag
    return "(box)"


def _tagged(branches: dict[str, Any], shape: Callable[[Any], str]) -> Any:
    """A union that is told apart by the shape of a value."""
    union = reduce(or_, (Annotated[branch, Tag(tag)] for tag, branch in branches.items()))
    return Annotated[union, Discriminator(shape), _OneOrMore()]


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


def _lists(value: Any, *, strings: bool) -> dict[str, Any]:
    begins = {"prefix": (Keyword, Field(default_factory=unset))} if strings else {}
    return {
        "any_of": (_several(value, 1), Field(alias="any", default_factory=unset)),
        "all_of": (_several(value, 0), Field(alias="all", default_factory=unset)),
        "none_of": (_several(value, 0), Field(alias="none", default_factory=unset)),
        "exists": (StrictBool, Field(default_factory=unset)),
        **begins,
    }


def _comparisons(
    name: str, value: Any, base: type[Comparisons] = Comparisons, *, strings: bool = False
) -> Any:
    return create_model(f"{name}Comparisons", __base__=base, **_lists(value, strings=strings))


_KEYWORDS = _comparisons("Keyword", Keyword, strings=True)
_WHOLES = _comparisons("Whole", Whole, WholeRange)
_FLOATS = _comparisons("Float", Number, NumberRange)
_NUMBERS = _comparisons("Number", Scalar, NumberRange, strings=True)
_STRINGS = _comparisons("String", Scalar, StringRange, strings=True)


def condition(field: fields.Field) -> Any:
    """What a filter may ask of a field: null (there is none), a value, a list, or comparisons."""
    match field.kind:
        case Kind.INSTANT:
            branches: dict[str, Any] = {"(object)": InstantComparisons, "(null)": None}
            return _tagged(branches, lambda value: "(null)" if value is None else "(object)")
        case Kind.PLACE:
            return _tagged(_AREAS, _area)
        case Kind.KEYWORD if field.choices:
            value: Any = Literal[field.choices]
            models = [_comparisons(field.name.capitalize(), value)]
        case Kind.KEYWORD:
            value, models = Keyword, [_KEYWORDS]
        case Kind.WHOLE:
            value, models = Whole, [_WHOLES]
        case Kind.NUMBER:
            value, models = Number, [_FLOATS]
        case _:
            value, models = Scalar, [_NUMBERS, _STRINGS]
    branches = {
        "(value)": value,
        "(list)": _list(value, 0 if field.many else 1),
        **dict(zip(("(object)", "(strings)"), models, strict=False)),
        "(null)": None,
    }

    def shape(value: Any) -> str:
        if value is None:
            return "(null)"
        tag = _shape(value)
        return "(object)" if tag == "(strings)" and tag not in branches else tag

    return _tagged(branches, shape)
