"""The application over services that need no backend."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support import layout
from triptych.core.item import MODALITIES
from triptych.core.settings import Limits, Settings
from triptych.encoders.extractors import Extractor
from triptych.engine import Engine
from triptych.gateway.app import create_app
from triptych.gateway.services import Services
from triptych.media.store import MediaStore
from unit.seeded import BLOCKS, Seeded, Watched, encoders

LIMITS = Limits(file_bytes=1000, body_bytes=10_000)


class Lists:
    """A Redis of which only the backlog and the memory are asked."""

    waiting = 0
    used = 100

    def info(self, _: str) -> dict[str, Any]:
        """Its memory."""
        return {"maxmemory": 1000, "used_memory": self.used, "maxmemory_policy": "noeviction"}

    def register_script(self, _: str) -> Callable[..., Any]:
        """Answers that all messages are in the first stream."""
        return lambda keys: (
            [[self.waiting if key == keys[0] else 0, 0, "", 0, 0] for key in keys],
            b"0",
        )


class Nothing:
    """Stands where a test must not reach; raises what it is told to."""

    def __init__(self) -> None:
        self.error: Exception = AssertionError("reached")

    def __getattr__(self, name: str) -> Any:
        raise self.error


class Small(Nothing):
    """An encoder of which only the size of its pictures is asked."""

    side = 8


@pytest.fixture
def lists() -> Lists:
    """The queues."""
    return Lists()


@pytest.fixture
def nothing() -> Nothing:
    """The index."""
    return Nothing()


@pytest.fixture
def app(lists: Lists, nothing: Nothing) -> Flask:
    """The application."""
    settings = Settings(limits=LIMITS, queue_bound=10)
    engine = Engine(
        settings,
        store=MediaStore(f"memory://{uuid.uuid4().hex}"),
        layout=layout(),
        index=nothing,
        extractors={modality: Extractor({"block": Small()}) for modality in MODALITIES},
    )
    return create_app(Services(engine, Nothing(), lists, Nothing(), threading.Semaphore(1)))


@pytest.fixture
def seeded() -> dict[str, Seeded]:
    """Encoders that need no model, by the modality."""
    return encoders()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Watched]:
    """A real index with an empty collection ``c``."""
    with closing(Watched(tmp_path / "index", layout=layout())) as opened:
        opened.ensure("c")
        yield opened


@pytest.fixture
def make_client(seeded: dict[str, Seeded], index: Watched) -> Callable[..., FlaskClient]:
    """Makes clients, each of a gateway process of its own, which can encode and search."""

    def make(**changes: Any) -> FlaskClient:
        limits = Limits(file_bytes=2**20, body_bytes=2**24)
        settings = Settings(**{"limits": limits, **changes})
        engine = Engine(
            settings,
            store=MediaStore(f"memory://{uuid.uuid4().hex}"),
            layout=layout(),
            index=index,
            extractors={
                part: Extractor({BLOCKS[part]: encoder}) for part, encoder in seeded.items()
            },
        )
        services = Services(engine, Nothing(), Nothing(), Nothing(), threading.Semaphore(1))
        return create_app(services).test_client()

    return make


@pytest.fixture
def searching(make_client: Callable[..., FlaskClient]) -> Callable[..., dict[str, Any]]:
    """Searches, and gives the answer, which must be of the status."""
    client = make_client()

    def search(body: dict[str, Any], status: int = 200, path: str = "search") -> dict[str, Any]:
        response = client.post(f"/v1/collections/c/{path}", json=body)
        assert response.status_code == status, response.text
        return response.json

    return search


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    """A client of the application."""
    return app.test_client()
