"""Applications over real engines: any settings work, and every answer is as it is described."""

import base64
import io
import json
import threading
import time

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

import learnt
from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.fusion.strategies.comparison import Gain
from triptych.gateway import batches
from triptych.gateway.app import create_app
from triptych.gateway.services import Services
from triptych.ingest.collection_models import Verdict
from triptych.media.audio import RATE
from triptych.queues import jobs, presence, scripts
from triptych.queues.presence import Presence
from triptych.queues.progress import Status
from unit.media.sounds import tone, write

VISUAL = {"visual-projection": 256, "hsv-histogram": 200}
"""Encoders of pictures, and the width of their vectors."""


class Counts:
    """Redis, of which every batch is done."""

    def hvals(self, _: str) -> list[bytes]:
        """Nothing is under way."""
        return []

    def restore(self, _: str, total: int, *_settled: object) -> None:
        """As it starts."""
        self.total = total

    def info(self, _: str) -> dict[str, object]:
        """An empty one."""
        return {"used_memory": 1}

    def register_script(self, script: str):
        """Finds no messages."""
        if script == scripts.DROP:
            return lambda **_: 0
        return lambda keys: ([[0, 0, "", 0, 0] for _ in keys], b"0")

    def time(self) -> tuple[int, int]:
        """Long ago."""
        return 1, 0

    def zrangebyscore(self, *_: object) -> list[bytes]:
        """There are no workers."""
        return []

    def hgetall(self, _: str) -> dict[bytes, bytes]:
        """Nothing has happened."""
        return {}

    def pipeline(self, **_: object) -> None:
        """Never needed."""

    def cancel(self, _: str) -> None:
        """It ends when nothing is being written."""

    def dealt_with(self, _: str) -> set[int]:
        """Redis has forgotten."""
        return set()

    def start(self, _: str, total: int) -> None:
        """Remember how many items there are."""
        self.total = total

    def status(self, _: str) -> Status:
        """All is done."""
        return Status(self.total, self.total, 1, started=time.time() - 1, updated=time.time())


def picture(*colour: int) -> bytes:
    """A PNG of some noise around one colour."""
    noise = np.random.default_rng(0).integers(-40, 40, (64, 64, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(file, "png")
    return file.getvalue()


PICTURES = {
    "red": picture(200, 30, 30),
    "green": picture(30, 200, 30),
    "blue": picture(30, 30, 200),
}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes applications in this process, each over an engine of its own, and gives clients."""
    engines = {}

    def work(_, chunk) -> None:
        engines[chunk.fingerprint].process(chunk)

    def plan(_, batch, *_position, **_options) -> None:
        for engine in engines.values():
            manifest = engine.manifest(batch)
            for chunk in engine.plan(manifest).chunks:
                engine.process(chunk)

    monkeypatch.setattr(jobs, "send", work)
    monkeypatch.setattr(jobs, "send_plan", plan)
    monkeypatch.setattr(jobs, "send_training", lambda *_: None)
    trainer = Presence("train:h:1:a", "train", 1, 0, 0)
    monkeypatch.setattr(presence, "workers", lambda _: [trainer])

    def make(visual: str):
        folder = (tmp_path / visual).as_uri()
        encoders = Encoders(visual=visual, concept="")
        engine = Engine.open(Settings(index_url=folder, media_url=folder, encoders=encoders))
        engines[engine.layout.fingerprint] = engine
        counts = Counts()
        services = Services(engine, None, counts, counts, threading.Semaphore())
        return create_app(services).test_client()

    yield make
    for engine in engines.values():
        engine.close()


def learn(engine: Engine) -> str:
    """A model that the collection has learnt, and that was refused; its reference."""
    models = engine.learnt_models
    entry = models.add("c", learnt.fusion(engine.layout), trained=1.0, seconds=1.0)
    gain = Gain("all", old=0.5, new=0.4, gain=-0.1, low=-0.2, high=-0.05, queries=9)
    models.judge("c", entry, Verdict((), [gain], "finds less", 5.0))
    return entry.reference


def fill(client) -> None:
    """A collection of pictures."""
    for name, data in PICTURES.items():
        form = {"id": name, "image": (io.BytesIO(data), f"{name}.png")}
        response = client.post("/v1/collections/c/items?wait=10", data=form)
        assert (response.status_code, response.json["status"]) == (200, "indexed"), response.text


def test_applications_have_the_encoders_of_their_settings(make):
    """In one process, turn about: a search by image encodes it as the collection's images were."""
    clients = {visual: make(visual) for visual in VISUAL}
    for client in clients.values():
        fill(client)
    for name, data in PICTURES.items():
        for visual, client in clients.items():
            response = client.post(
                "/v1/collections/c/search", data={"image": (io.BytesIO(data), "query.png")}
            )
            assert response.status_code == 200, response.text
            best, second, *_ = response.json["hits"]
            assert best["id"] == name
            assert best["why"]["image"]["blocks"]["visual"] == pytest.approx(1, abs=1e-3)
            assert best["score"] > second["score"]
            blocks = client.get("/v1/collections/c").json["blocks"]
            dims = {block["name"]: block["dims"] for block in blocks}
            assert dims["visual"] == VISUAL[visual]


def test_every_answer_is_as_described(make):  # noqa: PLR0915 # each operation once
    """Each operation answers once, with all that it can have."""
    client = make("hsv-histogram")
    document = client.get("/openapi.json").json
    answered = set()

    def check(operation: str, method: str, path: str, status: int, **options) -> dict:
        response = client.open(path, method=method, **options)
        assert response.status_code == status, response.text
        (described,) = [
            one
            for each in document["paths"].values()
            for one in each.values()
            if one["operationId"] == operation
        ]
        content = described["responses"][str(status)].get("content", {})
        answered.add(operation)
        if not content:
            assert response.data == b""
            return {}
        body = content.get(response.mimetype) or content["*/*"]
        schema = {**body["schema"], "components": document["components"]}
        sent = response.json if response.is_json else response.data.decode(errors="replace")
        Draft202012Validator(schema).validate(sent)
        return sent

    c = "/v1/collections/c"
    check("get_openapi", "GET", "/openapi.json", 200)
    check("get_health", "GET", "/healthz", 200)
    check("get_readiness", "GET", "/readyz", 200)
    check("get_metrics", "GET", "/metrics", 200)
    check("create_collection", "PUT", c, 200)
    check("rebuild_collection", "POST", f"{c}/rebuild", 409)
    check("cancel_rebuild", "DELETE", f"{c}/rebuild", 404)
    check("roll_back_collection", "POST", f"{c}/rollback", 409)
    check("delete_previous_index", "DELETE", f"{c}/previous", 404)
    check("get_training", "GET", f"{c}/train", 404)
    check("train_model", "POST", f"{c}/train", 202)
    check("cancel_training", "DELETE", f"{c}/train", 204)
    model = f"{c}/models/{learn(client.application.extensions['triptych'].engine)}"
    check("list_models", "GET", f"{c}/models", 200)
    check("get_model", "GET", model, 200)
    check("activate_model", "POST", f"{model}/activate", 202)
    check("deactivate_model", "POST", f"{model}/deactivate", 409)
    check("get_training", "GET", f"{c}/train", 200)
    check("delete_model", "DELETE", model, 204)
    item = {
        "id": "a",
        "text": "a red cat",
        "tags": ["t"],
        "metadata": {"n": 1, "s": "x", "b": None},
    }
    files = {"image": PICTURES["blue"], "audio": write(tone(RATE), RATE)}
    encoded = {name: base64.b64encode(data).decode() for name, data in files.items()}
    blue = {"id": "b", "text": "a blue cat", **encoded}
    check("create_item", "POST", f"{c}/items?wait=10", 200, json={**item, "source": "here"})
    check("create_item", "POST", f"{c}/items", 202, json=blue)
    content = check("get_item", "GET", f"{c}/items/a", 200)["content"]
    changed = {"tags": ["u"], "metadata": {"s": None}}
    after = check("change_item", "PATCH", f"{c}/items/a?wait=10", 200, json=changed)
    assert (after["tags"], after["metadata"]) == (["u"], {"n": 1})
    check("change_item", "PATCH", f"{c}/items/a", 202, json={"metadata": None})
    check("change_item", "PATCH", f"{c}/items/a", 400, json={"image": "x"})
    assert check("get_media", "GET", f"{c}/items/b/media/text", 200) == "a blue cat"
    check("get_thumbnail", "GET", f"{c}/items/b/thumbnail", 200)
    check("get_waveform", "GET", f"{c}/items/b/waveform", 200)
    check("get_limits", "GET", "/v1/limits", 200)
    asked = {"contents": {"a": content, "b": "0" * 64, "nobody": content}}
    assert check("find_known_items", "POST", f"{c}/items/known", 200, json=asked) == {
        "known": ["a"]
    }
    assert [one["id"] for one in check("list_items", "GET", f"{c}/items", 200)["items"]] == [
        "a",
        "b",
    ]
    check("list_items", "GET", f"{c}/items?prefix=x&colour=1", 400)
    lines = b'{"id": "line", "text": "a dog"}\n{"id": "bad"}\n0\n'
    batch = check(
        "create_batch", "POST", f"{c}/batches", 202, data=lines, content_type="application/x-ndjson"
    )
    assert len(batch["rejected"]) == 2
    check("get_batch", "GET", batch["status_url"], 200)
    failed = check("list_batch_failures", "GET", f"{batch['status_url']}/failures", 200)
    assert "bad" in [failure["id"] for failure in failed["failures"]]
    lines_of_failures = client.get(
        f"{batch['status_url']}/failures", headers={"accept": "application/x-ndjson"}
    ).text.splitlines()
    assert [json.loads(line) for line in lines_of_failures] == failed["failures"]
    check("list_batches", "GET", "/v1/batches?collection=c&limit=5", 200)
    check("pause_batch", "POST", f"{batch['status_url']}/pause", 200)
    check("resume_batch", "POST", f"{batch['status_url']}/resume", 200)
    check("retry_batch", "POST", f"/v1/batches/{'0' * 32}/retry", 404)
    check("cancel_batch", "POST", f"{batch['status_url']}/cancel", 200)
    check("cancel_batch", "POST", f"{batch['status_url']}/cancel", 409)
    check("watch_batch", "GET", f"{batch['status_url']}/events", 200)
    check("retry_batch", "POST", f"{batch['status_url']}/retry", 202, json={"ids": ["bad"]})
    check("reconcile", "POST", "/v1/reconcile", 200)
    told = {"Upload-Length": "5"}
    check("create_upload", "POST", "/v1/uploads", 400)
    check("create_upload", "POST", "/v1/uploads", 201, headers=told)
    (upload,) = client.application.extensions["triptych"].engine.store.documents("uploads")
    url, bytes_there = f"/v1/uploads/{upload.name}", {"Upload-Offset": "0"}
    check("get_upload_offset", "HEAD", url, 200)
    part = {"data": b"hello", "content_type": "application/offset+octet-stream"}
    check("send_upload_part", "PATCH", url, 415, headers=bytes_there)
    check("send_upload_part", "PATCH", url, 204, headers=bytes_there, **part)
    check("create_batch", "POST", f"{c}/batches?upload={upload.name}", 400)
    check("delete_upload", "DELETE", url, 204)
    counts = check("get_collection", "GET", c, 200)["items"]
    assert counts == {"total": 5, "indexed": 3, "failed": 2}
    check("list_collections", "GET", "/v1/collections", 200)
    everything = {"text": "cat", "facets": ["tags", "metadata.n"], "highlight": True, "cursor": "*"}
    answer = check("search", "POST", f"{c}/search", 200, json={**everything, "limit": 1})
    assert {"hits", "total", "took_ms", "facets", "cursor", "fusion"} == set(answer)
    assert {"id", "score", "item", "highlights", "why"} == set(answer["hits"][0])
    check("similar_items", "POST", f"{c}/items/a/similar", 200, json={"limit": 1})
    check("list_similar_items", "GET", f"{c}/items/a/similar?limit=1", 200)
    check("get_item", "GET", f"{c}/items/nobody", 404)
    check("search", "POST", f"{c}/search", 400, json={"limit": 0})
    check("create_item", "POST", f"{c}/items?wait=61", 400, json=item)
    wanted = {"filter": {"id": "b"}}
    assert check("delete_items", "POST", f"{c}/items/delete", 200, json=wanted) == {
        "deleted": 1,
        "more": False,
    }
    check("delete_items", "POST", f"{c}/items/delete", 400, json={"filter": {}})
    check("delete_item", "DELETE", f"{c}/items/a", 204)
    check("delete_collection", "DELETE", c, 204)
    check("create_key", "POST", "/v1/keys", 400, json={"name": "x", "scopes": ["read"]})
    check("list_keys", "GET", "/v1/keys", 200)
    key = check("create_key", "POST", "/v1/keys", 201, json={"name": "x", "scopes": ["admin"]})
    check("list_keys", "GET", "/v1/keys", 401)
    own = {"headers": {"Authorization": f"Bearer {key['key']}"}}
    shown = {"collections": ["c"], "filter": {"tags": "t"}}
    check("create_token", "POST", "/v1/tokens", 400, json={}, **own)
    check("create_token", "POST", "/v1/tokens", 201, json=shown, **own)
    wanted = {"name": "y", "scopes": ["search", "read"], "collections": ["c"], "expires_in": 9}
    other = check("create_key", "POST", "/v1/keys", 201, json=wanted, **own)
    check("revoke_key", "DELETE", f"/v1/keys/{key['id']}", 409, **own)
    check("revoke_key", "DELETE", f"/v1/keys/{other['id']}", 204, **own)
    check("revoke_key", "DELETE", f"/v1/keys/{other['id']}", 404, **own)
    assert check("list_keys", "GET", "/v1/keys", 200, **own)["keys"] == [
        {name: value for name, value in key.items() if name != "key"}
    ]
    ids = {one["operationId"] for each in document["paths"].values() for one in each.values()}
    assert answered == ids


def test_a_form_with_a_manifest_alone_is_like_a_manifest(make):
    """Its files are on the server, where they may be named at all."""
    client = make("hsv-histogram")
    manifest = {"manifest": (io.BytesIO(b'{"id": "x", "image": "cat.png"}'), "m.jsonl")}
    batch = client.post("/v1/collections/c/batches", data=manifest).json
    (failure,) = client.get(f"{batch['status_url']}/failures").json["failures"]
    assert "not among the uploaded files" not in failure["errors"]["image"]


def test_watching_gives_its_place_back(make):
    """Also where only the header was asked for, or nobody reads the events."""
    client = make("hsv-histogram")
    lines = b'{"id": "line", "text": "a dog"}\n'
    batch = client.post(
        "/v1/collections/c/batches", data=lines, content_type="application/x-ndjson"
    ).json
    path = f"{batch['status_url']}/events"
    assert client.head(path, buffered=True).status_code == 200
    client.get(path, buffered=False).close()
    answer = client.get(path)
    assert (answer.status_code, answer.text.count("data: ")) == (200, 1)


def test_the_events_of_a_batch_end_with_it(make, monkeypatch):
    """Where it went with its collection while somebody watched."""
    client = make("hsv-histogram")
    monkeypatch.setattr(Counts, "status", lambda self, _: Status(self.total, 0, 0, 0.0, 1.0))
    monkeypatch.setattr(batches, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(jobs, "send_plan", lambda *_: None)
    lines = b'{"id": "line", "text": "a dog"}\n'
    batch = client.post(
        "/v1/collections/c/batches", data=lines, content_type="application/x-ndjson"
    ).json
    events = iter(client.get(f"{batch['status_url']}/events", buffered=False).response)
    assert b'"running"' in next(events)
    store = client.application.extensions["triptych"].engine.store
    store.delete_document("batches", f"{batch['batch']}.jsonl")
    assert list(events) == []
