"""The media store keeps bytes by their digest, and documents by their name."""

import hashlib
import uuid

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from triptych.core.errors import NotFound, StoreUnavailable
from triptych.media.store import MediaStore


@pytest.fixture(params=["file", "memory"])
def url(request, tmp_path):
    """A folder, and a file system that is not local."""
    return tmp_path.as_uri() if request.param == "file" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def store(url):
    """A fresh store."""
    made = MediaStore(url)
    made.begin()
    return made


def test_bytes_are_found_by_their_digest(store, url):
    """Also by another process, and storing twice is one."""
    digest = store.put(b"data")
    assert digest == hashlib.sha256(b"data").hexdigest() == store.put(b"data")
    assert store.get(digest) == MediaStore(url).get(digest) == b"data"
    empty = store.put(b"")
    assert store.get(empty) == b""


def test_what_is_not_there_is_not_found(store):
    """Media and documents."""
    with pytest.raises(NotFound, match="no media"):
        store.get("0" * 64)
    with pytest.raises(NotFound, match="no batches/b"):
        store.read_document("batches", "b")


@pytest.mark.parametrize(
    "digest", ["", "../secret", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "0/" * 32]
)
def test_what_is_no_digest_is_not_found(store, digest):
    """No path is made of it."""
    with pytest.raises(NotFound, match="is not a sha256"):
        store.get(digest)


def test_documents_are_written_replaced_and_deleted(store):
    """By folder and name."""
    store.write_document("batches", "b.jsonl", b"1")
    store.write_document("batches", "a.jsonl", b"2")
    store.write_document("batches", "b.jsonl", b"3")
    assert store.read_document("batches", "a.jsonl") == b"2"
    assert store.read_document("batches", "b.jsonl") == b"3"
    store.delete_document("batches", "b.jsonl")
    store.delete_document("batches", "b.jsonl")
    assert store.read_document("batches", "a.jsonl") == b"2"
    with pytest.raises(NotFound):
        store.read_document("batches", "b.jsonl")


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "../a", "a.JSON", "a b", "x" * 65, "a\n", "a.b.c"]
)
def test_names_that_could_be_paths_are_refused(store, name):
    """As folder and as name, to read, write and delete; a folder may be in a folder."""
    folder = name.replace("a/b", "a//b")
    for names in ((folder, "a"), ("a", name)):
        with pytest.raises(NotFound, match="is not a name"):
            store.write_document(*names, b"")
        with pytest.raises(NotFound, match="is not a name"):
            store.read_document(*names)
        with pytest.raises(NotFound, match="is not a name"):
            store.delete_document(*names)


def test_no_temporary_file_is_left(tmp_path):
    """Neither after success nor after a failure."""
    store = MediaStore(tmp_path.as_uri())
    digest = store.put(b"data")
    (tmp_path / "batches" / "b.jsonl").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="can't write"):
        store.write_document("batches", "b.jsonl", b"1")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"store.json", f"media/{digest[:2]}/{digest[2:]}"}


def test_a_store_that_can_not_be_written_has_a_name(tmp_path):
    """A file where a folder should be; clients learn why, but not where."""
    (tmp_path / "media").write_text("in the way")
    store = MediaStore(tmp_path.as_uri())
    with pytest.raises(StoreUnavailable, match="can't write: Not a directory") as caught:
        store.put(b"data")
    assert str(tmp_path) not in str(caught.value)


@pytest.fixture
def mounted(tmp_path):
    """A store in a folder that can be moved away."""
    store = MediaStore((tmp_path / "media").as_uri())
    store.put(b"before")
    return store, tmp_path / "media", tmp_path / "aside"


@pytest.mark.parametrize("empty_folder", [True, False])
def test_nothing_is_written_where_the_store_is_not_mounted(mounted, empty_folder):
    """Nor is anything "not found" there."""
    store, folder, aside = mounted
    digest = store.put(b"data")
    folder.rename(aside)
    if empty_folder:
        folder.mkdir()
    for call in (
        lambda: store.put(b"more"),
        lambda: store.put_derived("kind", digest, b"more"),
        lambda: store.write_document("batches", "b", b"more"),
        lambda: store.get(digest),
        lambda: store.documents("batches"),
    ):
        with pytest.raises(StoreUnavailable, match="not mounted"):
            call()
    assert [*folder.rglob("*")] == []
    if empty_folder:
        folder.rmdir()
    aside.rename(folder)
    assert store.get(digest) == b"data"


@pytest.mark.parametrize("empty_folder", [True, False])
def test_what_is_written_while_the_store_goes_away_is_not_acknowledged(
    mounted, monkeypatch, empty_folder
):
    """The look whether it is mounted is over, and the bytes land beside it."""
    store, folder, aside = mounted

    def unmount() -> None:
        folder.rename(aside)
        if empty_folder:
            folder.mkdir()

    monkeypatch.setattr(store, "begin", unmount)
    with pytest.raises(StoreUnavailable, match="not mounted"):
        store.write_document("batches", "b", b"accepted")
    assert folder.exists() is empty_folder


def test_what_killed_processes_left_is_removed(tmp_path):
    """Half-written files go; what one was about to collect comes back, and can be read."""
    store = MediaStore(tmp_path.as_uri())
    digest = store.put(b"data")
    path = tmp_path / "media" / digest[:2] / digest[2:]
    half = path.with_name(f".{uuid.uuid4().hex}")
    half.write_bytes(b"da")
    path.rename(path.with_name(f".aside-{path.name}"))
    assert store.tidy(half.stat().st_ctime - 1) == 0
    assert half.exists()
    assert store.tidy(half.stat().st_ctime + 1) == 1
    assert not half.exists()
    assert store.get(digest) == b"data"
    assert [one.name for one in store.media()] == [digest]


def test_a_damaged_copy_is_replaced_by_sending_it_again(tmp_path):
    """Where it is of another length, as after a full disk or a copy that was cut off."""
    store = MediaStore(tmp_path.as_uri())
    digest = store.put(b"picture")
    (tmp_path / "media" / digest[:2] / digest[2:]).write_bytes(b"")
    assert store.put(b"picture") == digest
    assert store.get(digest) == b"picture"


class NoConnection(Exception):
    """As buckets raise it: no OSError."""


def test_a_bucket_that_does_not_answer_is_away(monkeypatch):
    """Whatever its errors are called; it may well have what is asked for."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}", sleep=lambda _: None)
    digest = store.put(b"data")
    store.put_derived("kind", digest, b"x")

    def away(*_: object, **__: object) -> None:
        raise NoConnection("http://bucket.internal")

    for method in ("cat_file", "pipe_file", "ls", "info", "rm_file", "size", "exists"):
        monkeypatch.setattr(MemoryFileSystem, method, away)
    for ask in (
        store.check,
        lambda: store.get(digest),
        lambda: store.put(b"more"),
        lambda: store.open(digest),
        lambda: store.documents("batches"),
        lambda: store.get_derived("kind", digest),
        lambda: store.collect_media(digest, 1.0),
        lambda: store.delete_derived("kind", digest),
        lambda: store.keep([digest]),
    ):
        with pytest.raises(StoreUnavailable) as error:
            ask()
        assert "internal" not in error.value.reason
