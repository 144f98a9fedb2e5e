"""What a worker holds, where Redis goes away between two steps."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from triptych.queues import holder as module
from triptych.queues.holder import Holder, Lease
from triptych.queues.labels import Label
from triptych.queues.streams import Taken


class Nothing:
    """A client that nobody asks anything."""

    def close(self) -> None:
        """It has nothing to close."""


class Streams:
    """Gives one message. Redis goes away while the next one is waited for and it is ended."""

    ending = threading.Event()
    gone = threading.Event()

    def __init__(self, _: object) -> None:
        self.client = Nothing()
        self.given = False

    def take(self, *_: object, **__: object) -> list[Taken]:
        """The message, then an error, then nothing."""
        if not self.given:
            self.given = True
            label = Label(group="", members=frozenset(), items=1)
            return [Taken("q", "stream", b"1-0", b"k", b"", b"", label)]
        if not self.gone.is_set():
            assert self.ending.wait(10)
            self.gone.set()
            raise redis.ConnectionError("restarted")
        time.sleep(0.01)
        return []

    def done(self, *_: object, **__: object) -> list[Taken]:
        """Redis has heard of it."""
        self.ending.set()
        assert self.gone.wait(10)
        time.sleep(0.1)  # so that the other thread has noted it
        return []

    def __getattr__(self, _: str) -> Callable[..., int]:
        return lambda *_, **__: 0


@pytest.fixture
def holder(monkeypatch) -> Iterator[Holder]:
    """Of a worker with two processes."""
    monkeypatch.setattr(module, "Streams", Streams)
    monkeypatch.setattr(module, "announce", lambda *_: None)
    monkeypatch.setattr(module, "withdraw", lambda *_: None)
    made = Holder(lambda _: None, name="w", queue="q", limit=2, lease=Lease(30, 5))
    yield made
    made.close()


def test_what_redis_knows_to_have_ended_is_not_held(holder):
    """Else a process of the worker would have nothing to do until the worker ends."""
    while (message := holder.arrived()) is None:
        time.sleep(0.01)
    holder.done(message.tag)
    assert holder.held == 0
