"""Whether Redis can take messages, and what has happened in the queues since it was filled."""

from collections.abc import Mapping
from typing import Any

import redis

from triptych.core.errors import QueueUnavailable
from triptych.queues import scripts

EVENTS = (
    "done",
    "returned",
    "died",
    "quarantined",
    "failed",
    "announced",
    "not_announced",
    "never_announced",
)
"""What is counted by queue: messages ended, put back, put back after a death; items stopped as
deadly, and items that failed; ends of batches that were told, not told at a try, given up."""


def check_room(client: redis.Redis) -> None:
    """Raise QueueUnavailable if Redis is away, or so full that it takes no message."""
    memory = _info(client, "memory")
    limit, used = int(memory.get("maxmemory", 0)), int(memory["used_memory"])
    if 0 < limit <= used:
        raise QueueUnavailable(f"Redis is full: it has {used} of {limit} bytes")


def check_policy(client: redis.Redis) -> None:
    """Raise QueueUnavailable if a full Redis would delete messages instead of refusing them."""
    policy = str(_info(client, "memory").get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise QueueUnavailable(f"maxmemory-policy is {policy}: Redis may delete messages")


def count(client: redis.Redis, queue: str, **events: int) -> None:
    """Count what has happened, of EVENTS; raises QueueUnavailable."""
    try:
        pipeline = client.pipeline(transaction=False)
        for event in filter(events.get, EVENTS):
            pipeline.hincrby(scripts.EVENTS_KEY, f"{queue} {event}", events[event])
        pipeline.execute()
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error


def events(client: redis.Redis) -> dict[tuple[str, str], int]:
    """How often what has happened, by queue and event. Raises QueueUnavailable."""
    try:
        found: Any = client.hgetall(scripts.EVENTS_KEY)
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    rows = ((name.decode().split(" "), int(number)) for name, number in found.items())
    return {(queue, event): number for (queue, event), number in rows}


def _info(client: redis.Redis, section: str) -> Mapping[str, Any]:
    try:
        found: Any = client.info(section)
    except redis.RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}") from error
    return dict(found)
