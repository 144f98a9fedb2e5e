"""Queues, and the Celery application that gateway and workers share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from triptych.core.errors import QueueUnavailable
from triptych.core.item import MODALITIES
from triptych.core.settings import Settings
from triptych.ingest.chunk import BULK, FUSION, URGENT, Chunk
from triptych.ingest.planning import BEGINNING, Position
from triptych.ingest.rebuilding import Pass, Rebuild
from triptych.ingest.trainings import Training
from triptych.queues import codec, labels, scripts, transport
from triptych.queues.labels import HEADER, Death, Label
from triptych.queues.streams import LANES, flight_key, stream_key

PLAN = "plan"
TRAIN = "train"
NEEDED: tuple[str, ...] = (PLAN, *MODALITIES, FUSION)
"""The queues without whose workers no item is indexed."""
QUEUES: tuple[str, ...] = (*NEEDED, TRAIN)


def task_name(queue: str) -> str:
    """The name of a queue's one task."""
    return f"triptych.{queue}"


def make_celery(settings: Settings) -> Celery:
    """A Celery application without a result backend: progress is counted, results are indexed."""
    codec.register_codec()
    transport.register_transport()
    app = Celery("triptych", broker=transport.URL)
    app.conf.update(
        task_serializer=codec.NAME,
        accept_content=[codec.NAME],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry=False,
        task_routes={task_name(queue): {"queue": queue} for queue in QUEUES},
        worker_prefetch_multiplier=1,  # one message for each process: none hides in a worker
        worker_proc_alive_timeout=300,  # a process loads its models before it reports itself
        worker_max_memory_per_child=settings.process_memory // 1024,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_redirect_stdouts=False,  # Celery's redirection swallows what our logs write
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "url": settings.redis_url,
            "lease": settings.lease,
            "lease_renew": settings.lease_renew,
        },
    )
    return app


def send(app: Celery, chunk: Chunk, *, deaths: int = 0, evidence: tuple[Death, ...] = ()) -> None:
    """Put a chunk into the first queue of its slip. Raises QueueUnavailable."""
    label = Label(
        group=chunk.batch,
        members=chunk.ordinals,
        items=len(chunk.items),
        bytes=chunk.size,
        deaths=deaths,
        evidence=evidence,
    )
    send_task(app, chunk.slip[0], chunk.to_message(), priority=chunk.priority, label=label)


def send_plan(
    app: Celery, batch: str, position: Position = BEGINNING, *, repair: bool = False
) -> None:
    """Ask for a batch to be planned from a position on. Raises QueueUnavailable.

    Args:
        app: whose queues.
        batch: which.
        position: where to begin.
        repair: whether to leave out what is under way or dealt with.
    """
    message = {"batch": batch, **vars(position), "repair": repair}
    send_task(app, PLAN, message, priority=BULK, label=Label(group=batch))


def send_rebuild(app: Celery, asked: Rebuild, position: Pass) -> None:
    """Ask for the next window of a rebuild to be planned. Raises QueueUnavailable."""
    message = {"rebuild": asked.collection, "id": asked.id, "position": vars(position)}
    send_task(app, PLAN, message, priority=BULK, label=Label(group=asked.id))


def send_training(app: Celery, asked: Training) -> None:
    """Wake a worker for a training, or a comparison. Raises QueueUnavailable."""
    message = {"train": asked.collection, "id": asked.id}
    send_task(app, TRAIN, message, priority=BULK, label=Label(group=asked.id))


def send_closing(app: Celery, batch: str) -> None:
    """Ask for a batch that is dealt with to be closed. Raises QueueUnavailable."""
    send_task(app, PLAN, {"close": batch}, priority=URGENT, label=Label(group=batch))


def send_sweep(app: Celery, *, everything: bool) -> None:
    """Ask for a look at all open batches, and at what can be collected. Raises QueueUnavailable."""
    send_task(app, PLAN, {"sweep": everything}, priority=URGENT, label=Label())


def check_plan_room(client: redis.Redis, settings: Settings) -> None:
    """Raise QueueUnavailable while the queues behind the planner hold enough."""
    for queue, held in backlog(client).items():
        if queue != PLAN and (
            held.items >= settings.plan_ahead_items or held.bytes >= settings.plan_ahead_bytes
        ):
            raise QueueUnavailable(f"{held.items} items wait in queue {queue!r}")


def send_task(
    app: Celery, queue: str, message: Mapping[str, Any], *, priority: int, label: Label
) -> None:
    """Send one message; priority 0 is the urgent lane. Raises QueueUnavailable."""
    try:
        app.send_task(
            task_name(queue),
            (message,),
            priority=priority,
            headers={HEADER: label.to_header()},
            argsrepr="…",  # else Celery prints the whole message, arrays included, into a header
        )
    except (OperationalError, redis.RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis does not accept messages: {error}") from error


@dataclass(frozen=True)
class Lane:
    """The messages of one lane of a queue."""

    messages: int
    """All, also those that workers hold."""
    held: int
    age: float
    """Seconds since the first of them was sent; 0 without messages."""


@dataclass(frozen=True)
class Backlog:
    """What is in a queue: waiting, or held by a worker."""

    lanes: Mapping[str, Lane]
    items: int
    bytes: int

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(lane.messages for lane in self.lanes.values())

    @property
    def held(self) -> int:
        """The messages that workers hold."""
        return sum(lane.held for lane in self.lanes.values())

    @property
    def age(self) -> float:
        """Seconds since the oldest message was sent."""
        return max(lane.age for lane in self.lanes.values())


def backlog(client: redis.Redis) -> dict[str, Backlog]:
    """What each queue holds. Raises QueueUnavailable."""
    places = [(queue, lane) for queue in QUEUES for lane in LANES]
    keys = [stream_key(queue, lane) for queue, lane in places]
    try:
        rows, now = client.register_script(scripts.BACKLOG)(keys=keys)
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    found = dict(zip(places, rows, strict=True))
    return {
        queue: Backlog(
            lanes={lane: _lane(found[queue, lane], int(now)) for lane in LANES},
            items=found[queue, LANES[0]][3],
            bytes=found[queue, LANES[0]][4],
        )
        for queue in QUEUES
    }


def _lane(row: Any, now: int) -> Lane:
    messages, held, since, *_ = row
    age = max(0.0, (now - int(since)) / 1000) if since else 0.0
    return Lane(messages=messages, held=min(held, messages), age=age)


@dataclass(frozen=True)
class InFlight:
    """What the messages of a batch carry at this moment."""

    ordinals: frozenset[int]
    planning: bool
    """Whether a plan message is under way."""
    writing: frozenset[int] = frozenset()
    """Those of which a message has come to the last step."""
    messages: int = 0
    """All of them."""


def in_flight(client: redis.Redis, batch: str) -> InFlight:
    """Which items of a batch are in a message, waiting or held. Raises QueueUnavailable."""
    try:
        values: Any = client.hvals(flight_key(batch))
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    rows = [value.decode().split(" ") for value in values]
    return InFlight(
        ordinals=frozenset().union(*(labels.parse(row[4]) for row in rows)),
        planning=any(row[0] in _PLAN_STREAMS for row in rows),
        writing=frozenset().union(
            *(labels.parse(row[4]) for row in rows if row[0] in _WRITE_STREAMS)
        ),
        messages=len(rows),
    )


def drop(client: redis.Redis, batch: str) -> int:
    """Delete the messages of a batch that no worker holds; how many. Raises QueueUnavailable.

    Work that has begun goes on, and what comes of it is sent on.
    """
    try:
        return int(client.register_script(scripts.DROP)(keys=[flight_key(batch)]))
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


_PLAN_STREAMS = frozenset(stream_key(PLAN, lane) for lane in LANES)
_WRITE_STREAMS = frozenset(stream_key(FUSION, lane) for lane in LANES)
