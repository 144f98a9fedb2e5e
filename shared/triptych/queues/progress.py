"""The progress of batches, counted in Redis: each item exactly once, however often it comes.

Redis is disposable: the manifest knows what a batch holds, the index what became of it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import redis

from triptych.core.errors import QueueUnavailable
from triptych.ingest.ledger import Settlement


@dataclass(frozen=True)
class Status:
    """A batch at one moment. ``done`` includes ``failed``; times are seconds since 1970."""

    total: int
    done: int
    failed: int
    started: float
    updated: float
    cancelled: bool = False
    """Whether it ends as soon as nothing of it is being written."""

    @property
    def state(self) -> Literal["running", "done"]:
        """Whether every item has been dealt with."""
        return "done" if self.done >= self.total else "running"

    @property
    def rate(self) -> float:
        """Items per second from the submission to the latest item."""
        elapsed = self.updated - self.started
        return self.done / elapsed if elapsed > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds to go at this rate, or None while nothing is done."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


class Progress:
    """Counts of batches. Every method raises QueueUnavailable when Redis does not answer."""

    def __init__(self, client: redis.Redis, *, ttl: int) -> None:
        self._redis = client
        self._ttl = ttl

    def start(self, batch: str, total: int) -> None:
        """Begin to count a batch."""
        now = time.time()
        self._run([("hset", _key(batch), {"total": total, "started": now, "updated": now})], batch)

    def mark(self, batch: str, *, done: Iterable[int], failed: Iterable[int]) -> Status | None:
        """Count items by ordinal, each once; ``failed`` ones must be in ``done`` too.

        Returns the counts then, as ``status`` does.
        """
        commands: list[tuple[Any, ...]] = [("setbit", _key(batch, "done"), i, 1) for i in done]
        commands += [("setbit", _key(batch, "failed"), i, 1) for i in failed]
        commands.append(("hset", _key(batch), {"updated": time.time()}))
        return self._status(batch, commands)

    def cancel(self, batch: str) -> None:
        """Note that a batch ends as soon as nothing of it is being written."""
        self._run([("hset", _key(batch), {"cancelled": 1})], batch)

    def restore(self, batch: str, total: int, started: float, settled: Settlement) -> None:
        """Count a batch anew, by what the index has of it."""
        now = time.time()
        header = {"total": total, "started": started, "updated": now}
        self._run([("hset", _key(batch), header)], batch)
        self.mark(batch, done=settled.outcomes, failed=settled.failed)

    def dealt_with(self, batch: str) -> set[int]:
        """The ordinals of the items that are dealt with."""
        (bits,) = self._run([("get", _key(batch, "done"))], batch)[:1]
        return {
            8 * byte + bit
            for byte, value in enumerate(bits or b"")
            for bit in range(8)
            if value & (128 >> bit)
        }

    def status(self, batch: str) -> Status | None:
        """The counts of a batch, or None if Redis does not know it."""
        return self._status(batch, [])

    def _status(self, batch: str, before: list[tuple[Any, ...]]) -> Status | None:
        """The counts after some commands, in one round trip."""
        ask: list[tuple[Any, ...]] = [
            ("hgetall", _key(batch)),
            ("bitcount", _key(batch, "done")),
            ("bitcount", _key(batch, "failed")),
        ]
        answers = self._run([*before, *ask], batch)
        header, done, failed = answers[len(before) : len(before) + len(ask)]
        if b"total" not in header:
            return None
        return Status(
            total=int(header[b"total"]),
            done=done,
            failed=failed,
            started=float(header[b"started"]),
            updated=float(header[b"updated"]),
            cancelled=b"cancelled" in header,
        )

    def forget(self, batch: str) -> None:
        """Stop counting a batch."""
        self._run([("delete", *_keys(batch))], batch)

    def _run(self, commands: list[tuple[Any, ...]], batch: str) -> list[Any]:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for name, *arguments in commands:
                if name == "hset":
                    pipeline.hset(arguments[0], mapping=arguments[1])
                else:
                    getattr(pipeline, name)(*arguments)
            for key in _keys(batch):
                pipeline.expire(key, self._ttl)
            return list(pipeline.execute())
        except redis.RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}") from error


def _key(batch: str, part: str = "") -> str:
    return f"triptych:batch:{batch}{':' if part else ''}{part}"


def _keys(batch: str) -> list[str]:
    return [_key(batch), _key(batch, "done"), _key(batch, "failed")]
