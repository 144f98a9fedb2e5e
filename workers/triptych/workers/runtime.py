"""What every worker process does: open an engine, and wait while a part that it needs is away."""

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
    """While a part that the task depends on is away, put its message back into the queue."""
    try:
        yield
    except Unavailable as error:
        log.warning("task waits", reason=error.reason)
        time.sleep(_PAUSE_SECONDS)
        raise Reject(error.reason, requeue=True) from error


def tell_ready() -> None:
    """Say that the models of this process are loaded, to whoever named a file for it."""
    if ready := os.environ.get("TRIPTYCH_READY_FILE"):
        Path(ready).touch()
