"""One kind of worker: a Celery application whose tasks call the steps of an engine."""

import threading
import time
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
from triptych.ingest.derived import DerivedMissing
from triptych.ingest.indexing import Written
from triptych.ingest.manifest import read_manifest
from triptych.ingest.planning import Position
from triptych.ingest.steps import Stepped
from triptych.media.store import MediaStore
from triptych.queues import jobs
from triptych.queues.announcing import Announcer
from triptych.queues.batches import Batches
from triptych.queues.progress import Progress
from triptych.queues.reconciling import Reconciler
from triptych.queues.state import count
from triptych.queues.streams import connect
from triptych.text.analysis import terms
from triptych.workers.runtime import Runtime, patient

DEADLY = 3
"""So many deaths are no accident."""
_COLLECT_SECONDS = 3600
"""Between two looks at everything that may be collected."""

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
            jobs.TRAIN: self.train,
        }
        self.runtime = Runtime(
            self.app,
            kind,
            work=tasks.get(kind, self.describe),
            prepare=self.prepare,
            drain=settings.drain,
            # A planner that is slow, as its files come from far away, is no victim of an item.
            hang=None if kind == jobs.PLAN else settings.hang,
            once=kind == jobs.TRAIN,
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

    @property
    def batches(self) -> Batches:
        """The batches, to be looked after."""
        return Batches(self.engine, self.app, self.client, self.progress)

    def run(self, concurrency: int) -> None:
        """Take messages until told to stop; exits like a command."""
        if self.kind == jobs.PLAN:
            threading.Thread(target=self._remind, daemon=True).start()
            if self.settings.webhook.url:
                threading.Thread(target=self._announce, daemon=True).start()
        self.runtime.run(concurrency)

    def _remind(self) -> None:
        """Ask for a sweep now and then; of all planners that live one does."""
        client, every = connect(self.settings.redis_url), self.settings.reconcile_seconds
        while True:
            time.sleep(every)
            try:
                if client.set("triptych:sweep", 1, nx=True, ex=every):
                    everything = client.set("triptych:collect", 1, nx=True, ex=_COLLECT_SECONDS)
                    jobs.send_sweep(self.app, everything=bool(everything))
            except (redis.RedisError, QueueUnavailable) as error:
                log.warning("no sweep can be asked for", reason=str(error))

    def _announce(self) -> None:
        """Tell that batches have ended, for ever."""
        settings = self.settings
        store, client = MediaStore(settings.media_url), connect(settings.redis_url)
        Announcer(store, client, settings.webhook).run(settings.reconcile_seconds)

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
        if self.kind == jobs.PLAN:
            self.engine.tell_waiting()

    def describe(self, message: dict[str, Any]) -> None:
        """Take one step of a chunk's routing slip and pass the chunk on.

        A defect in a step must not lose the chunk: its items go on to the index as failed.
        """
        with patient():
            if (chunk := self._accept(message)) is None:
                return
            try:
                stepped = self.engine.step(chunk)
            except NotFound as error:
                log.info("batch is closed", reason=error.reason, batch=chunk.batch)
                return
            except Unavailable:
                raise
            except Exception as error:
                log.exception("step failed", queue=chunk.slip[0], collection=chunk.collection)
                stepped = Stepped(chunk.failing(internal(error)))
            for part in filter(None, (stepped.chunk, stepped.rest)):
                jobs.send(self.app, part)

    def write(self, message: dict[str, Any]) -> None:
        """Write the documents of a chunk, then count its items. Doing it twice changes nothing."""
        with patient():
            if (chunk := self._accept(message)) is None:
                return
            try:
                self._finish(chunk, self._write)
            except DerivedMissing as error:
                log.warning("steps are done again", reason=error.reason, batch=chunk.batch)
                jobs.send(self.app, chunk.again(error.modalities))

    def _write(self, chunk: Chunk) -> Written:
        if not (chunk.single or chunk.rebuilds):
            self.batches.check_wanted(chunk.batch)
        return self.engine.write(chunk)

    def plan(self, message: dict[str, Any]) -> None:
        """Cut the next part of a batch into chunks; or look after what got lost, or is done."""
        with patient():
            match message:
                case {"sweep": everything}:
                    self._sweep(everything=everything)
                case {"close": batch}:
                    self.batches.finish(batch)
                case {"rebuild": _}:
                    self.batches.rebuilds.plan(message)
                case _:
                    self._plan(message)

    def _sweep(self, *, everything: bool) -> None:
        """Look for what got lost, and remove what nothing refers to.

        What fails is left to the next sweep: this one would come back before all that waits.
        """
        try:
            Reconciler(self.batches).sweep()
            self.engine.collect(everything=everything)
        except Unavailable as error:
            log.warning("the sweep was not finished", reason=error.reason)
        except Exception:
            log.exception("the sweep failed")

    def _plan(self, message: dict[str, Any]) -> None:
        """Plan the next part of a batch, and ask for the part after, while there is room."""
        batch, repair = message["batch"], message.get("repair", False)
        if self.batches.paused(batch):
            return
        jobs.check_plan_room(self.client, self.settings)
        try:
            manifest = read_manifest(self.engine.store, batch)
            position = Position(message.get("ordinal", 0), message.get("place"))
            # First what is under way: what ends meanwhile is in the index.
            under_way = jobs.in_flight(self.client, batch).ordinals if repair else None
            plan = self.engine.plan(manifest, position, under_way=under_way)
            read_manifest(self.engine.store, batch)  # copying files took its time
        except NotFound as error:
            log.info("batch is closed", reason=error.reason, batch=batch)
            return
        if self.batches.paused(batch):
            return
        for chunk in plan.chunks:
            jobs.send(self.app, chunk)
        if plan.after is not None:
            jobs.send_plan(self.app, batch, plan.after, repair=repair)

    def train(self, message: dict[str, Any]) -> None:
        """Train a model of a collection, or compare one and let it serve."""
        from triptych.workers.training import train

        with patient():
            self.batches.trainings.work(message, self.runtime.label, train)

    def _accept(self, message: dict[str, Any]) -> Chunk | None:
        """The chunk of a message; None if there is nothing left to do.

        A chunk that has killed too often is not tried again as it is: its halves are, and in the
        end the one item that kills is stopped, with what is known of the deaths.
        """
        chunk = self._read(message)
        ours = self.engine.layout.fingerprint
        if chunk is not None and chunk.fingerprint != ours:
            # It would be searched with other encoders than those that its planner had.
            log.warning("chunk is of other encoders: it will be planned again", batch=chunk.batch)
            return None
        label = self.runtime.label
        if chunk is None or label.deaths < DEADLY:
            return chunk
        if len(chunk.items) == 1:
            deaths = "; ".join(map(str, label.evidence))
            evidence = f"{label.deaths} workers died of it: {deaths}"
            log.error("item is quarantined", batch=chunk.batch, evidence=evidence)
            self._finish(chunk, partial(self.engine.quarantine, evidence=evidence))
            self._count(quarantined=1)
            return None
        log.warning("chunk is halved", batch=chunk.batch, items=len(chunk.items))
        for half in (chunk.of(chunk.items[::2]), chunk.of(chunk.items[1::2])):
            jobs.send(self.app, half, deaths=DEADLY - 1, evidence=label.evidence)
        return None

    def _read(self, message: dict[str, Any]) -> Chunk | None:
        """The chunk of a message; None for one of another version.

        That one never becomes readable, and would keep all others waiting if it came again. Its
        items are missed and planned again.
        """
        try:
            return Chunk.from_message(message)
        except Exception:
            log.exception("message can't be read: its items will be planned again")
            return None

    def _finish(self, chunk: Chunk, write: Callable[[Chunk], Written]) -> None:
        """Write documents, then count the items; those of a deleted collection are done, too."""
        try:
            written = write(chunk)
        except NotFound as error:
            log.warning("collection is gone, or batch is closed", reason=error.reason)
            written = Written(chunk.ordinals)
        self._count(failed=len(written.failed))
        if chunk.rebuilds:
            self.batches.rebuilds.written(chunk)
            return
        if chunk.single:
            with suppress(NotFound):  # it is closed already
                self.engine.settle(chunk.batch)
        else:
            status = self.progress.mark(chunk.batch, done=written.done, failed=written.failed)
            if status is not None and (status.state == "done" or status.cancelled):
                jobs.send_closing(self.app, chunk.batch)
