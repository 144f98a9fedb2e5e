"""What a collection is to learn: one request at a time, given up and ended without a mistake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    Unavailable,
)
from triptych.core.settings import Settings
from triptych.encoders.weights import WeightsError
from triptych.engine import Engine
from triptych.ingest.rebuilding import REBUILDS
from triptych.ingest.trainings import COURSES, TRAININGS, Course, TrainingRequests


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """With an empty collection."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        opened.create_collection("c")
        yield opened


@pytest.fixture
def requests(engine: Engine) -> TrainingRequests:
    """Its requests."""
    return engine.training_requests


def test_one_request_at_a_time(engine, requests):
    """A later one takes its place when it has ended."""
    with pytest.raises(NotFound):
        engine.training("c")
    asked = requests.train("c", "attention", seed=3)
    assert (engine.training("c").state, engine.training("c").strategy) == ("waiting", "attention")
    with pytest.raises(Conflict, match="already"):
        requests.activate("c", "attention@0123456789abcdef")
    course = requests.carry_out(asked, lambda _: ("attention@0123456789abcdef", {"MRR": 0.5}))
    assert course.state == "done"
    state = engine.training("c")
    assert (state.state, state.model) == ("done", "attention@0123456789abcdef")
    assert (state.figures, state.problem) == ({"MRR": 0.5}, None)
    assert state.ended >= state.begun >= state.asked
    assert requests.train("c", "recurrent").id != asked.id
    assert [one.strategy for one in requests.under_way()] == ["recurrent"]


@pytest.mark.parametrize(
    ("strategy", "labels", "field"),
    [
        ("mean", "", "strategy"),
        ("classifier", "", "labels"),
        ("attention", "tags", "labels"),
        ("classifier", "text", "labels"),
    ],
)
def test_what_can_not_be_trained_is_refused(requests, strategy, labels, field):
    """Before anything is written."""
    with pytest.raises(InvalidInput) as refused:
        requests.train("c", strategy, labels=labels)
    assert refused.value.field == field
    assert requests.under_way() == []


def test_epochs_are_noted(engine, requests):
    """While it works."""
    asked = requests.train("c", "attention")

    def work(note):
        note(4, {"loss": 1.23456})
        seen.append(engine.training("c"))
        return "attention@0123456789abcdef", {}

    seen = []
    requests.carry_out(asked, work)
    assert (seen[0].state, seen[0].epoch, seen[0].figures) == ("running", 4, {"loss": 1.2346})


def test_one_that_is_cancelled_ends_at_its_next_epoch(engine, requests):
    """And leaves nothing, also where another was asked for since."""
    asked = requests.train("c", "attention")
    reached = []

    def work(note):
        note(1, {})
        requests.cancel("c")
        assert engine.training("c").state == "cancelled"
        requests.train("c", "recurrent")
        note(2, {})
        reached.append("too far")

    assert requests.carry_out(asked, work) is None
    assert reached == []
    assert (engine.training("c").strategy, engine.training("c").state) == ("recurrent", "waiting")
    requests.cancel("c")
    assert requests.carry_out(requests.requested("c"), work) is None
    with pytest.raises(NotFound):
        requests.cancel("c")
    with pytest.raises(NotFound):
        requests.cancel("none")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (InvalidInput("too few items"), "too few items"),
        (Conflict("finds surely less"), "finds surely less"),
        (Unavailable("training needs tensorflow"), "training needs tensorflow"),
        (WeightsError("damaged"), "damaged"),
        (ZeroDivisionError("oh"), "internal error: ZeroDivisionError: oh"),
    ],
)
def test_an_error_is_the_problem(engine, requests, error, problem):
    """And the request has ended: it would fail again."""

    def work(_):
        raise error

    assert requests.carry_out(requests.train("c", "attention"), work).problem == problem
    assert (engine.training("c").state, engine.training("c").problem) == ("failed", problem)


def test_what_is_away_is_waited_for(engine, requests):
    """The request has not ended, and begins anew."""

    def work(_):
        raise StoreUnavailable("the disk is full")

    asked = requests.train("c", "attention")
    with pytest.raises(StoreUnavailable):
        requests.carry_out(asked, work)
    assert engine.training("c").state == "running"
    assert requests.carry_out(asked, lambda _: ("attention@0123456789abcdef", {})) is not None


def test_a_collection_that_goes_takes_it_along(engine, requests):
    """Its successor of the same name has nothing to learn."""
    asked = requests.train("c", "attention")
    engine.store.write_document(COURSES, "c", Course(asked.id, "running").to_json())

    def work(note):
        engine.delete_collection("c")
        engine.create_collection("c")
        note(1, {})

    assert requests.carry_out(asked, work) is None
    with pytest.raises(NotFound):
        engine.training("c")
    assert requests.train("c", "attention").identity != asked.identity


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"of": "another version"}'])
def test_a_request_that_can_not_be_read_stops_no_other(engine, requests, damaged):
    """It can be asked for again."""
    engine.create_collection("d")
    for folder in (TRAININGS, REBUILDS):
        engine.store.write_document(folder, "c", damaged)
    asked = requests.train("d", "attention")
    assert requests.under_way() == [asked]
    assert engine.rebuilder.under_way() == []
    assert requests.train("c", "attention").collection == "c"
