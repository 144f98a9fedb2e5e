"""Limits of keys: what answers say, and what happens without Redis.

The script runs in Redis itself, in tests/integration/test_access.py.
"""

import pytest
from redis.exceptions import ConnectionError as Away

from triptych.core.errors import Forbidden, RateLimited
from triptych.gateway import rates
from triptych.gateway.access import keyring
from triptych.gateway.keyring import Key

LIMITED = Key("0123456789ab", "n", frozenset({"read"}), ("*",), "", 0.0, per_minute=10)


class Redis:
    """Answers as the script does."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def eval(self, *arguments):
        """One answer."""
        assert arguments[2:] == ("triptych:rate:0123456789ab", 60_000, 10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_answers_tell_what_is_left():
    """In the form of the draft: structured fields."""
    rate = rates.count(Redis([1, 7, 18_001]), LIMITED)
    assert rate.headers == {
        "RateLimit-Policy": '"key";q=10;w=60', "RateLimit": '"key";r=7;t=19'
    }  # fmt: skip


def test_beyond_the_limit_it_is_said_when_to_come_again():
    """In whole seconds, one at least."""
    for milliseconds, seconds in ((1, 1), (6001, 7)):
        with pytest.raises(RateLimited, match="10 requests a minute") as error:
            rates.count(Redis([0, 0, milliseconds]), LIMITED)
        assert error.value.retry_after == seconds
        assert error.value.status == 429


def test_nobody_is_shut_out_while_redis_is_away():
    """Nor is a key without a limit counted."""
    assert rates.count(Redis(Away("away")), LIMITED) is None
    free = Key("0123456789ab", "n", frozenset({"read"}), ("*",), "", 0.0)
    assert rates.count(Redis(AssertionError("asked")), free) is None


def test_a_limited_key_makes_no_keys(make_client):
    """Each has a limit of its own, so many keys would be no limit at all."""
    with make_client(admin_key="m" * 40).application.app_context():
        ring = keyring()
        master = ring.identify("m" * 40)
        slow, _ = ring.create("s", ["admin"], ["*"], per_minute=10, maker=master)
        for rate in (None, 10, 11):
            with pytest.raises(Forbidden):
                ring.create("t", ["read"], ["*"], per_minute=rate, maker=slow)
