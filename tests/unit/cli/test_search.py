"""Which parts of a query are sent as they are, and which are files."""

import pytest

from triptych.cli.search import query_of


def test_files_are_read_and_references_are_not(tmp_path):
    """An item or an address goes to the gateway by name, beside the bytes of a file."""
    picture, sound = tmp_path / "a.png", tmp_path / "b.ogg"
    picture.write_bytes(b"picture")
    sound.write_bytes(b"sound")
    fields, media = query_of(
        {
            "text": ["one", "item:x"],
            "image": [str(picture), "item:x", "https://example.org/a.png"],
            "audio": [],
            "not.text": ["two"],
            "not.image": ["item:y"],
            "not.audio": [str(sound), str(sound)],
        }
    )
    assert fields == {
        "text": ["one", "item:x"],
        "image": ["item:x", "https://example.org/a.png"],
        "not": {"text": "two", "image": "item:y"},
    }
    assert media == {"image": [b"picture"], "not.audio": [b"sound", b"sound"]}


def test_nothing_asked_is_a_listing():
    """Then the request says only how to list."""
    assert query_of({"text": [], "image": [], "not.text": []}) == ({}, {})


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    """Which the command tells by its name."""
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        query_of({"image": [str(tmp_path / "gone.png")]})
