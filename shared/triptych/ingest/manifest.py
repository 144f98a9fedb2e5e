"""The manifest of a batch: the durable truth of what was accepted, one JSON line an item.

The lines a user writes (``ItemLine``) name files; the lines that are stored (``Entry``) carry
what the workers need, and the lines that could not be read are stored with their reason.
"""

import codecs
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict, Field, ValidationError, create_model

from triptych.core import fields
from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.core.item import Item
from triptych.core.names import is_id
from triptych.core.strict_json import read_object
from triptych.core.values import (
    FileName,
    describe,
)
from triptych.media.store import MediaStore

FOLDER = "batches"


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
    """One line of a manifest: image and audio are paths, relative to the manifest's root."""

    image: FileName | None = None
    audio: FileName | None = None


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


def read_lines(data: bytes) -> Iterator[tuple[int, ItemLine | Rejection]]:
    """Read a JSONL manifest, line numbers from 1; a bad line becomes a Rejection."""
    for number, line in enumerate(io.BytesIO(data), start=1):
        if line.strip():
            yield number, _read_line(number, line)


def _read_line(number: int, line: bytes) -> ItemLine | Rejection:
    try:
        value = read_object(line.removeprefix(codecs.BOM_UTF8), f"line {number}")
    except InvalidInput as error:
        return Rejection(number, error.reason, None)
    try:
        item = ItemLine.model_validate(value)
    except ValidationError as error:
        known = value.get("id")
        item_id = known if is_id(known) else None
        return Rejection(number, f"line {number}: {describe(error)}", item_id)
    if item.text is None and item.image is None and item.audio is None:
        return Rejection(number, f"line {number} has no image, text or audio", item.id)
    return item


@dataclass(frozen=True)
class Entry:
    """One stored line: an item, and the server-side files that are still to be read into it."""

    item: Item
    paths: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line without its newline."""
        body = {
            name: value for name, value in vars(self.item).items() if value not in (None, {}, ())
        }
        return json.dumps({"item": body, "paths": dict(self.paths)}, ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what ``to_json`` wrote."""
        value = json.loads(line)
        return cls(Item(**value["item"]), value["paths"])


@dataclass(frozen=True)
class Manifest:
    """A batch as it is stored."""

    batch: str
    collection: str
    sequence: int
    fingerprint: str
    total: int
    entries: Iterable[Entry]


def write_manifest(store: MediaStore, manifest: Manifest) -> None:
    """Store a manifest durably, its header first."""
    header = {name: value for name, value in vars(manifest).items() if name != "entries"}
    lines = [json.dumps(header), *(entry.to_json() for entry in manifest.entries)]
    store.write_document(FOLDER, _file_name(manifest.batch), "\n".join(lines).encode())


def read_manifest(store: MediaStore, batch: str) -> Manifest:
    """Read a stored manifest; its entries are read as they are iterated. Raises NotFound."""
    lines = store.read_document(FOLDER, _file_name(batch)).decode().split("\n")
    entries = (_read_entry(batch, ordinal, line) for ordinal, line in enumerate(lines[1:]))
    return Manifest(**json.loads(lines[0]), entries=entries)


def _read_entry(batch: str, ordinal: int, line: str) -> Entry:
    """A stored line; one that can't be read, as of another version, is a failed item."""
    try:
        return Entry.from_json(line)
    except (ValueError, TypeError, KeyError) as error:
        item = Item(id=f"{batch}-{ordinal}", ordinal=ordinal)
        return Entry(item.failing("item", f"the stored line can't be read: {error}"))


def delete_manifest(store: MediaStore, batch: str) -> None:
    """Forget a batch that was not accepted after all."""
    store.delete_document(FOLDER, _file_name(batch))


def _file_name(batch: str) -> str:
    return f"{batch}.jsonl"
