"""Manifests as users write them: JSON lines, or CSV with a header row."""

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS, Field, Kind
from triptych.core.names import is_id, printable
from triptych.core.strict_json import read_object
from triptych.core.values import describe
from triptych.ingest.sent import ItemLine, Rejection

Form = Literal["jsonl", "csv"]

Lines = Iterator[tuple[int, ItemLine | Rejection]]
"""Each with its number, from 1."""

MANY = ";"
"""What separates the values of a cell with several."""

_FORMATS: Mapping[bytes, str] = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"PK\x03\x04": "a ZIP archive, or a spreadsheet",
    b"PK\x05\x06": "a ZIP archive",
    b"\xd0\xcf\x11\xe0": "a file of a Microsoft Office program",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "a Parquet file",
}
_LOOKED_AT = 4096
_ARRAY = re.compile(rb"\[\s*([{\]]|$)")
"""The beginning of a list of objects; a line that begins with another list is a bad line."""
_HTML = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_COLUMNS = ("text_file", "image", "audio")
_PARTS = {
    field.name: field.kinds_of_values for field in FIELDS.sendable if field.kind is Kind.PLACE
}
"""The fields of which each number has a column, such as ``place.latitude``."""


def read_lines(data: bytes, form: Form = "jsonl") -> Lines:
    """Read a manifest; a line that is no item becomes a Rejection.

    Raises:
        InvalidInput: it is something else than a manifest of this form; the reason says what.
    """
    check_form(data, form)
    return _read_csv(data) if form == "csv" else _read_jsonl(data)


def form_of(name: str) -> Form:
    """The form that the name of a manifest claims."""
    return "csv" if name.lower().endswith(".csv") else "jsonl"


def check_form(data: bytes, form: Form) -> None:
    """Raise InvalidInput, saying what it is, where data can't be a manifest of this form."""
    if found := _other_form(data[:_LOOKED_AT], form):
        accepted = "CSV in UTF-8" if form == "csv" else "one JSON object a line, in UTF-8,"
        raise InvalidInput(f"manifest is {found}: {accepted} is accepted", field="manifest")


def _other_form(start: bytes, form: Form) -> str | None:
    """What data are that begin like this, if they are not of the form."""
    if name := next((name for magic, name in _FORMATS.items() if start.startswith(magic)), None):
        return name
    if b"\0" in start:
        return "UTF-16" if b"\0" in start[:2] and start[:2] != b"\0\0" else "binary data"
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    first = text.split(b"\n", 1)[0].rstrip()
    columns = {cell.strip(b'" ').decode("utf-8", "replace") for cell in first.split(b",")}
    checks = {
        "HTML": _HTML.match(text),
        "XML": text.startswith(b"<"),
        "a JSON array": _ARRAY.match(text),
        "JSON": form == "csv" and text.startswith(b"{"),
        "JSON objects that are spread over several lines": form == "jsonl" and first == b"{",
        "CSV (send it as text/csv, or as a file .csv)": form == "jsonl"
        and bool(columns & {"id", "text", *_COLUMNS}),
    }
    return next((name for name, found in checks.items() if found), None)


def _read_jsonl(data: bytes) -> Lines:
    for number, line in enumerate(io.BytesIO(data), start=1):
        if line.strip():
            yield number, _read_line(number, line)


def _read_line(number: int, line: bytes) -> ItemLine | Rejection:
    try:
        value = read_object(line.removeprefix(codecs.BOM_UTF8), f"line {number}")
    except InvalidInput as error:
        return Rejection(number, error.reason, None)
    return _item_line(number, value)


def _item_line(number: int, value: dict[str, Any]) -> ItemLine | Rejection:
    known = value.get("id")
    item_id = known if is_id(known) else None
    try:
        item = ItemLine.model_validate(value)
    except ValidationError as error:
        return Rejection(number, f"line {number}: {describe(error)}", item_id)
    if item.text is not None and item.text_file is not None:
        return Rejection(number, f"line {number}: text and text_file: one is accepted", item_id)
    if (item.text, item.text_file, item.image, item.audio) == (None,) * 4:
        return Rejection(number, f"line {number} has no image, text or audio", item_id)
    return item


def _read_csv(data: bytes) -> Lines:
    """Rows under a header of names of fields."""
    # A cell may be as long as a text; the library's own limit is for all readers of a process.
    csv.field_size_limit(sys.maxsize)
    # A byte that is no UTF-8 becomes a surrogate, for which its row is rejected.
    text = data.decode("utf-8-sig", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InvalidInput(f"the header row is no CSV: {error}", field="manifest") from error
    _check_header(header)
    return _rows(reader, header)


def _rows(reader: Any, header: Sequence[str]) -> Lines:
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, Rejection(number, f"line {number} is no CSV: {error}", None)
            continue
        if len(row) == len(header):
            yield number, _item_line(number, _values(dict(zip(header, row, strict=True))))
        elif row:
            reason = f"line {number} has {len(row)} cells, the header row has {len(header)}"
            yield number, Rejection(number, reason, None)


def _check_header(header: Sequence[str]) -> None:
    """Raise InvalidInput for a header row with a column that means nothing, or one twice."""
    fields = FIELDS.sendable
    plain = {field.name for field in fields if not _has_parts(field)} | set(_COLUMNS)
    plain |= {f"{name}.{part}" for name, parts in _PARTS.items() for part in parts}
    keyed = {field.name for field in fields if field.keyed}
    for position, name in enumerate(header):
        base, dot, key = name.partition(".")
        if name in header[:position]:
            raise InvalidInput(f"column {printable(name)!r} is there twice", field="manifest")
        if name not in plain and not (dot and key and base in keyed):
            known = ", ".join([*sorted(plain), *(f"{one}.KEY" for one in sorted(keyed))])
            raise InvalidInput(
                f"the header row of the CSV has the column {printable(name)!r}: {known} are "
                "accepted, separated by commas",
                field="manifest",
            )


def _has_parts(field: Field) -> bool:
    """Whether a column has one of its values, and not the whole field."""
    return field.keyed or field.name in _PARTS


def _values(cells: Mapping[str, str]) -> dict[str, Any]:
    """The values of a row; an empty cell is none."""
    values: dict[str, Any] = {}
    for column, cell in cells.items():
        name, _, key = column.partition(".")
        if not cell.strip():
            continue
        if name in _COLUMNS:
            values[name] = cell
        elif _has_parts(field := FIELDS[name]):
            values.setdefault(name, {})[key] = _scalar(cell)
        elif field.many:
            values[name] = [part for value in cell.split(MANY) if (part := value.strip())]
        else:
            values[name] = _scalar(cell) if field.kind is Kind.WHOLE else cell
    return values


def _scalar(cell: str) -> Any:
    """A number or boolean where the cell is one as JSON writes it, else the string."""
    if cell in {"true", "false"} or _NUMBER.fullmatch(cell):
        return json.loads(cell)
    return cell
