"""Readiness and figures, over a Redis that answers as it is told."""

import pytest

from triptych.core.errors import IndexUnavailable
from triptych.gateway import metrics
from triptych.queues import jobs, presence
from triptych.queues.presence import Presence


class Willing:
    """An index that answers."""

    def ping(self) -> None:
        """Nothing is wrong."""

    def origins(self) -> dict[str, object]:
        """There are no collections."""
        return {}


@pytest.fixture
def kinds(monkeypatch, app):
    """The kinds of which there is a worker; the index answers."""
    found = list(jobs.NEEDED)  # not everybody trains models

    def workers(_):
        return [Presence(f"{kind}:h:1:a", kind, 2, 1, 2**20) for kind in found]

    monkeypatch.setattr(presence, "workers", workers)
    monkeypatch.setattr(app.extensions["triptych"].engine, "index", Willing())
    return found


def test_a_whole_system_is_ready(http, kinds):
    """Every part says ok."""
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert set(answer.json["parts"].values()) == {"ok"}


def test_a_missing_kind_of_worker_is_named(http, kinds):
    """Requests are still answered: it is no reason to send them elsewhere."""
    kinds.remove("audio")
    kinds.remove("plan")
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["parts"]["workers"] == "no worker for plan, audio"


def test_a_collection_that_waits_for_a_rebuild_is_named(http, kinds, app, monkeypatch):
    """It is searched as before, so the service is no less ready."""
    engine = app.extensions["triptych"].engine
    monkeypatch.setattr(engine, "waiting", lambda: ["c", "d"])
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert "2 (c, d): `triptych rebuild" in answer.json["parts"]["collections"]


def test_a_redis_that_deletes_is_named(http, kinds, lists, monkeypatch):
    """Messages would vanish."""
    memory = {"used_memory": 1, "maxmemory": 2, "maxmemory_policy": "allkeys-lru"}
    monkeypatch.setattr(lists, "info", lambda _: memory, raising=False)
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert "allkeys-lru" in answer.json["parts"]["policy"]


def test_a_full_redis_is_not_ready_and_takes_no_upload(http, kinds, lists):
    """Before the body is read."""
    lists.used = 1000
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert "full" in answer.json["parts"]["redis"]
    assert http.post("/v1/collections/c/items", json={"text": "a"}).status_code == 503


def test_a_store_that_is_not_mounted_is_not_ready(http, kinds, app, monkeypatch):
    """Its folder is there, but empty: nothing could be accepted, and nothing described."""
    store = app.extensions["triptych"].engine.store
    monkeypatch.setattr(metrics, "events", lambda _: {})
    assert http.get("/metrics").status_code == 200  # since when the keys are known
    store._fs.rm_file(store._marker)
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert "not mounted" in answer.json["parts"]["store"]
    assert 'triptych_up{part="store"} 0.0' in http.get("/metrics").text


def test_figures_are_in_the_format_of_prometheus(http, kinds, lists, monkeypatch):
    """A line a figure, each kind of figure described once."""
    lists.waiting = 3
    monkeypatch.setattr(metrics, "events", lambda _: {("image", "died"): 4})
    answer = http.get("/metrics")
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    assert 'triptych_up{part="index"} 1.0' in lines
    assert 'triptych_queue_messages{queue="plan",lane="urgent"} 3' in lines
    assert 'triptych_worker_processes{kind="image"} 2' in lines
    assert 'triptych_events_total{queue="image",event="died"} 4' in lines
    described = [line for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described)) == 10


def test_a_part_that_is_away_has_no_figures(http, kinds, app, monkeypatch):
    """But it is told."""

    class Away:
        def ping(self) -> None:
            raise IndexUnavailable("away")

    monkeypatch.setattr(app.extensions["triptych"].engine, "index", Away())
    monkeypatch.setattr(metrics, "events", lambda _: {})
    assert 'triptych_up{part="index"} 0.0' in http.get("/metrics").text
