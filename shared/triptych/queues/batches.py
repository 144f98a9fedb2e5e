"""Batches as users see them: states, counts, and what can be done with them.

What is running is counted in Redis, or by the index where Redis has forgotten; what is dealt with
is a document of the ledger.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import redis
from celery import Celery

from triptych.core.answers import Described, Omissible
from triptych.core.errors import Conflict, InvalidInput, NotFound
from triptych.engine import Engine
from triptych.ingest.ledger import CANCELLED, FAILED, ClosedBatch, Settlement
from triptych.ingest.manifest import Entry, Manifest, read_manifest
from triptych.queues import announcing, jobs
from triptych.queues.progress import Progress
from triptych.queues.rebuilds import Rebuilds
from triptych.queues.trainings import Trainings
from triptych.queues.webhook import Notice
from triptych.search.answer import dumps

State = Literal["running", "paused", "cancelling", "cancelled", "done"]
CONTROL = "control"
"""The folder of what users want of open batches: pausing or cancelling."""


@dataclass(frozen=True)
class BatchState(Described):
    """A batch at one moment."""

    batch: str
    collection: str
    state: State
    total: int
    done: int
    """Items that are dealt with, failed ones included and cancelled ones not."""
    failed: int
    """Items of which nothing is searchable."""
    rate: float
    """Items per second since the batch was accepted."""
    eta_seconds: float | None
    accepted: float
    """Seconds since 1970."""
    outcomes: Omissible[dict[str, int]] = None
    """Of a batch that has ended: the number of items by what became of them."""


@dataclass(frozen=True)
class Batches:
    """The batches of an engine whose work goes through queues."""

    engine: Engine
    app: Celery
    redis: redis.Redis
    progress: Progress

    @property
    def rebuilds(self) -> Rebuilds:
        """The rebuilds of the same engine."""
        return Rebuilds(self.engine, self.app, self.redis)

    @property
    def trainings(self) -> Trainings:
        """The trainings of the same engine."""
        return Trainings(self.engine, self.app, self.redis)

    def state(self, batch: str) -> BatchState:
        """A batch at this moment. Raises NotFound."""
        try:
            return self._open(read_manifest(self.engine.store, batch))
        except NotFound:
            return _closed(self.engine.ledger.closed(batch))

    def list(
        self, collection: str | None = None, state: State | None = None
    ) -> Iterator[BatchState]:
        """Every batch that is kept: those that are open, then those that have ended.

        Both the latest first. A batch is read when it is its turn.
        """
        ledger = self.engine.ledger
        ids = [one.batch for one in reversed(ledger.open_batches())] + ledger.closed_batches()
        for batch in dict.fromkeys(ids):
            try:
                manifest = ledger.manifest(batch)
                if manifest.single or collection not in {None, manifest.collection}:
                    continue
                found = self.state(batch)
            except NotFound:  # it was kept long enough just now
                continue
            if state in {None, found.state}:
                yield found

    def pause(self, batch: str) -> BatchState:
        """Begin nothing more; what a worker holds is finished. Raises NotFound, Conflict.

        What waits in queues is taken out of them, and planned again when the batch goes on.
        """
        self._want(batch, "paused")
        jobs.drop(self.redis, batch)
        return self.state(batch)

    def resume(self, batch: str) -> BatchState:
        """Go on with a batch that was paused. Raises NotFound, Conflict."""
        self._running(batch)
        if self._wanted(batch) == "cancelled":
            raise Conflict(f"batch {batch} is being cancelled")
        self.engine.store.delete_document(CONTROL, batch)
        jobs.send_plan(self.app, batch, repair=True)
        return self.state(batch)

    def cancel(self, batch: str) -> BatchState:
        """End a batch: what is indexed stays, the rest is not done. Raises NotFound, Conflict."""
        self._want(batch, "cancelled")
        self.progress.cancel(batch)
        self.finish(batch)
        return self.state(batch)

    def finish(self, batch: str) -> Settlement | None:
        """Close a batch that is dealt with, or cancelled with nothing of it being written.

        Returns what became of it; None if it is not open any more.
        """
        try:
            manifest = read_manifest(self.engine.store, batch)
            settlement = self._settlement(manifest)
            if not manifest.single:
                self.progress.restore(batch, manifest.total, manifest.accepted, settlement)
            if not settlement.missing:
                self.engine.ledger.close(manifest, settlement, self._announce)
        except NotFound:  # somebody else has closed it
            settlement = None
        if settlement is None or not settlement.missing:
            self.engine.store.delete_document(CONTROL, batch)
        return settlement

    def _announce(self, closed: ClosedBatch) -> None:
        """Have the end of a batch told, where the deployment has a receiver."""
        if self.engine.settings.webhook.url and not closed.manifest.single:
            body = dumps(_closed(closed)).decode()
            notice = Notice(closed.manifest.batch, body, ended=closed.closed)
            announcing.announce(self.engine.store, notice)
            announcing.wake(self.redis)

    def _settlement(self, manifest: Manifest) -> Settlement:
        """What became of a batch. What is missing of a cancelled one is cancelled.

        While some of it is being written nobody knows yet: the worker will ask for it to be
        closed. What workers are at before the last step is not written when the manifest is gone.
        """
        if self._wanted(manifest.batch) != "cancelled":
            return self.engine.ledger.settle(manifest)
        jobs.drop(self.redis, manifest.batch)
        writing = jobs.in_flight(self.redis, manifest.batch).writing
        written = self.progress.dealt_with(manifest.batch)
        found = self.engine.ledger.settle(manifest)
        if writing - written:
            return found
        return Settlement({**found.outcomes, **dict.fromkeys(found.missing, CANCELLED)})

    def retry(
        self, batch: str, choose: Callable[[Entry], bool] = lambda _: True
    ) -> tuple[Manifest, int]:
        """Accept the items of a batch again that failed in part or altogether.

        Those that were sent anew or deleted since are left as they are.

        Args:
            batch: one that has ended.
            choose: which of them.

        Returns:
            The new batch, and how many items it has.

        Raises:
            NotFound, Conflict: no such batch or collection, or the batch is not done.
            InvalidInput: nothing of it has failed.
        """
        closed = self._ended(batch)
        chosen = [entry for entry in closed.entries if choose(entry)]
        entries = self.engine.ledger.current(closed.manifest, chosen)
        if not chosen:
            which = " that was chosen" if closed.entries else ""
            raise InvalidInput(f"nothing of batch {batch}{which} has failed")
        if not entries:
            raise InvalidInput(f"the failed items of batch {batch} were sent anew or deleted since")
        manifest = self.engine.accept_again(closed.manifest.collection, entries)
        self.progress.start(manifest.batch, manifest.total)
        jobs.send_plan(self.app, manifest.batch)
        return manifest, len(entries)

    def _ended(self, batch: str) -> ClosedBatch:
        """A batch that is dealt with, closed now if need be. Raises NotFound, Conflict."""
        with suppress(NotFound):
            return self.engine.ledger.closed(batch)
        if self._open(self._running(batch)).state == "done":
            self.finish(batch)
        with suppress(NotFound):
            return self.engine.ledger.closed(batch)
        raise Conflict(f"batch {batch} is not done: retry when it is")

    def paused(self, batch: str) -> bool:
        """Whether nothing more of it is to be planned."""
        return self._wanted(batch) is not None

    def check_wanted(self, batch: str) -> None:
        """Raise NotFound if the batch is cancelled: nothing more of it is to be written.

        Who cancels it looks afterwards at what is being written, so it counts what passes here.
        """
        if self._wanted(batch) == "cancelled":
            raise NotFound(f"batch {batch} is cancelled")

    def _open(self, manifest: Manifest) -> BatchState:
        status = self.progress.status(manifest.batch)
        if status is None:
            settlement = self.engine.ledger.settle(manifest)
            self.progress.restore(manifest.batch, manifest.total, manifest.accepted, settlement)
            status = self.progress.status(manifest.batch)
        if status is None:
            raise NotFound(f"no batch {manifest.batch}")
        wanted = self._wanted(manifest.batch)
        state: State = status.state
        if status.state == "running" and wanted is not None:
            state = "cancelling" if wanted == "cancelled" else "paused"
        eta = None if state == "paused" else status.eta
        return BatchState(
            manifest.batch,
            collection=manifest.collection,
            state=state,
            total=status.total,
            done=status.done,
            failed=status.failed,
            rate=round(status.rate, 2),
            eta_seconds=None if eta is None else round(eta, 1),
            accepted=manifest.accepted,
        )

    def _running(self, batch: str) -> Manifest:
        """The batch, if it has not ended. Raises NotFound, Conflict."""
        try:
            return read_manifest(self.engine.store, batch)
        except NotFound:
            self.engine.ledger.closed(batch)
            raise Conflict(f"batch {batch} has ended") from None

    def _want(self, batch: str, what: Literal["paused", "cancelled"]) -> None:
        self._running(batch)
        if self._wanted(batch) == "cancelled" and what == "paused":
            raise Conflict(f"batch {batch} is being cancelled")
        self.engine.store.write_document(CONTROL, batch, what.encode())
        try:
            self._running(batch)
        except Conflict:  # it has ended meanwhile
            self.engine.store.delete_document(CONTROL, batch)
            raise

    def _wanted(self, batch: str) -> str | None:
        try:
            return self.engine.store.read_document(CONTROL, batch).decode()
        except NotFound:
            return None


def _closed(closed: ClosedBatch) -> BatchState:
    manifest, counts = closed.manifest, closed.counts
    elapsed = closed.closed - manifest.accepted
    done = manifest.total - counts.get(CANCELLED, 0)
    return BatchState(
        manifest.batch,
        collection=manifest.collection,
        state="cancelled" if CANCELLED in counts else "done",
        total=manifest.total,
        done=done,
        failed=sum(counts.get(outcome, 0) for outcome in FAILED),
        rate=round(done / elapsed, 2) if elapsed > 0 else 0.0,
        eta_seconds=0.0,
        accepted=manifest.accepted,
        outcomes=dict(counts),
    )
