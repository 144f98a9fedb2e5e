"""Uploads are bounded, keep each item whole, and leave out what is there already."""

import hashlib
import json
from pathlib import Path

import pytest

from triptych.core.item import Item
from triptych.ingest import uploads as module
from triptych.ingest.content import content_digest
from triptych.ingest.uploads import Sources, find_sources, only_unknown, uploads_of
from triptych.ingest.walking import Walk

CHARS = 1000
"""The limit of a text."""


@pytest.fixture
def folder(tmp_path):
    """Ten items of picture and text, and a file of no known kind."""
    for number in range(10):
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / f"{number}.png").write_bytes(b"x" * 60)
        (tmp_path / "deep" / f"{number}.txt").write_bytes(b"y" * 40)
    (tmp_path / "notes.bin").write_bytes(b"z")
    return tmp_path


def sources(root: Path, *paths: Path) -> Sources:
    """What is found under paths, called relative to the root."""
    return find_sources(paths or [root], Walk(root))


def lines(found: Sources) -> dict[str, dict]:
    """The line of each item by its id."""
    return {item.id: json.loads(item.line) for item in found.items(CHARS)}


def test_a_folder_is_lines_with_ids(folder):
    """Files of one stem are one line, each by its whole name; the unknown are told of."""
    found = sources(folder)
    expected = {"id": "deep/3", "image": "deep/3.png", "text_file": "deep/3.txt"}
    assert lines(found)["deep/3"] == expected
    (upload,) = uploads_of(found.items(CHARS))
    assert upload.items == 10
    assert upload.files["deep/3.png"] == folder / "deep" / "3.png"
    assert [(s.name, s.kind) for s in found.walk.skips.listed] == [
        ("notes.bin", "unknown extension")
    ]


def test_files_that_are_given_one_by_one_are_grouped(folder):
    """As a shell gives the files of a folder."""
    found = sources(folder, folder / "deep" / "1.png", folder / "deep" / "1.txt")
    assert list(lines(found)) == ["deep/1"]


def test_a_second_picture_keeps_its_id_when_it_is_sent_alone(folder):
    """Its receiver does not see the first, which is there already."""
    (folder / "deep" / "1.jpg").write_bytes(b"another")
    found = sources(folder).items(CHARS)
    items = only_unknown(found, Walk(), lambda ids: {i for i in ids if i != "b"})
    assert list(items) == []
    found = sources(folder)
    assert lines(found)["deep/1.png"]["image"] == "deep/1.png"


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [(3, 10**9, [3, 3, 3, 1]), (100, 350, [2] * 5), (100, 1, [1] * 10), (10, 9000, [10])],
)
def test_uploads_are_cut_between_items(folder, monkeypatch, items, size, expected):
    """By number and by bytes; an item above the size goes alone, and none is torn apart."""
    monkeypatch.setattr(module, "_MAX_ITEMS", items)
    monkeypatch.setattr(module, "_MAX_BYTES", size)
    found = list(uploads_of(sources(folder).items(CHARS)))
    assert [upload.items for upload in found] == expected
    for upload in found:
        named = [json.loads(line) for line in upload.manifest.splitlines()]
        assert {n for line in named for n in (line["image"], line["text_file"])} == set(
            upload.files
        )


def test_a_manifest_in_a_folder_is_read(folder):
    """What it names belongs to its lines, relative to it; the rest are items by their names."""
    text = '{"id": "first", "image": "1.png", "tags": ["t"]}\n{"image": "gone.png"}\n{"id": 5}\n'
    (folder / "deep" / "list.jsonl").write_text(text)
    found = sources(folder)
    made = lines(found)
    assert made["first"] == {"id": "first", "image": "deep/1.png", "tags": ["t"]}
    assert made["deep/gone.png"] == {"id": "deep/gone.png", "image": "deep/gone.png"}
    assert made["deep/1"] == {"id": "deep/1", "text_file": "deep/1.txt"}
    (bad,) = [skip for skip in found.walk.skips.listed if skip.kind == "bad line"]
    assert bad.name == "deep/list.jsonl:3"
    assert bad.reason.startswith("line 3: id")


def test_a_manifest_that_is_none_is_named(folder):
    """And the rest goes on."""
    (folder / "list.jsonl").write_bytes("{}".encode("utf-16"))
    found = sources(folder)
    assert len(lines(found)) == 10
    assert "UTF-16" in next(s.reason for s in found.walk.skips.listed if s.name == "list.jsonl")


def test_a_csv_counts_where_it_is_given_or_called_manifest(folder):
    """Other tables in a folder are no manifests."""
    (folder / "sales.csv").write_text("a,b\n1,2\n")
    (folder / "manifest.csv").write_text("id,image\nx,deep/1.png\n")
    assert "x" in lines(sources(folder))
    (folder / "any.csv").write_text("id,text\ny,words\n")
    assert lines(sources(folder, folder / "any.csv")) == {"y": {"id": "y", "text": "words"}}


def test_archives_count_where_they_are_given(folder):
    """One in a folder is named."""
    (folder / "a.ZIP").write_bytes(b"PK")
    (folder / "b.tar.gz").write_bytes(b"")
    found = sources(folder)
    assert found.archives == []
    assert found.walk.skips.counts["nested archive"] == 2
    assert [f.name for f in sources(folder, folder / "a.ZIP").archives] == ["a.ZIP"]


def test_large_files_are_left_out(folder):
    """By the limit of the receiver."""
    found = sources(folder)
    found.leave_out_large(59)
    assert lines(found)["deep/1"] == {"id": "deep/1", "text_file": "deep/1.txt"}
    assert found.walk.skips.counts["too large"] == 10


def digest(**parts) -> str:
    """The content of an item as its receiver computes it."""
    return content_digest(Item("", **parts))


def test_what_is_there_just_so_is_not_sent(folder):
    """By the bytes of media, the clean text, the other fields; what can't be read is told of."""
    (folder / "deep" / "2.txt").write_bytes(b"  two\n")
    (folder / "deep" / "3.txt").write_bytes(b"x" * (CHARS + 1))
    (folder / "list.jsonl").write_text('{"id": "line", "text": "a", "tags": ["t"]}\n')
    image = hashlib.sha256(b"x" * 60).hexdigest()
    asked = {}

    def known(contents):
        asked.update(contents)
        return {"deep/2", "line"}

    found = sources(folder)
    (folder / "deep" / "9.png").unlink()
    sent = [item.id for item in only_unknown(found.items(CHARS), found.walk, known)]
    assert sent == [f"deep/{n}" for n in (0, 1, 3, 4, 5, 6, 7, 8)]
    assert asked["deep/2"] == digest(text="two", image=image)
    assert asked["deep/3"] == digest(text="x" * CHARS, image=image), "as its receiver cuts it"
    assert asked["line"] == digest(text="a", fields={"tags": ["t"]})
    counts = found.walk.skips.counts
    assert (counts["unchanged"], counts["unreadable"]) == (2, 1)


@pytest.mark.parametrize("asked_at_once", [1, 2, 10])
def test_of_two_versions_in_one_run_the_last_stays(tmp_path, monkeypatch, asked_at_once):
    """Though the collection has it: the first would come after it."""
    monkeypatch.setattr(module, "_ASKED", asked_at_once)
    (tmp_path / "l.jsonl").write_text('{"id": "a", "text": "1"}\n{"id": "a", "text": "2"}\n')
    held = {digest(text="2")}

    def known(contents):
        return {item for item, content in contents.items() if content in held}

    walk = Walk(tmp_path)
    sent = list(only_unknown(find_sources([tmp_path], walk).items(CHARS), walk, known))
    assert [json.loads(item.line)["text"] for item in sent][-1:] == ["2"]


def test_a_line_of_text_has_the_id_of_its_content(tmp_path):
    """So that sending it twice doubles nothing."""
    (tmp_path / "l.jsonl").write_text('{"text": "a"}\n{"text": " a "}\n{"text": "b"}\n')
    ids = [item.id for item in sources(tmp_path).items(CHARS)]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 32
