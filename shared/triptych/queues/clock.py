"""The clock that all gateways share: a number in Redis, with ceilings in the media store.

Redis may forget. A restarted one has no script, and an emptied one no number: both make the next
caller begin at the highest ceiling, above every number that was ever given.
"""

import time
from typing import Any, Final

import redis
from redis.exceptions import NoScriptError

from triptych.core.errors import QueueUnavailable
from triptych.ingest.clock import Ceilings
from triptych.media.store import MediaStore

_KEY: Final = "triptych:clock"
_NEXT: Final = """
local last = redis.call('GET', KEYS[1])
if not last then return false end
local first = math.max(tonumber(last) + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', first + tonumber(ARGV[2]) - 1))
return string.format('%.0f', first)
"""
_RAISE: Final = """
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], string.format('%.0f', math.max(last, tonumber(ARGV[1]))))
"""


class RedisClock:
    """Gives numbers to every gateway of one Redis. Serves many threads."""

    def __init__(self, client: redis.Redis, store: MediaStore) -> None:
        self._redis = client
        self._next = client.register_script(_NEXT)
        self._ceilings = Ceilings(store)

    def next(self, count: int = 1) -> int:
        """The first of ``count`` numbers in a row, above all that were given before.

        Raises:
            QueueUnavailable, StoreUnavailable: no number can be had now.
        """
        try:
            first = self._ask(count)
            if first is None:
                self._begin()
                first = self._ask(count)
        except redis.RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}") from error
        if first is None:
            raise QueueUnavailable("Redis forgets the clock at once: is it full?")
        self._ceilings.cover(first + count - 1)
        return first

    def _ask(self, count: int) -> int | None:
        now = time.time_ns() // 1000
        try:
            answer: Any = self._redis.evalsha(self._next.sha, 1, _KEY, str(now), str(count))
        except NoScriptError:  # Redis has restarted, and may have lost its latest numbers
            return None
        return None if answer is None else int(answer)

    def _begin(self) -> None:
        """Raise the number before the script is there, so that nobody asks in between."""
        self._redis.eval(_RAISE, 1, _KEY, str(self._ceilings.highest()))
        self._redis.script_load(_NEXT)
