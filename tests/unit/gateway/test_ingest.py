"""What is accepted is counted and sent, or not accepted at all."""

import threading
import uuid
from collections.abc import Callable
from typing import Never

import pytest

from support import layout
from triptych.core.errors import NotFound, QueueUnavailable
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.gateway.ingest import enqueue
from triptych.gateway.services import Services
from triptych.ingest.manifest import read_manifest
from triptych.media.store import MediaStore
from triptych.queues import jobs


class Anything:
    """Takes every call, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **_: self.calls.append((name, *arguments))


class Away(Anything):
    """Counts that can be begun, and not taken back."""

    def forget(self, batch: str) -> None:
        """Remember the call, and fail."""
        super().__getattr__("forget")(batch)
        raise QueueUnavailable("away")


@pytest.fixture
def services(monkeypatch) -> Services:
    """A gateway whose Redis takes no message, and is away entirely when it is asked to forget."""

    def fail(*_, **__) -> Never:
        raise QueueUnavailable("full")

    monkeypatch.setattr(jobs, "send_task", fail)
    engine = Engine(
        Settings(),
        store=MediaStore(f"memory://{uuid.uuid4().hex}"),
        layout=layout(),
        index=Anything(),
        extractors={},
    )
    return Services(engine, Anything(), Anything(), Away(), threading.Semaphore())


def test_what_can_not_be_sent_leaves_nothing(services):
    """Neither a manifest nor counts; the reason is the queue's."""
    engine = services.engine
    accepted = engine.accept_manifest("c", b'{"text":"a"}')
    with pytest.raises(QueueUnavailable, match="full"):
        enqueue(services, accepted)
    (started, forgotten) = services.progress.calls
    assert forgotten == ("forget", started[1])
    with pytest.raises(NotFound):
        read_manifest(engine.store, started[1])


def test_what_has_a_key_stays(services):
    """Another request under the key may have been told that it is accepted: the sweep finds it."""
    accepted = services.engine.accept_manifest("c", b'{"text":"a"}', key="k")
    with pytest.raises(QueueUnavailable, match="full"):
        enqueue(services, accepted)
    again = services.engine.accept_manifest("c", b'{"text":"a"}', key="k")
    assert (again.repeated, again.manifest) == (True, accepted.manifest)
