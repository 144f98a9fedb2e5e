"""Routing slips, chunks, and what the queues stand on."""

from collections.abc import Callable
from functools import partial

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import OperationalError

from triptych.core.errors import QueueUnavailable
from triptych.core.item import Item
from triptych.core.settings import Settings
from triptych.ingest.chunk import Bounds, chunks, route
from triptych.queues import jobs

COMMON = {"collection": "c", "sequence": 1, "fingerprint": "f"}
PARTS = st.sets(st.sampled_from(["text", "image", "audio"]))


def item(name: str, parts: set[str], failed: set[str] = frozenset()) -> Item:
    """An item of these parts, some of which failed."""
    return Item(name, **dict.fromkeys(parts, "x"), errors=dict.fromkeys(failed, "why"))


@pytest.mark.parametrize(
    ("parts", "failed", "expected"),
    [
        (set(), set(), ("fusion",)),
        ({"text"}, set(), ("text", "fusion")),
        ({"audio", "text", "image"}, set(), ("image", "text", "audio", "fusion")),
        ({"image", "text"}, {"image"}, ("text", "fusion")),
        ({"image"}, {"image"}, ("fusion",)),
    ],
)
def test_a_slip_names_the_queues_an_item_needs(parts, failed, expected):
    """Each once, in one order, fusion last; also for an item of which nothing is left."""
    assert route(item("a", parts, failed)) == expected


@given(st.lists(PARTS, max_size=60), st.integers(1, 7))
def test_chunks_lose_nothing(drawn, size):
    """Every item once, in order within its slip, none above the size, all of one slip."""
    items = [item(str(i), parts) for i, parts in enumerate(drawn)]
    found = list(chunks(iter(items), bounds=Bounds(size, 100), common=COMMON))
    assert sorted(int(i.id) for chunk in found for i in chunk.items) == list(range(len(items)))
    for chunk in found:
        assert 1 <= len(chunk.items) <= size
        assert {route(i) for i in chunk.items} == {chunk.slip}
    for slip in {chunk.slip for chunk in found}:
        ids = [int(i.id) for chunk in found if chunk.slip == slip for i in chunk.items]
        assert ids == sorted(ids)
        assert sum(chunk.slip == slip for chunk in found) == -(-len(ids) // size)


def test_a_full_chunk_is_not_held_back():
    """It leaves before the items behind it are read."""
    items = iter([item("a", {"text"}), item("b", {"text"}), item("c", {"text"})])
    first = next(chunks(items, bounds=Bounds(2, 100), common=COMMON))
    assert [i.id for i in first.items] == ["a", "b"]
    assert next(items).id == "c"


class Away:
    """A Redis, or an application, that can't be reached."""

    def register_script(self, _: str) -> Callable[..., None]:
        """Raises as redis-py does."""
        return self.hvals

    def hvals(self, *_: object, **__: object) -> None:
        """Raise as redis-py does."""
        raise redis.ConnectionError("refused")

    def send_task(self, *_: object, **__: object) -> None:
        """Raise as kombu does."""
        raise OperationalError("refused")


def test_a_broker_that_is_away_has_a_name():
    """Sending and counting raise our error."""
    with pytest.raises(QueueUnavailable, match="does not accept messages: refused"):
        jobs.send_plan(Away(), "b")
    for ask in (jobs.backlog, partial(jobs.in_flight, batch="b"), partial(jobs.drop, batch="b")):
        with pytest.raises(QueueUnavailable, match="does not answer: refused"):
            ask(Away())


def test_messages_are_never_pickled_and_never_lost():
    """The settings that durability stands on."""
    conf = jobs.make_celery(Settings()).conf
    assert conf.task_serializer == "triptych"
    assert set(conf.accept_content) == {"triptych"}
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_routes == {f"triptych.{queue}": {"queue": queue} for queue in jobs.QUEUES}
