"""How many requests a key may send in a minute, counted for all gateways together in Redis.

The generic cell rate algorithm (ITU-T I.371): of each key there is one moment, up to which its
requests have used up their share of time. So a minute's worth may come at once, and then one after
the other. The moment goes by itself when it is past, so Redis keeps only who was busy just now.
Answers say how much is left (draft-ietf-httpapi-ratelimit-headers-10).
"""

import math
from dataclasses import dataclass

import redis
import structlog
from redis.exceptions import RedisError

from triptych.core.errors import RateLimited
from triptych.gateway.keyring import Key

WINDOW = 60
"""Seconds."""
_PREFIX = "triptych:rate:"
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, step = tonumber(ARGV[1]), tonumber(ARGV[1]) / tonumber(ARGV[2])
local used = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + step
if used - now > window then
  return {0, 0, math.ceil(used - now - window)}
end
redis.call('SET', KEYS[1], string.format('%.3f', used), 'PX', math.ceil(used - now))
return {1, math.floor((window - (used - now)) / step), math.ceil(used - now)}
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rate:
    """What is left of a minute's requests."""

    limit: int
    left: int
    seconds: int
    """Until all of them are there again."""

    @property
    def headers(self) -> dict[str, str]:
        """As answers have it."""
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={WINDOW}',
            "RateLimit": f'"key";r={self.left};t={self.seconds}',
        }


def count(client: redis.Redis, key: Key) -> Rate | None:
    """Count a request of a key; None for one without a limit, or while Redis is away.

    A limit keeps a neighbour from taking more than its share. Whoever has a key is let in when
    nobody can count: searches go on without Redis.

    Raises RateLimited.
    """
    if (limit := key.per_minute) is None:
        return None
    try:
        found = client.eval(_SCRIPT, 1, f"{_PREFIX}{key.id}", WINDOW * 1000, limit)
    except RedisError as error:
        log.warning("requests are not counted", key=key.id, reason=str(error))
        return None
    allowed, left, milliseconds = map(int, found)
    seconds = max(1, math.ceil(milliseconds / 1000))
    if not allowed:
        raise RateLimited(
            f"this key may send {limit} requests a minute: try again in {seconds} s", seconds
        )
    return Rate(limit, left, seconds)
