"""Manifests as users write them."""

import gzip
import json

import pytest

from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS, Kind
from triptych.ingest.lines import read_lines
from triptych.ingest.sent import ItemLine, Rejection

LINE = b'{"id": "a", "text": "x"}\n'


def rows(text: str) -> list[ItemLine | Rejection]:
    """The lines of a CSV."""
    return [line for _, line in read_lines(text.encode(), "csv")]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (LINE.decode().encode("utf-16"), "UTF-16"),
        (LINE.decode().encode("utf-16-le"), "UTF-16"),
        (LINE.decode().encode("utf-16-be"), "UTF-16"),
        (gzip.compress(LINE, mtime=0), "gzip"),
        (json.dumps([{"id": "a"}]).encode(), "a JSON array"),
        (json.dumps([{"id": "a"}], indent=2).encode(), "a JSON array"),
        (json.dumps({"id": "a"}, indent=2).encode(), "spread over several lines"),
        (b"<!DOCTYPE html>\n<title>502</title>", "HTML"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"\x89PNG\r\n\x1a\n\0", "a picture"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\x07\x08\x09\0\0\0", "binary data"),
        (b"id,text\r\na,x\r\n", "CSV"),
        (b'"id","image"\na,b.png\n', "CSV"),
    ],
)
def test_another_form_is_named(data, what):
    """Before any line is taken for an item that failed."""
    with pytest.raises(InvalidInput, match=what) as raised:
        read_lines(data)
    assert raised.value.field == "manifest"


def test_json_is_no_csv():
    """And the other way round."""
    with pytest.raises(InvalidInput, match="manifest is JSON: CSV in UTF-8"):
        read_lines(LINE, "csv")


def test_columns_are_fields():
    """Tags by semicolons, metadata by their keys; an empty cell is none."""
    (line,) = rows(
        "\ufeffid,text,tags,image,metadata.year,metadata.code,metadata.ok,source\r\n"
        'a,"one, ""two""\nthree",b; c ;,p.png,2004,007,true,\r\n'
    )
    assert (line.id, line.text, line.image) == ("a", 'one, "two"\nthree', "p.png")
    assert line.tags == ["b", "c"]
    assert line.metadata == {"year": 2004, "code": "007", "ok": True}
    assert line.source is None


def test_every_field_that_can_be_sent_is_a_column():
    """Of the catalogue."""
    sendable = [field for field in FIELDS.sendable if field.name != "text"]
    names = [field.name for field in sendable if not field.keyed and field.kind is not Kind.PLACE]
    cells = {"captured_at": "2024-05-31"}
    (line,) = rows(f"text,{','.join(names)}\nx,{','.join(cells.get(n, 'en') for n in names)}\n")
    assert {name for name in names if getattr(line, name)} == set(names)
    assert {*names, "metadata", "place"} == {field.name for field in sendable}


def test_a_place_has_two_columns():
    """Both or none; in degrees."""
    here, nowhere, half, far = rows(
        "text,place.latitude,place.longitude\nx,-33.9,18\nx,,\nx,5,\nx,95,5\n"
    )
    assert here.place == {"latitude": -33.9, "longitude": 18}
    assert nowhere.place is None
    assert "place.longitude" in half.reason
    assert "place.latitude" in far.reason
    with pytest.raises(InvalidInput, match=r"place\.height"):
        rows("text,place.height\nx,5\n")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("id,text\na,x\nb\nc,z\n", 3, "line 3 has 1 cells, the header row has 2"),
        ('id,text\na,x\nb,"y" z\nc,z\n', 3, "line 3 is no CSV"),
        ("id,text\na,x\n../b,y\nc,z\n", 3, "line 3: id: "),
        ("id,text\na,x\nb,\nc,z\n", 3, "line 3 has no image, text or audio"),
        ('id,text\na,"x\n2"\nb,\nc,z\n', 4, "line 4 has no image, text or audio"),
    ],
)
def test_a_bad_row_fails_alone(text, line, reason):
    """By the number of its line."""
    first, bad, last = rows(text)
    assert (first.id, last.id) == ("a", "c")
    assert isinstance(bad, Rejection)
    assert bad.line == line
    assert bad.reason.startswith(reason)


def test_a_row_that_is_no_utf8_fails_alone():
    """Of another encoding."""
    good, bad = (
        line for _, line in read_lines("id,source,text\na,é,x\n".encode() + b"b,\xe9,y\n", "csv")
    )
    assert good.source == "é"
    assert "source: not Unicode" in bad.reason


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("id;text", "'id;text'"),
        ("id,colour,text", "'colour'"),
        ("id,metadata,text", "'metadata'"),
        ("id,tags.x,text", "'tags.x'"),
        ("id,text,id", "'id' is there twice"),
    ],
)
def test_a_header_that_means_nothing_is_refused(header, reason):
    """With what is accepted."""
    with pytest.raises(InvalidInput, match=reason):
        read_lines(f"{header}\n1,2,3\n".encode(), "csv")


def test_a_long_cell_is_read():
    """As long as a text may be, and longer."""
    (line,) = rows(f"id,text\na,{'x' * 300_000}\n")
    assert len(line.text) == 300_000
