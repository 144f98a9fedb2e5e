"""Processes identified by pid and start time, so that a recycled pid is never signalled.

Every process leads its own session and group. Ctrl-C in the terminal reaches only the supervisor,
and children that outlive a leader are found by its group. The kernel does not reuse the pid of a
leader while its group has members. So if the pid belongs to another process, nothing of ours is
left.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from triptych.local.accounts import Account

_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_LOG_BYTES = 16 * 2**20
_STARTED = "=== started ===\n"
"""A line of a log between one process and the next."""
_TAIL_BYTES = 16_384
_KILL_SECONDS = 10.0
# Our own children by pid: only the parent of a process can reap it and read its exit code.
_children: dict[int, subprocess.Popen[bytes]] = {}


class Process(BaseModel):
    """A process; ``started`` tells it from a later one with the same pid."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str


def start_time(pid: int) -> str | None:
    """When a living process started, in seconds since boot; none for one that has ended.

    Since boot, because the wall clock may be set while the process runs. A zombie has ended: it
    only waits for its parent. But a leader whose threads still end holds its ports and files open.
    """
    try:
        process = psutil.Process(pid)
        ended = process.status() in _ENDED and process.num_threads() <= 1
        return None if ended else f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def members(group: int) -> list[int]:
    """The pids of the living processes in a process group."""
    return [pid for pid in psutil.pids() if _group(pid) == group and start_time(pid) is not None]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def this_process() -> Process:
    """The process that calls this."""
    return Process(pid=os.getpid(), started=start_time(os.getpid()) or "")


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
    return Process(pid=child.pid, started=start_time(child.pid) or "died at once")


def disown() -> None:
    """After a fork: the children of the parent are not ours to reap."""
    _children.clear()


def alive(process: Process) -> bool:
    """Whether this very process is running."""
    child = _children.get(process.pid)
    if child is not None:
        child.poll()  # reaps it, else it would stay a zombie as long as we live
    return start_time(process.pid) == process.started


def exit_code(process: Process) -> int | None:
    """The exit code of a child that has ended; a negative one is the number of a signal."""
    child = _children.get(process.pid)
    return child.poll() if child else None


def stop(processes: Iterable[Process], *, grace: float) -> None:
    """Terminate the leaders, wait ``grace`` seconds, then kill what is left of their groups.

    Only leaders get SIGTERM: the parent of a pool lets its children finish their work, which they
    can't when they get the signal too. ``grace`` 0 kills at once.
    """
    remaining = [process for process in processes if _remains(process)]
    if grace > 0:
        for process in remaining:
            _signal(os.kill, process.pid, signal.SIGTERM)
        _wait_until(lambda: not any(alive(process) for process in remaining), grace)
    left = [process for process in remaining if _remains(process)]
    for process in left:
        _signal(os.killpg, process.pid, signal.SIGKILL)
    _wait_until(lambda: not any(map(_remains, left)), _KILL_SECONDS)


def _remains(process: Process) -> bool:
    """Whether the process or a child in its group is still running."""
    if alive(process):
        return True
    return start_time(process.pid) is None and bool(members(process.pid))


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        send(pid, number)


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, written since the last start."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rpartition(_STARTED)[2].splitlines()[-lines:])
