"""Starting, recognising and stopping processes."""

import os
import signal
import sys
import time

import psutil
import pytest

from triptych.local import process
from triptych.local.process import Process, alive, exit_code, members, spawn, start_time, stop, tail

SLEEP = "import time; time.sleep(60)"


def python(tmp_path, code: str) -> Process:
    """A Python process of our own; waits until its code runs."""
    started = tmp_path / "started"
    code = f"import pathlib\n{code.replace('STARTED', f'pathlib.Path({str(started)!r}).touch()')}"
    return spawn([sys.executable, "-c", code], env=os.environ, log=tmp_path / "log")


def wait_for(condition, seconds=10.0):
    """Poll until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def sleeper(tmp_path):
    """A process that sleeps."""
    sleeper = python(tmp_path, SLEEP)
    yield sleeper
    stop([sleeper], grace=0)


def test_a_started_process_is_alive_until_stopped(sleeper):
    """TERM ends a process that does not resist, and its exit code is known."""
    assert alive(sleeper)
    stop([sleeper], grace=5)
    assert not alive(sleeper)
    assert exit_code(sleeper) == -signal.SIGTERM


def test_it_leads_its_own_session(sleeper):
    """Ctrl-C in the terminal can't reach it."""
    assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)
    assert members(sleeper.pid) == [sleeper.pid]


def test_a_recycled_pid_is_never_touched(sleeper):
    """The same pid with another start time is somebody else."""
    stranger = Process(pid=sleeper.pid, started="another time")
    assert not alive(stranger)
    stop([stranger], grace=0)
    assert alive(sleeper)


def test_what_ignores_term_is_killed(tmp_path):
    """After the grace comes SIGKILL."""
    stubborn = python(
        tmp_path,
        f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); STARTED; {SLEEP}",
    )
    wait_for((tmp_path / "started").exists)
    stop([stubborn], grace=0.3)
    assert exit_code(stubborn) == -signal.SIGKILL


def test_children_of_a_dead_leader_are_found(tmp_path):
    """What a killed leader leaves in its group is ended too."""
    leader = python(
        tmp_path,
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); STARTED; {SLEEP}",
    )
    wait_for((tmp_path / "started").exists)
    os.kill(leader.pid, signal.SIGKILL)
    wait_for(lambda: not alive(leader))
    assert len(members(leader.pid)) == 1
    stop([leader], grace=5)
    assert members(leader.pid) == []


def test_a_zombie_is_not_alive(tmp_path):
    """A dead child that nobody reaped counts as gone."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        wait_for(lambda: start_time(pid) is None)
    finally:
        os.waitpid(pid, 0)


def test_output_is_appended_to_the_log(tmp_path):
    """Both output and errors of every start end up in the log."""
    for word in ("one", "two"):
        writer = python(tmp_path, f"import sys; sys.stderr.write('{word}\\n')")
        wait_for(lambda writer=writer: not alive(writer))
    assert tail(tmp_path / "log") == "two"
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line for line in lines if "started" not in line] == ["one", "two"]


def test_a_long_log_is_set_aside(tmp_path, monkeypatch):
    """A log above the bound is renamed before the next start."""
    monkeypatch.setattr(process, "_LOG_BYTES", 3)
    (tmp_path / "log").write_text("long")
    stop([python(tmp_path, SLEEP)], grace=0)
    assert (tmp_path / "log.old.log").read_text() == "long"


def test_tail_takes_the_last_lines(tmp_path):
    """Only the end is read, and a missing log is empty."""
    log = tmp_path / "log"
    log.write_text("x" * 100_000 + "\n" + "\n".join(map(str, range(100))) + "\n")
    assert tail(log, lines=3) == "97\n98\n99"
    assert tail(tmp_path / "none") == ""


def test_the_start_time_does_not_follow_the_wall_clock(sleeper, monkeypatch):
    """A clock that is set while a stack runs must not make its processes unknown."""
    before, boot = start_time(sleeper.pid), psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot + 3600)
    assert start_time(sleeper.pid) == before
