"""The answer to a batch."""

import io
import tarfile
from dataclasses import replace

import pytest

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


@pytest.fixture
def accepting(app, monkeypatch):
    """A client of a gateway that takes what it is sent."""
    monkeypatch.setattr(jobs, "send_task", lambda *_, **__: None)
    found = app.extensions["triptych"]
    engine = changed(found.engine, index=Willing())
    app.extensions["triptych"] = replace(found, engine=engine, progress=Willing())
    return app.test_client()


def archive(**files: bytes) -> bytes:
    """A TAR of texts, compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{name}.txt")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


BATCHES = "/v1/collections/c/batches"


def test_an_archive_is_a_body_or_a_file(accepting):
    """A file above the limit of one is a failure alone."""
    body = archive(a=b"x", b=b"y" * 1001)
    answer = accepting.post(BATCHES, data=body, content_type="application/gzip")
    assert (answer.status_code, answer.json["total"]) == (202, 2)
    (refused,) = answer.json["rejected"]
    assert refused["reason"] == "file 'b.txt': 1001 bytes, the limit is 1000"
    assert refused["id"] == "b.txt"
    named = accepting.post(f"{BATCHES}?name=box.tgz", data=body, content_type="application/gzip")
    assert named.json["rejected"][0]["id"] == "box/b.txt"
    form = {"files": [(io.BytesIO(body), "in/box.tar.gz"), (io.BytesIO(b"z"), "c.txt")]}
    answer = accepting.post(BATCHES, data=form)
    assert answer.json["total"] == 3
    assert answer.json["rejected"][0]["id"] == "in/box/b.txt"


def test_a_csv_is_a_body_or_a_manifest(accepting):
    """By its type, or its name."""
    table = b"id,text,tags\r\na,x,t;u\r\nb,,\r\n"
    answer = accepting.post(BATCHES, data=table, content_type="text/csv; charset=utf-8")
    assert (answer.status_code, answer.json["total"]) == (202, 2)
    assert [line["line"] for line in answer.json["rejected"]] == [3]
    form = {"manifest": (io.BytesIO(table), "m.csv", "application/octet-stream")}
    assert accepting.post(BATCHES, data=form).json["total"] == 2


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b'[{"id": "a"}]', "application/x-ndjson", "a JSON array"),
        ('{"id": "a"}'.encode("utf-16"), "application/x-ndjson", "UTF-16"),
        (b"id,colour\n1,red\n", "text/csv", "'colour'"),
        (b"no archive", "application/zip", "damaged or cut off"),
        (archive(a=b"x")[:-20], "application/gzip", "damaged or cut off"),
        (b"x", "text/plain", "application/gzip, "),
    ],
    ids=["array", "utf-16", "column", "no-archive", "cut-archive", "text"],
)
def test_what_is_something_else_is_refused(accepting, data, kind, reason):
    """As a whole, with what it is."""
    answer = accepting.post(BATCHES, data=data, content_type=kind)
    assert (answer.status_code, reason in answer.json["detail"]) == (400, True), answer.text


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


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv", "application/x-tar"])
def test_a_body_that_is_cut_off_is_refused(accepting, kind):
    """Though what came is whole by itself: Gunicorn ends the stream without a word."""
    data = {"text/csv": b"id,text\na,x\n", "application/x-ndjson": b'{"text": "x"}\n'}
    response = accepting.post(
        BATCHES,
        input_stream=io.BytesIO(data.get(kind, b"ustar" * 100)),
        content_type=kind,
        environ_overrides={"CONTENT_LENGTH": "5000", "wsgi.input_terminated": True},
    )
    assert (response.status_code, response.json["field"]) == (400, "body")
    assert "of 5000 bytes came" in response.json["detail"]


def test_two_manifests_are_refused(http):
    """Which one would be meant?"""
    data = {"manifest": [(io.BytesIO(b"{}"), "a"), (io.BytesIO(b"{}"), "b")]}
    response = http.post("/v1/collections/c/batches", data=data)
    assert (response.status_code, response.json["field"]) == (400, "manifest")


def test_a_form_that_is_sent_again_under_its_key_is_accepted_once(accepting, monkeypatch):
    """Though its boundary differs; no second message is sent."""
    sent = []
    monkeypatch.setattr(jobs, "send_plan", lambda _, batch: sent.append(batch))

    def send(text: bytes, key: str = '"key 1"'):
        form = {"files": (io.BytesIO(text), "a.txt")}
        return accepting.post(BATCHES, data=form, headers={"Idempotency-Key": key})

    first, second, other = send(b"x"), send(b"x"), send(b"y")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json == first.json
    assert sent == [first.json["batch"]]
    assert (other.status_code, other.json["type"]) == (422, "urn:triptych:problem:key-reused")
    assert send(b"y", "key 2").status_code == 202
    bad = send(b"x", "é".encode().decode("latin-1"))
    assert (bad.status_code, bad.json["field"]) == (400, "idempotency-key")
