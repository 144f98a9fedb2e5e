"""What senders say of items: the fields of every way in, and the lines of a manifest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, create_model

from triptych.core import fields
from triptych.core.fields import FIELDS
from triptych.core.item import Modality
from triptych.core.values import FileName

FILE_FIELDS = {"text": "text_file"}
"""The fields of a line that name a file, where they are not called like the part."""


def _name_keys(schema: dict[str, Any]) -> None:
    """Say what keys may be by ``propertyNames``, which refuses the others."""
    ((pattern, values),) = schema.pop("patternProperties").items()
    schema["propertyNames"]["pattern"] = pattern
    schema["additionalProperties"] = values


def _sent(field: fields.Field) -> tuple[Any, Any]:
    """How a model of sent items declares a field: what it checks, and its default."""
    check, description = field.value_check, field.description
    if field.keyed:
        return check, Field(
            default_factory=dict,
            max_length=field.most,
            description=description,
            json_schema_extra=_name_keys,
        )
    if field.many:
        values: Any = list.__class_getitem__(check)
        return values, Field(default_factory=list, max_length=field.most, description=description)
    return check | None, Field(None, description=description)


_SENT: dict[str, Any] = {field.name: _sent(field) for field in FIELDS.sendable}
_Sent: Any = create_model("_Sent", __config__=ConfigDict(extra="forbid"), **_SENT)


class ItemFields(_Sent):
    """What every way to send an item has in common: the fields that clients may send."""

    if TYPE_CHECKING:  # what type checkers are told of the fields that code names
        id: str | None
        text: str | None

    def values(self) -> dict[str, Any]:
        """The fields beside id and text, without those that are empty."""
        sent = self.model_dump(include={field.name for field in FIELDS.sendable} - {"id", "text"})
        return {name: value for name, value in sent.items() if value not in (None, [], {})}


class ItemLine(ItemFields):
    """One line of a manifest: files are paths, relative to the manifest's root."""

    text_file: FileName | None = Field(None, description="a file with the text, instead of text")
    image: FileName | None = None
    audio: FileName | None = None

    @property
    def files(self) -> dict[Modality, str]:
        """The files that it names."""
        named: dict[Modality, str | None]
        named = {"image": self.image, "text": self.text_file, "audio": self.audio}
        return {part: name for part, name in named.items() if name}


class ItemRequest(ItemFields):
    """One item as JSON; media as base64."""

    image: str | None = Field(None, description="base64")
    audio: str | None = Field(None, description="base64")


@dataclass(frozen=True)
class Rejection:
    """A line that is no item, and why."""

    line: int
    reason: str
    id: str | None
