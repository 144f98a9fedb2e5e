"""Which workers there are: each says so every few seconds, in Redis."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import redis

from triptych.core.errors import QueueUnavailable
from triptych.queues import scripts

FRESH_SECONDS = 15
"""A worker that has been silent for longer does not count."""

_KEPT_SECONDS = 600  # longer than a lease: what it had in memory is evidence
_WORKERS = "triptych:workers"


@dataclass(frozen=True)
class Presence:
    """A worker at one moment."""

    name: str
    """``image:host:12:5f3a9c``: kind, host, pid of the parent, a random part."""
    kind: str
    processes: int
    held: int
    """Messages that it has taken and not ended."""
    rss: int
    """Bytes of memory of its processes together."""


def announce(client: redis.Redis, presence: Presence) -> None:
    """Say that a worker is there. Raises RedisError."""
    fields = [part for pair in asdict(presence).items() for part in pair]
    script = client.register_script(scripts.BEAT)
    script(keys=[_key(presence.name), _WORKERS], args=[presence.name, _KEPT_SECONDS, *fields])


def withdraw(client: redis.Redis, name: str) -> None:
    """Say that a worker has ended. Raises RedisError."""
    client.zrem(_WORKERS, name)


def workers(client: redis.Redis) -> list[Presence]:
    """The workers that are there, by name. Raises QueueUnavailable."""
    try:
        seconds, micros = client.time()
        since = seconds * 1000 + micros // 1000 - FRESH_SECONDS * 1000
        found: Any = client.zrangebyscore(_WORKERS, since, "+inf")
        names: list[bytes] = sorted(found)
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.hgetall(_key(name.decode()))
        rows: Iterable[dict[bytes, bytes]] = pipeline.execute() if names else ()
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    return [
        Presence(
            name=row[b"name"].decode(),
            kind=row[b"kind"].decode(),
            processes=int(row[b"processes"]),
            held=int(row[b"held"]),
            rss=int(row[b"rss"]),
        )
        for row in rows
        if row
    ]


def _key(name: str) -> str:
    return f"triptych:worker:{name}"
