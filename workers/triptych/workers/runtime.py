"""What every worker process does around a task: it waits, and says when it is ready."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from celery.exceptions import Reject

from triptych.core.errors import Unavailable

_PAUSE_SECONDS = 5

log = structlog.get_logger(__name__)


@contextmanager
def patient() -> Iterator[None]:
    """Put the message of a task that can't be done now back into the queue.

    That is so while a part that the task depends on is away. Also after a defect that the task
    could not turn into failure documents: a message that is dropped would lose its items.
    """
    try:
        yield
    except Unavailable as error:
        log.warning("task waits", reason=error.reason)
        _put_back(error)
    except Exception as error:
        log.exception("task failed, its message comes again")
        _put_back(error)


def _put_back(error: Exception) -> None:
    time.sleep(_PAUSE_SECONDS)
    raise Reject(str(error), requeue=True) from error


def tell_ready() -> None:
    """Say that the models of this process are loaded, to whoever named a file for it."""
    if ready := os.environ.get("TRIPTYCH_READY_FILE"):
        Path(ready).touch()
