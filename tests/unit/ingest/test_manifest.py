"""Manifests: bad lines become rejections, stored ones come back as they were."""

import json
import uuid
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import InvalidInput, NotFound
from triptych.core.item import Item
from triptych.ingest.lines import read_lines
from triptych.ingest.manifest import (
    Entry,
    Manifest,
    delete_manifest,
    read_entries,
    read_manifest,
    read_window,
    write_manifest,
)
from triptych.ingest.sent import ItemLine, Rejection
from triptych.media.store import MediaStore


def lines(data: bytes) -> list[tuple[int, ItemLine | Rejection]]:
    """All lines of a manifest."""
    return list(read_lines(data))


def only(data: bytes) -> ItemLine | Rejection:
    """The one line of a manifest."""
    ((_, found),) = lines(data)
    return found


def test_good_lines_are_items():
    """Empty lines are skipped but counted, as is a carriage return; a byte order mark is not."""
    first_line = b'\xef\xbb\xbf{"id":"a","text":"x"}\r\n'
    data = first_line + b'\n  \n{"image":"p.png","tags":["t"],"metadata":{"n":1.5}}'
    (first, one), (second, other) = lines(data)
    assert (first, second) == (1, 4)
    assert (one.id, one.text) == ("a", "x")
    assert (other.image, other.tags, other.metadata) == ("p.png", ["t"], {"n": 1.5})


def test_only_line_feeds_end_a_line():
    """Not what Python's str counts as an end, which a JSON string may hold as it is."""
    for char in "\u2028\u0085\u2029":
        found = only(f'{{"text":"a{char}b"}}'.encode())
        assert isinstance(found, ItemLine)
        assert found.text == f"a{char}b"
    # Control characters are not allowed in JSON, but must not make two lines of one.
    for char in "\r\v\f\x1c\x1d\x1e":
        assert isinstance(only(f'{{"text":"a{char}b"}}'.encode()), Rejection)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text":"\xff"}', "line 1 is not UTF-8: byte 9"),
        (b'{"text":', "line 1 is not JSON"),
        (b"[" * 100_000, "line 1 is not JSON"),
        (b"[1]", "line 1 is not a JSON object"),
        (b"null", "line 1 is not a JSON object"),
        (b"{}", "line 1 has no image, text or audio"),
        (b'{"text":"x","colour":"red"}', "line 1: colour: unknown field"),
        (b'{"text":5}', "line 1: text: "),
        (b'{"text":"x","id":""}', "line 1: id: "),
        (b'{"text":"x","id":"a\\nb"}', "line 1: id: "),
        (b'{"text":"x","id":5}', "line 1: id: "),
        (b'{"text":"x","id":"../a"}', "line 1: id: no part between slashes"),
        (b'{"text":"x","id":"\\ud800"}', "line 1: id: control character or surrogate"),
        (b'{"text":"x","source":"\\ud800"}', "line 1: source: not Unicode"),
        (b'{"text":"x","\\ud800":1}', "line 1: value: not Unicode"),
        (b'{"image":"a\\nb.png"}', "line 1: image: control character"),
        (b'{"text":"x","metadata":{"a":9223372036854775808}}', "line 1: metadata.a: a whole num"),
        (b'{"image":""}', "line 1: image: "),
        (b'{"text":"x","tags":"t"}', "line 1: tags: "),
        (b'{"text":"x","tags":[""]}', "line 1: tags.0: "),
        (b'{"text":"x","metadata":{" b":1}}', "line 1: metadata. b"),
        (b'{"text":"x","metadata":{"a":{}}}', "line 1: metadata.a"),
        (b'{"text":"x","metadata":{"a":NaN}}', "line 1: metadata.a"),
        (b'{"text":"x","metadata":{"a":Infinity}}', "line 1: metadata.a"),
        (b'{"text":"x","metadata":{"a":1e999}}', "line 1: metadata.a"),
    ],
)
def test_a_bad_line_is_rejected_with_its_reason(line, reason):
    """One line does not stop the others."""
    (_, rejection), (number, good) = lines(line + b'\n{"text":"good"}')
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith(reason)
    assert rejection.line == 1
    assert number == 2
    assert isinstance(good, ItemLine)


def test_a_rejection_keeps_the_id_where_there_is_one():
    """So that the failure can be found by it."""
    assert only(b'{"id":"a","text":5}').id == "a"
    assert only(b'{"id":"a"}').id == "a"
    assert only(b'{"id":7,"text":5}').id is None
    assert only(b'{"id":"a/..","text":5}').id is None
    assert only(b'{"id":"' + b"x" * 513 + b'","text":5}').id is None


def test_reasons_are_bounded():
    """However many fields are wrong, and however long their names."""
    many = only(json.dumps({f"f{i}": 0 for i in range(9)}).encode()).reason
    assert many.endswith("f4: unknown field; and 4 more")
    assert len(only(json.dumps({"x" * 9000: 0}).encode()).reason) <= 520


@given(st.binary(max_size=100))
def test_any_bytes_are_lines_or_rejections(data):
    """Or the whole is something else, which is said."""
    with suppress(InvalidInput):
        assert all(isinstance(line, ItemLine | Rejection) for line in dict(lines(data)).values())


TEXT = st.text(max_size=8)
METADATA = st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=3)
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.builds(
            Item,
            id=TEXT,
            ordinal=st.integers(0, 99),
            text=st.none() | TEXT,
            fields=st.dictionaries(TEXT, st.lists(TEXT, max_size=3) | METADATA, max_size=3),
            errors=st.dictionaries(TEXT, TEXT, max_size=2),
        ),
    ),
    max_size=5,
)


@given(ENTRIES)
def test_a_stored_manifest_is_read_as_it_was_written(entries):
    """Any character in any field, also those that end lines elsewhere and lone surrogates."""
    store = MediaStore("memory://manifests")
    manifest = Manifest("b1", "photos", "id", 42, "print", len(entries))
    placed = write_manifest(store, manifest, entries)
    assert read_manifest(store, "b1") == manifest
    window = read_window(store, "b1", None, 0, 100)
    assert window.entries == placed
    assert window.after is None
    bare = [replace(entry, item=replace(entry.item, place=None)) for entry in placed]
    assert bare == entries


def test_entries_are_read_some_at_a_time():
    """Each window says where the next one begins."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    entries = [Entry(Item(str(n), n, text="x" * n)) for n in range(10)]
    placed = write_manifest(store, Manifest("b", "c", "id", 1, "print", 10), entries)
    found, place = [], None
    for first in (0, 4, 8):
        window = read_window(store, "b", place, first, 4)
        found.append(window.entries)
        place = window.after
    assert [len(entries) for entries in found] == [4, 4, 2]
    assert [entry for entries in found for entry in entries] == placed


def test_entries_are_found_by_their_places(monkeypatch):
    """In the order of the items, near ones read together and far ones apart."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    entries = [Entry(Item(str(n), n, text="ü" * 300)) for n in range(50)]
    placed = write_manifest(store, Manifest("b", "c", "id", 1, "print", 50), entries)
    wanted = [placed[n].item for n in (40, 3, 4, 49)]
    for near in (0, 2**16):
        monkeypatch.setattr("triptych.ingest.manifest._NEAR", near)
        found = read_entries(store, "b", wanted)
        assert [entry.item.id for entry in found] == ["40", "3", "4", "49"]


def test_a_file_of_the_server_is_called_as_there():
    """Without its folders."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    entry = Entry(Item("a"), {"image": "2023/p.png"})
    write_manifest(store, Manifest("b", "c", "id", 1, "print", 1), [entry])
    (found,) = read_window(store, "b", None, 0, 9).entries
    assert found.item.names == {"image": "p.png"}


def test_a_deleted_manifest_is_not_found():
    """Neither is one of a hostile name."""
    store = MediaStore("memory://manifests")
    write_manifest(store, Manifest("b2", "photos", "id", 1, "print", 0), [])
    delete_manifest(store, "b2")
    for name in ("b2", "../b2", ""):
        with pytest.raises(NotFound):
            read_manifest(store, name)


def test_the_header_is_the_first_line():
    """A person can read what a batch holds."""
    store = MediaStore("memory://manifests")
    write_manifest(store, Manifest("b3", "photos", "id", 1, "print", 1), [Entry(Item("a"))])
    first, second, end = store.read_document("batches", "b3.jsonl").decode().split("\n")
    assert json.loads(first)["total"] == 1
    assert json.loads(second) == {"item": {"id": "a", "ordinal": 0, "size": 0}, "paths": {}}
    assert end == "", "a line that was cut has no end"


def test_a_stored_line_that_can_not_be_read_is_a_failed_item():
    """As one that another version wrote: it is told of, and its neighbours are read."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    entries = [Entry(Item(name, ordinal, text="x")) for ordinal, name in enumerate("abc")]
    write_manifest(store, Manifest("b", "c", "id", 1, "print", 3), entries)
    header, first, _, last, _ = store.read_document("batches", "b.jsonl").split(b"\n")
    other = b'{"item": {"id": "b", "colour": "red"}, "paths": {}}'
    store.write_document("batches", "b.jsonl", b"\n".join([header, first, other, last, b""]))
    items = [entry.item for entry in read_window(store, "b", None, 0, 9).entries]
    assert [item.ordinal for item in items] == [0, 1, 2]
    assert [bool(item.errors) for item in items] == [False, True, False]
    assert "the stored line can't be read" in items[1].errors["item"]
