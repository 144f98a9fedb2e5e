"""What filters, facets and sorts are written with: names of fields, and values to compare.

Types and annotations for Pydantic models, which check a request and describe it as JSON Schema.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    Tag,
)
from pydantic_core import CoreSchema, core_schema

from triptych.core import fields
from triptych.core.fields import FIELDS
from triptych.core.names import composed, printable
from triptych.core.values import Keyword
from triptych.index.model import Value

KEY_PATTERN = "|".join(
    rf"^{field.name}\.({'|'.join(field.keys)})$" if field.keys else rf"^{field.name}\..+"
    for field in FIELDS
    if field.keyed
)
"""Of the name of a field with keys, and a key."""


class Strict(BaseModel):
    """A model that has these fields alone, by the names that clients use."""

    model_config = ConfigDict(extra="forbid", validate_by_name=False)


@dataclass(frozen=True)
class Named:
    """Annotates a string that must name one of these fields, as ``tags`` or ``metadata.year``."""

    verb: str
    declared: tuple[fields.Field, ...]
    others: tuple[str, ...] = ()
    """Names that may stand there beside those of fields."""

    @property
    def names(self) -> list[str]:
        """All but those with keys."""
        return [*(field.name for field in self.declared if not field.keyed), *self.others]

    def check(self, name: str) -> str:
        """Return the name, in NFC. Raises ValueError that says which there are."""
        name = composed(name)
        if name in self.names or (is_key(name) and FIELDS.target(name).field in self.declared):
            return name
        *labels, last = [
            *(label for field in self.declared for label in field.labels),
            *self.others,
        ]
        raise ValueError(
            f"there is no field {printable(name)!r} to {self.verb}; "
            f"there are {', '.join(labels)} and {last}"
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        key = {"type": "string", "pattern": KEY_PATTERN}
        return {"anyOf": [{"enum": self.names, "type": "string"}, key]}


def is_key(name: str) -> bool:
    """Whether it names a field with keys, and a key of it."""
    try:
        return bool(FIELDS.target(name).key)
    except KeyError:
        return False


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("true and false have no order")  # noqa: TRY004
    if not _is_number(value):
        raise ValueError("a string or a finite number (whole: 64 bits) is accepted")
    number: float = value
    return number


def _scalar(value: Any) -> Value:
    if not (isinstance(value, bool) or _is_number(value)):
        raise ValueError("a string, a finite number (whole: 64 bits), true or false is accepted")
    scalar: Value = value
    return scalar


def _is_number(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and math.isfinite(value)


def _is_string(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("all bounds are numbers, or all are strings")  # noqa: TRY004
    return value


Number = Annotated[
    float,
    PlainValidator(_number, json_schema_input_type=Annotated[float, Field(ge=-(2**63), lt=2**63)]),
]
BoundString = Annotated[Keyword, BeforeValidator(_is_string, json_schema_input_type=Keyword)]
Scalar = Annotated[
    Annotated[Keyword, Tag("(string)")]
    | Annotated[
        bool | float,
        PlainValidator(_scalar, json_schema_input_type=Number | bool),
        Tag("(scalar)"),
    ],
    Discriminator(lambda value: "(string)" if isinstance(value, str) else "(scalar)"),
]
