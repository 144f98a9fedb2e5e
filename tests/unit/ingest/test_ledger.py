"""What was accepted beside what became of it, on a real index in a folder."""

import os
import time

import numpy as np
import pytest

from support import layout
from triptych.core.errors import NotFound
from triptych.core.settings import Settings
from triptych.encoders.extractors import Extracted
from triptych.engine import Engine
from triptych.ingest.clock import StoreClock
from triptych.ingest.manifest import read_manifest
from triptych.ingest.sent import ItemFields
from triptych.media.store import MediaStore

LINES = b'{"id":"a","text":"one"}\n{"id":"b","text":"two"}\n{"id":"c"}\n{"id":"a","text":"three"}'


class Extractor:
    """Encodes anything as the same vector."""

    side = 16

    def __init__(self, block: str) -> None:
        self.block = block

    def __call__(self, batch) -> Extracted:
        """One block."""
        width = next(block.dims for block in layout().blocks if block.name == self.block)
        rows = np.tile(np.eye(1, width, dtype=np.float32), (len(batch), 1))
        return Extracted({self.block: rows}, [{} for _ in batch])


@pytest.fixture
def engine(tmp_path):
    """An engine in a folder, without models."""
    settings = Settings.of_folder(tmp_path)
    store = MediaStore(settings.media_url)
    made = Engine(
        settings.model_copy(update={"media_grace": 0}),
        store=store,
        layout=layout(),
        extractors={"text": Extractor("semantic"), "audio": Extractor("acoustic")},
        clock=StoreClock(store),
    )
    with made:
        yield made


def work(engine: Engine, batch: str, *, only: slice = slice(None)) -> None:
    """Take the chunks of a batch through all their steps."""
    for chunk in engine.plan(read_manifest(engine.store, batch)).chunks[only]:
        engine.process(chunk)


def test_a_batch_is_open_until_the_index_has_every_item(engine):
    """Then its counts stay, and the entries that failed."""
    batch = engine.accept_manifest("c", LINES).manifest.batch
    assert [one.batch for one in engine.ledger.open_batches()] == [batch]
    found = engine.settle(batch)
    assert (found.outcomes, found.missing) == ({}, {0, 1, 2, 3})
    work(engine, batch, only=slice(1))
    assert engine.settle(batch).missing
    work(engine, batch)
    found = engine.settle(batch)
    assert found.counts == {"indexed": 2, "failed": 1, "superseded": 1}
    assert engine.ledger.open_batches() == []
    closed = engine.ledger.closed(batch)
    assert closed.counts == found.counts
    assert abs(closed.manifest.accepted - closed.closed) < 60
    assert [entry.item.id for entry in closed.entries] == ["c"]
    assert engine.manifest(batch) == closed.manifest
    with pytest.raises(NotFound):
        engine.settle(batch)


def test_only_what_got_lost_is_planned_again(engine):
    """Neither what is under way nor what the index has."""
    manifest = engine.accept_manifest("c", LINES).manifest
    (chunk, *_) = engine.plan(manifest).chunks
    engine.process(chunk.of(chunk.items[:1]))
    again = engine.plan(manifest, under_way={1}).chunks
    left = {item.ordinal for one in again for item in one.items}
    assert left == {0, 1, 2, 3} - {1} - {chunk.items[0].ordinal}


def test_a_later_version_and_a_deleted_item_are_dealt_with(engine):
    """They need no work any more."""
    first = engine.accept_manifest("c", b'{"id":"a","text":"x"}\n{"id":"b","text":"y"}').manifest
    engine.add("c", {"id": "a", "text": "z"}, progress=False)
    with pytest.raises(NotFound):
        engine.delete_item("c", "b")
    assert engine.settle(first.batch).counts == {"superseded": 1, "deleted": 1}
    work_late = first  # its chunks come all the same
    assert engine.item("c", "a")["text"] == "z"
    with pytest.raises(NotFound):
        engine.item("c", "b")
    assert work_late.total == 2


def test_items_of_a_collection_that_was_dropped_do_not_come_into_its_successor(engine):
    """It has the same name, but is another one."""
    batch = engine.accept_manifest("c", LINES).manifest.batch
    chunks = engine.plan(read_manifest(engine.store, batch)).chunks
    engine.delete_collection("c")
    engine.create_collection("c")
    for chunk in chunks:
        with pytest.raises(NotFound):
            engine.process(chunk)
    assert engine.collection("c").items.total == 0
    assert engine.settle(batch).counts == {"dropped": 4}


def test_what_is_deleted_leaves_nothing(engine, tmp_path):
    """Neither media nor texts, in no file of the store."""
    engine.add("c", {"id": "a", "text": "secretword"}, progress=False)
    engine.add("c", {"id": "b", "text": "otherword"}, progress=False)
    store = tmp_path / "media"
    assert any(b"secretword" in path.read_bytes() for path in store.rglob("*") if path.is_file())
    engine.delete_item("c", "a")
    collected = engine.collect()
    assert collected.tombstones == 1
    files = {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert [name for name, data in files.items() if b"secretword" in data] == []
    assert any(b"otherword" in data for data in files.values())


def test_nothing_is_read_where_nothing_was_deleted(engine, monkeypatch):
    """A sweep comes twice a minute: it costs what there is to do."""
    engine.add("c", {"id": "a", "text": "x"}, progress=False)
    engine.add("d", {"id": "b", "text": "y"}, progress=False)
    asked = []
    tombstones = type(engine.index).tombstones

    def spy(index, collection, *arguments):
        asked.append(collection)
        return tombstones(index, collection, *arguments)

    monkeypatch.setattr(type(engine.index), "tombstones", spy)
    engine.collect()
    assert asked == []
    engine.delete_item("c", "a")
    engine.collect()
    assert set(asked) == {"c"}
    asked.clear()
    engine.collect()
    assert asked == []
    engine.collect(everything=True)
    assert set(asked) == {"c", "d"}


def test_a_note_of_a_collection_that_is_gone_is_no_trouble(engine):
    """It was deleted after its item."""
    engine.add("c", {"id": "a", "text": "x"}, progress=False)
    engine.delete_item("c", "a")
    engine.delete_collection("c")
    engine.collect()
    assert engine.store.documents("thinned") == []


def test_media_stay_while_anything_refers_to_them(engine):
    """Another item of another collection, or a batch that is still open."""
    shared = engine.store.put(b"shared")
    waiting = engine.store.put(b"waiting")
    lonely = engine.store.put(b"lonely")
    for collection, item in (("c", "a"), ("d", "b")):
        engine.add(collection, {"id": item, "text": "x", "audio": b"shared"}, progress=False)
    batch = engine.accept_items("c", [{"id": "w", "audio": b"waiting"}]).manifest.batch
    old = time.time() - 100
    for path in (engine.store._media_path(one) for one in (shared, waiting, lonely)):
        os.utime(path, (old, old))
    engine.delete_item("c", "a")
    engine.collect(everything=True)
    assert engine.store.get(shared) == b"shared"
    assert engine.store.get(waiting) == b"waiting"
    with pytest.raises(NotFound):
        engine.store.get(lonely)
    engine.delete_item("d", "b")
    work(engine, batch)
    engine.settle(batch)
    engine.collect()
    with pytest.raises(NotFound):
        engine.store.get(shared)
    assert engine.store.get(waiting) == b"waiting"


def test_what_a_dropped_collection_had_is_collected(engine):
    """Soon, whatever the grace; and the batches that it came with."""
    batch = engine.accept_items("c", [{"id": "a", "audio": b"sound"}]).manifest.batch
    work(engine, batch)
    engine.settle(batch)
    digest = engine.item("c", "a")["media"]["audio"]
    engine.delete_collection("c")
    assert engine.collect().batches == 1
    for look in (lambda: engine.store.get(digest), lambda: engine.manifest(batch)):
        with pytest.raises(NotFound):
            look()


def test_the_key_of_a_single_item_outlives_its_work(engine):
    """A sender who comes late is told of the first try, and writes no older version."""
    fields = ItemFields(id="a", text="one")
    first = engine.accept_item("c", fields, {}, {}, key="k")
    engine.process(first.chunk)
    assert engine.settle(first.chunk.batch).counts == {"indexed": 1}
    assert engine.ledger.open_batches() == []
    assert engine.accept_item("c", fields, {}, {}, key="k").repeated


def test_two_processes_close_a_batch_once(engine):
    """The second tells what the first has written: whoever is told is not told otherwise later."""
    batch = engine.accept_manifest("c", LINES).manifest.batch
    work(engine, batch)
    manifest, told = read_manifest(engine.store, batch), []
    settlement = engine.ledger.settle(manifest)

    def tell(closed) -> None:
        told.append(closed)
        if len(told) == 1:
            engine.ledger.close(manifest, settlement, tell)

    engine.ledger.close(manifest, settlement, tell)
    assert [one.closed for one in told] == [engine.ledger.closed(batch).closed] * 2
