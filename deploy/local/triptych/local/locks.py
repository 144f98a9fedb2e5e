"""One process at a time, across processes."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Pause = Callable[[float], None]


@contextmanager
def locked(path: Path, pause: Pause = time.sleep) -> Iterator[None]:
    """Hold the lock file; wait for it with ``pause``, which may raise to give up.

    The kernel frees the lock when its holder dies, however it dies. The file stays: deleting it
    would let two processes lock two files of one name.
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
