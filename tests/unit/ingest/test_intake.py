"""The files of an upload are taken one by one."""

import io
import os
import tracemalloc
import zipfile

import pytest

from triptych.core.errors import TooLarge
from triptych.core.settings import Limits
from triptych.ingest.intake import Intake, Kept, Oversized
from triptych.media.store import MediaStore


@pytest.fixture
def store(tmp_path):
    """A media store in a folder."""
    return MediaStore((tmp_path / "media").as_uri())


def test_media_go_into_the_store_and_texts_stay(store):
    """By the extension; what is too large goes nowhere."""
    intake = Intake(store, Limits(file_bytes=5))
    for name, data in {"a.png": b"12345", "a.txt": b"text", "b": b"?", "c.ogg": b"123456"}.items():
        intake.take(name, io.BytesIO(data))
    picture = intake["a.png"]
    assert isinstance(picture, Kept)
    assert (store.get(picture.digest), picture.size) == (b"12345", 5)
    assert (intake["a.txt"], intake["b"], intake["c.ogg"]) == (b"text", b"?", Oversized())
    assert list(intake) == ["a.png", "a.txt", "b", "c.ogg"]


def test_an_archive_is_a_folder_of_its_name(store):
    """Its manifests are kept apart, and what is refused."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("1.png", "m.jsonl", "x.exe", "../y.png", "large.png"):
            archive.writestr(name, name * (9 if name == "large.png" else 1))
    intake = Intake(store, Limits(file_bytes=20))
    buffer.seek(0)
    intake.take("in/box.tar.gz.zip", buffer)
    assert list(intake) == ["in/box.tar.gz/1.png"]
    assert intake.manifests == {"in/box.tar.gz/m.jsonl": b"m.jsonl"}
    assert {one.name: one.reason for one in intake.refused} == {
        "in/box.tar.gz/x.exe": "it is of no known kind by its extension",
        "in/box.tar.gz/../y.png": "its path leads out of the archive",
        "in/box.tar.gz/large.png": "81 bytes, the limit is 20",
    }


def test_texts_are_bounded_in_all(store):
    """They are in the memory."""
    intake = Intake(store, Limits(body_bytes=10))
    intake.take("a.txt", io.BytesIO(b"123456"))
    with pytest.raises(TooLarge, match="texts and manifests have more than 10 bytes"):
        intake.take("b.txt", io.BytesIO(b"123456"))


def test_never_more_than_a_file_is_in_the_memory(store, tmp_path):
    """However many come."""
    (tmp_path / "file").write_bytes(os.urandom(2**20))
    intake = Intake(store, Limits())
    tracemalloc.start()
    for number in range(20):
        with (tmp_path / "file").open("rb") as file:
            intake.take(f"{number}.png", file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(intake) == 20
    assert peak < 5 * 2**20
