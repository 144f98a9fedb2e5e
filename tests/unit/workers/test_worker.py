"""What a worker does around a step: it counts, waits, and loses no chunk."""

from collections.abc import Sequence

import pytest
import structlog
from celery.exceptions import Reject

from support import layout
from triptych.core.errors import IndexUnavailable, NotFound, StoreUnavailable
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.ingest.chunk import Chunk
from triptych.queues import jobs
from triptych.workers import runtime
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
def worker():
    """A fusion worker without a server."""
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


@pytest.mark.parametrize("error", [NotFound("collection is gone"), RuntimeError("a defect")])
def test_a_batch_ends_whatever_happens(worker, error, quiet):
    """Its items are counted as failed, and the log says why."""
    worker.engine.error = error
    worker.write(message())
    assert (worker.progress.done, worker.progress.failed) == ({3, 5}, {3, 5})
    assert quiet[0]["log_level"] in {"warning", "error"}


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
