"""The tus protocol, request by request (https://tus.io/protocols/resumable-upload)."""

import base64
import hashlib
import io
import tarfile
import threading
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from support import changed
from triptych.core.settings import Limits
from triptych.media.store import MediaStore
from triptych.queues import jobs

PART = "application/offset+octet-stream"
BATCHES = "/v1/collections/c/batches"


class Willing:
    """An index and counts that take everything."""

    def ensure(self, _: str) -> str:
        """There already."""
        return "0" * 16

    def start(self, *_: object) -> None:
        """Counted."""


@pytest.fixture
def sent():
    """The batches that were sent to the workers."""
    return []


@pytest.fixture
def client(app, monkeypatch, sent, tmp_path):
    """A client of a gateway that takes what it is sent; the store is a folder."""
    monkeypatch.setattr(jobs, "send_plan", lambda _, batch: sent.append(batch))
    found = app.extensions["triptych"]
    limits = Limits(upload_bytes=10_000, file_bytes=1000, body_bytes=5000)
    settings = found.engine.settings.model_copy(update={"limits": limits})
    store = MediaStore(tmp_path.as_uri())
    engine = changed(found.engine, settings=settings, index=Willing(), store=store)
    app.extensions["triptych"] = replace(found, engine=engine, progress=Willing())
    return app.test_client()


def encoded(**values: str) -> str:
    """As Upload-Metadata has them."""
    pairs = values.items()
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs)


def create(client, size: int, **metadata: str) -> str:
    """A new upload; its address."""
    headers = {"Upload-Length": str(size), "Upload-Metadata": encoded(**metadata)}
    response = client.post("/v1/uploads", headers={"Tus-Resumable": "1.0.0", **headers})
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def patch(client, url: str, data: bytes, offset: int, **headers: str):
    """More bytes of an upload."""
    given = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers}
    return client.patch(url, data=data, content_type=PART, headers=given)


def upload(client, data: bytes, name: str) -> str:
    """A whole upload; its id."""
    url = create(client, len(data), filename=name)
    assert patch(client, url, data, 0).status_code == 204
    return url.rpartition("/")[2]


def test_the_gateway_says_what_it_understands(client):
    """Each answer has the version; errors, too."""
    response = client.options("/v1/uploads")
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Max-Size"] == "10000"
    extensions = set(response.headers["Tus-Extension"].split(","))
    assert extensions == {
        "creation", "creation-with-upload", "termination", "expiration", "checksum"
    }  # fmt: skip
    assert response.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    create(client, 1)
    gone = client.head(f"/v1/uploads/{'0' * 32}-1")
    assert (gone.status_code, gone.headers["Tus-Resumable"]) == (404, "1.0.0")
    assert client.get("/v1/limits").json["upload_bytes"] == 10_000


def test_a_file_comes_in_pieces(client):
    """HEAD tells what is there and what the file is called."""
    url = create(client, 10, filename="Käse.zip", filetype="application/zip")
    first = patch(client, url, b"abcd", 0)
    assert (first.status_code, first.headers["Upload-Offset"], first.data) == (204, "4", b"")
    assert parsedate_to_datetime(first.headers["Upload-Expires"]).timestamp() > 0
    head = client.head(url, headers={"Tus-Resumable": "1.0.0"})
    assert (head.status_code, head.headers["Upload-Offset"]) == (200, "4")
    assert (head.headers["Upload-Length"], head.headers["Cache-Control"]) == ("10", "no-store")
    expected = encoded(filename="Käse.zip", filetype="application/zip")
    assert head.headers["Upload-Metadata"] == expected
    wrong = patch(client, url, b"x", 3)
    assert (wrong.status_code, wrong.json["field"]) == (409, "upload-offset")
    assert patch(client, url, b"efghijk", 4).status_code == 413
    assert patch(client, url, b"", 4).headers["Upload-Offset"] == "4"
    assert patch(client, url, b"efghij", 4).headers["Upload-Offset"] == "10"
    assert client.delete(url).status_code == 204
    assert client.head(url).status_code == 404
    assert client.delete(url).status_code == 404
    assert patch(client, url, b"x", 10).status_code == 404


def test_the_first_bytes_may_come_with_the_creation(client, tmp_path):
    """Where they are refused there is no upload."""
    headers = {"Upload-Length": "6", "Tus-Resumable": "1.0.0"}
    made = client.post("/v1/uploads", data=b"abc", content_type=PART, headers=headers)
    assert (made.status_code, made.headers["Upload-Offset"]) == (201, "3")
    before = list((tmp_path / "uploads").iterdir())
    bad = client.post("/v1/uploads", data=b"abcdefg", content_type=PART, headers=headers)
    assert bad.status_code == 413
    assert list((tmp_path / "uploads").iterdir()) == before


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({}, 400, "Upload-Length"),
        ({"Upload-Length": "-1"}, 400, "Upload-Length"),
        ({"Upload-Length": "10001"}, 413, None),
        ({"Upload-Length": "1", "Upload-Metadata": "filename !"}, 400, "upload-metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename /w=="}, 400, "upload-metadata"),
        ({"Upload-Length": "1", "Tus-Resumable": "0.2.0"}, 412, "tus-resumable"),
    ],
)
def test_what_can_be_no_upload_is_refused(client, tmp_path, headers, status, field):
    """Nothing of it stays."""
    response = client.post("/v1/uploads", headers=headers)
    assert (response.status_code, response.json.get("field")) == (status, field)
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert ("Tus-Version" in response.headers) == (status == 412)
    assert not (tmp_path / "uploads").exists()


def test_a_part_has_its_type(client):
    """As the protocol asks for."""
    url = create(client, 3)
    response = client.patch(url, data=b"abc", headers={"Upload-Offset": "0"})
    assert (response.status_code, response.json["field"]) == (415, "content-type")
    assert client.head(url).headers["Upload-Offset"] == "0"


def test_a_part_with_a_checksum_counts_whole_or_not_at_all(client):
    """Of the algorithms that are named."""
    url = create(client, 6)
    value = base64.b64encode(hashlib.sha1(b"abc").digest()).decode()  # noqa: S324 # the protocol's
    wrong = patch(client, url, b"abd", 0, **{"Upload-Checksum": f"sha1 {value}"})
    assert (wrong.status_code, wrong.json["title"]) == (460, "Checksum Mismatch")
    assert client.head(url).headers["Upload-Offset"] == "0"
    right = patch(client, url, b"abc", 0, **{"Upload-Checksum": f"sha1 {value}"})
    assert (right.status_code, right.headers["Upload-Offset"]) == (204, "3")
    for unknown in ("crc32 AAAA", "sha1", "sha256 !"):
        response = patch(client, url, b"def", 3, **{"Upload-Checksum": unknown})
        assert response.status_code in {400, 460}, unknown
    assert client.head(url).headers["Upload-Offset"] == "3"


def test_a_method_may_be_told_by_a_header(client):
    """For clients that can send neither PATCH nor DELETE."""
    url = create(client, 3)
    headers = {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    sent = client.post(url, data=b"abc", content_type=PART, headers=headers)
    assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, "3")
    assert client.post(url, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert client.head(url).status_code == 404


def test_a_page_of_another_origin_uploads_nothing(client):
    """As for everything that changes something."""
    headers = {"Origin": "https://evil.example", "Upload-Length": "1"}
    assert client.post("/v1/uploads", headers=headers).status_code == 403
    assert (
        patch(client, create(client, 1), b"x", 0, Origin="https://evil.example").status_code == 403
    )


def archive() -> bytes:
    """A TAR with two texts, of which one is too large."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, size in (("a.txt", 10), ("b.txt", 1001)):
            info = tarfile.TarInfo(name)
            info.size = size
            made.addfile(info, io.BytesIO(b"x" * size))
    return buffer.getvalue()


FILES = {
    "box.tar.gz": archive(),
    "table.csv": b"id,text\r\na,x\r\nb,\r\n",
    "lines.jsonl": b'{"id": "a", "text": "x"}\n{"id": "b"}\n',
    "a.txt": b"some words",
    "long.txt": b"x" * 1001,
    "a.exe": b"MZ",
}


@pytest.mark.parametrize("name", FILES)
def test_an_upload_is_what_the_same_file_in_a_form_would_be(client, sent, tmp_path, name):
    """The same items, and the same that is refused; afterwards it is gone."""
    data = FILES[name]
    field = "manifest" if name.startswith(("table", "lines")) else "files"
    form = client.post(BATCHES, data={field: (io.BytesIO(data), name)})
    response = client.post(f"{BATCHES}?upload={upload(client, data, name)}")
    assert (form.status_code, response.status_code) == (202, 202), response.text
    answers = [{**one.json, "batch": "", "status_url": ""} for one in (form, response)]
    assert answers[0] == answers[1]
    assert response.headers["Location"] == response.json["status_url"]
    assert sent == [form.json["batch"], response.json["batch"]]
    first, second = (
        (tmp_path / "batches" / f"{batch}.jsonl").read_bytes().partition(b"\n")[2] for batch in sent
    )
    assert first == second
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", b"no archive", "damaged or cut off"),
        ("a.tar.gz", archive()[:-20], "damaged or cut off"),
        ("a.csv", b"id,colour\n1,red\n", "'colour'"),
        ("a.jsonl", b" " * 5001, "5000"),
        ("", b"x", "no file name"),
    ],
    ids=["zip", "tar", "csv", "jsonl", "nameless"],
)
def test_what_a_form_would_refuse_is_refused(client, sent, name, data, reason):
    """The upload stays, for another try, until it expires."""
    upload_id = upload(client, data, name)
    response = client.post(f"{BATCHES}?upload={upload_id}")
    assert (response.status_code in {400, 413}, sent) == (True, [])
    assert reason in response.json["detail"]
    assert client.head(f"/v1/uploads/{upload_id}").headers["Upload-Offset"] == str(len(data))


def test_an_upload_without_a_name_gets_one_with_the_batch(client):
    """An archive needs none."""
    data = archive()
    named = client.post(f"{BATCHES}?upload={upload(client, data, '')}&name=in/box.tgz")
    assert named.json["rejected"][0]["id"] == "in/box/b.txt"
    url = create(client, len(data), filetype="application/gzip")
    patch(client, url, data, 0)
    nameless = client.post(f"{BATCHES}?upload={url.rpartition('/')[2]}")
    assert nameless.json["rejected"][0]["id"] == "b.txt"


def test_an_upload_makes_one_batch(client, sent):
    """Asked again, the answer is the same; for something else it is a conflict."""
    upload_id = upload(client, FILES["box.tar.gz"], "box.tar.gz")
    key = {"Idempotency-Key": "k"}
    first, again = (client.post(f"{BATCHES}?upload={upload_id}", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json == first.json
    assert sent == [first.json["batch"]]
    for other in (
        client.post(f"{BATCHES}?upload={upload_id}"),
        client.post(f"/v1/collections/d/batches?upload={upload_id}", headers=key),
    ):
        assert (other.status_code, first.json["batch"] in other.json["detail"]) == (409, True)
    assert client.post(f"{BATCHES}?upload={'0' * 32}-1").status_code == 404
    assert client.post(f"{BATCHES}?upload=x").status_code == 400


def test_an_upload_that_is_not_whole_or_not_alone_is_refused(client):
    """With what is missing."""
    url = create(client, 10, filename="a.txt")
    patch(client, url, b"abc", 0)
    upload_id = url.rpartition("/")[2]
    response = client.post(f"{BATCHES}?upload={upload_id}")
    assert (response.status_code, response.json["detail"]) == (409, "upload has 3 of its 10 bytes")
    both = client.post(f"{BATCHES}?upload={upload_id}", data=b"x", content_type="text/csv")
    assert both.status_code == 413


def test_of_several_that_use_an_upload_at_once_all_get_the_same_answer(client, app, sent):
    """One batch is made."""
    upload_id = upload(client, FILES["box.tar.gz"], "box.tar.gz")
    answers, barrier = [], threading.Barrier(6)

    def use() -> None:
        barrier.wait()
        answers.append(app.test_client().post(f"{BATCHES}?upload={upload_id}"))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} == {202}
    assert len({one.json["batch"] for one in answers}) == 1
    assert len(sent) == 1
