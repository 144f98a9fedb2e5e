"""An item as it is answered: the public fields of the catalogue; what it lacks is left out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from triptych.core import fields
from triptych.core.fields import FIELDS, Kind
from triptych.core.values import Place


class Segment(TypedDict):
    """A stretch of speech, in seconds from the start of the sound."""

    start: float
    end: float
    text: str


class Transcript(TypedDict):
    """The speech in a sound."""

    text: str
    language: NotRequired[str | None]
    segments: NotRequired[Sequence[Segment]]


class Line(TypedDict):
    """A line of writing, the corners of its box, and how sure the recogniser is (0 to 1)."""

    text: str
    box: Sequence[Sequence[float]]
    confidence: float


class Writing(TypedDict):
    """The writing in an image, in the order of reading."""

    text: str
    lines: NotRequired[Sequence[Line]]


class Predictions(TypedDict):
    """The likeliest class of an item, and how likely it is (0 to 1)."""

    label: str
    probability: float


_OBJECTS = {"transcript": Transcript, "writing": Writing, "predictions": Predictions}
"""The types of objects that are more than a string for each part, and of fields with fixed keys."""
_TYPES: Mapping[Kind, Any] = {
    Kind.KEYWORD: str,
    Kind.TEXT: str,
    Kind.WHOLE: int,
    Kind.NUMBER: float,
    Kind.INSTANT: str,
    Kind.SCALARS: Mapping[str, str | bool | int | float | None],
    Kind.OBJECT: Mapping[str, str],
    Kind.PLACE: Place,
}


def _type(field: fields.Field) -> Any:
    value: Any = _OBJECTS.get(field.name, _TYPES[field.kind])
    if field.choices:
        value = Literal.__getitem__(field.choices)
    if field.many:
        value = list.__class_getitem__(value)
    return Annotated[value, Field(description=field.description)]


if TYPE_CHECKING:
    ItemDocument = Mapping[str, Any]
else:
    ItemDocument = TypedDict(
        "ItemDocument",
        {field.name: _type(field) for field in FIELDS.stored if field.public},
        total=False,
    )
    ItemDocument.__doc__ = "What an item has; what it lacks is left out."
    ItemDocument.__pydantic_config__ = ConfigDict(extra="forbid")
