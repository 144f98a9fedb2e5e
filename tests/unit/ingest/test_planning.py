"""A stored manifest becomes chunks."""

import hashlib
import uuid

import pytest
import structlog

from triptych.core.errors import StoreUnavailable
from triptych.core.item import Item
from triptych.core.settings import Limits, Settings
from triptych.ingest.manifest import Entry, Manifest, write_manifest
from triptych.ingest.planning import BEGINNING, WINDOW, Planner
from triptych.media.store import MediaStore

MAX_BYTES = 10


@pytest.fixture
def store():
    """A media store in memory."""
    return MediaStore(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def root(tmp_path):
    """An import root with a file that fits and one that does not."""
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "small.png").write_bytes(b"x" * MAX_BYTES)
    (folder / "large.ogg").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def planned(store, root, *entries: Entry, size: int = 10):
    """The chunks of a batch of these entries."""
    manifest = Manifest("b", "photos", "id", 42, "print", len(entries))
    write_manifest(store, manifest, entries)
    roots = () if root is None else (root,)
    settings = Settings(import_roots=roots, chunk_items=size, limits=Limits(file_bytes=MAX_BYTES))
    return Planner(store, settings).plan(manifest, BEGINNING).chunks


def test_files_are_imported(store, root):
    """Into the media store, under their digest; the name is kept."""
    (chunk,) = planned(store, root, Entry(Item("a", text="x"), {"image": "small.png"}))
    (item,) = chunk.items
    assert item.image == hashlib.sha256(b"x" * MAX_BYTES).hexdigest()
    assert store.get(item.image) == b"x" * MAX_BYTES
    assert item.size == MAX_BYTES
    assert chunk.slip == ("image", "text", "fusion")
    assert not item.errors


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.ogg", "is not there"),
        ("large.ogg", "larger than the limit of 10 bytes"),
        ("../secret", "outside the allowed import roots"),
        (".", "not a regular file"),
        ("https://nowhere.example/a.ogg", "host 'nowhere.example' is not allowed"),
        ("s3://bucket/a.ogg", "none of the folders that TRIPTYCH_IMPORT_URLS allows"),
    ],
)
def test_a_file_that_can_not_be_imported_is_a_failure_of_that_part(store, root, name, reason):
    """The item goes on with its other parts, and not to the queue of the missing one."""
    (chunk,) = planned(store, root, Entry(Item("a", text="x"), {"audio": name}))
    (item,) = chunk.items
    assert reason in item.errors["audio"]
    assert item.audio is None
    assert chunk.slip == ("text", "fusion")


def test_without_roots_no_file_is_imported(store):
    """The default."""
    (chunk,) = planned(store, None, Entry(Item("a"), {"image": "/etc/passwd"}))
    assert "allows no import root" in chunk.items[0].errors["image"]
    assert chunk.slip == ("fusion",)


def test_chunks_carry_what_the_batch_is(store, root):
    """Collection, sequence, models, batch, and the low priority; cut at the size."""
    chunks = planned(store, root, *(Entry(Item(str(i), i, text="x")) for i in range(5)), size=2)
    assert [[item.id for item in chunk.items] for chunk in chunks] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
    ]
    for chunk in chunks:
        found = (chunk.collection, chunk.sequence, chunk.fingerprint, chunk.batch, chunk.priority)
        assert found == ("photos", 42, "print", "b", 9)


def test_a_rejected_line_goes_straight_to_the_index(store, root):
    """So that the batch tells of it."""
    (chunk,) = planned(store, root, Entry(Item("a").failing("item", "line 1 is not JSON")))
    assert chunk.slip == ("fusion",)


def test_a_batch_is_planned_in_windows(store, root):
    """Each window is planned by itself, and together they are the batch."""
    entries = [Entry(Item(f"{n}", ordinal=n, text="x")) for n in range(2 * WINDOW + 3)]
    manifest = Manifest("b", "photos", "id", 42, "print", len(entries))
    write_manifest(store, manifest, entries)
    planner = Planner(store, Settings(chunk_items=10))
    windows, position = [], BEGINNING
    while position is not None:
        plan = planner.plan(manifest, position)
        windows.append([item.ordinal for chunk in plan.chunks for item in chunk.items])
        position = plan.after
    assert [len(window) for window in windows] == [WINDOW, WINDOW, 3]
    assert [ordinal for window in windows for ordinal in window] == list(range(len(entries)))


def test_what_needs_no_chunk_is_left_out(store, root):
    """By the ordinals."""
    manifest = Manifest("b", "photos", "id", 42, "print", 5)
    write_manifest(store, manifest, [Entry(Item(str(n), n, text="x")) for n in range(5)])
    plan = Planner(store, Settings()).plan(manifest, BEGINNING, lambda _: {0, 3})
    assert [item.ordinal for chunk in plan.chunks for item in chunk.items] == [1, 2, 4]


def test_what_is_heavy_travels_in_smaller_chunks(store, root):
    """An item alone may be heavier than the bound."""
    manifest = Manifest("b", "photos", "id", 42, "print", 5)
    sizes = [4, 4, 4, 20, 1]
    entries = [Entry(Item(str(n), n, text="x", size=size)) for n, size in enumerate(sizes)]
    write_manifest(store, manifest, entries)
    chunks = Planner(store, Settings(chunk_bytes=10)).plan(manifest, BEGINNING).chunks
    assert [[item.ordinal for item in chunk.items] for chunk in chunks] == [[0, 1], [2], [3], [4]]


def test_a_defect_of_one_item_is_its_own(store, root, monkeypatch):
    """It is planned as failed, so that the index will say why."""
    put = store.put

    def fragile(data):
        if len(data) == MAX_BYTES:
            raise RuntimeError("no such thing")
        return put(data)

    monkeypatch.setattr(store, "put", fragile)
    (root / "good.png").write_bytes(b"good")
    entries = [
        Entry(Item("bad", 0), {"image": "small.png"}),
        Entry(Item("good", 1), {"image": "good.png"}),
    ]
    with structlog.testing.capture_logs():
        chunks = planned(store, root, *entries)
    items = {item.id: item for chunk in chunks for item in chunk.items}
    assert items["bad"].errors == {"item": "internal error: RuntimeError: no such thing"}
    assert not items["good"].errors
    assert {chunk.slip for chunk in chunks} == {("fusion",), ("image", "fusion")}


def test_a_store_that_is_away_is_not_the_items_fault(store, root, monkeypatch):
    """The window is to be planned again."""

    def away(_):
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "put", away)
    with pytest.raises(StoreUnavailable):
        planned(store, root, Entry(Item("a"), {"image": "small.png"}))
