"""What a worker does around a step: it counts, waits, and loses no chunk."""

import uuid
from collections import Counter
from collections.abc import Sequence

import pytest
import structlog
from celery.exceptions import Reject, WorkerLostError

from support import layout
from triptych.core.errors import (
    IndexUnavailable,
    MediaUnreadable,
    NotFound,
    QueueUnavailable,
    StoreUnavailable,
)
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.ingest.chunk import URGENT, Chunk
from triptych.ingest.derived import DerivedMissing
from triptych.ingest.indexing import Written
from triptych.ingest.manifest import Entry, Manifest, delete_manifest, write_manifest
from triptych.ingest.planning import Plan, Position
from triptych.ingest.steps import Stepped
from triptych.media.store import MediaStore
from triptych.queues import jobs
from triptych.queues.batches import CONTROL
from triptych.queues.labels import Death, Label
from triptych.queues.progress import Status
from triptych.workers import runtime
from triptych.workers import worker as module
from triptych.workers.request import cause_of
from triptych.workers.worker import Worker


class Counts:
    """Remembers which ordinals are done and failed."""

    def __init__(self) -> None:
        self.known: Status | None = None
        self.done: set[int] = set()
        self.failed: set[int] = set()

    def mark(self, _: str, *, done: Sequence[int], failed: Sequence[int]) -> Status | None:
        """Add the ordinals. Redis has forgotten the batch, unless it is told otherwise."""
        self.done |= set(done)
        self.failed |= set(failed)
        return self.known


class Steps:
    """An engine that does what it is told to."""

    error: Exception | None = None
    layout = layout()

    def __init__(self) -> None:
        self.store = MediaStore(f"memory://{uuid.uuid4().hex}")
        self.store.write_document(CONTROL, "another", b"cancelled")
        self.written: list[Chunk] = []
        self.settled: list[str] = []
        self.under_way: list[object] = []
        self.evidence: list[str] = []

    def quarantine(self, chunk: Chunk, evidence: str) -> Written:
        """It is kept why."""
        self.evidence.append(evidence)
        return Written(chunk.ordinals, chunk.ordinals)

    def plan(self, _: Manifest, position: Position, *, under_way: object) -> Plan:
        """A chunk, and two places more."""
        if self.error is not None:
            raise self.error
        self.under_way.append(under_way)
        after = Position(position.ordinal + 1, 100) if position.ordinal < 2 else None
        return Plan([f"chunk at {position.ordinal}"], after)

    def settle(self, batch: str) -> None:
        """It is closed."""
        self.settled.append(batch)

    def write(self, chunk: Chunk) -> Written:
        """The second item fails."""
        if self.error is not None:
            raise self.error
        self.written.append(chunk)
        return Written(chunk.ordinals, frozenset(item.ordinal for item in chunk.items[1:2]))

    def step(self, chunk: Chunk) -> Stepped:
        """There was time for the first item."""
        if self.error is not None:
            raise self.error
        return Stepped(chunk.of(chunk.items[:1]).advance("kind"), chunk.of(chunk.items[1:]))


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
    items = (Item("", 3, place=(0, 1)), Item("", 5, place=(2, 3)))
    facts = {"slip": ("text", "fusion"), "batch": "b", **changes}
    return Chunk("c", 1, layout().fingerprint, items=items, **facts).to_message()


def test_written_items_are_counted(worker):
    """All as done, and those that failed as failed."""
    worker.write(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {5})


def test_a_batch_that_is_dealt_with_is_closed(worker, monkeypatch):
    """By a message of its own; not before its last item."""
    sent = []
    monkeypatch.setattr(jobs, "send_closing", lambda _, batch: sent.append(batch))
    for done in (1, 2):
        worker.progress.known = Status(2, done, 0, started=0.0, updated=1.0)
        worker.write(message())
    assert sent == ["b"]


def test_a_cancelled_batch_is_closed_when_something_of_it_was_written(worker, monkeypatch):
    """Whoever cancelled it left that to the worker."""
    sent = []
    monkeypatch.setattr(jobs, "send_closing", lambda _, batch: sent.append(batch))
    worker.progress.known = Status(9, 2, 0, started=0.0, updated=1.0, cancelled=True)
    worker.write(message())
    assert sent == ["b"]


def test_nothing_of_a_cancelled_batch_is_begun_to_be_written(worker, monkeypatch):
    """Who cancelled it may have looked already at what is being written."""
    sent = []
    monkeypatch.setattr(jobs, "send_closing", lambda _, batch: sent.append(batch))
    worker.engine.store.write_document(CONTROL, "b", b"cancelled")
    worker.progress.known = Status(9, 2, 0, started=0.0, updated=1.0, cancelled=True)
    worker.write(message())
    assert (worker.engine.written, sent) == ([], ["b"])
    worker.write(message(priority=URGENT))
    assert len(worker.engine.written) == 1


def test_an_item_whose_manifest_can_not_be_read_is_not_forgotten(worker):
    """A damaged disk is no reason to drop what was accepted: the message comes again."""
    worker.engine.error = MediaUnreadable("input/output error")
    with pytest.raises(Reject):
        worker.write(message(priority=URGENT))
    assert worker.engine.settled == []


def test_a_single_item_is_not_counted(worker):
    """Its document says what became of it, so that its manifest has done its work."""
    worker.write(message(priority=URGENT))
    assert not worker.progress.done
    assert worker.engine.settled == ["b"]


def test_an_index_that_is_away_counts_nothing(worker):
    """The chunk is to come again."""
    worker.engine.error = IndexUnavailable("away")
    with pytest.raises(Reject):
        worker.write(message())
    assert not worker.progress.done


def test_a_batch_ends_where_its_collection_is_gone(worker, quiet):
    """There is no place for documents, so its items are dealt with; the log says why."""
    worker.engine.error = NotFound("collection is gone")
    worker.write(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, set())
    assert quiet[0]["log_level"] == "warning"


def test_a_defect_that_leaves_no_documents_counts_nothing(worker, quiet):
    """The message comes again: an item that failed without a document would be lost silently."""
    worker.engine.error = RuntimeError("a defect")
    with pytest.raises(Reject) as rejected:
        worker.write(message())
    assert rejected.value.requeue
    assert not worker.progress.done
    assert quiet[0]["log_level"] == "error"


@pytest.fixture
def planner(worker, monkeypatch):
    """A worker with a stored batch of three windows, and what it sends."""
    worker.sent = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: worker.sent.append(chunk))
    monkeypatch.setattr(jobs, "send_task", lambda *task, **_: worker.sent.append(task[1:]))
    monkeypatch.setattr(jobs, "check_plan_room", lambda *_: None)
    monkeypatch.setattr(jobs, "in_flight", lambda *_: jobs.InFlight(frozenset({2}), planning=True))
    entries = [Entry(Item(str(number), number, text="x")) for number in range(3)]
    write_manifest(worker.engine.store, Manifest("b", "c", "id", 1, "print", 3), entries)
    return worker


def test_a_part_of_a_batch_is_planned_and_the_next_is_requested(planner):
    """Up to the last part."""
    planner.plan({"batch": "b"})
    for _ in range(2):
        planner.plan(planner.sent[-1][1])
    assert planner.sent[::2] == ["chunk at 0", "chunk at 1", "chunk at 2"]
    assert planner.sent[1::2] == [
        ("plan", {"batch": "b", "ordinal": ordinal, "place": 100, "repair": False})
        for ordinal in (1, 2)
    ]
    assert planner.engine.under_way == [None] * 3


def test_what_got_lost_is_planned_again(planner):
    """Without what is under way."""
    planner.plan({"batch": "b", "repair": True})
    planner.plan(planner.sent[-1][1])
    assert planner.engine.under_way == [{2}] * 2


def test_nothing_is_planned_while_the_next_queues_are_full(planner, monkeypatch):
    """The message comes again."""

    def full(*_: object) -> None:
        raise QueueUnavailable("10000 items wait")

    monkeypatch.setattr(jobs, "check_plan_room", full)
    with pytest.raises(Reject):
        planner.plan({"batch": "b"})
    assert planner.sent == []


def test_a_batch_that_is_paused_is_not_planned(planner):
    """Until it is resumed, which asks for a plan again."""
    planner.engine.store.write_document(CONTROL, "b", b"paused")
    planner.plan({"batch": "b"})
    assert planner.sent == []


@pytest.mark.parametrize("what", ["paused", "closed"])
def test_nothing_is_sent_of_a_batch_that_is_stopped_while_it_is_planned(planner, monkeypatch, what):
    """Copying the files of a part takes its time."""
    plan = planner.engine.plan

    def stop_and_plan(*arguments: object, **options: object) -> Plan:
        if what == "paused":
            planner.engine.store.write_document(CONTROL, "b", b"paused")
        else:
            delete_manifest(planner.engine.store, "b")
        return plan(*arguments, **options)

    monkeypatch.setattr(planner.engine, "plan", stop_and_plan)
    planner.plan({"batch": "b"})
    assert planner.sent == []


def test_a_part_that_can_not_be_planned_comes_again(planner):
    """None of its items is counted."""
    planner.engine.error = RuntimeError("a defect")
    with pytest.raises(Reject):
        planner.plan({"batch": "b"})
    assert (planner.sent, planner.progress.done) == ([], set())


@pytest.mark.parametrize("error", [IndexUnavailable("away"), ValueError("a damaged manifest")])
def test_a_sweep_that_fails_is_left_to_the_next(planner, monkeypatch, error, quiet):
    """It would come back before all batches that wait to be planned."""

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module.Reconciler, "sweep", fails)
    planner.plan({"sweep": True})


def test_a_batch_that_was_withdrawn_is_not_planned(planner):
    """It was never accepted."""
    planner.plan({"batch": "0" * 32})
    assert planner.sent == []


def test_derived_data_that_is_gone_is_made_again(worker, monkeypatch):
    """The chunk goes back to the step that makes it, and nothing is counted."""
    sent: list[Chunk] = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: sent.append(chunk))
    worker.engine.error = DerivedMissing({"text"})
    worker.write(message(slip=("fusion",)))
    assert [chunk.slip for chunk in sent] == [("text", "fusion")]
    assert not worker.progress.done


def test_a_step_passes_the_chunk_on(worker, monkeypatch):
    """What is done to the next queue, the rest to the same; after a defect all, failed."""
    sent: list[Chunk] = []
    monkeypatch.setattr(jobs, "send", lambda _, chunk: sent.append(chunk))
    worker.describe(message())
    worker.engine.error = RuntimeError("a defect")
    worker.describe(message())
    assert [chunk.slip for chunk in sent] == [("fusion",), ("text", "fusion"), ("fusion",)]
    assert [[item.ordinal for item in chunk.items] for chunk in sent] == [[3], [5], [3, 5]]
    assert "a defect" in sent[2].items[1].errors["text"]


def test_a_batch_that_is_closed_needs_no_step(worker, monkeypatch):
    """A message that came twice."""
    monkeypatch.setattr(jobs, "send", lambda *_: pytest.fail("it was sent on"))
    worker.engine.error = NotFound("no such batch")
    worker.describe(message())


def test_a_store_that_is_away_keeps_the_chunk(worker):
    """It is put back."""
    worker.engine.error = StoreUnavailable("away")
    with pytest.raises(Reject):
        worker.describe(message())


@pytest.mark.parametrize("task", ["describe", "write"])
def test_a_message_of_another_version_is_dropped(worker, task, quiet):
    """It never becomes readable, and would keep others waiting; its items are planned again."""
    getattr(worker, task)({**message(), "colour": "red"})
    assert not worker.progress.done
    assert [entry["log_level"] for entry in quiet] == ["error"]


@pytest.mark.parametrize("task", ["describe", "write"])
def test_a_chunk_of_other_encoders_is_dropped(worker, task, monkeypatch):
    """Its planner was started before they changed; what is missed is planned again."""
    monkeypatch.setattr(jobs, "send", lambda *_: pytest.fail("it was sent on"))
    getattr(worker, task)({**message(), "fingerprint": "0" * 16})
    assert not worker.progress.done


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
    assert [(chunk.slip[0], deaths) for chunk, deaths in sent] == [("fusion", 0), ("text", 0)]


def test_an_item_that_kills_alone_is_stopped(worker, sent, counted):
    """Its reason says how the workers died."""
    worker.runtime = Labelled(3)
    single = message()
    single["items"] = single["items"][:1]
    worker.describe(single)
    assert sent == []
    assert (worker.progress.done, worker.progress.failed) == ({3}, {3})
    assert worker.engine.evidence[0].startswith("3 workers died of it: process 7")
    assert "SIGKILL" in worker.engine.evidence[0]
    assert counted == {"failed": 1, "quarantined": 1}


def test_the_cause_of_a_death_is_read_from_the_pool():
    """Its words are not ours to choose."""
    error = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.")
    assert cause_of(error) == "signal 9 (SIGKILL)"
    assert cause_of(WorkerLostError("other")) == "other"
