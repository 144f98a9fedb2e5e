"""What a request may hold; the same models document it."""

from typing import Annotated, Any, Literal

import pybase64
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StrictBool,
    WithJsonSchema,
)

from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.core.item import Modality
from triptych.core.values import ItemId, Language
from triptych.fusion.query import WEIGHTS
from triptych.fusion.scores import Method
from triptych.search.filtering import COUNTED, SORTED_BY, FacetRequest, Filter, SortRequest
from triptych.search.operands import Named, Strict

SEVERAL = 8
"""Texts, images or sounds of one query."""

_LEAST_WEIGHT = 0.001


def _weighs(value: float) -> float:
    """Weights are divided by the largest of those in use, so none may be next to nothing."""
    if 0 < value < _LEAST_WEIGHT:
        raise ValueError(f"0, or at least {_LEAST_WEIGHT}, is accepted")
    return value


Weight = Annotated[
    float,
    Field(ge=0, le=1000, allow_inf_nan=False, strict=True),
    AfterValidator(_weighs),
    WithJsonSchema(
        {"anyOf": [{"const": 0}, {"type": "number", "minimum": _LEAST_WEIGHT, "maximum": 1000}]}
    ),
]
RawPart = str | bytes
"""A part of a query as it is sent: text, base64, ``item:ID`` or a URL; bytes of an upload."""


RETURNED = Named(
    "return",
    tuple(field for field in FIELDS.stored if field.public),
    tuple(field.name for field in FIELDS.stored if field.public and field.keyed),
)


def _several(value: Any) -> tuple[RawPart, ...]:
    """One validator instead of a union: one reason, whatever is wrong."""
    values = value if isinstance(value, list | tuple) else [value]
    if not 1 <= len(values) <= SEVERAL or not all(isinstance(one, RawPart) for one in values):
        raise ValueError(f"a string, or a list of 1 to {SEVERAL} strings, is accepted")
    return tuple(values)


def _parts(value: Any) -> tuple[RawPart, ...]:
    return () if value is None or value == () else _several(value)


def _by_name(value: Any) -> Any:
    """``"year"`` is short for ``{"field": "year"}``."""
    if isinstance(value, str):
        return {"field": value}
    if not isinstance(value, dict):
        raise ValueError('the name of a field, or an object with "field", is accepted')  # noqa: TRY004
    return value


Several = Annotated[
    tuple[RawPart, ...],
    PlainValidator(
        _parts,
        json_schema_input_type=str
        | Annotated[list[str], Field(min_length=1, max_length=SEVERAL)]
        | None,
    ),
]


class Parts(Strict):
    """Each one or several, up to 8."""

    text: Several = Field((), description="words, or item:ID for the text of an item")
    image: Several = Field((), description="base64, item:ID, or a URL of an allowed host")
    audio: Several = Field((), description="base64, item:ID, or a URL of an allowed host")

    @property
    def by_modality(self) -> dict[Modality, tuple[RawPart, ...]]:
        """The parts that the query has."""
        parts = {"text": self.text, "image": self.image, "audio": self.audio}
        return {name: values for name, values in parts.items() if values}  # type: ignore[misc]


class Weights(Strict):
    """How much each signal counts; ``not`` multiplies the weights of negative parts."""

    keyword: Weight = WEIGHTS["keyword"]
    text: Weight = WEIGHTS["text"]
    image: Weight = WEIGHTS["image"]
    audio: Weight = WEIGHTS["audio"]
    against: Weight = Field(WEIGHTS["not"], alias="not")

    @property
    def by_signal(self) -> dict[str, float]:
        """A weight for every signal."""
        return self.model_dump(by_alias=True)


ShortFacet = Annotated[
    FacetRequest,
    BeforeValidator(_by_name, json_schema_input_type=Annotated[str, COUNTED] | FacetRequest),
]
ShortSort = Annotated[
    SortRequest,
    BeforeValidator(_by_name, json_schema_input_type=Annotated[str, SORTED_BY] | SortRequest),
]


class SimilarRequest(Strict):
    """How to search and what to answer, whatever is searched for."""

    against: Parts | None = Field(
        None, alias="not", description="negative parts: hits should differ from them"
    )
    language: Language | None = Field(None, description="of the texts; detected if not given")
    syntax: Literal["simple", "none"] = Field(
        "simple", description="whether the texts may have operators"
    )
    weights: Weights = Field(default_factory=Weights)
    fusion: Method = "auto"
    filter: Filter = Field(default_factory=Filter)
    facets: list[ShortFacet] = Field(default_factory=list, max_length=16)
    sort: list[ShortSort] = Field(default_factory=list, max_length=4)
    fields: list[Annotated[str, RETURNED]] | None = Field(
        None, max_length=64, description="of the items; all if null"
    )
    highlight: StrictBool = Field(False, description="where the words of the query are")
    explain: StrictBool = Field(True, description="why each hit is there")
    verify: StrictBool = Field(
        False, description="near-duplicates of the image first, by its keypoints"
    )
    limit: int = Field(10, ge=1, le=100, strict=True)
    exact_total: StrictBool = Field(
        False, description="whether the total is exact, where that takes more time"
    )
    min_score: float | None = Field(
        None, strict=True, allow_inf_nan=False, description="hits have at least this score"
    )


class SearchRequest(SimilarRequest, Parts):
    """A query by text, image, audio or any mix; without any of them, a listing."""

    like: list[ItemId] = Field(
        default_factory=list,
        max_length=SEVERAL,
        description="ids of items: search by every part that they have; they are not hits",
    )
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=8192,
        description='"*" to begin paging, then that of the answer before',
    )


def decode_base64(value: str, field: str) -> bytes:
    """Decode base64 strictly. Raises InvalidInput naming the field."""
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError as error:
        raise InvalidInput(f"{field} is not base64: {error}", field=field) from error
