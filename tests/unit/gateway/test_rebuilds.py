"""Rebuilds over HTTP: what is answered to whom asks for one."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.gateway.app import create_app
from triptych.gateway.services import Services
from triptych.queues import jobs

C = "/v1/collections/c"
OLD, NEW = Encoders(acoustic=""), Encoders(acoustic="", concept="", visual="")


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The collections of which a rebuild begins."""
    begun: list[str] = []
    monkeypatch.setattr(jobs, "send_rebuild", lambda _, asked, __: begun.append(asked.collection))
    monkeypatch.setattr(jobs, "drop", lambda *_: 0)
    return begun


@pytest.fixture
def http(tmp_path: Path, sent) -> Iterator[Any]:
    """A gateway whose collection ``c`` was built by other encoders than it has."""
    settings = Settings.of_folder(tmp_path)
    with Engine.open(settings.model_copy(update={"encoders": OLD})) as old:
        old.add("c", [{"id": "a", "text": "a cat"}, {"id": "b", "text": "a dog"}], progress=False)
    unused: Any = None
    with Engine.open(settings.model_copy(update={"encoders": NEW})) as engine:
        services = Services(engine, unused, unused, unused, threading.Semaphore())
        yield create_app(services).test_client()


def index(http: Any) -> dict[str, Any]:
    """How the index of the collection is."""
    found: dict[str, Any] = http.get(C).json["index"]
    return found


def test_an_outdated_collection_says_so(http):
    """With what has changed, and what to do; it is searched and looked up as before."""
    found = index(http)
    assert found["state"] == "outdated"
    assert "visual was visual-projection" in found["problem"]
    assert "triptych rebuild c" in found["problem"]
    assert http.get("/v1/collections").json["collections"][0]["state"] == "outdated"
    assert [block["name"] for block in http.get(C).json["blocks"]] == [
        "semantic", "concept", "visual",
    ]  # fmt: skip
    assert http.get(f"{C}/items/a").json["text"] == "a cat"
    hits = http.post(f"{C}/search", json={"text": "dog"}).json["hits"]
    assert [hit["id"] for hit in hits] == ["b", "a"]
    assert hits[0]["why"]["text"]["blocks"]["semantic"] > 0.5


def test_what_its_encoders_can_not_do_is_a_409(http, monkeypatch):
    """But for words, if only they are asked for."""
    engine = http.application.extensions["triptych"].engine
    monkeypatch.setattr("triptych.engine.searchers.make_layout", lambda *_: engine.layout)
    refused = http.post(f"{C}/search", json={"text": "dog"})
    assert refused.status_code == 409
    assert refused.json["type"] == "urn:triptych:problem:fingerprint-mismatch"
    assert "set the weights of text, image and audio to 0" in refused.json["detail"]
    words = {"text": 0, "image": 0, "audio": 0}
    answer = http.post(f"{C}/search", json={"text": "dog", "weights": words})
    assert [hit["id"] for hit in answer.json["hits"]] == ["b"]


def test_a_rebuild_is_asked_for_and_given_up(http, sent):
    """Once; the collection tells how far it is."""
    answer = http.post(f"{C}/rebuild")
    assert answer.status_code == 202
    assert answer.json["index"].items() >= {"state": "rebuilding", "done": 0, "total": 2}.items()
    assert sent == ["c"]
    again = http.post(f"{C}/rebuild", json={})
    assert (again.status_code, again.json["type"]) == (409, "urn:triptych:problem:conflict")
    assert "is being rebuilt already" in again.json["detail"]
    assert http.delete(f"{C}/rebuild").status_code == 204
    assert http.delete(f"{C}/rebuild").status_code == 404
    assert index(http)["state"] == "outdated"
    assert http.post(f"{C}/rebuild", json={"swap": False}).status_code == 202
    assert sent == ["c", "c"]


@pytest.mark.parametrize(
    ("asked", "body", "status"),
    [
        ("POST none/rebuild", None, 404),
        ("DELETE none/rebuild", None, 404),
        ("POST none/rollback", None, 404),
        ("DELETE none/previous", None, 404),
        ("POST c/rebuild", {"swap": "yes"}, 400),
        ("POST c/rebuild", {"colour": 1}, 400),
        ("POST c.next/rebuild", None, 400),
        ("POST c/rollback", None, 409),
        ("DELETE c/previous", None, 404),
    ],
)
def test_what_can_not_be_is_refused(http, sent, asked: str, body: Any, status: int):
    """With a problem document; nothing begins."""
    method, path = asked.split()
    options = {} if body is None else {"json": body}
    answer = http.open(f"/v1/collections/{path}", method=method, **options)
    assert answer.status_code == status
    assert answer.json["detail"]
    assert sent == []
