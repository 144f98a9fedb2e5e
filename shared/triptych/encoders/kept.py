"""Vectors that are costly to make and always the same: made once on a machine, and kept in a file.

Processes that start together make them once: one holds a lock, and the others wait for its file.
Nothing depends on the file. Where it can't be read, written or locked, each process makes its own,
and says so in the log.
"""

import fcntl
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import structlog

from triptych.encoders.cards import Vectors

_PATIENCE = 600
"""Seconds to wait for another process, which may have been stopped."""
_POLL = 0.1

log = structlog.get_logger(__name__)


def kept(path: Path, make: Callable[[], Vectors]) -> Vectors:
    """The vectors in the file, or those that ``make`` returns, which are written there.

    Args:
        path: the file, a NumPy archive (.npz); its checksum tells if it is damaged. The lock is the
            file ``path`` with ``.lock`` at its end, which stays: if it were deleted, two processes
            could lock two files of one name.
        make: makes float32 of any shape, always the same.
    """
    vectors = _read(path)
    if vectors is not None:
        return vectors
    try:
        with _locked(path.with_name(f"{path.name}.lock")):
            vectors = _read(path)
            if vectors is None:
                vectors = make()
                _write(path, vectors)
    except OSError as error:
        log.warning("not_kept", path=str(path), error=str(error))
    return make() if vectors is None else vectors


def _read(path: Path) -> Vectors | None:
    """What the file holds; None if there is no file or it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            vectors: Vectors = file["vectors"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("kept_file_unreadable", path=str(path), error=str(error))
        return None
    return vectors


def _write(path: Path, vectors: Vectors) -> None:
    """Write aside and rename, so that no process reads half a file. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, vectors=vectors)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file; after some time go on without it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        deadline = time.monotonic() + _PATIENCE
        while not _try(handle.fileno()) and time.monotonic() < deadline:
            time.sleep(_POLL)
        yield


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
