"""The manifest of a batch: the durable truth of what was accepted, one JSON line an item.

The lines a user writes (``ItemLine``) name files; the lines that are stored (``Entry``) carry
what the workers need, and the lines that could not be read are stored with their reason.
"""

import codecs
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from triptych.core.errors import InvalidInput
from triptych.core.item import Item
from triptych.core.names import check_file_name, check_id, check_text, is_id, printable
from triptych.core.strict_json import read_object
from triptych.media.store import MediaStore

FOLDER = "batches"

_MAX_VALUE_CHARS = 1024
_MAX_PROBLEMS = 5


def _check_scalar(value: Any) -> Any:
    """One validator instead of a union: a reason, not one per type that it might have been."""
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


Text = Annotated[str, AfterValidator(check_text)]
ItemId = Annotated[str, AfterValidator(check_id)]
FileName = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(check_file_name)]
Tag = Annotated[Text, Field(min_length=1, max_length=256)]
Scalar = Annotated[
    str | bool | int | float | None,
    PlainValidator(_check_scalar, json_schema_input_type=str | bool | int | float | None),
]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
MetadataName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class ItemFields(BaseModel):
    """What every way to send an item has in common."""

    model_config = ConfigDict(extra="forbid")

    id: ItemId | None = Field(None, description="yours; else made from the content")
    text: str | None = None
    language: Language | None = Field(None, description="of the text, as ISO 639-1 has it")
    tags: list[Tag] = Field(default_factory=list, max_length=256)
    metadata: dict[MetadataName, Scalar] = Field(default_factory=dict, max_length=64)
    source: Text | None = Field(None, max_length=2048, description="where the item comes from")


class ItemLine(ItemFields):
    """One line of a manifest: image and audio are paths, relative to the manifest's root."""

    image: FileName | None = None
    audio: FileName | None = None


@dataclass(frozen=True)
class Rejection:
    """A line that is no item, and why."""

    line: int
    reason: str
    id: str | None = None


def read_lines(data: bytes) -> Iterator[tuple[int, ItemLine | Rejection]]:
    """Read a JSONL manifest, line numbers from 1; a bad line becomes a Rejection."""
    for number, line in enumerate(io.BytesIO(data), start=1):
        if line.strip():
            yield number, _read_line(number, line)


def _read_line(number: int, line: bytes) -> ItemLine | Rejection:
    try:
        value = read_object(line.removeprefix(codecs.BOM_UTF8), f"line {number}")
    except InvalidInput as error:
        return Rejection(number, error.reason)
    try:
        item = ItemLine.model_validate(value)
    except ValidationError as error:
        known = value.get("id")
        item_id = known if is_id(known) else None
        return Rejection(number, f"line {number}: {describe(error)}", item_id)
    if item.text is None and item.image is None and item.audio is None:
        return Rejection(number, f"line {number} has no image, text or audio", item.id)
    return item


def describe(error: ValidationError) -> str:
    """The first problems of a pydantic error in one line, each with its field."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    reasons = [
        f"{'.'.join(map(str, problem['loc'])) or 'value'}: {_message(problem)}"
        for problem in problems[:_MAX_PROBLEMS]
    ]
    if len(problems) > _MAX_PROBLEMS:
        reasons.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return printable("; ".join(reasons))


_WORDING = {
    "extra_forbidden": "unknown field",
    "model_type": "an object is accepted",
    "dict_type": "an object is accepted",
    "list_type": "a list is accepted",
}
"""Where pydantic speaks of Python."""


def _message(problem: Mapping[str, Any]) -> str:
    known = _WORDING.get(problem["type"])
    return known or str(problem["msg"]).removeprefix("Value error, ")


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
        return cls(Item.from_message(value["item"]), value["paths"])


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
    return Manifest(**json.loads(lines[0]), entries=(Entry.from_json(line) for line in lines[1:]))


def delete_manifest(store: MediaStore, batch: str) -> None:
    """Forget a batch that was not accepted after all."""
    store.delete_document(FOLDER, _file_name(batch))


def _file_name(batch: str) -> str:
    return f"{batch}.jsonl"
