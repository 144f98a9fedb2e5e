"""Media and manifests in a bucket: a real server of the S3 protocol, on loopback."""

import io
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import fsspec
import httpx
import pytest

from triptych.core.errors import Conflict, InvalidInput, NotFound, StoreUnavailable, TooLarge
from triptych.core.settings import Limits, Settings
from triptych.ingest import resumable
from triptych.ingest.archives import members
from triptych.ingest.remote_files import read_remote
from triptych.ingest.resumable import ResumableUploads
from triptych.media.store import MediaStore


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server with the buckets ``photos`` and ``store``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url)
            for bucket in ("photos", "store"):
                httpx.put(f"{url}/{bucket}").raise_for_status()
            for name in ("2023/a.png", "2023/b ü.png", "private/c.png"):
                httpx.put(f"{url}/photos/{name}", content=name.encode()).raise_for_status()
            yield url
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{url}/moto-api/")
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server, as the environment of a deployment names it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield server
    fsspec.get_filesystem_class("s3").clear_instance_cache()


SETTINGS = Settings(import_urls=("s3://photos/2023",), limits=Limits(file_bytes=12))


def test_objects_of_allowed_folders_are_read(bucket: str):
    """Whatever their names; no more than the limit, nothing else of the bucket."""
    assert read_remote(SETTINGS, "s3://photos/2023/a.png") == b"2023/a.png"
    with pytest.raises(TooLarge, match="larger than the limit of 12"):
        read_remote(SETTINGS, "s3://photos/2023/b ü.png")
    with pytest.raises(InvalidInput, match="is not there"):
        read_remote(SETTINGS, "s3://photos/2023/none.png")
    for name in ("s3://photos/private/c.png", "s3://photos/2023/../private/c.png",
                 "s3://photos/2023x/a.png", "s3://store/2023/a.png", "file:///etc/passwd",
                 "local://2023/a", "memory://x"):  # fmt: skip
        with pytest.raises(InvalidInput, match="TRIPTYCH_IMPORT_URLS"):
            read_remote(SETTINGS, name)


def test_a_bucket_that_denies_is_the_items_reason(bucket: str, monkeypatch: pytest.MonkeyPatch):
    """Trying again would change nothing."""
    httpx.post(f"{bucket}/moto-api/reset-auth", content=b"0")
    try:
        with pytest.raises(InvalidInput, match="denies"):
            read_remote(SETTINGS, "s3://photos/2023/a.png")
    finally:
        httpx.post(f"{bucket}/moto-api/reset-auth", content=b"inf")


class Failing(BaseHTTPRequestHandler):
    """A bucket that is out of order."""

    def do_GET(self) -> None:
        """Nothing but 503."""
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("port", ["closed", "failing"])
def test_a_bucket_that_is_away_is_waited_for(
    bucket: str, monkeypatch: pytest.MonkeyPatch, port: str
):
    """It is no fault of the item."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with HTTPServer(("127.0.0.1", 0), Failing) as failing:
        Thread(target=failing.serve_forever, daemon=True).start()
        address = failing.server_port if port == "failing" else 9
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{address}")
        with pytest.raises(StoreUnavailable, match="can't be read now"):
            read_remote(SETTINGS, "s3://photos/2023/a.png")
        failing.shutdown()


def test_a_bucket_is_a_media_store(bucket: str):
    """Bytes by their digest, and documents by their names."""
    store = MediaStore("s3://store/triptych")
    digest = store.put(b"picture")
    assert store.put(b"picture") == digest
    assert store.get(digest) == b"picture"
    with pytest.raises(NotFound):
        store.get("0" * 64)
    store.write_document("batches", "a.jsonl", b"first\nsecond\n")
    assert store.read_document("batches", "a.jsonl") == b"first\nsecond\n"
    store.delete_document("batches", "a.jsonl")
    store.delete_document("batches", "a.jsonl")
    with pytest.raises(NotFound):
        store.read_document("batches", "a.jsonl")


def test_in_a_bucket_a_document_is_made_once(bucket: str):
    """Whoever is later hears that it is there; nothing is replaced."""
    store = MediaStore("s3://store/once")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: store.create_document("a", "b", b"%d" % n), range(8)))
    assert made.count(True) == 1
    assert store.read_document("a", "b") == b"%d" % made.index(True)


def test_a_file_comes_in_pieces_into_a_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch):
    """To several gateways; it is read where it lies, and leaves nothing."""
    monkeypatch.setattr(resumable, "PART_BYTES", 1000)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("a.txt", "b.txt"):
            archive.writestr(name, os.urandom(3000).hex())
    data = made.getvalue()
    one, other = (ResumableUploads(MediaStore("s3://store/pieces"), Limits(), 60) for _ in range(2))
    upload = one.create(len(data), "a.zip")
    one.append(upload, io.BytesIO(data[:4321]))
    found = other.find(upload.id)
    assert (found.offset, found.name) == (4321, "a.zip")
    other.append(found, io.BytesIO(data[4321:]))
    with pytest.raises(Conflict, match="another request"):
        one.append(found, io.BytesIO(data[4321:]))
    with one.open(one.find(upload.id)) as file:
        assert file.read() == data
        names = [member.name for member in members(file, Limits())]
    assert names == ["a.txt", "b.txt"]
    assert one.find(upload.id).expires == pytest.approx(time.time() + 60, abs=30)
    one.use(upload.id, b"{}")
    with pytest.raises(NotFound):
        other.find(upload.id)
    assert other.outcome(upload.id) == b"{}"
    assert other.store.documents("uploads") == []
    late = ResumableUploads(one.store, Limits(), 60, clock=lambda: time.time() + 100)
    abandoned = one.append(one.create(2), io.BytesIO(b"x"))
    assert (one.collect(), one.find(abandoned.id).offset) == (0, 1)
    assert late.collect() == 1
    assert one.store.documents("uploads") == one.store.documents("used") == []
