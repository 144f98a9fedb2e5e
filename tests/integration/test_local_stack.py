"""The local stack with real processes: real stores, and small stand-ins for our own parts."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from triptych.local import PartFailed, StackError, StackOptions, run, running_stack
from triptych.local.errors import Interrupted
from triptych.local.parts import Part
from triptych.local.ports import assign, is_free
from triptych.local.probes import http_ok
from triptych.local.process import alive, members
from triptych.local.stack import Stack
from triptych.local.state import State, load

STORES = ("valkey", "elasticsearch")
SERVER = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1")
# A process of its own that runs ``up`` with stand-ins: it gets signals like the command does.
DRIVER = """
import sys
from tests_local_dummies import build
from triptych.local import StackOptions, run
run.build = build
port, *how = sys.argv[1:]
options = StackOptions(
    name="dummy", port=int(port), detach="detach" in how, parts=("valkey", "gateway")
)
sys.exit(run.up(options))
"""
DUMMIES = """
import os, sys
from triptych.local.parts import Part
from triptych.local.probes import http_ok

def build(options, ports, *, pause, say):
    def server(name, port, *needs):
        return Part(
            name, [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
            os.environ, options.home / "logs" / f"{name}.log", lambda: http_ok(port, "/"),
            port=port, needs=needs,
        )
    return (server("valkey", ports.valkey), server("gateway", ports.gateway, "valkey"))
"""


def wait_for(condition, seconds=20.0):
    """Poll until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def processes(stack: Stack) -> list[int]:
    """The living processes of all groups of the stack."""
    return [pid for part in stack.running.values() for pid in members(part.process.pid)]


def listens(address: str, port: int) -> bool:
    """Whether a connection is accepted there."""
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0


@pytest.fixture(scope="module")
def data_home(tmp_path_factory):
    """A data folder of this module; the fetched distribution stays in the usual cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setenv("XDG_DATA_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def stores(data_home):
    """Valkey and Elasticsearch, as the real stack starts them."""
    options = StackOptions(name="stores", port=0, parts=STORES, heap="512m", keep=False)
    with running_stack(options) as stack:
        yield stack


class TestStores:
    """Real Valkey, real Elasticsearch."""

    def test_they_answer(self, stores):
        """The URLs of the stack lead to working servers."""
        with Redis.from_url(stores.redis_url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}
        health = httpx.get(f"{stores.index_url}/_cluster/health").json()
        assert health["cluster_name"] == "triptych-stores"

    @pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 exists on Linux only")
    def test_they_listen_on_loopback_only(self, stores):
        """A server on all addresses would also answer at 127.0.0.2."""
        for part in stores.parts:
            for port in part.ports:
                assert listens("127.0.0.1", port)
                assert not listens("127.0.0.2", port)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root must change its user")
    def test_root_runs_elasticsearch_as_somebody_else(self, stores):
        """The server refuses root, so all its processes belong to another user."""
        pids = members(stores.running["elasticsearch"].process.pid)
        assert pids
        assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in pids)

    def test_data_outlives_a_crash(self, stores):
        """Both stores find acknowledged data after all their processes were killed."""
        index = f"{stores.index_url}/kept"
        httpx.put(index, json={"settings": {"number_of_replicas": 0}}).raise_for_status()
        httpx.put(f"{index}/_doc/1", json={"title": "x"}).raise_for_status()
        with Redis.from_url(stores.redis_url) as client:
            client.lpush("queue", "task")
            client.execute_command("WAITAOF", 1, 0, 5000)
        before = processes(stores)
        stores.kill(*STORES)
        assert not any(map(stores.alive, STORES))
        stores.start(*STORES)
        assert not set(before) & set(processes(stores))
        document = httpx.get(f"{stores.index_url}/kept/_doc/1").json()
        assert document["_source"] == {"title": "x"}
        with Redis.from_url(stores.redis_url) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]

    def test_a_second_stack_beside_it(self, stores):
        """Another name has other ports and data; stopping it leaves nothing of it."""
        options = StackOptions(name="second", port=0, parts=("valkey",), keep=False)
        with running_stack(options) as second:
            assert not set(second.ports) & set(stores.ports)
            with Redis.from_url(second.redis_url) as client:
                client.set("only", "here")
            with Redis.from_url(stores.redis_url) as client:
                assert client.get("only") is None
            running = dict(second.running)
        assert not any(members(part.process.pid) for part in running.values())
        assert all(map(is_free, second.ports))
        assert not options.home.exists()
        assert stores.alive("valkey")

    def test_a_stack_that_runs_is_not_wiped(self, stores):
        """``fresh`` never deletes data under running servers."""
        with (
            pytest.raises(StackError, match="runs, so its data stays"),
            running_stack(StackOptions(name="stores", parts=STORES, fresh=True)),
        ):
            pass
        assert stores.home.exists()


@pytest.fixture
def stack(tmp_path):
    """Two stand-ins, the second needs the first; stopped at the end."""
    ports = assign(0)

    def server(name: str, port: int, *needs: str) -> Part:
        log = tmp_path / f"{name}.log"
        ready = lambda: http_ok(port, "/")  # noqa: E731
        return Part(name, [*SERVER, str(port)], os.environ, log, ready, port=port, needs=needs)

    first, second = server("first", ports.valkey), server("second", ports.gateway, "first")
    stack = Stack(tmp_path / "home", ports, (second, first))
    yield stack
    stack.stop()


def script(tmp_path, code: str, name: str = "broken", **choice: Any) -> Part:
    """A part that runs some Python and is never ready."""
    command = [sys.executable, "-c", code]
    return Part(name, command, os.environ, tmp_path / "broken.log", lambda: False, **choice)


class TestOrchestration:
    """Order, failure and restart, with stand-ins."""

    def test_needs_start_first(self, stack):
        """Whatever the order of the list, a part starts after what it needs is ready."""
        said = []
        stack.say = said.append
        stack.start()
        assert [text.partition(":")[0] for text in said] == ["first", "first", "second", "second"]

    def test_one_part_is_restarted(self, stack):
        """Stopping one leaves the other alone; starting again gives a new process."""
        stack.start()
        before = dict(stack.running)
        stack.stop("second")
        assert (stack.alive("first"), stack.alive("second")) == (True, False)
        stack.start("second")
        assert stack.running["first"] == before["first"]
        assert stack.running["second"] != before["second"]

    def test_a_part_that_does_not_start_is_shown(self, stack, tmp_path):
        """The error has the part, its exit code and its log; the others are stopped again."""
        broken = script(tmp_path, "raise SystemExit('no such model')", needs=("first",))
        stack.parts = (*stack.parts, broken)
        with pytest.raises(PartFailed, match=r"broken did not start \(exit code 1\)") as error:
            stack.start()
        assert "no such model" in str(error.value)
        assert stack.running == {}
        assert all(map(is_free, stack.ports))

    def test_a_part_that_never_gets_ready_is_given_up(self, stack, tmp_path):
        """Patience ends, and the part with it."""
        sleeper = script(tmp_path, "import time; time.sleep(60)", patience=0.5)
        stack.parts = (sleeper,)
        with pytest.raises(PartFailed, match="was not ready after"):
            stack.start()
        assert stack.running == {}

    def test_a_taken_port_is_named(self, stack):
        """The message says which port and which part, before anything is started."""
        port = stack.ports.gateway
        with (
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(StackError, match=f"port {port} for second is in use"),
        ):
            stack.start()
        assert stack.running == {}

    def test_a_part_that_dies_is_noticed(self, stack):
        """Watching ends with the name of what died."""
        stack.start()
        os.kill(stack.running["first"].process.pid, signal.SIGKILL)
        with pytest.raises(PartFailed, match=r"first died \(exit code -9\)"):
            stack.watch()


class Command:
    """``up`` with stand-ins in processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.home = StackOptions(name="dummy").home
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one; its output replaces the one before."""
        with self.out.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", DRIVER, *arguments], stdout=out, stderr=out
            )
        self.processes.append(process)
        return process

    @property
    def output(self) -> str:
        """What the last one printed."""
        return self.out.read_text()

    @property
    def state(self) -> State | None:
        """What the stack remembers."""
        return load(self.home)

    def up(self) -> tuple[subprocess.Popen[bytes], State]:
        """Start one in the foreground and wait until it says that all is up."""
        process = self("0")
        wait_for(lambda: "is up" in self.output)
        return process, self.state

    def close(self) -> None:
        """End what is left."""
        for process in self.processes:
            process.kill()
            process.wait()
        run.down("dummy", say=lambda _: None)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command with stand-ins, and a data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "tests_local_dummies.py").write_text(DUMMIES)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    command = Command(tmp_path)
    yield command
    command.close()


def left(state: State) -> list[int]:
    """The living processes of all groups of a stack."""
    return [pid for part in state.running.values() for pid in members(part.process.pid)]


class TestCommand:
    """``up`` and ``down`` as separate processes, with signals."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_stops_everything(self, command, number):
        """Ctrl-C, a service manager's TERM or a closed terminal is a clean end."""
        process, state = command.up()
        process.send_signal(number)
        assert process.wait(20) == 0, command.output
        assert left(state) == []
        assert command.state is None

    def test_a_dying_part_ends_it(self, command):
        """Exit code 1, the part's name and the end of its log; nothing is left."""
        process, state = command.up()
        os.kill(state.running["gateway"].process.pid, signal.SIGKILL)
        assert process.wait(20) == 1
        assert "gateway died" in command.output
        assert "GET / HTTP" in command.output
        assert left(state) == []

    def test_down_ends_another_terminals_up(self, command):
        """The process that stays with the stack stops it, and ends well."""
        process, state = command.up()
        assert run.down("dummy") == 0
        assert process.wait(5) == 0
        assert left(state) == []
        assert command.state is None

    def test_detached_it_stays_until_down(self, command, capsys):
        """The command returns when all is ready; a second one changes nothing; down stops it."""
        assert command("0", "detach").wait(20) == 0, command.output
        state = command.state
        assert len(left(state)) == 2
        assert command("0", "detach").wait(20) == 0
        assert "already runs" in command.output
        assert command.state == state
        assert run.status("dummy", as_json=True) == 0
        rows = json.loads(capsys.readouterr().out)["parts"]
        assert [(row["name"], row["port"], row["alive"]) for row in rows] == [
            ("valkey", state.ports.valkey, True),
            ("gateway", state.ports.gateway, True),
        ]
        assert run.down("dummy") == 0
        assert left(state) == []
        assert run.status("dummy") == 1

    def test_detached_parts_that_die_start_again(self, command, capsys):
        """A supervisor sees to that; status tells; down ends it too."""
        assert command("0", "detach").wait(20) == 0, command.output
        first = command.state
        assert alive(first.supervisor)
        os.kill(first.running["gateway"].process.pid, signal.SIGKILL)
        wait_for(lambda: command.state.running["gateway"].restarts == 1)
        wait_for(lambda: listens("127.0.0.1", first.ports.gateway))
        assert run.status("dummy", as_json=True) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["supervisor"] == first.supervisor.pid
        assert [row["restarts"] for row in told["parts"]] == [0, 1]
        state = command.state
        assert run.down("dummy") == 0
        assert left(state) == []
        assert not alive(first.supervisor)

    def test_a_detached_stack_gets_a_new_supervisor(self, command):
        """When the old one was killed, the next ``up`` starts one and keeps the parts."""
        assert command("0", "detach").wait(20) == 0, command.output
        first = command.state
        os.kill(first.supervisor.pid, signal.SIGKILL)
        wait_for(lambda: not alive(first.supervisor))
        assert command("0", "detach").wait(20) == 0
        second = command.state
        assert second.running == first.running
        assert alive(second.supervisor)
        assert run.down("dummy") == 0
        assert left(second) == []

    def test_orphans_are_adopted(self, command):
        """After the supervisor was killed, the next ``up`` starts only what is missing."""
        killed, before = command.up()
        killed.kill()
        killed.wait()
        os.kill(before.running["gateway"].process.pid, signal.SIGKILL)
        process, after = command.up()
        assert after.ports == before.ports
        assert after.running["valkey"] == before.running["valkey"]
        assert after.running["gateway"] != before.running["gateway"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, command.output
        assert left(after) == []

    def test_another_port_for_a_running_stack_is_refused(self, command):
        """Silently staying on the old port would be a lie."""
        _, state = command.up()
        assert command("9").wait(20) == 1
        assert f"runs on port {state.ports.gateway}" in command.output


@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupted_start_leaves_what_a_stop_leaves(tmp_path, monkeypatch, keep):
    """No process, and no data unless it is to be kept."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    options = StackOptions(name="i", port=0, parts=("valkey",), keep=keep)
    asked: list[float] = []

    def pause(seconds: float) -> None:
        asked.append(seconds)
        raise Interrupted

    with pytest.raises(Interrupted), running_stack(options, pause=pause):
        pytest.fail("it is not up")
    assert len(asked) == 1
    assert load(options.home) is None
    assert options.home.exists() is keep


def test_up_and_down_with_the_embedded_index(tmp_path, monkeypatch, capsys):
    """Neither Java nor Maven is looked for; status names the folder; nothing is left running."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("triptych.local.parts.find_java", lambda _: pytest.fail("looked for Java"))
    options = StackOptions(
        name="e", port=0, index="embedded", detach=True, parts=("valkey", "elasticsearch")
    )
    assert run.up(options) == 0
    assert "is up" in capsys.readouterr().out
    running = dict(load(options.home).running)
    assert list(running) == ["valkey"]
    assert run.status("e") == 0
    assert f"index: embedded, {(options.home / 'index').as_uri()}" in capsys.readouterr().out
    assert run.status("e", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["index"] == "embedded"
    assert run.up(options) == 0
    assert "already runs" in capsys.readouterr().out
    assert run.up(replace(options, index="elastic")) == 1
    assert "runs with the embedded index" in capsys.readouterr().out
    assert run.down("e") == 0
    assert not any(members(part.process.pid) for part in running.values())
    capsys.readouterr()
    assert run.status("e") == 1
    assert "it had the embedded index" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tools", "advice"),
    [((), "install a full JDK"), (("java",), "apt install maven")],
)
def test_missing_tools_are_one_clear_line(tmp_path, tools, advice):
    """Without Java, or without Maven, the command says what to install and exits with 2."""
    for tool in tools:
        (tmp_path / tool).write_text("#!/bin/sh\necho java.base@21\necho jdk.incubator.vector@21\n")
    code = f"""
import sys
from pathlib import Path
from triptych.local import distribution, java, parts, run, StackOptions
java._JVM_FOLDERS = ()
parts.find_java = lambda account: java.find_java(account, {{"PATH": ""}}, [])
if {bool(tools)}:
    parts.find_java = lambda account: Path("/java")
parts.open_cache = lambda account: Path({str(tmp_path)!r}) / "cache"
sys.exit(run.up(StackOptions(name="x", port=0)))
"""
    env = os.environ | {
        "PATH": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert advice in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
