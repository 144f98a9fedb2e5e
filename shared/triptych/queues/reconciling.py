"""The sweep: what was accepted, is not in the index and not under way, is planned again.

Worker deaths, a Redis that was emptied or filled up, lost messages and defects of the planner are
one case. Steps can be done twice, so a sweep too many does no harm.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from triptych.core.answers import Described
from triptych.core.errors import NotFound, QueueUnavailable
from triptych.ingest.manifest import read_manifest
from triptych.queues import jobs
from triptych.queues.batches import Batches

_SENDING = 10.0
"""Seconds that a gateway may take between the manifest of a batch and its first message."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sweep(Described):
    """What a sweep found."""

    open: int = 0
    """Batches of which something was left to do; single items are batches of one."""
    closed: int = 0
    """Of these, batches that turned out to be dealt with."""
    under_way: int = 0
    """Of these, batches of which everything that is left is in a queue or at a worker."""
    missing: int = 0
    """Items that were neither in the index nor under way."""
    planned: int = 0
    """Batches that are planned again because of them."""
    rebuilds: int = 0
    """Rebuilds of collections that go on because of it."""
    trainings: int = 0
    """Trainings, and comparisons of models, that go on because of it."""
    broken: int = 0
    """Batches that can't be looked at, such as one whose manifest is damaged; the log says why."""


@dataclass(frozen=True)
class Reconciler:
    """Compares the ledger with the index and the queues."""

    batches: Batches
    clock: Callable[[], float] = time.time

    def sweep(self) -> Sweep:
        """Look at every open batch; one that can't be looked at does not stop the others.

        Then at every rebuild and training.

        Raises:
            IndexUnavailable, StoreUnavailable, QueueUnavailable: the next sweep goes on.
        """
        found = Sweep()
        for batch in self.batches.engine.ledger.open_batches():
            # Where the clock was set back, a batch may seem to come from the future.
            if not 0 <= self.clock() - batch.accepted < _SENDING:
                found = _sum(found, self._try(batch.batch))
        found = _sum(
            found,
            Sweep(rebuilds=self.batches.rebuilds.sweep(), trainings=self.batches.trainings.sweep()),
        )
        if found.missing:
            log.warning("items are planned again", items=found.missing, batches=found.planned)
        return found

    def _try(self, batch: str) -> Sweep:
        try:
            return self.look(batch)
        except QueueUnavailable:
            raise
        except Exception:
            self.batches.engine.store.check()
            self.batches.engine.index.ping()
            log.exception("batch can't be looked at", batch=batch)
            return Sweep(open=1, broken=1)

    def look(self, batch: str) -> Sweep:
        """Plan again what got lost of a batch; close it if nothing is left to do.

        Raises as ``sweep``.
        """
        batches = self.batches
        flight = jobs.in_flight(batches.redis, batch)  # first: what ends meanwhile is in the index
        if flight.planning or self._is_all_under_way(batch, flight.ordinals):
            return Sweep(open=1, under_way=1)
        if (settlement := batches.finish(batch)) is None:
            return Sweep()
        missing = settlement.missing - flight.ordinals
        if missing and not batches.paused(batch):
            jobs.send_plan(batches.app, batch, repair=True)
            return Sweep(open=1, missing=len(missing), planned=1)
        return Sweep(open=1, closed=int(not settlement.missing))

    def _is_all_under_way(self, batch: str, ordinals: frozenset[int]) -> bool:
        """Whether messages carry everything that is not dealt with, as far as Redis knows."""
        status = self.batches.progress.status(batch)
        if status is None:  # a single item, or Redis has forgotten the batch
            try:
                manifest = read_manifest(self.batches.engine.store, batch)
            except NotFound:
                return False
            return manifest.single and bool(ordinals)
        return 0 < status.total - status.done <= len(ordinals)


def _sum(one: Sweep, other: Sweep) -> Sweep:
    return Sweep(**{name: value + getattr(other, name) for name, value in vars(one).items()})
