"""Models over HTTP: what is answered to whom has them trained, listed and activated."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import learnt
from meanings import fill, made
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.gateway.app import create_app
from triptych.gateway.services import Services
from triptych.queues import jobs, presence
from triptych.queues.presence import Presence

C = "/v1/collections/c"


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """What workers are told to do."""
    begun: list[str] = []
    monkeypatch.setattr(jobs, "send_training", lambda _, asked: begun.append(asked.task))
    monkeypatch.setattr(jobs, "send_rebuild", lambda *_: begun.append("rebuild"))
    monkeypatch.setattr(jobs, "drop", lambda *_: 0)
    return begun


@pytest.fixture
def kinds(monkeypatch) -> list[str]:
    """The kinds of which there is a worker."""
    found = ["train"]
    there = lambda _: [Presence(f"{kind}:h:1:a", kind, 1, 0, 0) for kind in found]  # noqa: E731
    monkeypatch.setattr(presence, "workers", there)
    return found


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Of a collection of eighty captioned pictures."""
    with Engine.open(Settings.of_folder(tmp_path)) as opened:
        fill(opened, "c", [made(number, opened.layout) for number in range(80)])
        yield opened


@pytest.fixture
def http(engine, sent, kinds) -> Any:
    """A gateway."""
    unused: Any = None
    services = Services(engine, unused, unused, unused, threading.Semaphore())
    return create_app(services).test_client()


@pytest.fixture
def model(engine) -> str:
    """What the collection has learnt."""
    made = learnt.fusion(engine.layout)
    return engine.learnt_models.add("c", made, trained=1.0, seconds=1.0).reference


def test_a_model_is_trained_and_given_up(http, sent):
    """Once at a time; how far it is, is told."""
    assert http.get(f"{C}/train").status_code == 404
    answer = http.post(f"{C}/train")
    assert answer.status_code == 202
    assert (
        answer.json.items()
        >= {"task": "train", "state": "waiting", "strategy": "attention"}.items()
    )
    again = http.post(f"{C}/train", json={"labels": "tags"})
    assert (again.status_code, again.json["type"]) == (409, "urn:triptych:problem:conflict")
    assert http.delete(f"{C}/train").status_code == 204
    assert http.delete(f"{C}/train").status_code == 404
    assert http.get(f"{C}/train").json["state"] == "cancelled"
    answer = http.post(f"{C}/train", json={"labels": "tags", "seed": 5})
    assert (answer.json["strategy"], answer.json["labels"]) == ("classifier", "tags")
    assert sent == ["train", "train"]


def test_without_a_worker_there_is_nobody_to_ask(http, sent, kinds, model):
    """The answer says what to install; models are listed nevertheless."""
    kinds.clear()
    for path in (f"{C}/train", f"{C}/models/{model}/activate"):
        refused = http.post(path)
        assert refused.status_code == 503
        assert "requirements/train.txt" in refused.json["detail"]
    assert sent == []
    assert http.get(f"{C}/train").status_code == 404
    assert len(http.get(f"{C}/models").json["models"]) == 1


def test_models_are_listed_and_deleted(http, model):
    """One that is asked for comes with its card."""
    (listed,) = http.get(f"{C}/models").json["models"]
    assert (listed["reference"], listed["active"], listed["share"]) == (model, False, 0.4)
    assert "card" not in listed
    assert http.get(f"{C}/models/{model}").json["card"]["kind"] == "fusion"
    assert http.delete(f"{C}/models/{model}").status_code == 204
    assert http.get(f"{C}/models/{model}").status_code == 404
    assert http.get(f"{C}/models").json == {"models": []}


def test_a_model_is_activated_and_deactivated(http, sent, engine, model):
    """A comparison first, or a rebuild at once; one that serves is not deleted."""
    answer = http.post(f"{C}/models/{model}/activate", json={"swap": False})
    assert (answer.status_code, answer.json["index"]["state"]) == (202, "current")
    assert http.get(f"{C}/train").json.items() >= {"task": "activate", "model": model}.items()
    answer = http.post(f"{C}/models/{model}/activate", json={"force": True})
    assert (answer.status_code, answer.json["index"]["state"]) == (202, "rebuilding")
    assert sent == ["activate", "rebuild"]
    engine.rebuild("c", progress=False)
    assert http.get(f"{C}/models/{model}").json["active"]
    assert http.post(f"{C}/models/{model}/activate").status_code == 409
    refused = http.delete(f"{C}/models/{model}")
    assert (refused.status_code, "is used by c" in refused.json["detail"]) == (409, True)
    assert http.post(f"{C}/models/{model}/deactivate").status_code == 202
    engine.rebuild("c", progress=False)
    assert http.delete(f"{C}/models/{model}").status_code == 409
    assert http.delete(f"{C}/previous").status_code == 204
    assert http.delete(f"{C}/models/{model}").status_code == 204


@pytest.mark.parametrize(
    ("asked", "body", "status"),
    [
        ("POST none/train", None, 404),
        ("GET none/train", None, 404),
        ("GET none/models", None, 404),
        ("POST c/train", {"strategy": "mean"}, 400),
        ("POST c/train", {"strategy": "classifier"}, 400),
        ("POST c/train", {"labels": "text"}, 400),
        ("POST c/train", {"seed": -1}, 400),
        ("POST c/train", {"colour": 1}, 400),
        ("POST c.next/train", None, 400),
        ("GET c/models/attention", None, 400),
        ("GET c/models/attention@0123456789abcdef", None, 404),
        ("DELETE c/models/attention@0123456789abcdef", None, 404),
        ("POST c/models/attention@0123456789abcdef/activate", None, 404),
        ("POST c/models/attention@0123456789abcdef/activate", {"force": 1}, 400),
        ("POST c/models/attention@0123456789abcdef/deactivate", None, 409),
    ],
)
def test_what_can_not_be_is_refused(http, sent, asked: str, body: Any, status: int):
    """With a problem document; nothing begins."""
    method, path = asked.split()
    options = {} if body is None else {"json": body}
    answer = http.open(f"/v1/collections/{path}", method=method, **options)
    assert (answer.status_code, bool(answer.json["detail"])) == (status, True)
    assert sent == []
