"""Queues under fire: real Valkey, real workers. Each message is done, and none is lost."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from celery import Celery

from triptych.core.errors import QueueUnavailable
from triptych.core.settings import Settings
from triptych.local import valkey
from triptych.local.ports import free_ports
from triptych.queues import jobs
from triptych.queues.labels import Label
from triptych.queues.presence import workers
from triptych.queues.streams import BULK, URGENT

QUEUE = "text"
TOY = Path(__file__).parent.parent / "toy_worker.py"
LEASE, RENEW = 2.0, 0.4


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return when it holds; fail when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


@dataclass
class Scene:
    """A Valkey, its workers, and what they have done."""

    folder: Path
    port: int
    options: dict[str, str] = field(default_factory=dict)
    server: subprocess.Popen[bytes] | None = None
    toys: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = self.folder / "toys.log"
        self.log.touch()
        self.settings = Settings(
            redis_url=f"redis://127.0.0.1:{self.port}/0", lease=LEASE, lease_renew=RENEW
        )
        self.app: Celery = jobs.make_celery(self.settings)
        self.client = redis.Redis(port=self.port)

    def serve(self) -> None:
        """Start Valkey."""
        command = valkey.command(valkey.find_server(), port=self.port, folder=self.folder)
        for name, value in self.options.items():
            command += [f"--{name}", value]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, 20)

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def stop_server(self, sign: int = signal.SIGTERM) -> None:
        """End Valkey."""
        assert self.server is not None
        self.server.send_signal(sign)
        self.server.wait(20)

    def toy(self, concurrency: int = 1, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        process = subprocess.Popen(
            [sys.executable, str(TOY), QUEUE, str(concurrency)],
            env=os.environ
            | {
                "TRIPTYCH_REDIS_URL": self.settings.redis_url,
                "TRIPTYCH_LEASE": str(LEASE),
                "TRIPTYCH_LEASE_RENEW": str(RENEW),
                "TOY_LOG": str(self.log),
            }
            | env,
            stdout=subprocess.PIPE if "TOY_BROKEN" in env else None,
            stderr=subprocess.STDOUT if "TOY_BROKEN" in env else None,
            start_new_session=True,
        )
        self.toys.append(process)
        return process

    def ready(self, count: int = 1) -> None:
        """Wait until so many workers say that they are there."""
        wait_until(lambda: len(workers(self.client)) >= count)

    def send(self, name: str, *, priority: int = 9, label: Label | None = None, **more: Any):
        """Send a message."""
        label = label or Label(group="b", members=frozenset({int(name)}), items=1)
        message = {"name": name, **more}
        jobs.send_task(self.app, QUEUE, message, priority=priority, label=label)

    def rows(self, what: str) -> list[tuple[str, int, int, float]]:
        """Name, pid, deaths before, and time of each start or end, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [
            (name, int(pid), int(deaths), float(at))
            for kind, name, pid, deaths, at in lines
            if kind == what
        ]

    def done(self) -> Counter[str]:
        """How often each message was worked on to the end."""
        return Counter(name for name, *_ in self.rows("ended"))

    def all_done(self, count: int) -> Callable[[], bool]:
        """Whether messages 0 to count are done, and Redis knows it."""
        return lambda: len(self.done()) == count and self.backlog().messages == 0

    def backlog(self) -> jobs.Backlog:
        """What the queue holds."""
        return jobs.backlog(self.client)[QUEUE]

    def signal(self, toy: subprocess.Popen[bytes], sign: int) -> None:
        """Signal a worker and all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(toy.pid, sign)

    def close(self) -> None:
        """End everything."""
        for toy in self.toys:
            self.signal(toy, signal.SIGKILL)
            toy.wait()
        if self.server is not None:
            self.server.kill()
            self.server.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A fresh Valkey without workers."""
    made = Scene(tmp_path, free_ports(1)[0])
    made.serve()
    yield made
    made.close()


def test_each_message_is_done_once(scene: Scene):
    """Also with several processes; the counts are those of the messages, and end at zero."""
    for i in range(50):
        scene.send(str(i), seconds=0.02)
    backlog = scene.backlog()
    assert (backlog.messages, backlog.items, backlog.held) == (50, 50, 0)
    assert jobs.in_flight(scene.client, "b").ordinals == frozenset(range(50))
    scene.toy(concurrency=2)
    wait_until(scene.all_done(50))
    assert set(scene.done().values()) == {1}
    backlog = scene.backlog()
    assert (backlog.items, backlog.bytes, backlog.age) == (0, 0, 0)
    assert jobs.in_flight(scene.client, "b").ordinals == frozenset()
    assert len({pid for _, pid, *_ in scene.rows("started")}) == 2


def test_a_single_item_waits_for_one_chunk_at_most(scene: Scene):
    """The urgent lane is read first."""
    for i in range(20):
        scene.send(str(i), seconds=0.2)
    scene.toy()
    wait_until(lambda: scene.rows("started"))
    scene.send("99", priority=0)
    assert scene.backlog().lanes[URGENT].messages == 1
    wait_until(lambda: "99" in scene.done())
    assert [name for name, *_ in scene.rows("ended")].index("99") <= 2


def test_a_busy_worker_takes_nothing(scene: Scene):
    """What waits stays in the queue, where others see it."""
    for i in range(10):
        scene.send(str(i), seconds=1)
    scene.toy(concurrency=2)
    wait_until(lambda: len(scene.rows("started")) >= 2)
    assert scene.backlog().held == 2
    [presence] = workers(scene.client)
    assert (presence.kind, presence.processes) == (QUEUE, 2)


def test_killed_workers_lose_nothing(scene: Scene):
    """SIGKILL of whole workers, again and again, while they are busy."""
    for i in range(150):
        scene.send(str(i), seconds=0.03)
    for _ in range(4):
        toys = [scene.toy(concurrency=2), scene.toy()]
        before = len(scene.rows("started"))
        wait_until(lambda before=before: len(scene.rows("started")) > before + 8)
        for toy in toys:
            scene.signal(toy, signal.SIGKILL)
    assert scene.backlog().held > 0
    scene.toy(concurrency=2)
    wait_until(scene.all_done(150))
    assert scene.backlog().items == 0


def test_killed_processes_lose_nothing(scene: Scene):
    """SIGKILL of pool processes, busy and idle ones: the worker replaces them and goes on."""
    toy = scene.toy(concurrency=2)
    scene.ready()
    for i in range(60):
        scene.send(str(i), seconds=0.05)
        if i % 12 == 0:
            for child in psutil.Process(toy.pid).children():
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            time.sleep(0.3)
    wait_until(scene.all_done(60))
    assert toy.poll() is None


@pytest.mark.parametrize("at", ["started", "ended"])
def test_a_frozen_worker_loses_nothing_and_does_no_harm(scene: Scene, at: str):
    """SIGSTOP of a worker, busy or idle; others take over what it has; then it wakes."""
    frozen = scene.toy()
    scene.ready()
    scene.send("0", seconds=0.5)
    wait_until(lambda: scene.rows(at))
    scene.signal(frozen, signal.SIGSTOP)
    for i in range(1, 30):
        scene.send(str(i))
    scene.toy()
    wait_until(scene.all_done(30))
    scene.signal(frozen, signal.SIGCONT)
    for i in range(30, 60):
        scene.send(str(i))
    wait_until(scene.all_done(60))
    assert scene.backlog().items == 0
    assert frozen.poll() is None


def test_long_work_runs_once(scene: Scene):
    """Work longer than the lease is not given to somebody else."""
    scene.toy()
    scene.toy()
    scene.ready(2)
    scene.send("0", seconds=3 * LEASE)
    wait_until(scene.all_done(1))
    assert scene.done() == {"0": 1}


def test_deaths_are_counted_with_evidence(scene: Scene):
    """Before the work on it begins it is known how often a message has killed, and how."""
    scene.toy()
    scene.send("0", dies=True)
    wait_until(lambda: len(scene.rows("started")) >= 4)
    assert [deaths for _, _, deaths, _ in scene.rows("started")][:4] == [0, 1, 2, 3]
    entry: Any = scene.client.xrange(f"triptych:queue:{QUEUE}:{BULK}")
    evidence = entry[0][1][b"evidence"].decode()
    assert "SIGKILL" in evidence
    assert '"rss":' in evidence


def test_a_process_that_keeps_memory_is_replaced(scene: Scene):
    """After its work: nothing is done twice."""
    scene.toy(TRIPTYCH_PROCESS_MEMORY=str(150 * 2**20))
    for i in range(6):
        scene.send(str(i), keeps=40 * 2**20)
    wait_until(scene.all_done(6))
    assert set(scene.done().values()) == {1}
    assert 1 < len({pid for _, pid, *_ in scene.rows("started")}) < 6


def test_a_worker_told_to_stop_finishes_its_work(scene: Scene):
    """SIGTERM: what is under way is done, nothing else is begun."""
    for i in range(5):
        scene.send(str(i), seconds=1)
    toy = scene.toy()
    wait_until(lambda: scene.rows("started"))
    toy.terminate()
    assert toy.wait(20) == 0
    assert len(scene.rows("started")) == len(scene.done()) == 1
    assert (scene.backlog().messages, scene.backlog().held) == (4, 0)
    assert workers(scene.client) == []


def test_a_worker_that_still_loads_stops_soon(scene: Scene):
    """SIGTERM: it has nothing to finish."""
    toy = scene.toy(TOY_LOADS="100")
    scene.ready()
    toy.terminate()
    assert toy.wait(19) == 0, "less than the grace for work"


def test_a_worker_that_ends_slowly_takes_its_leave(scene: Scene):
    """SIGTERM while Redis stands still for longer than an idle worker is given."""
    toy = scene.toy()
    scene.ready()
    assert scene.server is not None
    scene.server.send_signal(signal.SIGSTOP)
    toy.terminate()
    time.sleep(6)
    scene.server.send_signal(signal.SIGCONT)
    assert toy.wait(20) == 0
    assert workers(scene.client) == []


def test_what_is_no_message_stops_nobody(scene: Scene):
    """It is deleted; the messages around it are done."""
    toy = scene.toy()
    scene.ready()
    head = {"key": "k", "group": "", "members": "", "items": 0, "bytes": 0, "deaths": 0}
    stream: Any = f"triptych:queue:{QUEUE}:{BULK}"
    scene.client.xadd(stream, {"what": "is this"})
    scene.client.xadd(stream, {**head, "evidence": "[]", "since": 0, "head": "?", "body": "?"})
    scene.send("0")
    wait_until(scene.all_done(1))
    assert toy.poll() is None


def test_work_that_does_not_end_goes_back(scene: Scene):
    """After the grace, without being counted as a death."""
    scene.send("0", seconds=60)
    toy = scene.toy(TRIPTYCH_DRAIN="1")
    wait_until(lambda: scene.rows("started"))
    toy.terminate()
    assert toy.wait(20) == 0
    assert (scene.backlog().messages, scene.backlog().held) == (1, 0)
    scene.toy()
    wait_until(lambda: len(scene.rows("started")) == 2)
    assert scene.rows("started")[1][2] == 0


def test_a_wiped_redis_stops_nobody(scene: Scene):
    """What was in it is gone; what comes later is done, by the same workers."""
    toys = [scene.toy(), scene.toy()]
    scene.ready(2)
    for i in range(30):
        scene.send(str(i), seconds=0.1)
    wait_until(lambda: scene.rows("ended"))
    scene.client.flushall()
    for i in range(100, 130):
        scene.send(str(i))
    wait_until(lambda: {str(i) for i in range(100, 130)} <= set(scene.done()))
    wait_until(lambda: scene.backlog().messages == 0)
    assert scene.backlog().items == 0
    assert [toy.poll() for toy in toys] == [None, None]


def test_a_full_redis_refuses_and_drains(scene: Scene):
    """Sending is refused with a reason; work goes on, and makes room."""
    scene.client.config_set("maxmemory", str(6 * 2**20))
    toy = scene.toy(concurrency=2)
    scene.ready()
    sent, reason = 0, ""
    while not reason:
        try:
            scene.send(str(sent), seconds=0.02, padding=b"x" * 200_000)
            sent += 1
        except QueueUnavailable as error:
            reason = error.reason
    assert "maxmemory" in reason
    wait_until(scene.all_done(sent))
    scene.send(str(sent))
    wait_until(scene.all_done(sent + 1))
    assert toy.poll() is None
    assert scene.backlog().bytes == 0


def test_cut_connections_lose_nothing(scene: Scene):
    """CLIENT KILL of every connection, again and again."""
    toy = scene.toy(concurrency=2)
    scene.ready()
    killer = redis.Redis(port=scene.port)
    for i in range(100):
        scene.send(str(i), seconds=0.02)
        if i % 5 == 0:
            killer.client_kill_filter(_type="normal", skipme=True)
    wait_until(scene.all_done(100))
    assert toy.poll() is None


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_redis_loses_nothing(scene: Scene, sign: int):
    """It is away for longer than a lease; nobody is blamed for that."""
    toys = [scene.toy(), scene.toy()]
    scene.ready(2)
    for i in range(40):
        scene.send(str(i), seconds=0.1)
    scene.client.config_set("appendfsync", "always")
    wait_until(lambda: scene.rows("ended"))
    scene.stop_server(sign)
    with pytest.raises(QueueUnavailable):
        scene.send("1000")
    time.sleep(LEASE + 1)
    scene.serve()
    wait_until(scene.all_done(40))
    assert {deaths for _, _, deaths, _ in scene.rows("started")} == {0}
    assert [toy.poll() for toy in toys] == [None, None]


def test_redis_comes_back_empty(scene: Scene):
    """As after a failover to a server that has nothing: all goes on."""
    toy = scene.toy()
    scene.ready()
    scene.send("0")
    wait_until(scene.all_done(1))
    scene.stop_server(signal.SIGKILL)
    for path in scene.folder.glob("appendonlydir/*"):
        path.unlink()
    scene.serve()
    scene.send("1")
    wait_until(scene.all_done(2))
    assert toy.poll() is None


def test_a_worker_starts_before_redis(scene: Scene):
    """It waits."""
    scene.stop_server()
    toy = scene.toy()
    time.sleep(2)
    scene.serve()
    scene.send("0")
    wait_until(scene.all_done(1))
    assert toy.poll() is None


def test_a_worker_that_can_not_be_prepared_ends(scene: Scene):
    """With a code and the reason, instead of failing all that it is given."""
    scene.send("0")
    toy = scene.toy(TOY_BROKEN="1")
    output, _ = toy.communicate(timeout=60)
    assert toy.returncode != 0
    assert b"the model is broken" in output
    assert (scene.backlog().messages, scene.backlog().held) == (1, 0)


def test_a_batch_is_dropped(scene: Scene):
    """Its messages are gone, those of others stay."""
    for i in range(5):
        scene.send(str(i))
    scene.send("7", label=Label(group="other", members=frozenset({7}), items=1))
    assert jobs.drop(scene.client, "b") == 5
    assert jobs.in_flight(scene.client, "b").ordinals == frozenset()
    assert (scene.backlog().messages, scene.backlog().items) == (1, 1)
    assert jobs.in_flight(scene.client, "other").ordinals == {7}


def test_plan_messages_are_seen(scene: Scene):
    """A batch that is being planned says so."""
    jobs.send_plan(scene.app, "b")
    assert jobs.in_flight(scene.client, "b") == jobs.InFlight(
        frozenset(), planning=True, messages=1
    )


def test_what_a_worker_holds_is_not_dropped(scene: Scene):
    """It is done to the end; what waits is gone, and no count is left over."""
    for i in range(5):
        scene.send(str(i), seconds=1)
    scene.toy()
    wait_until(lambda: scene.rows("started"))
    assert jobs.drop(scene.client, "b") == 4
    (held,) = jobs.in_flight(scene.client, "b").ordinals
    wait_until(lambda: scene.backlog().messages == 0)
    assert scene.done() == {str(held): 1}
    assert (scene.backlog().items, scene.backlog().bytes) == (0, 0)
    assert jobs.in_flight(scene.client, "b").ordinals == frozenset()


def test_a_process_that_hangs_is_killed(scene: Scene):
    """That is a death of its message, which comes again; the others are done."""
    toy = scene.toy(2, TRIPTYCH_HANG="1")
    scene.ready()
    scene.send("0", seconds=600)
    for name in "1234":
        scene.send(name)
    wait_until(lambda: len(scene.rows("started")) >= 4 + 3)
    tries = [(pid, deaths) for name, pid, deaths, _ in scene.rows("started") if name == "0"]
    assert [deaths for _, deaths in tries[:3]] == [0, 1, 2]
    assert len({pid for pid, _ in tries}) == len(tries)
    assert scene.done() == Counter("1234")
    assert toy.poll() is None


def test_a_process_that_is_frozen_alone_is_killed(scene: Scene):
    """Its parent lives, and renews the lease for ever."""
    scene.toy(1, TRIPTYCH_HANG="2")
    scene.ready()
    scene.send("0", seconds=0.5)
    wait_until(lambda: scene.rows("started"))
    os.kill(scene.rows("started")[0][1], signal.SIGSTOP)
    wait_until(scene.all_done(1))
    assert [deaths for _, _, deaths, _ in scene.rows("started")] == [0, 1]
