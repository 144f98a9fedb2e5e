"""What a worker does around a step: it counts, waits, and loses no chunk."""

import uuid
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import structlog
from celery.exceptions import Reject, WorkerLostError
from hypothesis import given
from hypothesis import strategies as st

from support import layout
from triptych.core.errors import IndexUnavailable, NotFound, StoreUnavailable
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.fusion.blocks import Rows
from triptych.ingest.chunk import Chunk
from triptych.ingest.manifest import Entry, Manifest, write_manifest
from triptych.media.store import MediaStore
from triptych.queues import jobs
from triptych.queues.labels import Death, Label
from triptych.workers import runtime
from triptych.workers import worker as module
from triptych.workers.request import cause_of
from triptych.workers.worker import Worker


class Counts:
    """Remembers which ordinals are done and failed."""

    def __init__(self) -> None:
        self.done: set[int] = set()
        self.failed: set[int] = set()

    def mark(self, _: str, *, done: Sequence[int], failed: Sequence[int]) -> None:
        """Add the ordinals."""
        self.done |= set(done)
        self.failed |= set(failed)


class Steps:
    """An engine that does what it is told to."""

    error: Exception | None = None

    def __init__(self) -> None:
        self.failures: list[str] = []

    def plan(self, _: Manifest, start: int) -> list[str]:
        """One chunk."""
        if self.error is not None:
            raise self.error
        return [f"chunk at {start}"]

    def fail(self, chunk: Chunk, reason: str) -> frozenset[int]:
        """Every item has failed."""
        self.failures.append(reason)
        return chunk.ordinals

    def write(self, chunk: Chunk) -> frozenset[int]:
        """The second item fails."""
        if self.error is not None:
            raise self.error
        return frozenset(item.ordinal for item in chunk.items[1:2])

    def step(self, chunk: Chunk) -> Chunk:
        """Nothing is found."""
        if self.error is not None:
            raise self.error
        return chunk.advance(chunk.items, {})


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """What is logged is no output of the tests, and nobody waits."""
    monkeypatch.setattr(runtime, "_PAUSE_SECONDS", 0)
    with structlog.testing.capture_logs() as logs:
        yield logs


@pytest.fixture
def counted() -> Counter[str]:
    """What has happened, for the operator."""
    return Counter()


@pytest.fixture
def worker(counted, monkeypatch):
    """A fusion worker without a server."""
    monkeypatch.setattr(module, "count", lambda *_, **events: counted.update(events))
    made = Worker("fusion", Settings())
    made.engine = Steps()
    made.progress = Counts()
    return made


def message(**changes: object) -> dict:
    """A chunk of two items."""
    items = (Item("a", 3, text="x"), Item("b", 5, text="y"))
    facts = {"slip": ("text", "fusion"), "batch": "b", **changes}
    return Chunk("c", 1, layout().fingerprint, items=items, **facts).to_message()


def test_written_items_are_counted(worker):
    """All as done, and those that failed as failed."""
    worker.write(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {5})


def test_a_single_item_has_no_batch_to_count(worker):
    """It is written all the same."""
    worker.write(message(batch=None))
    assert not worker.progress.done


def test_an_index_that_is_away_counts_nothing(worker):
    """The chunk is to come again."""
    worker.engine.error = IndexUnavailable("away")
    with pytest.raises(Reject):
        worker.write(message())
    assert not worker.progress.done


def test_a_batch_ends_where_its_collection_is_gone(worker, quiet):
    """There is no place for documents, so its items are counted as failed; the log says why."""
    worker.engine.error = NotFound("collection is gone")
    worker.write(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {3, 5})
    assert quiet[0]["log_level"] == "warning"


def test_a_defect_that_leaves_no_documents_counts_nothing(worker, quiet):
    """The message comes again: an item that failed without a document would be lost silently."""
    worker.engine.error = RuntimeError("a defect")
    with pytest.raises(Reject) as rejected:
        worker.write(message())
    assert rejected.value.requeue
    assert not worker.progress.done
    assert quiet[0]["log_level"] == "error"


def test_a_chunk_that_can_not_travel_ends_with_its_reason(worker, monkeypatch):
    """Its items have failure documents, and are counted."""

    def unable(*_):
        raise TypeError("an array of dtype object can't travel in a message")

    monkeypatch.setattr(jobs, "send", unable)
    worker.describe(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {3, 5})
    assert "dtype object" in worker.engine.failures[0]


@pytest.fixture
def planner(worker, monkeypatch):
    """A worker with a stored batch of three windows, and what it sends."""
    worker.sent = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: worker.sent.append(chunk))
    monkeypatch.setattr(jobs, "send_plan", lambda _, after: worker.sent.append(after))
    worker.engine.store = MediaStore(f"memory://{uuid.uuid4().hex}")
    entries = [Entry(Item(str(number), number, text="x")) for number in range(3)]
    write_manifest(worker.engine.store, Manifest("b", "c", 1, "print", 3, entries))
    monkeypatch.setattr("triptych.workers.worker.WINDOW", 1)
    return worker


def test_a_part_of_a_batch_is_planned_and_the_next_is_requested(planner):
    """Up to the last part."""
    for start in range(3):
        planner.plan({"batch": "b", "start": start})
    chunk, after, _, last, end = planner.sent
    assert (chunk, end) == ("chunk at 0", "chunk at 2")
    assert (after, last) == (
        {"batch": "b", "start": 1},
        {"batch": "b", "start": 2},
    )


def test_a_part_that_can_not_be_planned_comes_again(planner):
    """None of its items is counted."""
    planner.engine.error = RuntimeError("a defect")
    with pytest.raises(Reject):
        planner.plan({"batch": "b"})
    assert (planner.sent, planner.progress.done) == ([], set())


def test_a_batch_that_was_withdrawn_is_not_planned(planner):
    """It was never accepted."""
    planner.plan({"batch": "0" * 32})
    assert planner.sent == []


def test_a_step_passes_the_chunk_on(worker, monkeypatch):
    """To the next queue; after a defect too, with every item failed."""
    sent: list[Chunk] = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: sent.append(chunk))
    worker.describe(message())
    worker.engine.error = RuntimeError("a defect")
    worker.describe(message())
    assert [chunk.slip for chunk in sent] == [("fusion",), ("fusion",)]
    assert not sent[0].items[0].errors
    assert "a defect" in sent[1].items[1].errors["text"]


def test_a_store_that_is_away_keeps_the_chunk(worker):
    """It is put back."""
    worker.engine.error = StoreUnavailable("away")
    with pytest.raises(Reject):
        worker.describe(message())


@pytest.mark.parametrize("task", ["describe", "write"])
def test_a_message_of_another_version_ends_with_its_reason(worker, task):
    """It never becomes readable, and would keep all others waiting if it came again."""
    sent = message()
    sent["items"] = [{**item, "language": "en"} for item in sent["items"]]
    getattr(worker, task)(sent)
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {3, 5})
    assert "another version" in worker.engine.failures[0]


def test_a_message_without_items_is_dropped(worker, quiet):
    """Nothing is known of it."""
    worker.write({"slip": ["fusion"]})
    assert worker.engine.failures == []
    assert [entry["log_level"] for entry in quiet] == ["error", "error"]


class Labelled:
    """A runtime of a process that works on a message with this label."""

    def __init__(self, deaths: int) -> None:
        death = Death("text:host:1:a", "signal 9 (SIGKILL)", 1.0, 7, 2**30)
        self.label = Label(deaths=deaths, evidence=(death,) * deaths)


@pytest.fixture
def sent(monkeypatch) -> list[tuple[Chunk, int]]:
    """The chunks that are sent, with the deaths on their labels."""
    chunks: list[tuple[Chunk, int]] = []

    def send(_, chunk: Chunk, deaths: int = 0, evidence: tuple[Death, ...] = ()) -> None:
        chunks.append((chunk, deaths))

    monkeypatch.setattr(jobs, "send", send)
    return chunks


@pytest.mark.parametrize("task", ["describe", "write"])
def test_a_chunk_that_has_killed_three_times_is_halved(worker, sent, task):
    """One more death of a half, and it is halved again."""
    worker.runtime = Labelled(3)
    getattr(worker, task)(message())
    assert [(half.ordinals, deaths) for half, deaths in sent] == [({3}, 2), ({5}, 2)]
    assert worker.progress.done == set()


def test_two_deaths_are_an_accident(worker, sent):
    """The chunk is worked on as ever."""
    worker.runtime = Labelled(2)
    worker.describe(message())
    assert [(chunk.slip, deaths) for chunk, deaths in sent] == [(("fusion",), 0)]


def test_an_item_that_kills_alone_is_stopped(worker, sent, counted):
    """Its reason says how the workers died."""
    worker.runtime = Labelled(3)
    single = message()
    single["items"] = single["items"][:1]
    worker.describe(single)
    assert sent == []
    assert (worker.progress.done, worker.progress.failed) == ({3}, {3})
    assert worker.engine.failures[0].startswith("quarantined: 3 workers died of it: process 7")
    assert "SIGKILL" in worker.engine.failures[0]
    assert counted == {"failed": 1, "quarantined": 1}


@given(st.lists(st.booleans(), min_size=2, max_size=9))
def test_halves_have_the_features_of_their_items(has):
    """Every vector stays with its item."""
    items = tuple(Item(str(i), i, text="x") for i in range(len(has)))
    rows = tuple(i for i, it_has in enumerate(has) if it_has)
    part = Rows(rows, np.array([[float(row)] for row in rows], np.float32).reshape(-1, 1))
    chunk = Chunk("c", 1, "f", ("fusion",), items, features={"block": part})
    found = {
        half.items[row].ordinal: vector[0]
        for half in chunk.halves()
        for row, vector in zip(
            half.features["block"].rows, half.features["block"].vectors, strict=True
        )
    }
    assert found == {row: float(row) for row in rows}
    assert [item for half in chunk.halves() for item in half.items] == list(items)


def test_the_cause_of_a_death_is_read_from_the_pool():
    """Its words are not ours to choose."""
    error = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.")
    assert cause_of(error) == "signal 9 (SIGKILL)"
    assert cause_of(WorkerLostError("other")) == "other"
