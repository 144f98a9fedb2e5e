"""Numbers in order, whatever the wall clock does."""

import threading
import time
import uuid

import pytest

from triptych.ingest import clock
from triptych.ingest.clock import FOLDER, Ceilings, StoreClock
from triptych.media.store import MediaStore


@pytest.fixture
def store():
    """A media store in memory."""
    return MediaStore(f"memory://{uuid.uuid4().hex}")


def test_numbers_follow_the_wall_clock_and_never_repeat(store):
    """A block of numbers is for its caller alone."""
    numbers = StoreClock(store)
    before = time.time_ns() // 1000
    first = numbers.next(1000)
    assert first >= before
    assert numbers.next() >= first + 1000


def test_a_clock_that_steps_back_gives_higher_numbers_all_the_same(store, monkeypatch):
    """In this process, and in the next one that opens the store."""
    first = StoreClock(store).next(10)
    monkeypatch.setattr(clock.time, "time_ns", lambda: 1000)
    other = StoreClock(store)
    second = other.next()
    assert second > first + 9
    assert other.next() == second + 1


def test_no_number_is_given_above_a_durable_ceiling(store):
    """The store is written to now and then, not at each number, and keeps the highest alone."""
    numbers = StoreClock(store)
    last = 0
    for _ in range(3):
        last = numbers.next(50_000_000)
        names = [int(one.name) for one in store.documents(FOLDER)]
        assert max(names) >= last + 50_000_000 - 1
    assert len(names) == 1
    assert Ceilings(store).highest() == names[0]


def test_threads_never_share_a_number(store):
    """Each takes its own."""
    numbers, taken = StoreClock(store), []

    def take() -> None:
        taken.extend(numbers.next(3) for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [first + n for first in taken for n in range(3)]
    assert len(set(every)) == len(every) == 2400
