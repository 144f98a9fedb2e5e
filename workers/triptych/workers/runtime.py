"""What every worker process shares: the application, the stores, and the shell of a step."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import redis
import structlog
from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_process_init

from triptych.core import logs
from triptych.core.errors import Unavailable
from triptych.core.settings import settings
from triptych.ingest.chunk import Chunk
from triptych.ingest.progress import Progress
from triptych.media.store import MediaStore, open_store
from triptych.queues import jobs

_PAUSE_SECONDS = 5

app: Celery = jobs.make_celery(settings())
log = structlog.get_logger(__name__)


def store() -> MediaStore:
    """The media store of this process."""
    return open_store(settings().media_url)


@cache
def progress() -> Progress:
    """The batch counters of this process."""
    return Progress(
        redis.Redis.from_url(settings().redis_url, socket_connect_timeout=3, socket_timeout=30),
        ttl=settings().batch_ttl,
    )


def on_start(load: Callable[[], object]) -> None:
    """Load models in each pool process before it takes work, then say that it is ready."""

    def prepare(**_: object) -> None:
        logs.configure()
        load()
        if ready := os.environ.get("TRIPTYCH_READY_FILE"):
            Path(ready).touch()

    worker_process_init.connect(prepare, weak=False)


@contextmanager
def patient() -> Iterator[None]:
    """While a part that the task depends on is away, put its message back into the queue."""
    try:
        yield
    except Unavailable as error:
        log.warning("task waits", reason=error.reason)
        time.sleep(_PAUSE_SECONDS)
        raise Reject(error.reason, requeue=True) from error


def run_step(message: dict[str, object], work: Callable[[Chunk], Chunk]) -> None:
    """Do one step of a chunk's routing slip and pass the chunk on.

    A defect in a step must not lose the chunk: its items go on to the index as failed.
    """
    with patient():
        chunk = Chunk.from_message(message)
        try:
            after = work(chunk)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("step failed", queue=chunk.slip[0], collection=chunk.collection)
            reason = f"internal error in {chunk.slip[0]}: {type(error).__name__}: {error}"
            after = chunk.advance([item.failing(chunk.slip[0], reason) for item in chunk.items], {})
        jobs.send(app, after)
