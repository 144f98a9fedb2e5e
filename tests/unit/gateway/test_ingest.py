"""What is accepted, and what becomes of the rest of it."""

import dataclasses
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Never

import pytest

from triptych.core.errors import InvalidInput, NotFound, QueueUnavailable, TooLarge
from triptych.core.settings import Limits, Settings
from triptych.gateway import ingest
from triptych.gateway.services import Services
from triptych.ingest.manifest import Rejection, read_manifest
from triptych.media.store import MediaStore
from triptych.queues import jobs


class Anything:
    """Takes every call, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **_: self.calls.append((name, *arguments))


@pytest.fixture
def services(monkeypatch) -> Services:
    """Everything answers; a batch is ten items, a text ten characters."""
    monkeypatch.setattr(jobs, "send_task", lambda *_, **__: None)
    return Services(
        settings=Settings(limits=Limits(batch_items=10, text_chars=10)),
        store=MediaStore(f"memory://{uuid.uuid4().hex}"),
        queue=Anything(),
        redis=Anything(),
        progress=Anything(),
        index=Anything(),
        extractors={},
        waiters=Anything(),
    )


def stored(services: Services, accepted: ingest.Accepted) -> list:
    """The items of a batch as the planner will read them."""
    return [entry.item for entry in read_manifest(services.store, accepted.batch).entries]


def test_too_many_lines_are_refused_at_the_limit(services, monkeypatch):
    """What comes after it is not read."""
    read = []

    def lines(_) -> Iterator[tuple[int, Rejection]]:
        for number in range(1000):
            read.append(number)
            yield number, Rejection(number, "bad")

    monkeypatch.setattr(ingest, "read_lines", lines)
    with pytest.raises(TooLarge, match="more than 10 items"):
        ingest.accept_manifest(services, "c", b"")
    assert len(read) == 11


def test_exactly_the_limit_is_accepted_and_nothing_is_not(services):
    """Ordinals count from nought."""
    accepted = ingest.accept_manifest(services, "c", b'{"text":"a"}\n' * 10)
    assert accepted.total == 10
    assert [item.ordinal for item in stored(services, accepted)] == list(range(10))
    with pytest.raises(InvalidInput, match="empty"):
        ingest.accept_manifest(services, "c", b"\n")


def test_a_text_above_the_limit_goes_no_further(services):
    """As a line and as a file: the item does, with the reason."""
    line = json.dumps({"id": "a", "text": "x" * 11, "image": "p.png"}).encode()
    (item,) = stored(services, ingest.accept_manifest(services, "c", line))
    assert (item.text, "limit is 10" in item.errors["text"]) == (None, True)
    (item,) = stored(services, ingest.accept_files(services, "c", {"a.txt": b"x" * 11}))
    assert (item.text, "limit is 10" in item.errors["text"]) == (None, True)


def test_bad_ids_become_good_ones(services):
    """Of lines and of files, which keep their names."""
    lines = b'{"id":"..","text":"a"}\n{"image":"/data/p.png"}\n{"image":"p.png"}'
    refused, hashed, plain = stored(services, ingest.accept_manifest(services, "c", lines))
    assert refused.id.startswith("line-1-")
    assert "id:" in refused.errors["item"]
    assert re.fullmatch("[0-9a-f]{32}", hashed.id)
    assert plain.id == "p.png"
    names = {"/a\n.txt": b"a", "\ud800.exe": b"b"}
    text, unknown = stored(services, ingest.accept_files(services, "c", names))
    assert all(re.fullmatch("[0-9a-f]{32}", item.id) for item in (text, unknown))
    assert (text.names, unknown.names) == ({"text": "/a\\n.txt"}, {"item": "\\ud800.exe"})
    assert "\\ud800.exe" in unknown.errors["item"]


def test_a_file_of_no_kind_does_not_replace_an_item(services):
    """README beside README.txt."""
    accepted = ingest.accept_files(services, "c", {"README": b"a", "README.txt": b"b"})
    good, failed = stored(services, accepted)
    assert (good.id, good.errors) == ("README", {})
    assert failed.id.startswith("line-0-")


def test_what_can_not_be_sent_leaves_nothing(services, monkeypatch):
    """Neither a manifest nor counts; the reason is the queue's, even if Redis is away entirely."""

    class Away(Anything):
        def forget(self, batch: str) -> None:
            super().__getattr__("forget")(batch)
            raise QueueUnavailable("away")

    def fail(*_, **__) -> Never:
        raise QueueUnavailable("full")

    services = dataclasses.replace(services, progress=Away())
    monkeypatch.setattr(jobs, "send_task", fail)
    with pytest.raises(QueueUnavailable, match="full"):
        ingest.accept_manifest(services, "c", b'{"text":"a"}')
    (started, forgotten) = services.progress.calls
    assert forgotten == ("forget", started[1])
    with pytest.raises(NotFound):
        read_manifest(services.store, started[1])
