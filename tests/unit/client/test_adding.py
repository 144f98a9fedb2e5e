"""Files of this machine and a stand-in for the gateway: what is sent, and what is told."""

import re
import threading
from collections.abc import Callable
from typing import Any, Self

import pytest
from typer.testing import CliRunner

from triptych.cli import add as command
from triptych.cli.add import _tell_interrupted
from triptych.cli.main import app
from triptych.client import Adding, BatchStatus, ClientError
from triptych.core.item import Item
from triptych.ingest.content import content_digest

RUN = CliRunner()


class Gateway:
    """Has items by id, with the digest of their content; takes what is sent at once."""

    def __init__(self, _: str = "") -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[bytes, dict[str, bytes]]] = []
        self.refusal: ClientError | None = None
        self.interrupt_after = 10**9
        self.gone_after = 10**9
        self.patient = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def patiently(self, ask: Callable[[], Any]) -> Any:
        """Ask once: the patience of the real one is tested with it."""
        self.patient += 1
        return ask()

    def limits(self) -> dict[str, int]:
        """A small file."""
        return {"file_bytes": 100, "text_chars": 100}

    def known(self, _: str, contents: dict[str, str]) -> set[str]:
        """By the digest."""
        return {i for i, c in contents.items() if self.held.get(i, {}).get("content") == c}

    def submit_files(self, _: str, manifest: bytes, files: dict[str, bytes]) -> dict[str, str]:
        """One batch of each request."""
        with self._lock:
            if self.refusal is not None:
                raise self.refusal
            self.sent.append((manifest, files))
            return {"batch": f"{len(self.sent)}"}

    def batch(self, batch: str) -> BatchStatus:
        """It is done."""
        if len(self.sent) >= self.interrupt_after:
            raise KeyboardInterrupt
        if len(self.sent) >= self.gone_after:
            raise ClientError("the gateway can't be reached")
        total = self.sent[int(batch) - 1][0].count(b"\n")
        return BatchStatus(batch, "c", "done", total, total, 0, 1.0, 0.0)

    def failures(self, _: str) -> list[dict[str, Any]]:
        """None."""
        return []

    def collection(self, _: str) -> dict[str, Any]:
        """Nothing to advise."""
        return {}

    def holdings(self, _: str, prefix: str) -> list[dict[str, Any]]:
        """All at once."""
        return [{"id": i, **held} for i, held in self.held.items() if i.startswith(prefix)]

    def delete_item(self, _: str, item: str) -> None:
        """It is gone."""
        del self.held[item]


@pytest.fixture
def gateway(monkeypatch):
    """The gateway that the command finds."""
    made = Gateway()
    monkeypatch.setattr(command, "Client", lambda _: made)
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with four texts in ``notes``."""
    (tmp_path / "notes").mkdir()
    for number in range(4):
        (tmp_path / "notes" / f"{number}.txt").write_text(f"text {number}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "notes"


def holds(gateway: Gateway, number: int) -> None:
    """The collection has a text just so."""
    content = content_digest(Item("", text=f"text {number}"))
    names = {"text": f"notes/{number}.txt"}
    gateway.held[f"notes/{number}"] = {"content": content, "names": names}


def ids(gateway: Gateway) -> list[str]:
    """Of all items that were sent."""
    return [i.decode() for lines, _ in gateway.sent for i in re.findall(rb'"id": "(.*?)"', lines)]


def test_only_what_is_new_is_sent(gateway, folder):
    """And the summary says how much was not, and why; exit code 0."""
    holds(gateway, 1)
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "notes.docx").write_bytes(b"")
    result = RUN.invoke(app, ["add", "notes"])
    assert result.exit_code == 0, result.output
    assert ids(gateway) == ["notes/0", "notes/2", "notes/3"]
    assert gateway.sent[0][1]["notes/2.txt"] == b"text 2"
    assert "left out: 1 hidden, 1 unchanged, 1 unknown extension" in result.stdout
    assert "skipped: notes/notes.docx: of no known kind" in result.stderr
    assert ids(gateway) == ["notes/0", "notes/2", "notes/3"]
    gateway.sent.clear()
    assert RUN.invoke(app, ["add", "notes", "--again"]).exit_code == 0
    assert len(ids(gateway)) == 4


def test_an_unchanged_folder_sends_nothing(gateway, folder):
    """That is a success."""
    for number in range(4):
        holds(gateway, number)
    result = RUN.invoke(app, ["add", "notes"])
    assert (result.exit_code, gateway.sent) == (0, [])
    assert "left out: 4 unchanged" in result.stdout


def test_a_dry_run_does_nothing(gateway, folder):
    """But tells all."""
    holds(gateway, 1)
    gateway.held["notes/old"] = {"names": {"text": "notes/old.txt"}}
    result = RUN.invoke(app, ["add", "notes", "--dry-run", "--prune", "--exclude", "3.*"])
    assert (result.exit_code, gateway.sent) == (0, [])
    assert "  notes/0\n  notes/2\n2 items would be sent" in result.stdout
    assert "1 items whose files are gone: not deleted" in result.stdout
    assert "notes/old" in gateway.held


def test_prune_deletes_what_has_no_files(gateway, folder):
    """Asked first; never what is excluded, or came from elsewhere."""
    holds(gateway, 1)
    holds(gateway, 3)
    gateway.held["notes/old"] = {"names": {"text": "notes/old.txt"}}
    gateway.held["notes/other"] = {"names": {"text": "other.txt"}}
    gateway.held["notes/nameless"] = {}
    before = set(gateway.held)
    options = ["add", "notes", "--prune", "--exclude", "3.txt"]
    result = RUN.invoke(app, options, input="n\n")
    assert "Delete 1 items whose files are gone?" in result.stderr
    assert set(gateway.held) == before
    result = RUN.invoke(app, [*options, "--yes"])
    assert (result.exit_code, before - set(gateway.held)) == (0, {"notes/old"})
    assert "1 items whose files are gone: 1 deleted" in result.stdout


def test_a_dry_run_names_what_would_be_deleted(gateway, folder):
    """One would like to see that first."""
    holds(gateway, 1)
    (folder / "1.txt").unlink()
    result = RUN.invoke(app, ["add", "notes", "--prune", "--dry-run"])
    assert "  notes/1\n1 items whose files are gone: not deleted" in result.stdout
    assert set(gateway.held) == {"notes/1"}


def test_prune_believes_no_empty_folder(gateway, folder, tmp_path):
    """It may not be mounted; and the working folder itself has no name."""
    gateway.held["bare/old"] = {"names": {"text": "bare/old.txt"}}
    (tmp_path / "bare").mkdir()
    result = RUN.invoke(app, ["add", "bare", "--prune", "--yes"])
    assert (result.exit_code, list(gateway.held)) == (1, ["bare/old"])
    assert "the folder is empty: nothing is deleted" in result.stderr
    result = RUN.invoke(app, ["add", ".", "--prune", "--yes"])
    assert result.exit_code == 2
    assert "from the folder above" in result.stderr


def test_what_should_have_been_taken_ends_with_1(gateway, folder):
    """A file above the limit: the others are sent."""
    (folder / "large.txt").write_text("x" * 101)
    result = RUN.invoke(app, ["add", "notes"])
    assert (result.exit_code, len(ids(gateway))) == (1, 4)
    assert "skipped: notes/large.txt: 101 bytes, the limit is 100" in result.stderr


def test_a_refused_request_does_not_end_the_run(gateway, folder):
    """But an error that all requests would get does."""
    gateway.refusal = ClientError("batch is odd", 413)
    result = RUN.invoke(app, ["add", "notes"])
    assert result.exit_code == 1
    assert "batch is odd" in result.stderr
    assert "1 refused" in result.stdout
    gateway.refusal = ClientError("other encoders", 409)
    result = RUN.invoke(app, ["add", "notes"])
    assert result.exit_code == 2
    assert "other encoders" in result.stderr


def test_an_interrupted_user_is_told_what_goes_on(gateway, folder, monkeypatch):
    """And how to look, and to go on."""
    gateway.interrupt_after = 2
    monkeypatch.setattr("triptych.ingest.uploads._MAX_ITEMS", 1)
    result = RUN.invoke(app, ["add", "notes", "--parallel", "1"])
    assert result.exit_code == 130
    assert len(gateway.sent) < 4
    assert "interrupted: 1 items were accepted" in result.stderr
    assert "Run the same command again" in result.stderr
    assert "Nothing is left" not in result.stderr


def test_a_gateway_that_goes_away_is_no_secret(gateway, folder, monkeypatch):
    """It is waited for; then the command tells what was accepted, as after an interrupt."""
    gateway.gone_after = 2
    monkeypatch.setattr("triptych.ingest.uploads._MAX_ITEMS", 1)
    result = RUN.invoke(app, ["add", "notes", "--parallel", "1"])
    assert result.exit_code == 2
    assert gateway.patient >= 3  # what it knows, and two batches
    assert "interrupted: 1 items were accepted" in result.stderr
    assert "can't be reached" in result.stderr


def test_an_interrupt_after_everything_was_sent_says_so(capsys):
    """To run the command again would only cost time."""
    running = BatchStatus("b", "c", "running", 3, 1, 0, 1.0, 2.0)
    _tell_interrupted({"b": running}, "http://127.0.0.1:8080", all_sent=True)
    told = capsys.readouterr().err
    assert "1 batch goes on" in told
    assert "Nothing is left to send." in told
    assert "again" not in told


def test_requests_go_at_once_but_not_all(folder, monkeypatch):
    """As many as are asked for."""
    monkeypatch.setattr("triptych.ingest.uploads._MAX_ITEMS", 1)
    gateway, together, most = Gateway(), threading.Semaphore(0), []

    def submit(_, manifest, files):
        with gateway._lock:
            gateway.sent.append((manifest, files))
            number = len(gateway.sent)
        most.append(number)
        if number < 3:
            together.acquire(timeout=10)
        else:
            together.release(2)
        return {"batch": str(number)}

    gateway.submit_files = submit
    *_, report = Adding(gateway, "c", [folder], parallel=3).run()
    assert (report.total, sorted(most)) == (4, [1, 2, 3, 4])
