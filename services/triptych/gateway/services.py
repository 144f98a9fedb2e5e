"""What the request handlers work with, made once per process."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis
from celery import Celery
from flask import current_app

from triptych.core.errors import Busy
from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Settings
from triptych.core.threads import usable_cpus
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.index import SearchIndex, open_index
from triptych.ingest.progress import Progress
from triptych.media.store import MediaStore, open_store
from triptych.queues import jobs
from triptych.search.encoded import EncodedPart
from triptych.search.memo import Memo
from triptych.search.metadata import MetadataKeys
from triptych.search.ranking import Ranking
from triptych.text.analysis import terms

_ENCODED = 512
"""Texts, images and sounds of queries; the words of a long text are some 30 KB, vectors less."""
_PATIENCE_SECONDS = 10.0
_RANKINGS = 8
"""Up to 8,000 hits with their reasons each, some 5 MB."""


@dataclass(frozen=True)
class Services:
    """The parts that the gateway talks to, and the models that encode queries."""

    settings: Settings
    store: MediaStore
    queue: Celery
    redis: redis.Redis
    progress: Progress
    index: SearchIndex
    extractors: Mapping[Modality, Extractor]
    waiters: threading.Semaphore
    """Held by each request that waits for its item: others must find a thread, too."""
    slots: Mapping[Modality, threading.Semaphore] = field(
        default_factory=lambda: {
            modality: threading.Semaphore(usable_cpus()) for modality in MODALITIES
        }
    )
    """Of processors: beyond these all would only be slower, and take more memory. By modality,
    since a text takes milliseconds and the longest sound some ten seconds."""
    encoded: Memo[EncodedPart] = field(default_factory=lambda: Memo(_ENCODED))
    rankings: Memo[Ranking] = field(default_factory=lambda: Memo(_RANKINGS))
    metadata: MetadataKeys = field(default_factory=MetadataKeys)

    @contextmanager
    def slot(self, modality: Modality) -> Iterator[None]:
        """Held while a part of a query is decoded, encoded or verified. Raises Busy.

        Nobody waits for long: whoever waits has one of the threads that others need.
        """
        slots = self.slots[modality]
        if not slots.acquire(timeout=_PATIENCE_SECONDS):
            raise Busy(f"other {modality} queries take too long")
        try:
            yield
        finally:
            slots.release()


def make_services(settings: Settings) -> Services:
    """Connect, and load every model: the first query is as fast as the tenth."""
    terms("the first call loads the stemmer")
    store = open_store(settings.media_url)
    client = redis.Redis.from_url(
        settings.redis_url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30
    )
    return Services(
        settings=settings,
        store=store,
        queue=jobs.make_celery(settings),
        redis=client,
        progress=Progress(client, ttl=settings.batch_ttl),
        index=open_index(settings),
        extractors={
            modality: load_extractor(
                modality, settings.encoders, threads=settings.compute_threads, store=store
            )
            for modality in MODALITIES
        },
        waiters=threading.Semaphore(max(1, settings.gateway_threads // 2)),
    )


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions["triptych"]
    return found
