"""What a stack remembers."""

import os

import pytest

from triptych.local.errors import StackError
from triptych.local.ports import Ports
from triptych.local.process import Process, this_process
from triptych.local.run import status_rows
from triptych.local.state import (
    Running,
    State,
    forget,
    last_index,
    load,
    remember_index,
    save,
    state_file,
)

PORTS = Ports(1, 2, 3, 4)


def running(name: str, process: Process, tmp_path) -> Running:
    """A remembered part."""
    return Running(
        name=name, process=process, port=1, log=tmp_path / "log", folder=None, needs=(), grace=1
    )


@pytest.fixture
def state(tmp_path):
    """Two parts: this very process, and one whose pid was recycled."""
    recycled = Process(pid=os.getpid(), started="before the reboot")
    return State(
        ports=PORTS,
        supervisor=None,
        running={
            "here": running("here", this_process(), tmp_path),
            "gone": running("gone", recycled, tmp_path),
        },
    )


def test_it_is_read_as_it_was_written(tmp_path, state):
    """Saving and loading changes nothing, and leaves one file."""
    save(tmp_path / "home", state)
    assert load(tmp_path / "home") == state
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["state.json"]


def test_a_recycled_pid_is_not_living(state):
    """Only the process with the remembered start time counts."""
    assert list(state.living()) == ["here"]
    assert {row["name"]: row["alive"] for row in status_rows(state)} == {
        "here": True,
        "gone": False,
    }


def test_nothing_is_remembered_at_first_and_after_forgetting(tmp_path, state):
    """No file means that the stack does not run."""
    assert load(tmp_path) is None
    save(tmp_path, state)
    forget(tmp_path)
    assert load(tmp_path) is None


def test_a_damaged_file_is_named(tmp_path):
    """Rather than guess, say which file is wrong."""
    state_file(tmp_path).write_text("{")
    with pytest.raises(StackError, match=r"state\.json can't be read"):
        load(tmp_path)


def test_the_index_is_remembered_when_the_stack_is_forgotten(tmp_path, state):
    """What a stopped stack's data is in must be known when it starts again."""
    assert last_index(tmp_path) is None
    remember_index(tmp_path, "embedded")
    save(tmp_path, state)
    forget(tmp_path)
    assert last_index(tmp_path) == "embedded"
    (tmp_path / "last-index").write_text("solr")
    with pytest.raises(StackError, match="last-index does not name an index"):
        last_index(tmp_path)


def test_a_state_from_before_there_was_a_choice_is_of_elasticsearch(tmp_path, state):
    """An upgrade must not lose sight of what runs."""
    save(tmp_path, state)
    older = state_file(tmp_path).read_text().replace('"index": "elastic",', "")
    state_file(tmp_path).write_text(older)
    assert load(tmp_path) == state
