"""Rebuilds of collections over queues: planned window by window, described and written by workers.

The request in the media store says what is wanted, the two indexes what is left to do, and Redis
only carries: a pass over all items begins when nothing of the one before is under way any more, and
the sweep begins one where whatever was under way has vanished.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from celery import Celery

from triptych.core.errors import NotFound
from triptych.engine import Engine
from triptych.ingest.chunk import Chunk
from triptych.ingest.rebuilding import Pass, Rebuild
from triptych.queues import jobs

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rebuilds:
    """The rebuilds of an engine whose work goes through queues."""

    engine: Engine
    app: Celery
    redis: redis.Redis

    def begin(
        self, collection: str, *, swap: bool = True, models: Sequence[str] | None = None
    ) -> None:
        """Ask for a rebuild. Raises as ``Rebuilder.ask``; QueueUnavailable: the sweep begins it."""
        self._send(self.engine.rebuilder.ask(collection, swap=swap, models=models))

    def roll_back(self, collection: str) -> None:
        """Ask for the index before. Raises as ``begin``."""
        self._send(self.engine.rebuilder.roll_back(collection))

    def cancel(self, collection: str) -> None:
        """Give a rebuild up. Raises NotFound."""
        asked = self.engine.rebuilder.requested(collection)
        self.engine.rebuilder.cancel(collection)
        if asked is not None:
            jobs.drop(self.redis, asked.id)

    def plan(self, message: Mapping[str, Any]) -> None:
        """Plan the next window of a pass; at its end, begin another one, or finish.

        Raises IndexUnavailable, StoreUnavailable, QueueUnavailable: the message comes again.
        """
        rebuilder = self.engine.rebuilder
        asked = rebuilder.requested(message["rebuild"])
        if asked is None or asked.id != message["id"] or not self._is_to_do(asked):
            log.info("nothing is left to rebuild", collection=message["rebuild"])
            return
        jobs.check_plan_room(self.redis, self.engine.settings)
        try:
            look = rebuilder.look(asked, Pass(**message["position"]))
            chunks = look.chunks
            if look.position is None and not look.lacking:
                chunks = rebuilder.finish(asked, look.mark)
        except NotFound as error:
            if self._is_gone(asked):
                rebuilder.forget(asked.collection)
            log.info("rebuild has ended", collection=asked.collection, reason=error.reason)
            return
        for chunk in chunks:
            jobs.send(self.app, chunk)
        if look.position is not None:
            self._send(asked, look.position)
        elif look.lacking and not jobs.in_flight(self.redis, asked.id).ordinals:
            self._send(asked)

    def written(self, chunk: Chunk) -> None:
        """Begin another pass after the last chunk of one, which is still held.

        Where two are the last ones, the sweep does.
        """
        flight = jobs.in_flight(self.redis, chunk.batch)
        if flight.planning or flight.ordinals - chunk.ordinals:
            return
        asked = self.engine.rebuilder.requested(chunk.collection)
        if asked is not None and asked.id == chunk.batch and self._is_to_do(asked):
            self._send(asked)

    def sweep(self) -> int:
        """Begin a pass of each rebuild of which nothing is under way; how many."""
        begun = 0
        for asked in self.engine.rebuilder.under_way():
            if self._is_gone(asked):
                self.engine.rebuilder.forget(asked.collection)
            elif self._is_to_do(asked):
                flight = jobs.in_flight(self.redis, asked.id)
                if not flight.planning and not flight.ordinals:
                    self._send(asked)
                    begun += 1
        return begun

    def _is_to_do(self, asked: Rebuild) -> bool:
        return not asked.waits and asked.is_for(self.engine.layout)

    def _is_gone(self, asked: Rebuild) -> bool:
        """Whether its collection was deleted."""
        try:
            return self.engine.index.identity(asked.collection) != asked.identity
        except NotFound:
            return True

    def _send(self, asked: Rebuild, position: Pass | None = None) -> None:
        jobs.send_rebuild(self.app, asked, position or Pass())
