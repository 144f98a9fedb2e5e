"""What senders say of items: the fields of every way in, and the lines of a manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, create_model

from triptych.core import fields
from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.core.instants import microseconds, zone_of
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
        return kept_values({name: sent[name] for name in sent if sent[name] not in _EMPTY})


def kept_values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Values of fields as items have them: instants as microseconds since 1970, with their zone."""
    values = dict(sent)
    for name in _INSTANTS & values.keys():
        written = values[name]
        values[name] = microseconds(written)
        if (zone := zone_of(written)) is not None:
            values[zone_field(name)] = zone
    return values


def zone_field(name: str) -> str:
    """The field with the zone of an instant."""
    return f"{name}_zone"


_EMPTY: tuple[Any, ...] = (None, [], {})
_INSTANTS = {field.name for field in FIELDS.sendable if field.kind is fields.Kind.INSTANT}


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


def _changed(field: fields.Field) -> tuple[Any, Any]:
    """How a model of changes declares a field: null removes it, or one of its values by key."""
    check = list.__class_getitem__(field.value_check) if field.many else field.value_check
    schema = _name_keys_of_null if field.keyed else None
    most = field.most if field.many or field.keyed else None
    described = Field(
        None, max_length=most, description=field.description, json_schema_extra=schema
    )
    return check | None, described


def _name_keys_of_null(schema: dict[str, Any]) -> None:
    """As ``_name_keys``, of values that may be null as a whole."""
    for one in schema["anyOf"]:
        if "patternProperties" in one:
            _name_keys(one)


_CHANGED: dict[str, Any] = {
    field.name: _changed(field) for field in FIELDS.sendable if field.name != "id"
}
_Changed: Any = create_model("_Changed", __config__=ConfigDict(extra="forbid"), **_CHANGED)


class ItemChange(_Changed):
    """What changes of an item, as a JSON merge patch (RFC 7396): null removes a field."""

    if TYPE_CHECKING:
        text: str | None

    def over(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of an item beside id and text, with this change.

        Args:
            known: those that it has, as ``ItemFields.values`` returns them.

        Raises InvalidInput: it would have too many values by key.
        """
        fields, given = dict(known), self.model_fields_set - {"text"}
        for name in given:
            value = getattr(self, name)
            if FIELDS[name].keyed and value is not None:
                value = _merged(FIELDS[name], fields.get(name, {}), value)
            if name in _INSTANTS:
                fields.pop(zone_field(name), None)
            fields.pop(name, None)
            if value not in _EMPTY:
                fields |= kept_values({name: value})
        return fields


def _merged(
    field: fields.Field, known: Mapping[str, Any], change: Mapping[str, Any]
) -> dict[str, Any]:
    merged = {key: one for key, one in {**known, **change}.items() if one is not None}
    if len(merged) > field.most:
        raise InvalidInput(
            f"{field.name} would have {len(merged)} keys; at most {field.most} are accepted",
            field=field.name,
        )
    return merged


@dataclass(frozen=True)
class Rejection:
    """A line that is no item, and why."""

    line: int
    reason: str
    id: str | None
