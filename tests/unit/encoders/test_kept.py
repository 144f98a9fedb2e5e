"""Vectors that are made once on a machine."""

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from triptych.encoders import kept as module
from triptych.encoders.kept import kept

VECTORS = np.arange(600, dtype=np.float32).reshape(20, 30)


class Maker:
    """Makes the vectors, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> np.ndarray:
        """The vectors."""
        self.calls += 1
        return VECTORS


@pytest.fixture
def make():
    """A maker."""
    return Maker()


@pytest.fixture
def path(tmp_path):
    """A file in a folder that is not there yet."""
    return tmp_path / "deep" / "cache" / "vectors.npz"


def test_they_are_made_once(path, make):
    """Then read, the same bits; nothing lies beside the file but its lock."""
    assert all(np.array_equal(kept(path, make), VECTORS) for _ in range(3))
    assert make.calls == 1
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_processes_that_start_together_make_them_once(path, tmp_path):
    """Four of them; the others wait for the first and make nothing."""
    calls = tmp_path / "calls"
    code = f"""
import sys, time
from pathlib import Path
import numpy as np
from triptych.encoders.kept import kept

def make():
    with open({str(calls)!r}, "a") as file:
        file.write("x")
    time.sleep(1)
    return np.ones((2, 3), np.float32)

print("ready", flush=True)
sys.stdin.readline()
print(kept(Path({str(path)!r}), make).sum(), flush=True)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.communicate(timeout=60)[0] for process in processes] == ["6.0\n"] * 4
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert calls.read_text() == "x"


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [_flipped, lambda data: data[:-100], lambda data: data[:400], lambda _: b"", lambda _: b"PK"],
)
def test_a_damaged_file_is_made_anew(path, make, damage):
    """A flipped bit, a missing end: it is told, and mended."""
    kept(path, make)
    path.write_bytes(damage(path.read_bytes()))
    with capture_logs() as logs:
        assert np.array_equal(kept(path, make), VECTORS)
    assert logs[0]["event"] == "kept_file_unreadable"
    assert np.array_equal(kept(path, make), VECTORS)
    assert make.calls == 2


def test_a_file_is_never_unpickled(path, make):
    """Who can write there must not run code here."""
    kept(path, make)
    with path.open("wb") as file:
        np.savez(file, vectors=np.array([{"an": "object"}], object))
    assert np.array_equal(kept(path, make), VECTORS)
    assert make.calls == 2


def test_a_folder_that_can_not_be_made(tmp_path, make):
    """As on a read-only disk: they are made each time, and the log says why."""
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        assert np.array_equal(kept(tmp_path / "file" / "vectors.npz", make), VECTORS)
    assert make.calls == 1
    assert [entry["event"] for entry in logs] == ["kept_file_unreadable", "not_kept"]
    assert "file" in logs[1]["error"]


def test_a_full_disk(path, make, monkeypatch):
    """Nothing is left of the file, nor of its beginning."""

    def full(file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with capture_logs() as logs:
        assert np.array_equal(kept(path, make), VECTORS)
    assert make.calls == 1
    assert "No space left" in logs[0]["error"]
    assert [file.name for file in path.parent.iterdir()] == [f"{path.name}.lock"]


def test_a_process_that_was_stopped_is_not_waited_for(path, make, monkeypatch):
    """Not longer than the patience."""
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    with Path(f"{path}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert np.array_equal(kept(path, make), VECTORS)
    assert make.calls == 1
    assert path.exists()


def test_an_error_of_making_is_told(path):
    """It is not taken for one of the disk, and leaves no file."""

    def fail():
        raise FileNotFoundError("the weights are gone")

    with pytest.raises(FileNotFoundError, match="weights"):
        kept(path, fail)
    assert not path.exists()
