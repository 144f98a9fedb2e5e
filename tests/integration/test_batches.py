"""Batches as users see them, on a whole stack: commands, pauses, ends, and who is told of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from receiver import SECRET, Receiver, hang, receiving
from support import settle, wait_for
from triptych.client import BatchStatus, Client, ClientError
from triptych.local import Stack, StackOptions, running_stack

PICTURES = 1000
"""So many that batches of them are at work for some seconds."""
API = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Is told of the ends of batches."""
    with receiving() as made:
        yield made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the server: pictures of noise, each another one."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 255, (128, 128, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, pictures: Path, receiver: Receiver
) -> Iterator[Stack]:
    """A stack without Elasticsearch that looks for lost items every two seconds."""
    options = StackOptions(
        name="batches",
        port=0,
        index="embedded",
        import_roots=(pictures,),
        image_workers=1,
        keep=False,
        env={
            "TRIPTYCH_RECONCILE_SECONDS": "2",
            "TRIPTYCH_CHUNK_ITEMS": "8",
            "TRIPTYCH_WEBHOOK_URL": receiver.url,
            "TRIPTYCH_WEBHOOK_SECRET": SECRET,
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("batches")))
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="module")
def client(served: Stack) -> Iterator[Client]:
    """The Python client of that stack."""
    with Client(served.gateway_url) as connected:
        yield connected


@pytest.fixture(scope="module")
def http(served: Stack) -> Iterator[httpx.Client]:
    """Plain HTTP to that stack."""
    with httpx.Client(base_url=served.gateway_url, timeout=60) as connected:
        yield connected


def lines(start: int, count: int = 100) -> bytes:
    """A manifest of some pictures, which nobody has encoded yet."""
    named = [{"id": f"{n}", "image": f"{n}.png"} for n in range(start, start + count)]
    return "\n".join(map(json.dumps, named)).encode()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What it gives as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.1)
    return found


def at_work(client: Client, collection: str, start: int) -> str:
    """A batch of which something is done and much is left."""
    batch: str = client.submit_manifest(collection, lines(start))["batch"]
    until(lambda: client.batch(batch).done >= 8)
    assert client.batch(batch).done < 90
    return batch


def rests(client: Client, http: httpx.Client, batch: str) -> BatchStatus:
    """The state of a batch when nothing of it is in the queues any more."""
    until(lambda: sum(figures(http, "triptych_queue_messages").values()) == 0)
    return client.batch(batch)


def figures(http: httpx.Client, name: str) -> dict[str, float]:
    """A metric, by its labels."""
    text = http.get("/metrics").text
    rows = re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in rows}


def told(receiver: Receiver, batch: str) -> list[dict[str, Any]]:
    """What the receiver was told of a batch."""
    return [body for _, raw in receiver.came if (body := json.loads(raw))["batch"] == batch]


def test_a_paused_batch_rests_until_it_is_resumed(
    client: Client, http: httpx.Client, collection: str
):
    """What a worker was at is finished, nothing else is begun, no sweep wakes it; all comes."""
    batch = at_work(client, collection, 0)
    assert client.pause(batch).state == "paused"
    resting = rests(client, http, batch)
    assert (resting.state, resting.done < 100) == ("paused", True)
    time.sleep(5)  # sweeps come and go
    assert client.batch(batch).done == resting.done
    assert settle(http, collection) == {"total": resting.done, "indexed": resting.done}
    assert [one.batch for one in client.batches(collection, "paused")] == [batch]
    assert client.resume(batch).state == "running"
    assert wait_for(client, batch).done == 100
    assert until(lambda: client.batch(batch).outcomes) == {"indexed": 100}
    assert settle(http, collection) == {"total": 100, "indexed": 100}


def test_a_cancelled_batch_keeps_what_is_done(
    client: Client, http: httpx.Client, collection: str, receiver: Receiver
):
    """Its counts are exact, and nothing comes later; the receiver is told just that."""
    batch = at_work(client, collection, 100)
    assert client.cancel(batch).state in {"cancelling", "cancelled"}
    ended = until(lambda: (now := client.batch(batch)).has_ended and now, 20)
    outcomes = dict(ended.outcomes)
    assert set(outcomes) == {"indexed", "cancelled"}
    assert sum(outcomes.values()) == ended.total == 100
    assert ended.done == outcomes["indexed"]
    assert settle(http, collection)["total"] == outcomes["indexed"]
    rests(client, http, batch)
    time.sleep(3)
    assert settle(http, collection) == {
        "total": outcomes["indexed"],
        "indexed": outcomes["indexed"],
    }
    for change in (client.pause, client.resume, client.cancel):
        with pytest.raises(ClientError, match="has ended"):
            change(batch)
    until(lambda: told(receiver, batch))
    assert told(receiver, batch) == [http.get(f"/v1/batches/{batch}").json()]


def test_a_retry_helps_when_the_cause_is_gone(client: Client, collection: str, pictures: Path):
    """A file of the server that was not there; afterwards there is nothing left to try."""
    named = [{"id": name, "image": f"{name}.png"} for name in ("late", "never")]
    manifest = "\n".join(map(json.dumps, [*named, {"id": "words", "text": "a cat"}])).encode()
    batch = client.submit_manifest(collection, manifest)["batch"]
    assert wait_for(client, batch).failed == 2
    (pictures / "late.png").write_bytes((pictures / "0.png").read_bytes())
    with pytest.raises(ClientError, match="nothing of batch"):
        client.retry(batch, reason="no such reason")
    again = client.retry(batch, ids=["late"])
    assert wait_for(client, again).failed == 0
    assert client.item(collection, "late")["status"] == "indexed"
    (reason,) = client.failures(batch)[0]["errors"].values()
    both = client.retry(batch, reason=reason)
    assert client.batch(both).total == 1
    assert wait_for(client, both).failed == 1
    with pytest.raises(ClientError, match="sent anew"):
        client.retry(batch)


def test_a_batch_of_failures_alone_ends_like_any_other(
    client: Client, http: httpx.Client, collection: str, receiver: Receiver
):
    """Each of its items has its reason, by pages and as lines; the events of it end."""
    batch = client.submit_manifest(collection, b'0\n{"id": "empty"}\n{"id": "x", "n": 1}')["batch"]
    *_, last = client.watch(batch)
    assert (last.state, last.total, last.done, last.failed) == ("done", 3, 3, 3)
    assert until(lambda: client.batch(batch).outcomes) == {"failed": 3}
    pages = list(client.failure_pages(batch, limit=1))
    assert [(page["total"], len(page["failures"])) for page in pages] == [(3, 1)] * 3
    whole = http.get(
        f"/v1/batches/{batch}/failures", headers={"accept": "application/x-ndjson"}
    ).text
    assert [json.loads(line) for line in whole.splitlines()] == client.failures(batch)
    assert all(one["errors"] for one in client.failures(batch))
    assert until(lambda: told(receiver, batch))[0]["outcomes"] == {"failed": 3}


def test_an_end_is_told_though_the_receiver_hangs_and_the_planner_dies(
    served: Stack, client: Client, http: httpx.Client, collection: str, receiver: Receiver
):
    """Meanwhile others are planned; it comes under the same id, as the documentation checks it."""
    receiver.answers.append(hang)
    batch = client.submit_manifest(collection, b'{"id": "a", "text": "one"}')["batch"]
    until(lambda: told(receiver, batch))
    began = time.monotonic()
    other = client.submit_manifest(collection, b'{"id": "b", "text": "two"}')["batch"]
    assert wait_for(client, other).failed == 0
    assert time.monotonic() - began < 4, "planning waits for the receiver"
    served.kill("worker-plan")
    served.start("worker-plan")
    until(lambda: len(told(receiver, batch)) == 2 and told(receiver, other))
    assert not receiver.answers
    found: dict[str, Any] = {}
    code = re.findall(r"```python\n(.*?)```", API.read_text("utf-8"), re.DOTALL)
    exec("\n".join(code), found)  # noqa: S102
    tries = [(head, raw) for head, raw in receiver.came if json.loads(raw)["batch"] == batch]
    assert len({head["webhook-id"] for head, _ in tries}) == 1
    assert all(found["is_genuine"](head, raw, SECRET) for head, raw in tries)
    assert {raw for _, raw in tries} == {http.get(f"/v1/batches/{batch}").content.strip()}
    events = figures(http, "triptych_events_total")
    assert events['queue="plan",event="announced"'] >= 2
    log = served.home / "logs" / "worker-plan.log"
    assert SECRET not in log.read_text()
    assert "token-in-path" not in log.read_text()


@dataclass
class Shell:
    """Runs ``triptych`` as a person would."""

    gateway: str
    folder: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        command = [sys.executable, "-m", "triptych.cli.main", *words]
        env = os.environ | {"TRIPTYCH_URL": self.gateway}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=env, cwd=self.folder, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *words: str, code: int = 0) -> tuple[str, str]:
        """What a command says on both ways, when it has ended with this code."""
        process = self.start(*words)
        said, told = process.communicate(timeout=120)
        assert process.returncode == code, (said, told)
        return said, told

    def interrupt(self, process: subprocess.Popen[str]) -> str:
        """Ctrl-C; what it tells."""
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130, told
        return told


@pytest.fixture
def shell(served: Stack, tmp_path: Path) -> Shell:
    """In a folder of its own."""
    return Shell(served.gateway_url, tmp_path)


def named(text: str, what: str = "watch") -> str:
    """The batch of the one command that a text tells to type next."""
    (batch,) = re.findall(rf"triptych {what} ([0-9a-f]{{32}})", text)
    return str(batch)


def test_the_commands_lead_through_failures(shell: Shell, collection: str, pictures: Path):
    """Each says what comes next, and its exit code says how it went."""
    (shell.folder / "photos").mkdir()
    (shell.folder / "photos" / "good.png").write_bytes((pictures / "0.png").read_bytes())
    (shell.folder / "photos" / "bad.png").write_bytes(b"no picture")
    shell.run("add", "photos", "-c", collection, code=1)
    said, _ = shell.run("batches", "-c", collection)
    batch, state, done, failed, *_ = said.split("\t")
    assert (state, done, failed) == ("done", "2/2", "1")
    _, told = shell.run("watch", batch, code=1)
    assert named(told, "failures") == batch
    said, told = shell.run("failures", batch)
    assert said.startswith("photos/bad\tfailed\timage: ")
    assert "1 in all" in told
    said, _ = shell.run("failures", batch, "--jsonl")
    assert json.loads(said)["id"] == "photos/bad"
    _, told = shell.run("retry", batch, "--ids", "photos/good", code=2)
    assert "that was chosen" in told
    _, told = shell.run("retry", batch)
    shell.run("watch", named(told), code=1)


def test_the_commands_lead_through_a_long_batch(shell: Shell, client: Client, collection: str):
    """Ctrl-C leaves it; it is paused, resumed, and cancelled."""
    (shell.folder / "m.jsonl").write_bytes(lines(200, 800))
    adding = shell.start("add", "--server-side", "m.jsonl", "-c", collection)
    until(lambda: [one for one in client.batches(collection, "running") if one.done])
    batch = named(shell.interrupt(adding))
    assert f"{batch}: paused" in shell.run("pause", batch)[0]
    watching = shell.start("watch", batch, "--json")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["state"] == "paused"
    assert named(shell.interrupt(watching)) == batch
    assert json.loads(shell.run("reconcile", "--json")[0])["planned"] == 0
    assert f"{batch}: running" in shell.run("resume", batch)[0]
    assert f"{batch}: cancel" in shell.run("cancel", batch)[0]
    said, _ = shell.run("watch", batch, code=1)
    assert f"{batch}: cancelled" in said
    assert re.search(r"\d+ cancelled", said)
    shell.run("cancel", batch, code=2)
