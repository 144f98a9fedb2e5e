"""Which index a stack has, and what is said when it has another one than before."""

import pytest
from typer.testing import CliRunner

from triptych.local import Stack, StackError, StackOptions, run
from triptych.local.cli import app
from triptych.local.ports import Ports
from triptych.local.process import this_process
from triptych.local.state import Running, State, last_index, remember_index, save

PORTS = Ports(1, 2, 3, 4)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def opened(options: StackOptions) -> list[str]:
    """Open a stack of one part without starting it; what was said."""
    said: list[str] = []
    run._open(options, lambda _: None, said.append)
    return said


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "embedded", []),
        ("embedded", "embedded", []),
        ("embedded", "elastic", ["migrate --all --stack x --to http://127.0.0.1:9002"]),
        ("elastic", "embedded", ["--index elastic"]),
    ],
)
def test_another_index_than_before_is_told(before, after, expected):
    """Each index keeps its data, so what can't be seen any more is named, with the way to it."""
    options = StackOptions(name="x", port=9000, parts=("valkey",), index=after)
    if before:
        remember_index(options.home, before)
    said = opened(options)
    assert len(said) == len(expected)
    assert all(part in line for part, line in zip(expected, said, strict=True))
    assert last_index(options.home) == before


def test_the_index_is_remembered_once_it_has_started(monkeypatch):
    """After a start that failed the stack still has the data that it had."""
    options = StackOptions(name="x", port=9000, parts=("valkey",), index="elastic")
    remember_index(options.home, "embedded")
    stack = run._open(options, lambda _: None, lambda _: None)
    starts = iter([StackError("port 9000 is in use"), None])

    def start(_: object) -> None:
        if error := next(starts):
            raise error

    monkeypatch.setattr(Stack, "start", start)
    with pytest.raises(StackError):
        run._start(stack)
    assert last_index(options.home) == "embedded"
    run._start(stack)
    assert last_index(options.home) == "elastic"


def test_a_stack_that_runs_keeps_its_index():
    """Asking a running stack for the other index is an error, not a second index."""
    options = StackOptions(name="x", parts=("valkey",), index="embedded")
    here = Running(
        name="valkey",
        process=this_process(),
        port=1,
        log=options.home,
        folder=None,
        needs=(),
        grace=1,
    )
    save(options.home, State(ports=PORTS, index="elastic", supervisor=None, running={"v": here}))
    with pytest.raises(StackError, match="runs with the elastic index"):
        opened(options)


@pytest.mark.parametrize(
    ("before", "arguments", "expected"),
    [
        (None, [], "elastic"),
        ("embedded", [], "embedded"),
        ("embedded", ["--index", "elastic"], "elastic"),
        (None, ["--index", "embedded"], "embedded"),
    ],
)
def test_up_takes_the_index_of_before(monkeypatch, before, arguments, expected):
    """Elasticsearch at first, then what the stack's data is in, unless asked for another."""
    asked: list[StackOptions] = []
    monkeypatch.setattr(run, "up", lambda options: asked.append(options) or 0)
    if before:
        remember_index(StackOptions(name="x").home, before)
    assert CliRunner().invoke(app, ["up", "--name", "x", *arguments]).exit_code == 0
    assert [options.index for options in asked] == [expected]


@pytest.mark.parametrize("chosen", [False, True])
def test_nobody_else_reads_what_a_stack_keeps(tmp_path, chosen):
    """Of a stack of before, too; a folder that somebody has chosen stays as open as it was."""
    data = tmp_path / "chosen" if chosen else None
    options = StackOptions(name="x", parts=("valkey",), index="embedded", data=data)
    home = options.home
    for name in ("media", "index", "valkey", "logs"):
        (home / name).mkdir(parents=True)
        (home / name).chmod(0o755)
    home.chmod(0o755)
    opened(options)
    modes = {one.name: one.stat().st_mode & 0o777 for one in home.iterdir() if one.is_dir()}
    assert modes == dict.fromkeys(("media", "index", "valkey", "logs"), 0o700)
    assert home.stat().st_mode & 0o777 == (0o755 if chosen else 0o700)


def test_a_new_stack_is_private_from_the_start(tmp_path):
    """Also in a folder of one's own choice, which is made for it."""
    options = StackOptions(name="x", parts=("valkey",), index="embedded", data=tmp_path / "new")
    opened(options)
    assert options.home.stat().st_mode & 0o777 == 0o700
    assert last_index(options.home) is None
