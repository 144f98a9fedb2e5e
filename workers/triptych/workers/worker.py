"""One kind of worker: a Celery application whose tasks call the steps of an engine."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

import redis
import structlog
from celery import Celery

from triptych.core.errors import NotFound, QueueUnavailable, Unavailable, internal
from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.ingest.chunk import FUSION, Chunk
from triptych.ingest.manifest import read_manifest
from triptych.ingest.planning import WINDOW
from triptych.queues import jobs
from triptych.queues.progress import Progress
from triptych.queues.state import count
from triptych.queues.streams import connect
from triptych.text.analysis import terms
from triptych.workers.runtime import Runtime, patient

DEADLY = 3
"""So many deaths are no accident."""

log = structlog.get_logger(__name__)


class Worker:
    """The processes that carry out the tasks of one kind."""

    def __init__(self, kind: str, settings: Settings) -> None:
        self.kind = kind
        self.settings = settings
        self.app: Celery = jobs.make_celery(settings)
        tasks: dict[str, Callable[[dict[str, Any]], None]] = {
            FUSION: self.write,
            jobs.PLAN: self.plan,
        }
        self.runtime = Runtime(
            self.app,
            kind,
            work=tasks.get(kind, self.describe),
            prepare=self.prepare,
            drain=settings.drain,
        )

    @cached_property
    def engine(self) -> Engine:
        """The engine of this process."""
        return Engine.open(self.settings)

    @cached_property
    def client(self) -> redis.Redis:
        """Redis, where things are counted."""
        return connect(self.settings.redis_url)

    @cached_property
    def progress(self) -> Progress:
        """The batch counters."""
        return Progress(self.client, ttl=self.settings.batch_ttl)

    def _count(self, **events: int) -> None:
        """Count events for ``/metrics``; work does not wait for that."""
        with suppress(QueueUnavailable):
            count(self.client, self.kind, **events)

    @property
    def _makes_texts(self) -> bool:
        """Whether texts are analysed here: those of items, or recognised speech or writing."""
        encoders = self.settings.encoders
        sources = {"text": encoders.semantic, "image": encoders.written, "audio": encoders.spoken}
        return bool(sources.get(self.kind))

    def prepare(self) -> None:
        """Load the models of a process before it takes work."""
        if self._makes_texts:
            terms("the first call loads the stemmer")
        modalities: list[Modality] = [known for known in MODALITIES if known == self.kind]
        self.engine.load(*modalities)

    def describe(self, message: dict[str, Any]) -> None:
        """Take one step of a chunk's routing slip and pass the chunk on.

        A defect in a step must not lose the chunk: its items go on to the index as failed.
        """
        with patient():
            if (chunk := self._accept(message)) is None:
                return
            try:
                after = self.engine.step(chunk)
            except Unavailable:
                raise
            except Exception as error:
                log.exception("step failed", queue=chunk.slip[0], collection=chunk.collection)
                after = chunk.failing(internal(error))
            self._send(after)

    def write(self, message: dict[str, Any]) -> None:
        """Write the documents of a chunk, then count its items. Doing it twice changes nothing."""
        with patient():
            if (chunk := self._accept(message)) is not None:
                self._finish(chunk, self.engine.write)

    def plan(self, message: dict[str, Any]) -> None:
        """Cut the next part of a batch into chunks, send them, and ask for the part after."""
        batch, start = message["batch"], message.get("start", 0)
        with patient():
            try:
                manifest = read_manifest(self.engine.store, batch)
            except NotFound as error:
                log.warning("batch was withdrawn", reason=error.reason, batch=batch)
                return
            for chunk in self.engine.plan(manifest, start):
                self._send(chunk)
            if start + WINDOW < manifest.total:
                after = {"batch": batch, "start": start + WINDOW}
                jobs.send_plan(self.app, after)

    def _accept(self, message: dict[str, Any]) -> Chunk | None:
        """The chunk of a message; None if there is nothing left to do.

        A chunk that has killed too often is not tried again as it is: its halves are, and in the
        end the one item that kills is stopped, with what is known of the deaths.
        """
        chunk = self._read(message)
        label = self.runtime.label
        if chunk is None or label.deaths < DEADLY:
            return chunk
        if len(chunk.items) == 1:
            deaths = "; ".join(map(str, label.evidence))
            reason = f"quarantined: {label.deaths} workers died of it: {deaths}"
            log.error("item is quarantined", item=chunk.items[0].id, reason=reason)
            self._finish(chunk, partial(self.engine.fail, reason=reason))
            self._count(quarantined=1)
            return None
        log.warning("chunk is halved", batch=chunk.batch, items=len(chunk.items))
        for half in chunk.halves():
            jobs.send(self.app, half, deaths=DEADLY - 1, evidence=label.evidence)
        return None

    def _read(self, message: dict[str, Any]) -> Chunk | None:
        """The chunk of a message; None after the end of one that can't be read.

        A message that another version has sent never becomes readable, and would keep all others
        waiting if it came again. Its items fail.
        """
        try:
            return Chunk.from_message(message)
        except Exception as error:
            log.exception("message can't be read")
            reason = f"the message can't be read, as of another version; add it again: {error}"
        try:
            chunk = Chunk.of_unreadable(message)
        except (KeyError, TypeError):
            log.exception("message is dropped")
            return None
        self._finish(chunk, partial(self.engine.fail, reason=reason))
        return None

    def _send(self, chunk: Chunk) -> None:
        """Put a chunk into its next queue; one that can't travel ends here, with the reason."""
        try:
            jobs.send(self.app, chunk)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("chunk can't be sent", collection=chunk.collection, batch=chunk.batch)
            self._finish(chunk, partial(self.engine.fail, reason=internal(error)))

    def _finish(self, chunk: Chunk, write: Callable[[Chunk], frozenset[int]]) -> None:
        """Write documents, then count the items; those of a deleted collection have failed."""
        try:
            failed = write(chunk)
        except NotFound as error:
            log.warning("collection is gone", reason=error.reason, batch=chunk.batch)
            failed = chunk.ordinals
        self._count(failed=len(failed))
        if chunk.batch is not None:
            self.progress.mark(chunk.batch, done=chunk.ordinals, failed=failed)
