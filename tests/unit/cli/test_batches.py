"""The commands about batches, against a stand-in for the gateway."""

import json
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from triptych.cli import add, batches, show
from triptych.cli.main import app
from triptych.client import BatchStatus, Client, ClientError
from triptych.client.adding import Adding, AddReport

ONE, TWO = "1" * 32, "2" * 32


def answer(batch: str = ONE, **changes: Any) -> dict[str, Any]:
    """What the gateway says of a batch."""
    return {
        "batch": batch, "collection": "zoo", "state": "running", "total": 8, "done": 3, "failed": 1,
        "rate": 2.5, "eta_seconds": 2.0, "accepted": time.time() - 125, **changes,
    }  # fmt: skip


class Gateway(Client):
    """Answers by path, notes what is asked, and tells events."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    answers: ClassVar[dict[str, Any]] = {}
    events: ClassVar[list[dict[str, Any] | type[BaseException]]] = []

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((method, path, arguments.get("params") or arguments.get("json")))
        found = self.answers[path.removeprefix("/v1")]
        return next(found) if isinstance(found, Iterator) else found

    def watch(self, _: str) -> Iterator[BatchStatus]:
        """The events."""
        for event in self.events:
            if isinstance(event, type):
                raise event
            yield BatchStatus.of(event)


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    for module in (batches, add):
        monkeypatch.setattr(module, "Client", Gateway)
    for known in (Gateway.asked, Gateway.answers, Gateway.events):
        known.clear()
    return Gateway


def run(*arguments: str) -> Result:
    """Run ``triptych``."""
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def terminal(monkeypatch) -> None:
    """Standard output is a terminal of 80 columns."""
    made = Console(force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(show, "console", made)


def test_batches_are_listed_as_asked(gateway):
    """In a pipe each is a line of cells with tabs between, and nothing else."""
    gateway.answers["/batches"] = {"batches": [answer(), answer(TWO, state="done", done=8)]}
    shown = run("batches", "-c", "zoo", "--state", "running", "-n", "5")
    assert gateway.asked == [
        ("GET", "/v1/batches", {"collection": "zoo", "state": "running", "limit": 5})
    ]
    assert [line.split("\t") for line in shown.stdout.splitlines()] == [
        [ONE, "running", "3/8", "1", "2.5/s", "2 min", "zoo"],
        [TWO, "done", "8/8", "1", "2.5/s", "2 min", "zoo"],
    ]
    assert json.loads(run("batches", "--json").stdout)["batches"][0]["eta_seconds"] == 2.0


@pytest.mark.usefixtures("terminal")
def test_a_table_fits_the_terminal(gateway):
    """Whatever a collection is called; the id of a batch, which is copied, stays whole."""
    many = answer(collection="z" * 64, total=50_000, done=9_999, rate=1248.24)
    gateway.answers["/batches"] = {"batches": [many]}
    lines = run("batches").stdout.splitlines()
    assert lines[0].split() == ["batch", "state", "done", "failed", "rate", "age", "in"]
    assert lines[1].split()[:-1] == [ONE, "running", "9999/50000", "1", "1248/s", "2", "min"]
    assert max(map(len, lines)) <= 80
    assert sum(line.count("z") for line in lines) == 64


def test_no_batches_are_no_error(gateway):
    """And nothing on standard output."""
    gateway.answers["/batches"] = {"batches": []}
    shown = run("batches")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "no batches" in shown.stderr


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ({"state": "done", "done": 8, "failed": 0}, 0),
        ({"state": "done", "done": 8, "failed": 1}, 1),
        ({"state": "cancelled", "done": 8, "failed": 0}, 1),
    ],
)
def test_watch_ends_with_the_batch(gateway, last, code):
    """Its exit code says whether all of it is searchable."""
    gateway.answers[f"/batches/{ONE}"] = answer()
    gateway.events.extend([answer(), answer(**last)])
    shown = run("watch", ONE)
    assert shown.exit_code == code
    assert f"{ONE}: {last['state']}, 8 of 8 items, {last['failed']} failed" in shown.stdout
    assert (f"triptych failures {ONE}" in shown.stderr) == bool(last["failed"])
    shown = run("watch", ONE, "--json")
    assert [json.loads(line)["done"] for line in shown.stdout.splitlines()] == [3, 8]


def test_an_interrupt_tells_what_goes_on_and_how_to_look(gateway):
    """Of this gateway."""
    gateway.answers[f"/batches/{ONE}"] = answer()
    gateway.events.extend([answer(), KeyboardInterrupt])
    shown = run("watch", ONE, "--url", "http://other:1")
    assert shown.exit_code == 130
    assert f"batch {ONE} goes on" in shown.stderr
    assert f"triptych watch {ONE} --url http://other:1" in shown.stderr


def test_what_came_of_a_batch_is_told_by_outcome(gateway):
    """Where it is written down."""
    gateway.answers[f"/batches/{ONE}"] = answer()
    ended = {"state": "done", "failed": 0, "outcomes": {"indexed": 1_005, "partial": 2}}
    gateway.events.append(answer(**ended))
    assert "1,005 indexed, 2 partial" in run("watch", ONE).stdout


FAILURES = [
    {"id": "a/b", "status": "failed", "errors": {"image": "not a picture\x1b[2J", "text": "long"}},
    {"id": "c", "status": "partial", "errors": {"audio": "cut off"}},
]


def pages() -> Iterator[dict[str, Any]]:
    """Two pages."""
    yield {"batch": ONE, "total": 2, "failures": FAILURES[:1], "after": '["a/b"]'}
    yield {"batch": ONE, "total": 2, "failures": FAILURES[1:]}


def test_failures_are_listed_by_pages(gateway):
    """One, with what the next one needs; or all. What users wrote does not reach the terminal."""
    path = f"/batches/{ONE}/failures"
    gateway.answers[path] = pages()
    shown = run("failures", ONE, "-n", "1")
    assert shown.stdout == "a/b\tfailed\timage: not a picture\\x1b[2J; text: long\n"
    assert "2 in all; more: --after '[\"a/b\"]'" in shown.stderr
    gateway.answers[path] = pages()
    shown = run("failures", ONE, "--all", "--after", "x")
    assert len(shown.stdout.splitlines()) == 2
    assert [query for *_, query in gateway.asked] == [
        {"limit": 1}, {"limit": 50, "after": '["a/b"]'}, {"limit": 50, "after": '["a/b"]'},
    ]  # fmt: skip


@pytest.mark.usefixtures("terminal")
def test_failures_fit_the_terminal(gateway):
    """However long ids and reasons are, all of them is there."""
    item = {"id": "x" * 300, "status": "quarantined", "errors": {"image": "why " * 50}}
    gateway.answers[f"/batches/{ONE}/failures"] = {"total": 1, "failures": [item]}
    lines = run("failures", ONE).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    text = "".join(lines)
    assert (text.count("x"), text.count("why"), text.count("quarantined")) == (300, 50, 1)


def test_failures_are_downloaded_as_lines(gateway):
    """All of them, as they are."""
    gateway.answers[f"/batches/{ONE}/failures"] = pages()
    shown = run("failures", ONE, "--jsonl")
    assert [json.loads(line) for line in shown.stdout.splitlines()] == FAILURES
    gateway.answers[f"/batches/{ONE}/failures"] = pages()
    shown = run("failures", ONE, "--json")
    assert json.loads(shown.stdout)["after"] == '["a/b"]'


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ([], {"ids": None, "reason": None}),
        (["--ids", "a/b", "--ids", "c"], {"ids": ["a/b", "c"], "reason": None}),
        (["--reason", "not there"], {"ids": None, "reason": "not there"}),
    ],
)
def test_retry_sends_what_is_to_be_tried(gateway, options, body):
    """And names the new batch."""
    gateway.answers[f"/batches/{ONE}/retry"] = {"batch": TWO}
    gateway.answers[f"/batches/{TWO}"] = answer(TWO)
    shown = run("retry", ONE, *options)
    assert gateway.asked[0] == ("POST", f"/v1/batches/{ONE}/retry", body)
    assert shown.stdout == f"8 items are tried again: {TWO}\n"
    assert f"triptych watch {TWO}" in shown.stderr


@pytest.mark.parametrize("what", ["pause", "resume", "cancel"])
def test_a_batch_is_changed(gateway, what):
    """What it is now is told."""
    gateway.answers[f"/batches/{ONE}/{what}"] = answer(state="paused")
    shown = run(what, ONE)
    assert gateway.asked == [("POST", f"/v1/batches/{ONE}/{what}", None)]
    assert shown.stdout == f"{ONE}: paused, 3 of 8 items, 1 failed, 2.5 items/s\n"
    assert json.loads(run(what, ONE, "--json").stdout)["state"] == "paused"


def test_the_report_of_a_sweep_is_printed(gateway):
    """Each number with its name."""
    gateway.answers["/reconcile"] = {"open": 2, "under_way": 1, "missing": 30}
    shown = run("reconcile")
    assert shown.stdout == "2\topen\n1\tunder way\n30\tmissing\n"
    assert json.loads(run("reconcile", "--json").stdout) == gateway.answers["/reconcile"]


def test_what_the_gateway_refuses_is_an_error_of_one_line(gateway, monkeypatch):
    """With the exit code of a wrong use."""

    def refuse(*_: object, **__: object) -> None:
        raise ClientError("no batch 'x'", 404)

    monkeypatch.setattr(gateway, "_call", refuse)
    for words in (["batches"], ["watch", "x"], ["failures", "x"], ["retry", "x"], ["cancel", "x"]):
        shown = run(*words)
        assert (shown.exit_code, shown.stderr.strip()) == (2, "error: no batch 'x'")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (59, "59 s"), (61, "1 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_durations(seconds, said):
    """As people say them."""
    assert show.duration(seconds) == said


def test_an_interrupted_add_names_commands_of_triptych(gateway, monkeypatch, tmp_path):
    """Which look at what goes on, whether files were sent or a manifest."""
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setenv("TRIPTYCH_URL", "http://mine:1")

    def sent(adding: Adding) -> Iterator[None]:
        adding.batches[ONE] = BatchStatus.of(answer())
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Adding, "run", sent)
    shown = run("add", str(tmp_path / "a.txt"))
    assert shown.exit_code == 130
    lines = [line.strip() for line in shown.stderr.splitlines()]
    assert "interrupted: 8 items were accepted" in lines
    assert {f"triptych watch {ONE}", "triptych batches --state running"} < set(lines)

    gateway.answers["/collections/default/batches"] = {"batch": ONE}
    gateway.answers[f"/batches/{ONE}"] = iter([answer(), answer()])
    monkeypatch.setattr(add, "ingest", _interrupted)
    shown = run("add", "--server-side", str(tmp_path / "a.txt"))
    assert shown.exit_code == 130
    assert f"triptych watch {ONE}" in shown.stderr


def _interrupted(_: Client, submissions: Iterator[Any], **__: object) -> None:
    for submit in submissions:
        submit()
    raise KeyboardInterrupt


def test_an_add_whose_batch_was_cancelled_is_no_success(gateway, monkeypatch, tmp_path):
    """Somebody else ended it; the command says what is missing."""
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setattr(Adding, "run", lambda _: (report for report in [AddReport(8, 3)]))
    gateway.answers["/collections/default"] = {}
    shown = run("add", str(tmp_path / "a.txt"))
    assert shown.exit_code == 1
    assert "5 items are not done" in shown.stdout
