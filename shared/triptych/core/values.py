"""Types of field values, validated in one place for every way in."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from triptych.core.instants import has_date, microseconds
from triptych.core.names import check_file_name, check_id, check_text, composed, printable

_MAX_VALUE_CHARS = 1024
_MAX_PROBLEMS = 5


def _check_scalar(value: Any) -> Any:
    """One validator instead of a union, so an error has one reason instead of one per type."""
    match value:
        case str() if len(value) <= _MAX_VALUE_CHARS:
            return check_text(value)
        case str():
            raise ValueError(f"{len(value)} characters, the limit is {_MAX_VALUE_CHARS}")
        case int() if not -(2**63) <= value < 2**63:
            raise ValueError("a whole number must fit into 64 bits")
        case float() if not math.isfinite(value):
            raise ValueError("a number must be finite")
        case bool() | int() | float() | None:
            return value
    raise ValueError("a string, a number, true, false or null is accepted")


def _check_instant(value: Any) -> str:
    try:
        microseconds(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            "a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z is accepted"
        ) from error
    return str(value)


def _check_moment(value: Any) -> str:
    written = _check_instant(value)
    if not has_date(microseconds(written)):
        raise ValueError("a date or time between the years 1 and 9999 in UTC is accepted")
    return written


Text = Annotated[str, AfterValidator(check_text)]
ItemId = Annotated[str, AfterValidator(check_id)]
CollectionName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
BatchId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
FileName = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(check_file_name)]
Keyword = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(check_text)]
Tag = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(check_text)]
Caption = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(check_text)]
Source = Annotated[str, Field(max_length=2048), AfterValidator(check_text)]
Scalar = Annotated[
    str | bool | int | float | None,
    PlainValidator(
        _check_scalar,
        json_schema_input_type=Annotated[str, Field(max_length=_MAX_VALUE_CHARS)]
        | bool
        | Annotated[float, Field(ge=-(2**63), lt=2**63)]
        | None,
    ),
]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
_DATES = WithJsonSchema(
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
)
Instant = Annotated[str, PlainValidator(_check_instant), _DATES]
"""Kept as it was written; ``core.instants.microseconds`` is what indexes compare."""
Moment = Annotated[str, PlainValidator(_check_moment), _DATES]
"""An instant that can be shown in UTC."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]
MetadataName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        # Printable, and no space at either end, which nobody would see.
        pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$",
    ),
    AfterValidator(composed),
]
"""``year``, and also ``Exif.Image.Make``, ``Camera Model`` and ``Größe``."""


class Place(TypedDict):
    """A point on the earth, in degrees (WGS 84); south and west are negative."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    latitude: Latitude
    longitude: Longitude


def position_of(problem: Mapping[str, Any]) -> str:
    """Where in a value a problem is, such as ``filter.tags.all``; empty for the whole value.

    A name in parentheses is a branch of a union, which only the schema knows.
    """
    return ".".join(str(part) for part in problem["loc"] if not str(part).startswith("("))


def describe(error: ValidationError) -> str:
    """The first problems of a pydantic error in one line, each with its field."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    reasons = [
        f"{position_of(problem) or 'value'}: {_message(problem)}"
        for problem in problems[:_MAX_PROBLEMS]
    ]
    if len(problems) > _MAX_PROBLEMS:
        reasons.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return printable("; ".join(reasons))


_WORDING = {
    "extra_forbidden": "unknown field",
    "string_unicode": "not Unicode: a surrogate without its other half",
    "model_type": "an object is accepted",
    "dict_type": "an object is accepted",
    "list_type": "a list is accepted",
}
"""Our wording where pydantic's messages use Python terms."""


def _message(problem: Mapping[str, Any]) -> str:
    known = _WORDING.get(problem["type"])
    return known or str(problem["msg"]).removeprefix("Value error, ")
