"""The answer to a batch."""

import io
from dataclasses import replace

from support import changed
from triptych.queues import jobs


class Willing:
    """An index and counts that take everything."""

    def ensure(self, _: str) -> None:
        """There already."""

    def start(self, *_: object) -> None:
        """Counted."""


def test_only_the_first_rejections_are_listed(app, http, monkeypatch):
    """All are counted: the answer to a bad manifest must not be larger than it."""
    monkeypatch.setattr(jobs, "send_task", lambda *_, **__: None)
    found = app.extensions["triptych"]
    engine = changed(found.engine, index=Willing())
    app.extensions["triptych"] = replace(found, engine=engine, progress=Willing())
    response = http.post(
        "/v1/collections/c/batches", data=b"0\n" * 150, content_type="application/x-ndjson"
    )
    assert (response.status_code, response.json["total"]) == (202, 150)
    assert response.json["rejected_total"] == 150
    assert [entry["line"] for entry in response.json["rejected"]] == list(range(1, 101))


def test_a_manifest_in_pieces_is_not_cut(app, http):
    """Above the limit it is refused: what is behind it would be lost without a word."""
    limit = app.extensions["triptych"].engine.settings.limits.body_bytes
    response = http.post(
        "/v1/collections/c/batches",
        input_stream=io.BytesIO(b"0\n" * limit),
        content_type="application/x-ndjson",
        headers={"transfer-encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (response.status_code, response.json["field"]) == (413, "body")


def test_two_manifests_are_refused(http):
    """Which one would be meant?"""
    data = {"manifest": [(io.BytesIO(b"{}"), "a"), (io.BytesIO(b"{}"), "b")]}
    response = http.post("/v1/collections/c/batches", data=data)
    assert (response.status_code, response.json["field"]) == (400, "manifest")
