"""What users do with batches: on a real index in a folder, with stand-ins for the queues."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support import layout
from triptych.core.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from triptych.core.settings import Settings, Webhook
from triptych.encoders.extractors import Extractor
from triptych.engine import Engine
from triptych.ingest.ledger import ANNOUNCED, Settlement
from triptych.media.store import MediaStore
from triptych.queues import announcing, jobs
from triptych.queues.batches import CONTROL, Batches
from triptych.queues.progress import Status
from triptych.queues.webhook import Notice
from triptych.search.answer import dumps
from unit.seeded import BLOCKS, encoders

LINES = b'{"id":"a","text":"one"}\n{"id":"b","text":"two"}\n{"id":"c"}\n{"id":"d"}'


class Counts:
    """What Redis counts, in this process."""

    def __init__(self) -> None:
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.cancelled = False
        self.total = 0

    def start(self, _: str, total: int) -> None:
        """From nothing."""
        self.total = total

    def restore(self, _: str, total: int, _started: float, settled: Settlement) -> None:
        """From what the index has."""
        self.total = total
        self.done |= set(settled.outcomes)
        self.failed |= settled.failed

    def cancel(self, _: str) -> None:
        """It is to end."""
        self.cancelled = True

    def dealt_with(self, _: str) -> set[int]:
        """By ordinals."""
        return self.done

    def status(self, _: str) -> Status | None:
        """None where nothing is counted."""
        if not self.total:
            return None
        return Status(self.total, len(self.done), len(self.failed), time.time() - 1, time.time())


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The batches whose messages were ``sent`` and ``dropped``; ``flight`` is under way."""
    found: dict[str, Any] = {"sent": [], "dropped": [], "flight": jobs.InFlight(frozenset(), False)}
    monkeypatch.setattr(jobs, "send_plan", lambda _, batch, **__: found["sent"].append(batch))
    monkeypatch.setattr(jobs, "drop", lambda _, batch: found["dropped"].append(batch))
    monkeypatch.setattr(jobs, "in_flight", lambda *_: found["flight"])
    return found


@pytest.fixture
def batches(tmp_path: Path, notes: dict[str, Any]) -> Iterator[Batches]:
    """Batches over an engine in a folder."""
    settings = Settings.of_folder(tmp_path)
    engine = Engine(
        settings,
        store=MediaStore(settings.media_url),
        layout=layout(),
        extractors={part: Extractor({BLOCKS[part]: one}) for part, one in encoders().items()},
    )
    with engine:
        yield Batches(engine, None, None, Counts())


def send(batches: Batches, lines: bytes = LINES, *, work: slice = slice(0)) -> str:
    """Accept a batch, and work off some of it."""
    manifest = batches.engine.accept_manifest("c", lines).manifest
    batches.progress.start(manifest.batch, manifest.total)
    for chunk in batches.engine.plan(manifest).chunks:
        some = [item for item in chunk.items if item.ordinal in range(4)[work]]
        if some:
            written = batches.engine.process(chunk.of(some))
            batches.progress.done |= written.done
            batches.progress.failed |= written.failed
    return manifest.batch


def test_a_batch_that_is_done_can_be_retried_at_once(batches, notes):
    """Though nobody has closed it yet: who waits for the end of it goes on at once."""
    batch = send(batches, work=slice(None))
    assert batches.state(batch).state == "done"
    manifest, total = batches.retry(batch)
    assert (total, notes["sent"]) == (2, [manifest.batch])
    assert batches.state(batch).outcomes == {"indexed": 2, "failed": 2}


def test_a_batch_that_is_not_done_is_not_retried(batches):
    """Its state says when it can be."""
    batch = send(batches, work=slice(3))
    with pytest.raises(Conflict, match="not done"):
        batches.retry(batch)
    with pytest.raises(NotFound):
        batches.retry("0" * 32)


def test_a_retry_leaves_alone_what_came_since(batches):
    """An item that was sent anew, and one that was deleted, do not come back as they were."""
    batch = send(batches, work=slice(None))
    batches.finish(batch)
    batches.engine.add("c", {"id": "c", "text": "better"}, progress=False)
    batches.engine.delete_item("c", "d")
    with pytest.raises(InvalidInput, match="were sent anew or deleted since"):
        batches.retry(batch)
    with pytest.raises(InvalidInput, match="that was chosen"):
        batches.retry(batch, lambda entry: entry.item.id == "a")
    assert batches.engine.item("c", "c")["text"] == "better"


def test_a_batch_of_a_deleted_collection_is_not_retried(batches):
    """No collection comes into being by it, and one of the same name gets nothing."""
    batch = send(batches, work=slice(None))
    batches.finish(batch)
    batches.engine.delete_collection("c")
    for _ in range(2):
        with pytest.raises(NotFound):
            batches.retry(batch)
        batches.engine.create_collection("c")
    assert batches.engine.collection("c").items.total == 0


def test_a_paused_batch_leaves_the_queues(batches, notes):
    """So that it stops soon; when it goes on, it is planned again."""
    batch = send(batches)
    assert batches.pause(batch).state == "paused"
    assert (notes["dropped"], notes["sent"]) == ([batch], [])
    assert batches.resume(batch).state == "running"
    assert notes["sent"] == [batch]


def test_a_cancelled_batch_waits_for_what_is_being_written(batches, notes):
    """Else an item would be counted as cancelled and searchable all the same."""
    batch = send(batches, work=slice(1))
    chunks = batches.engine.plan(batches.engine.manifest(batch)).chunks
    (chunk,) = [one for one in chunks if 1 in one.ordinals]
    notes["flight"] = jobs.InFlight(frozenset({1}), planning=False, writing=frozenset({1}))
    assert batches.cancel(batch).state == "cancelling"
    assert batches.progress.cancelled, "the worker that writes asks for the end of it"
    batches.progress.done |= batches.engine.process(chunk).done
    batches.finish(batch)
    found = batches.state(batch)
    assert (found.state, found.outcomes) == ("cancelled", {"indexed": 2, "cancelled": 2})
    assert (found.total, found.done, found.failed) == (4, 2, 0)


def test_what_comes_after_the_end_is_not_written(batches, notes):
    """A worker was at an earlier step when the batch was cancelled."""
    batch = send(batches)
    chunks = batches.engine.plan(batches.engine.manifest(batch)).chunks
    notes["flight"] = jobs.InFlight(frozenset({0, 1}), planning=False)
    assert batches.cancel(batch).outcomes == {"cancelled": 4}
    for chunk in chunks:
        with pytest.raises(NotFound):
            batches.engine.process(chunk)
    assert batches.engine.collection("c").items.total == 0


def test_nothing_that_was_wanted_outlives_its_batch(batches, monkeypatch):
    """Also where the batch ends at the same moment."""
    store = batches.engine.store
    batch = send(batches, work=slice(None))
    write = store.write_document

    def end_first(folder: str, name: str, data: bytes) -> None:
        if folder == CONTROL:
            batches.finish(batch)
        write(folder, name, data)

    monkeypatch.setattr(store, "write_document", end_first)
    with pytest.raises(Conflict, match="has ended"):
        batches.pause(batch)
    assert store.documents(CONTROL) == []
    with pytest.raises(Conflict, match="has ended"):
        batches.cancel(batch)


def test_two_that_close_a_batch_do_not_disturb_each_other(batches, monkeypatch):
    """The one that comes late finds nothing to do."""
    batch = send(batches, work=slice(None))
    ledger = batches.engine.ledger
    settle = type(ledger).settle

    def late(self, manifest):
        found = settle(self, manifest)
        if manifest.batch in {one.batch for one in self.open_batches()}:
            self.close(manifest, found)
        return found

    monkeypatch.setattr(type(ledger), "settle", late)
    assert batches.finish(batch) is None
    assert batches.state(batch).state == "done"
    assert replace(ledger.closed(batch), closed=0).counts == {"indexed": 2, "failed": 2}


def test_the_end_of_a_batch_is_to_be_told(batches, monkeypatch):
    """In the words of its last state, and before its manifest goes: so none is missed."""
    told: list[Notice] = []
    hook = Webhook(url="http://example.org", secret="whsec_" + "A" * 32)
    settings = batches.engine.settings.model_copy(update={"webhook": hook})
    monkeypatch.setattr(batches.engine, "settings", settings)
    monkeypatch.setattr(announcing, "wake", lambda _: None)

    def die(_store: object, notice: Notice) -> None:
        told.append(notice)
        raise StoreUnavailable("the disk is full")

    batch = send(batches, work=slice(None))
    with monkeypatch.context() as patch:
        patch.setattr(announcing, "announce", die)
        with pytest.raises(StoreUnavailable):
            batches.finish(batch)
    assert [one.batch for one in batches.engine.ledger.open_batches()] == [batch]
    batches.finish(batch)
    store = batches.engine.store
    notice = Notice.from_json(store.read_document(ANNOUNCED, f"{batch}.json"))
    assert notice.body == dumps(batches.state(batch)).decode()
    assert json.loads(notice.body)["outcomes"] == {"indexed": 2, "failed": 2}
    assert (notice.id, notice.tries) == (told[0].id, 0)


def test_nothing_is_told_without_a_receiver(batches):
    """Nobody would ever tell it."""
    batches.finish(send(batches, work=slice(None)))
    assert batches.engine.store.documents(ANNOUNCED) == []
