"""Trainings over queues: whatever gets lost, and whoever dies, a request comes to its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import learnt
from meanings import fill, made
from triptych.core.errors import Conflict, NotFound, QueueUnavailable, Unavailable
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.fusion import models
from triptych.queues import jobs, presence
from triptych.queues.labels import Death, Label
from triptych.queues.presence import Presence
from triptych.queues.trainings import Trainings
from triptych.training import libraries
from triptych.workers.training import train


class Queue:
    """Celery and Redis: messages in their order."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.waiting: list[tuple[str, dict[str, Any]]] = []
        self.trainings = Trainings(engine, self, self)  # type: ignore[arg-type]
        self.learnt: list[str] = []

    def put(self, _: object, queue: str, message: dict, *, priority: int, label: Label) -> None:
        """Send a message."""
        assert label.group == message["id"]
        assert priority
        self.waiting.append((queue, message))

    def in_flight(self, _: object, group: str) -> jobs.InFlight:
        """What is waiting."""
        ours = [one for _, one in self.waiting if one["id"] == group]
        return jobs.InFlight(frozenset(), planning=False, messages=len(ours))

    def work(self, label: Label = Label()) -> None:  # noqa: B008  # frozen
        """Take one message, as a worker does."""
        queue, message = self.waiting.pop(0)
        assert queue == "train"
        self.trainings.work(message, label, self._train)

    def _train(self, engine: Engine, asked: Any, note: Any) -> Any:
        """Learn something at once."""
        note(1, {"loss": 1.0})
        model = learnt.fusion(engine.layout, seed=asked.seed)
        engine.learnt_models.add(asked.collection, model, trained=1.0, seconds=1.0)
        self.learnt.append(model.reference)
        return model.reference, {}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Of a collection of captioned pictures."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        fill(opened, "c", [made(number, opened.layout) for number in range(150)])
        yield opened


@pytest.fixture
def queue(engine, monkeypatch) -> Queue:
    """What carries its messages."""
    queue = Queue(engine)
    monkeypatch.setattr(jobs, "send_task", queue.put)
    monkeypatch.setattr(jobs, "in_flight", queue.in_flight)
    monkeypatch.setattr(jobs, "drop", lambda *_: queue.waiting.clear())
    trainer = Presence("train:h:1:a", "train", 1, 0, 0)
    monkeypatch.setattr(presence, "workers", lambda _: [trainer])
    return queue


def test_a_model_is_learnt_once(queue):
    """Also where the message comes twice, as after the death of a worker."""
    queue.trainings.train("c", "attention")
    with pytest.raises(Conflict):
        queue.trainings.train("c", "attention")
    queue.waiting *= 2
    queue.work()
    state = queue.engine.training("c")
    assert (state.state, [state.model]) == ("done", queue.learnt)
    queue.work()
    assert len(queue.learnt) == 1
    assert queue.trainings.sweep() == 0


def test_a_lost_message_is_sent_again(queue, monkeypatch):
    """By the sweep, once; also where Redis was away when it was asked for."""
    queue.trainings.train("c", "attention")
    queue.waiting.clear()
    assert (queue.trainings.sweep(), queue.trainings.sweep()) == (1, 0)
    queue.work()

    def away(*_: object, **__: object) -> None:
        raise QueueUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "send_task", away)
        with pytest.raises(QueueUnavailable):
            queue.trainings.train("c", "attention", seed=1)
    assert queue.trainings.sweep() == 1
    queue.work()
    assert len(queue.learnt) == 2


def test_what_kills_its_workers_ends(queue):
    """With what is known of the deaths."""
    queue.trainings.train("c", "attention")
    death = Death("train:h:1:a", "signal 9 (SIGKILL)", 0.0, 7, None)
    queue.work(Label(deaths=2, evidence=(death,) * 2))
    assert queue.engine.training("c").state == "done"
    queue.trainings.train("c", "attention")
    queue.work(Label(deaths=3, evidence=(death,) * 3))
    state = queue.engine.training("c")
    assert state.state == "failed"
    assert state.problem.startswith("3 workers died of it: ")
    assert "SIGKILL" in state.problem


def test_one_that_is_given_up_is_not_worked_on(queue):
    """A message that comes late has nothing to do, after the end of the collection neither."""
    queue.trainings.train("c", "attention")
    late = list(queue.waiting)
    queue.trainings.cancel("c")
    assert queue.waiting == []
    queue.waiting = late
    queue.work()
    assert (queue.learnt, queue.trainings.sweep()) == ([], 0)
    queue.trainings.train("c", "attention")
    queue.engine.index.drop("c")
    assert queue.trainings.sweep() == 0
    queue.work()
    assert queue.learnt == []


def test_without_tensorflow_it_says_what_to_install(queue, monkeypatch):
    """By the worker's own training; there is no second try."""
    monkeypatch.setattr(libraries, "find_spec", lambda _: None)
    queue.trainings.train("c", "attention")
    _, message = queue.waiting.pop()
    queue.trainings.work(message, Label(), train)
    state = queue.engine.training("c")
    assert state.state == "failed"
    assert "needs tensorflow" in state.problem
    assert "requirements/train.txt" in state.problem


def test_without_a_worker_nothing_is_asked_for(queue, monkeypatch):
    """It would wait for ever."""
    monkeypatch.setattr(presence, "workers", lambda _: [])
    with pytest.raises(Unavailable, match="no worker of kind train"):
        queue.trainings.train("c", "attention")
    with pytest.raises(NotFound):
        queue.engine.training("c")


def keep(engine: Engine, share: float) -> str:
    """A model of random weights that has this share of the score; its reference."""
    model = learnt.fusion(engine.layout, share=share)
    return engine.learnt_models.add("c", model, trained=1.0, seconds=1.0).reference


def test_a_model_that_is_not_worse_is_activated(queue):
    """By a rebuild; a message that comes twice begins none again."""
    model = keep(queue.engine, 0.001)
    queue.trainings.activate("c", model)
    assert queue.engine.training("c").task == "activate"
    queue.waiting *= 2
    queue.work()
    assert queue.engine.training("c").state == "done"
    assert queue.engine.rebuilder.requested("c").models == (model,)
    assert [name for name, _ in queue.waiting] == ["train", "plan"]
    queue.work()
    assert [name for name, _ in queue.waiting] == ["plan"]
    told = queue.engine.model("c", model).comparison
    assert (told.problem, told.against, told.gains[-1].kind) == (None, [], "all")
    queue.engine.rebuild("c", progress=False)
    assert queue.engine.models("c")[0].active


def test_one_that_dies_after_the_rebuild_has_begun_is_done(queue):
    """Nobody has written down that it ended."""
    model = keep(queue.engine, 0.001)
    queue.trainings.activate("c", model)
    asked = queue.engine.training_requests.requested("c")
    for finish in (False, True):
        if finish:
            queue.engine.rebuild("c", progress=False)
        else:
            queue.trainings.rebuilds.begin("c", models=(model,))
        assert queue.trainings._activate(asked, lambda *_: None) == (model, {})


def test_what_is_given_up_while_it_is_compared_is_not_activated(queue, monkeypatch):
    """Nothing is rebuilt afterwards."""
    model = keep(queue.engine, 0.001)
    queue.trainings.activate("c", model)
    monkeypatch.setattr("triptych.queues.trainings.check", lambda *_: queue.trainings.cancel("c"))
    queue.work()
    assert queue.engine.training("c").state == "cancelled"
    assert queue.engine.rebuilder.requested("c") is None


def test_a_model_that_is_surely_worse_is_refused(queue):
    """With the figures; what serves stays. Who forces it, does without the comparison."""
    model = keep(queue.engine, 1.0)
    queue.trainings.activate("c", model)
    queue.work()
    state = queue.engine.training("c")
    assert state.state == "failed"
    assert "finds surely less than the present strategy: " in state.problem
    assert queue.engine.model("c", model).comparison.problem == state.problem
    assert queue.engine.rebuilder.requested("c") is None
    assert queue.waiting == []
    queue.trainings.activate("c", model, force=True, swap=False)
    asked = queue.engine.rebuilder.requested("c")
    assert (asked.models, asked.swap) == ((model,), False)
    with pytest.raises(Conflict, match="is not active"):
        queue.trainings.deactivate("c", model)
    queue.engine.rebuild("c", progress=False)
    queue.trainings.deactivate("c", model)
    assert queue.engine.rebuilder.requested("c").models == ()


def test_a_model_that_can_not_find_more_is_refused(queue):
    """Its share of the score is zero."""
    model = keep(queue.engine, 0.0)
    queue.trainings.activate("c", model)
    queue.work()
    assert "its share of the score is 0" in queue.engine.training("c").problem


def test_a_model_whose_file_is_damaged_is_refused(queue):
    """At once, forced or not; also where that happens between the request and the comparison."""
    model = keep(queue.engine, 0.001)
    queue.trainings.activate("c", model)
    name = model.replace("@", "-") + ".onnx"
    data = bytearray(queue.engine.store.read_document(models.FOLDER, name))
    data[len(data) // 2] ^= 1
    queue.engine.store.write_document(models.FOLDER, name, bytes(data))
    queue.work()
    assert "its digest is another" in queue.engine.training("c").problem
    for force in (False, True):
        with pytest.raises(Conflict, match="its digest is another"):
            queue.trainings.activate("c", model, force=force)
        with pytest.raises(Conflict, match="its digest is another"):
            queue.engine.activate("c", model, force=force, progress=False)
    assert queue.engine.learnt_models.active("c") == ()
