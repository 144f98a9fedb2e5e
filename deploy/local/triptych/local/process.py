"""Processes known by pid *and* start time, so that a recycled pid is never touched.

Every process is the leader of its own session and group: Ctrl-C in the terminal reaches only the
supervisor, and what a leader leaves behind is found by its group. While one process of a group
lives the kernel does not give the leader's pid away, so "the pid is another process now" proves
that nothing of ours is left.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from triptych.local.accounts import Account

_PROC = Path("/proc")
_LOG_BYTES = 16 * 2**20
_STARTED = "=== started ===\n"
"""A line of a log between one process and the next."""
_TAIL_BYTES = 16_384
_KILL_SECONDS = 10.0
# Our own children, by pid: only their parent can reap them and knows their exit code.
_children: dict[int, subprocess.Popen[bytes]] = {}


class Process(BaseModel):
    """A process that was seen alive: ``started`` tells it from a later one with its pid."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str


class Seen(NamedTuple):
    """What the kernel says of a living process."""

    group: int
    started: str


@cache
def _boot() -> str:
    """Start times count from boot: without its name they would repeat after the next one."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _from_proc(pid: int) -> Seen | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # proc(5): the name in parentheses may hold anything, the fields after it are plain.
    state, _parent, group, *rest = stat.rpartition(")")[2].split()
    threads, started = rest[14], rest[16]
    # A leader that is a zombie while its threads still end holds its ports and files open.
    gone = state == "X" or (state == "Z" and int(threads) <= 1)
    return None if gone else Seen(int(group), f"{_boot()}:{started}")


def _from_ps(pid: int) -> Seen | None:
    line = _output(["ps", "-o", "stat=,pgid=,lstart=", "-p", str(pid)])
    state, group, started = (*line.split(maxsplit=2), "", "", "")[:3]
    return None if not state or state[0] == "Z" else Seen(int(group), started)


def look(pid: int) -> Seen | None:
    """The living process of that pid; none for a zombie, which only waits for its parent."""
    return (_from_proc if (_PROC / "self/stat").exists() else _from_ps)(pid)


def members(group: int) -> list[int]:
    """The pids of the living processes in a process group."""
    if (_PROC / "self/stat").exists():
        pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    else:
        pids = [int(pid) for pid in _output(["pgrep", "-g", str(group)]).split()]
    return [pid for pid in pids if (seen := look(pid)) and seen.group == group]


def this_process() -> Process:
    """The process that asks."""
    seen = look(os.getpid())
    return Process(pid=os.getpid(), started=seen.started if seen else "")


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path | None = None,
    account: Account | None = None,
) -> Process:
    """Start a command in its own session, its output appended to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    with log.open("ab") as out:
        out.write(_STARTED.encode())
        out.flush()
        child = subprocess.Popen(  # noqa: S603 - our own part list, no shell
            command,
            env=env,
            cwd=cwd or log.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
        )
    _children[child.pid] = child
    seen = look(child.pid)
    return Process(pid=child.pid, started=seen.started if seen else "died at once")


def alive(process: Process) -> bool:
    """Whether that very process runs."""
    child = _children.get(process.pid)
    if child is not None:
        child.poll()  # reaps it, else it would stay a zombie as long as we live
    seen = look(process.pid)
    return seen is not None and seen.started == process.started


def exit_code(process: Process) -> int | None:
    """The exit code of a child of ours that ended; negative is a signal's number."""
    child = _children.get(process.pid)
    return child.poll() if child else None


def stop(processes: Iterable[Process], *, grace: float) -> None:
    """Ask the leaders to end, wait for them, kill what is left of their groups.

    Only leaders get SIGTERM: a pool's parent finishes its children's work first, which it can't
    when they are hit too. ``grace`` 0 kills at once.
    """
    ours = [process for process in processes if _is_ours(process)]
    if grace > 0:
        for process in ours:
            _signal(os.kill, process.pid, signal.SIGTERM)
        _wait_until(lambda: not any(alive(process) for process in ours), grace)
    left = [process for process in ours if _is_ours(process)]
    for process in left:
        _signal(os.killpg, process.pid, signal.SIGKILL)
    _wait_until(lambda: not any(map(_is_ours, left)), _KILL_SECONDS)


def _is_ours(process: Process) -> bool:
    """Whether the process, or what it left in its group, is still there."""
    if alive(process):
        return True
    return look(process.pid) is None and bool(members(process.pid))


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        send(pid, number)


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines that the process started last wrote to a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rpartition(_STARTED)[2].splitlines()[-lines:])


def _output(command: list[str]) -> str:
    """What a short-lived tool prints; a failure prints nothing."""
    return subprocess.run(  # noqa: S603 - ps and pgrep with numbers
        command, capture_output=True, text=True, check=False
    ).stdout.strip()
