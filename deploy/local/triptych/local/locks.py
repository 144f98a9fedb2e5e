"""A lock between processes."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Pause = Callable[[float], None]


@contextmanager
def locked(path: Path, pause: Pause = time.sleep) -> Iterator[None]:
    """Hold the lock file; while another process holds it, call ``pause``, which may raise.

    The kernel releases the lock when its holder ends in any way. The file stays: if it were
    deleted, two processes could lock two files of the same name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        while not _try(handle.fileno()):
            pause(0.1)
        yield


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
