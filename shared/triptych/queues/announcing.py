"""Telling that batches have ended: once or more often, whoever dies or is away meanwhile.

An end is a document of the media store until it was told. It is written before the manifest of the
batch goes, so none is missed. One thread of the planner's parent tells them, so nothing waits for a
slow receiver.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import redis
import structlog

from triptych.core.errors import NotFound, QueueUnavailable, Unavailable
from triptych.core.settings import Webhook
from triptych.ingest.ledger import ANNOUNCED
from triptych.media.store import MediaStore
from triptych.queues.jobs import PLAN
from triptych.queues.state import count
from triptych.queues.webhook import Notice, Refusal, send

_WAKE = "triptych:announce"
_LISTEN_SECONDS = 5
_CLAIM_SECONDS = 20
"""Longer than a try takes."""

log = structlog.get_logger(__name__)


def announce(store: MediaStore, notice: Notice) -> None:
    """See to it that an end is told. Raises StoreUnavailable."""
    store.write_document(ANNOUNCED, _name(notice.batch), notice.to_json())


def wake(client: redis.Redis) -> None:
    """Have ends told now, rather than at the next look."""
    with suppress(redis.RedisError):
        pipeline = client.pipeline(transaction=False)
        pipeline.lpush(_WAKE, 1)
        pipeline.ltrim(_WAKE, 0, 0)
        pipeline.execute()


@dataclass(frozen=True)
class Announcer:
    """Tells the ends of batches to the receiver of a deployment."""

    store: MediaStore
    redis: redis.Redis
    webhook: Webhook
    clock: Callable[[], float] = time.time

    def run(self, every: float) -> None:
        """Look for ends whenever it is woken, and after so many seconds; for ever."""
        due = 0.0
        while True:
            try:
                woken = self.redis.blpop([_WAKE], timeout=_LISTEN_SECONDS)
                if woken or time.monotonic() >= due:
                    due = time.monotonic() + every
                    self.tell()
            except (redis.RedisError, Unavailable) as error:
                log.warning("ends of batches can't be told now", reason=str(error))
                time.sleep(_LISTEN_SECONDS)
            except Exception:
                log.exception("ends of batches can't be told")
                time.sleep(_LISTEN_SECONDS)

    def tell(self) -> None:
        """Tell all ends that are due, up to the first that is not taken.

        The receiver is the same for all of them. Raises StoreUnavailable, RedisError.
        """
        for document in self.store.documents(ANNOUNCED):
            if self._is_due(document.name) and not self._tell(document.name):
                return

    def _is_due(self, name: str) -> bool:
        try:
            return self._read(name).is_due(self.clock())
        except NotFound:
            return False

    def _read(self, name: str) -> Notice:
        return Notice.from_json(self.store.read_document(ANNOUNCED, name))

    def _tell(self, name: str) -> bool:
        """Tell one, unless somebody else does. False where it was not taken."""
        claim = f"{_WAKE}:{name}"
        if not self.redis.set(claim, 1, nx=True, ex=_CLAIM_SECONDS):
            return True
        try:
            notice = self._read(name)  # another one may have told it just now
            refusal = send(notice, self.webhook, self.clock())
            if refusal is not None:
                self._note(notice, refusal)
                return False
            self.store.delete_document(ANNOUNCED, name)
            self._count(announced=1)
        except NotFound:
            pass
        finally:
            self.redis.delete(claim)
        return True

    def _note(self, notice: Notice, refusal: Refusal) -> None:
        """Remember a try that failed, or that there will be no more."""
        facts = {
            "batch": notice.batch,
            "host": self.webhook.host,
            "reason": refusal.reason,
            "tries": notice.tries + 1,
        }
        now = self.clock()
        if refusal.final or now - notice.ended > self.webhook.seconds:
            self.store.delete_document(ANNOUNCED, _name(notice.batch))
            log.error("the end of a batch is not told any more", **facts)
            self._count(never_announced=1)
            return
        later = notice.later(now, refusal.wait)
        announce(self.store, later)
        log.warning("the end of a batch was not taken", again_in=round(later.due - now), **facts)
        self._count(not_announced=1)

    def _count(self, **events: int) -> None:
        with suppress(QueueUnavailable):
            count(self.redis, PLAN, **events)


def _name(batch: str) -> str:
    return f"{batch}.json"
