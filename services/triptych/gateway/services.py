"""What the request handlers work with, made once per process."""

import threading
from dataclasses import dataclass, field
from functools import partial

import redis
from celery import Celery
from flask import current_app

from triptych.core.item import MODALITIES
from triptych.core.memory import Budget
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.queues import jobs
from triptych.queues.batches import Batches
from triptych.queues.clock import RedisClock
from triptych.queues.progress import Progress
from triptych.queues.rebuilds import Rebuilds
from triptych.queues.trainings import Trainings
from triptych.text.analysis import terms


@dataclass(frozen=True)
class Services:
    """The engine that answers queries, and the queues to the workers that index items."""

    engine: Engine
    queue: Celery
    redis: redis.Redis
    progress: Progress
    waiters: threading.Semaphore
    """Held by each request that waits for its item: others must find a thread, too."""

    bodies: Budget = field(default_factory=Budget)
    """Memory for the bodies of all requests."""

    @property
    def batches(self) -> Batches:
        """What users see of batches, and do with them."""
        return Batches(self.engine, self.queue, self.redis, self.progress)

    @property
    def rebuilds(self) -> Rebuilds:
        """Collections that get another index."""
        return self.batches.rebuilds

    @property
    def trainings(self) -> Trainings:
        """What collections learn."""
        return self.batches.trainings


def make_services(settings: Settings) -> Services:
    """Connect, and load every model: the first query is as fast as the tenth."""
    terms("the first call loads the stemmer")
    client = redis.Redis.from_url(
        settings.redis_url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30
    )
    engine = Engine.open(settings, clock=partial(RedisClock, client))
    engine.load(*MODALITIES)
    engine.searchers  # noqa: B018  # made before several threads ask for them
    engine.tell_waiting()
    queue, progress = jobs.make_celery(settings), Progress(client, ttl=settings.batch_ttl)
    return Services(
        engine=engine,
        queue=queue,
        redis=client,
        progress=progress,
        waiters=threading.Semaphore(max(1, settings.gateway_threads // 2)),
    )


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions["triptych"]
    return found


def engine() -> Engine:
    """The engine of the application that handles this request."""
    return services().engine
