"""A sandbox holds nothing, and whatever goes wrong in it ends it alone."""

import os
import signal
import textwrap
from pathlib import Path

import pytest

from triptych.core.errors import MediaError, TooLarge
from triptych.media import sandbox
from triptych.media.sandbox import Sandbox

MODULE = """
import ctypes, os, signal, socket, subprocess, sys
from triptych.media.sandbox import Refused

def prepare():
    pass

def work(arguments, data):
    yield b"S", str(eval(arguments["code"], globals(), {"data": data})).encode()

def refuse():
    raise Refused("not today")

def attempt(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return error.strerror
    return "done"
"""


@pytest.fixture
def box(tmp_path, monkeypatch):
    """Evaluates code in a sandbox."""
    (tmp_path / "sandboxed.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Sandbox("sandboxed")

    def run(code: str, data: bytes = b"") -> str:
        return b"".join(body for _, body in made({"code": code}, data)).decode()

    yield run
    made.close()


def test_work_is_done_in_another_process_which_is_kept(box):
    """One after the other."""
    first = box("os.getpid()")
    assert int(first) != os.getpid()
    assert box("os.getpid()") == first
    assert box("len(data)", bytes(1000)) == "1000"


@pytest.mark.parametrize(
    "code",
    [
        "attempt(open, '/etc/passwd')",
        "attempt(socket.socket)",
        "attempt(os.pipe)",
        "attempt(subprocess.run, ['/bin/true'])",
        "attempt(os.listdir, '/')",
    ],
)
def test_nothing_can_be_opened(box, code):
    """No file, no socket, no pipe, no program."""
    assert box(code) == "Too many open files"


def test_secrets_stay_with_the_parent(box, monkeypatch):
    """Of its variables only paths are passed on."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    assert "hidden" not in box("dict(os.environ)")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("refuse()", "not today"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "has died of it .SIGSEGV"),
        ("os._exit(7)", "has died of it .exit 7"),
    ],
)
def test_what_goes_wrong_ends_one_piece_of_work(box, code, reason):
    """With a reason; the next one is done."""
    with pytest.raises(MediaError, match=reason):
        box(code)
    assert box("1 + 1") == "2"


def test_what_dies_while_it_is_idle_is_replaced(box):
    """Such as by a kernel that is short of memory: the next piece of work is not to blame."""
    first = int(box("os.getpid()"))
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert int(box("os.getpid()")) != first
    assert not Path(f"/proc/{first}").exists()


def test_memory_is_bounded(box):
    """What takes too much is not called damaged; the next one is done."""
    with pytest.raises(TooLarge, match="more than 768 MiB"):
        box("len(bytearray(2**30))")
    assert box("1 + 1") == "2"


def test_a_refusal_costs_no_process(box):
    """It is an answer."""
    first = box("os.getpid()")
    with pytest.raises(MediaError):
        box("refuse()")
    assert box("os.getpid()") == first


def test_a_defect_of_ours_is_no_fault_of_the_media(box):
    """It is an internal error."""
    with pytest.raises(RuntimeError, match="has failed"):
        box("1 / 0")


def test_processor_time_is_bounded(box, monkeypatch):
    """The kernel ends what takes more; each piece of work has its own time."""
    limit = "import triptych.media.sandbox as s; s.CPU_SECONDS = 0"
    assert box(f"exec({limit!r})") == "None"
    with pytest.raises(TooLarge, match="takes more than"):
        box("any(0 for _ in iter(int, 1))")
    assert box("1 + 1") == "2"


def test_time_is_bounded(box, monkeypatch):
    """Also of what does nothing."""
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 1)
    with pytest.raises(TooLarge, match="more than 1 s"):
        box("signal.pause()")


def test_a_process_is_replaced_after_what_was_large(box):
    """What it took, it might not give back."""
    first = box("os.getpid()")
    assert box("os.getpid()", bytes(8 * 2**20)) == first
    assert box("os.getpid()") != first


def test_a_fork_has_no_part_in_the_conversation(box):
    """It starts a process of its own."""
    first = box("os.getpid()")
    read, write = os.pipe()
    child = os.fork()
    if not child:  # nothing but this may happen in the copy of a test
        try:
            os.write(write, box("os.getpid()").encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() not in {"", first}
    assert box("os.getpid()") == first
    os.close(read)
    os.close(write)


def test_it_ends_with_its_parent(box):
    """Its standard input ends."""
    pid = int(box("os.getpid()"))
    assert Path(f"/proc/{pid}").exists()
