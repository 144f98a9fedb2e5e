"""Uploads are bounded and keep each item whole."""

import json

import pytest

from triptych.ingest import uploads as module
from triptych.ingest.uploads import uploads_of


@pytest.fixture
def folder(tmp_path):
    """Ten items of picture and text, and a file of no known kind."""
    for number in range(10):
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / f"{number}.png").write_bytes(b"x" * 60)
        (tmp_path / "deep" / f"{number}.txt").write_bytes(b"y" * 40)
    (tmp_path / "notes.bin").write_bytes(b"z")
    return tmp_path


def test_a_folder_is_one_upload_of_relative_names(folder):
    """Unknown files stay here, which is told; hidden ones do, too."""
    skipped = {}
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.png").write_bytes(b"h")
    (upload,) = uploads_of([folder], skipped.__setitem__)
    assert upload.items == 10
    assert upload.size == 1000
    assert skipped == {str(folder / "notes.bin"): "of no known kind by its extension"}
    assert set(upload.files) == {f"deep/{n}.{kind}" for n in range(10) for kind in ("png", "txt")}
    assert upload.files["deep/3.png"] == folder / "deep" / "3.png"
    assert upload.manifest is None


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [(3, 10**9, [3, 3, 3, 1]), (100, 250, [2] * 5), (100, 1, [1] * 10), (10, 1000, [10])],
)
def test_uploads_are_cut_between_items(folder, monkeypatch, items, size, expected):
    """By number and by bytes; an item above the size goes alone, and none is torn apart."""
    monkeypatch.setattr(module, "_MAX_ITEMS", items)
    monkeypatch.setattr(module, "_MAX_BYTES", size)
    found = list(uploads_of([folder]))
    assert [upload.items for upload in found] == expected
    names = [name for upload in found for name in upload.files]
    assert len(names) == len(set(names)) == 20
    for upload in found:
        stems = sorted(name.rpartition(".")[0] for name in upload.files)
        assert stems[::2] == stems[1::2]


def test_a_manifest_goes_with_the_files_it_names(folder):
    """Lines as they are; files that are not there are left to the gateway to tell of."""
    lines = [
        {"id": "a", "image": "deep/1.png"},
        {"id": "b", "image": "gone.png", "audio": 5},
        "not an object",
    ]
    text = "\n".join(map(json.dumps, lines)) + "\n\nnot json\n"
    (folder / "list.jsonl").write_text(text)
    (upload,) = uploads_of([folder / "list.jsonl"])
    assert upload.manifest == text.replace("\n\n", "\n").encode()
    assert upload.files == {"deep/1.png": folder / "deep" / "1.png"}
    assert upload.items == 4


def test_a_manifest_in_a_folder_is_read(folder):
    """What it names belongs to its lines; the rest are items by their names."""
    text = '{"id": "first", "image": "1.png", "tags": ["t"]}\n{"id": "second", "text": "words"}\n'
    (folder / "deep" / "list.jsonl").write_text(text)
    lines, rest = uploads_of([folder])
    assert lines.manifest == text.encode()
    assert lines.files == {"1.png": folder / "deep" / "1.png"}
    names = {f"deep/{n}.{kind}" for n in range(10) for kind in ("png", "txt")}
    assert set(rest.files) == names - {"deep/1.png"}
    assert rest.manifest is None


def test_a_long_manifest_is_cut(folder, monkeypatch):
    """No line is lost or torn."""
    monkeypatch.setattr(module, "_MAX_ITEMS", 4)
    lines = [json.dumps({"id": str(n), "image": f"deep/{n}.png"}) for n in range(10)]
    (folder / "list.ndjson").write_text("\n".join(lines))
    found = list(uploads_of([folder / "list.ndjson"]))
    assert [len(upload.files) for upload in found] == [4, 4, 2]
    assert b"".join(upload.manifest for upload in found).decode().split("\n")[:-1] == lines


def test_single_files_and_what_is_not_there(folder):
    """A file by its name; a missing path is an error that names it."""
    (upload,) = uploads_of([folder / "deep" / "1.png"])
    assert list(upload.files) == ["1.png"]
    with pytest.raises(FileNotFoundError, match="nothing is not there"):
        list(uploads_of([folder / "nothing"]))
    assert list(uploads_of([folder / "notes.bin"])) == []
