"""Rebuilds over queues: whatever gets lost, and whoever dies, in the end the index is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triptych.core.errors import Conflict, NotFound
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.ingest import rebuilding
from triptych.ingest.chunk import Chunk
from triptych.queues import jobs
from triptych.queues.labels import Label
from triptych.queues.rebuilds import Rebuilds

BEFORE, NOW = {"acoustic": ""}, {"acoustic": "", "concept": "", "visual": ""}


class Queue:
    """Celery and Redis: messages in their order, one of which may be held."""

    def __init__(self, engine: Engine) -> None:
        self.waiting: list[tuple[dict[str, Any], Label]] = []
        self.held: Label | None = None
        self.rebuilds = Rebuilds(engine, self, self)  # type: ignore[arg-type]
        self.written: list[str] = []

    def put(self, _: object, queue: str, message: dict, *, priority: int, label: Label) -> None:
        """Send a message."""
        assert queue in {"plan", "fusion"}
        assert priority
        self.waiting.append((message, label))

    def in_flight(self, _: object, group: str) -> jobs.InFlight:
        """What is waiting, or held."""
        labels = [label for _, label in self.waiting]
        ours = [one for one in (*labels, self.held) if one is not None and one.group == group]
        return jobs.InFlight(
            frozenset().union(*(one.members for one in ours)),
            planning=any(not one.members for one in ours),
        )

    def work(self) -> None:
        """Take one message, as a planner or a worker does."""
        message, self.held = self.waiting.pop(0)
        if "rebuild" in message:
            self.rebuilds.plan(message)
        else:
            chunk = Chunk.from_message(message)
            self.written += [item.id for item in chunk.items]
            self.rebuilds.engine.write(chunk)
            self.rebuilds.written(chunk)
        self.held = None

    def finish(self) -> None:
        """Until nothing waits."""
        for _ in range(1000):
            if not self.waiting:
                return
            self.work()
        pytest.fail("it never ends")


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """A collection of 200 texts by some encoders, and an engine with others, without a block."""
    both = [
        Engine.open(
            Settings.of_folder(tmp_path).model_copy(update={"encoders": Encoders(**encoders)})
        )
        for encoders in (BEFORE, NOW)
    ]
    both[0].add("c", [{"id": f"t{n:03}", "text": f"cat {n}"} for n in range(200)], progress=False)
    yield both[0], both[1]
    for one in both:
        one.close()


@pytest.fixture
def queue(engines, monkeypatch) -> Queue:
    """What carries the messages of the engine with the new encoders."""
    made = Queue(engines[1])
    monkeypatch.setattr(rebuilding, "WINDOW", 60)
    monkeypatch.setattr(jobs, "send_task", made.put)
    monkeypatch.setattr(jobs, "in_flight", made.in_flight)
    monkeypatch.setattr(jobs, "check_plan_room", lambda *_: None)
    monkeypatch.setattr(jobs, "drop", lambda *_: made.waiting.clear())
    return made


def state(queue: Queue) -> str:
    """How the index is."""
    return queue.rebuilds.engine.collection("c").index.state


def test_each_item_is_written_once(queue):
    """By passes over all; the last one finds nothing, and swaps."""
    queue.rebuilds.begin("c")
    with pytest.raises(Conflict):
        queue.rebuilds.begin("c")
    assert state(queue) == "rebuilding"
    queue.finish()
    assert state(queue) == "current"
    assert sorted(queue.written) == [f"t{n:03}" for n in range(200)]
    assert queue.rebuilds.engine.rebuilder.under_way() == []
    assert queue.rebuilds.sweep() == 0


@pytest.mark.parametrize("after", [0, 1, 2, 4, 6, 8])
def test_an_emptied_redis_loses_nothing(queue, after):
    """Whatever was under way: the sweep begins again, and only what is missing is written."""
    queue.rebuilds.begin("c")
    for _ in range(after):
        queue.work()
    queue.waiting.clear()
    written = len(queue.written)
    assert queue.rebuilds.sweep() == 1
    assert queue.rebuilds.sweep() == 0
    queue.finish()
    assert state(queue) == "current"
    assert len(queue.written) == 200
    assert written <= 200


def test_a_message_that_comes_twice_does_no_harm(queue):
    """As after the death of a planner or a worker."""
    queue.rebuilds.begin("c")
    for _ in range(6):
        if queue.waiting:
            queue.waiting.insert(0, queue.waiting[0])
            queue.work()
    queue.finish()
    assert state(queue) == "current"
    assert queue.rebuilds.engine.index.count("c") == {"indexed": 200}


def test_what_comes_and_goes_meanwhile(queue):
    """Items and deletions reach the new index, at whatever step."""
    queue.rebuilds.begin("c")
    engine, number = queue.rebuilds.engine, 0
    while queue.waiting:
        queue.work()
        if number < 20:
            engine.add("c", [{"id": f"new{number}", "text": "dog"}], progress=False)
            engine.delete_item("c", f"t{number:03}")
            number += 1
    assert number > 3
    assert state(queue) == "current"
    assert engine.index.count("c") == {"indexed": 200}
    (best,) = engine.search("c", text="dog", limit=1).hits
    assert best.id.startswith("new")
    with pytest.raises(NotFound):
        engine.item("c", "t000")


def test_a_rebuild_that_is_cancelled_ends(queue):
    """Messages that come late have nothing to do."""
    queue.rebuilds.begin("c")
    queue.work()
    late = list(queue.waiting)
    queue.rebuilds.cancel("c")
    with pytest.raises(NotFound):
        queue.rebuilds.cancel("c")
    assert state(queue) == "outdated"
    queue.waiting += [one for one in late if "rebuild" in one[0]]
    queue.finish()
    for message, _ in late:
        if "rebuild" not in message:
            with pytest.raises(NotFound):
                queue.rebuilds.engine.write(Chunk.from_message(message))
    assert queue.rebuilds.sweep() == 0
    assert state(queue) == "outdated"


def test_a_collection_that_is_deleted_meanwhile(queue):
    """Takes its rebuild along, also where its successor has its name."""
    queue.rebuilds.begin("c")
    queue.work()
    queue.rebuilds.engine.index.drop("c")
    queue.rebuilds.engine.create_collection("c")
    assert queue.rebuilds.sweep() == 0
    assert queue.rebuilds.engine.rebuilder.under_way() == []


def test_one_that_waits_is_left_alone(queue):
    """Until it is asked to swap; one that was asked for by other encoders, too."""
    queue.rebuilds.begin("c", swap=False)
    queue.finish()
    assert state(queue) == "ready"
    assert queue.rebuilds.sweep() == 0
    queue.rebuilds.begin("c")
    queue.finish()
    assert state(queue) == "current"


def test_it_is_rolled_back(engines, queue):
    """By the processes of before."""
    queue.rebuilds.begin("c")
    queue.finish()
    with pytest.raises(Conflict, match="Set them back"):
        queue.rebuilds.roll_back("c")
    queue.rebuilds.engine.add("c", [{"id": "late", "text": "late"}], progress=False)
    before = Rebuilds(engines[0], queue, queue)
    queue.rebuilds, queue.written = before, []
    before.roll_back("c")
    queue.finish()
    assert state(queue) == "current"
    assert queue.written == ["late"]
