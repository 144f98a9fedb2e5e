"""Queues, and the Celery application that gateway and workers share."""

from collections.abc import Mapping
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from triptych.core.errors import QueueUnavailable
from triptych.core.item import MODALITIES
from triptych.core.settings import Settings
from triptych.ingest.chunk import BULK, FUSION, URGENT, Chunk
from triptych.queues import codec

PLAN = "plan"
QUEUES: tuple[str, ...] = (PLAN, *MODALITIES, FUSION)

_PRIORITY_STEP = "\x06\x16"  # how kombu names the Redis list of a queue's lower priority


def task_name(queue: str) -> str:
    """The name of a queue's one task."""
    return f"triptych.{queue}"


def make_celery(settings: Settings) -> Celery:
    """A Celery application without a result backend: progress is counted, results are indexed."""
    codec.register_codec()
    app = Celery("triptych", broker=settings.redis_url)
    app.conf.update(
        task_serializer=codec.NAME,
        accept_content=[codec.NAME, "json"],  # JSON is what remote control (ping) speaks
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry=False,
        task_routes={task_name(queue): {"queue": queue} for queue in QUEUES},
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=300,  # a process loads its models before it reports itself
        worker_send_task_events=False,
        worker_redirect_stdouts=False,  # Celery's redirection swallows what our logs write
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout,
            "priority_steps": [URGENT, BULK],
            "queue_order_strategy": "priority",
            "socket_connect_timeout": 3,
            "socket_timeout": 30,
        },
    )
    return app


def send(app: Celery, chunk: Chunk) -> None:
    """Put a chunk into the first queue of its slip. Raises QueueUnavailable."""
    send_task(app, chunk.slip[0], chunk.to_message(), priority=chunk.priority)


def send_task(app: Celery, queue: str, message: Mapping[str, Any], *, priority: int) -> None:
    """Send one message. Raises QueueUnavailable if Redis does not accept it."""
    try:
        # Without argsrepr Celery prints the whole message, arrays included, into a header.
        app.send_task(task_name(queue), (message,), priority=priority, argsrepr="…")
    except (OperationalError, redis.RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis does not accept messages: {error}") from error


def queue_lengths(client: redis.Redis) -> dict[str, int]:
    """The number of waiting messages per queue. Raises QueueUnavailable."""
    keys = [(queue, key) for queue in QUEUES for key in (queue, f"{queue}{_PRIORITY_STEP}{BULK}")]
    try:
        pipeline = client.pipeline(transaction=False)
        for _, key in keys:
            pipeline.llen(key)
        counts = pipeline.execute()
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    lengths = dict.fromkeys(QUEUES, 0)
    for (queue, _), count in zip(keys, counts, strict=True):
        lengths[queue] += count
    return lengths
