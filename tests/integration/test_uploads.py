"""Large files in pieces, over real gateways that die and connections that are cut."""

import hashlib
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest
from tusclient.client import TusClient

from support import wait_for
from triptych.client import Client, ClientError
from triptych.core.settings import Limits
from triptych.ingest.resumable import ResumableUploads
from triptych.local import Stack
from triptych.media.store import MediaStore

MIB = 2**20


@pytest.fixture
def stack(small_stack: Stack) -> Stack:
    """The stack of these tests."""
    return small_stack


@pytest.fixture(scope="module")
def other_gateway(small_stack: Stack) -> Iterator[str]:
    """The address of a second gateway of the same stack: a process of its own."""
    (part,) = [part for part in small_stack.parts if part.name == "gateway"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [address if word.startswith("127.0.0.1:") else word for word in part.command]
    with subprocess.Popen(command, env=part.env) as process:
        try:
            _await(f"http://{address}")
            yield f"http://{address}"
        finally:
            process.terminate()


def _await(url: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            httpx.get(f"{url}/readyz")
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, stamps: Path) -> Path:
    """A ZIP of 40 MiB with two items, and much that is none."""
    path = tmp_path_factory.mktemp("archive") / "box.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.write(stamps / "animals/birds/drake.png", "drake.png")
        made.writestr("drake.txt", "A drake.")
        made.writestr("noise.bin", os.urandom(40 * MIB))
        made.writestr("last.txt", "The last one.")
    return path


@contextmanager
def cutting(target: str, after: list[int], pause: float = 0) -> Iterator[str]:
    """The address of a proxy that resets one connection after the other, after so many bytes.

    When there are no more numbers, connections last. It pauses after each 64 KiB.
    """
    host, port = target.removeprefix("http://").split(":")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                Thread(target=relay, args=(client,), daemon=True).start()

        def relay(client: socket.socket) -> None:
            with client, socket.create_connection((host, int(port))) as gateway:
                Thread(target=copy, args=(gateway, client), daemon=True).start()
                copy(client, gateway, lambda: after[0] if after else None)

        def copy(
            source: socket.socket,
            to: socket.socket,
            bound: Callable[[], int | None] = lambda: None,
        ) -> None:
            seen = 0
            try:
                while data := source.recv(2**16):
                    to.sendall(data)
                    seen += len(data)
                    time.sleep(pause)
                    if (most := bound()) is not None and seen > most:
                        after.pop(0)
                        for one in (source, to):
                            reset = struct.pack("ii", 1, 0)
                            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                            one.close()
                        return
                to.shutdown(socket.SHUT_WR)
            except OSError:
                return

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def arrived(stack: Stack, upload: str) -> str:
    """SHA-256 of what the media store has of an upload."""
    uploads = ResumableUploads(MediaStore(stack.media_url), Limits(), 3600)
    with uploads.open(uploads.find(upload)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_batch(client: Client, batch: str, prefix: str) -> None:
    """The items of the archive are there, and what is none has its reason."""
    status = wait_for(client, batch)
    assert (status.total, status.failed) == (3, 1)
    (failure,) = client.failures(batch)
    assert (failure["id"], "no known kind" in failure["errors"]["item"]) == (
        f"{prefix}noise.bin", True
    )  # fmt: skip
    ids = [item["id"] for item in client.holdings(status.collection)]
    assert ids == [f"{prefix}drake", f"{prefix}last", f"{prefix}noise.bin"]


def test_a_client_that_is_cut_ends_with_the_same_bytes(
    stack: Stack, archive: Path, collection: str
):
    """Reset five times in the middle, it goes on by itself, and sends little twice."""
    cuts = [3 * MIB, MIB // 2, 9 * MIB, 1000, 12 * MIB]
    sent = 0

    def count(now: int, _: int) -> None:
        nonlocal sent
        sent = max(sent, now)

    with cutting(stack.gateway_url, cuts) as address, Client(address) as client:
        upload = client.upload(archive, progress=count)
        assert cuts == []
        assert arrived(stack, upload) == digest(archive)
        assert sent == archive.stat().st_size
        answer = client.submit_upload(collection, upload)
        assert client.submit_upload(collection, upload) == answer
        check_batch(client, answer["batch"], "box/")
    assert not list((stack.home / "media" / "uploads").iterdir())


def test_a_gateway_that_is_killed_loses_nothing_that_it_acknowledged(
    stack: Stack, other_gateway: str, archive: Path, collection: str
):
    """Another one goes on; so does the same one, when it is there again."""
    size = archive.stat().st_size

    def kill(sent: int, _: int) -> None:
        if sent >= 20 * MIB:
            stack.kill("gateway")
            raise InterruptedError

    with Client(stack.gateway_url) as client:
        upload = client.begin_upload(size, "box.zip")
        with pytest.raises(InterruptedError):
            client.upload(archive, upload=upload, progress=kill)
    head = httpx.head(f"{other_gateway}/v1/uploads/{upload}")
    before = int(head.headers["upload-offset"])
    assert 8 * MIB <= before < size
    told: list[int] = []
    stop = min(size, before + MIB)
    with Client(other_gateway) as client:

        def interrupt(sent: int, _: int) -> None:
            told.append(sent)
            if sent >= stop:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            client.upload(archive, upload=upload, progress=interrupt)
    assert told[0] == before
    stack.start("gateway")
    with Client(stack.gateway_url) as client:
        client.upload(archive, upload=upload)
        assert arrived(stack, upload) == digest(archive)
        check_batch(client, client.submit_upload(collection, upload)["batch"], "box/")


def test_the_command_goes_on_after_an_interrupt(stack: Stack, tmp_path: Path, collection: str):
    """It says how far it was; the same again sends the rest."""
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.txt", "Some words.")
        made.writestr("noise.bin", os.urandom(70 * MIB))
    notes = tmp_path / "cache" / "triptych" / "uploads"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [Path(sys.executable).with_name("triptych"), "add", path, "--root", tmp_path]
    command += ["--collection", collection, "--url"]
    uploads = stack.home / "media" / "uploads"

    def kept() -> int:
        return sum(file.stat().st_size for file in uploads.rglob("0*"))

    with cutting(stack.gateway_url, [], 0.01) as address:
        first = subprocess.Popen(
            [*command, address], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while kept() < 16 * MIB:
            assert time.monotonic() < deadline
            assert first.poll() is None
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=60)
        assert first.returncode == 130, said
        assert "MiB are sent, and kept for a while" in said
        assert len(list(notes.iterdir())) == 1
        before = kept()
        assert before >= 16 * MIB
        # Notes are of one gateway: the address is the same.
        again = subprocess.run(
            [*command, address], env=environment, cwd=tmp_path, check=False, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
    assert "2 items" in again.stdout, again
    assert again.returncode == 1  # one of them is no item
    assert list(notes.iterdir()) == []
    with Client(stack.gateway_url) as client:
        assert client.item(collection, "large/a")["status"] == "indexed"


def test_two_clients_that_send_one_upload_do_not_harm_it(
    stack: Stack, other_gateway: str, archive: Path
):
    """At two gateways, at the same time."""
    with Client(stack.gateway_url) as one, Client(other_gateway) as other:
        upload = one.begin_upload(archive.stat().st_size, "box.zip")
        with ThreadPoolExecutor(4) as pool:
            sending = [
                pool.submit(client.upload, archive, upload=upload)
                for client in (one, other, one, other)
            ]
        assert {future.result() for future in sending} == {upload}
        assert arrived(stack, upload) == digest(archive)
        one.delete_upload(upload)
        with pytest.raises(ClientError, match="no upload"):
            other.submit_upload("c", upload)


@pytest.mark.parametrize("checksum", [False, True])
def test_a_client_of_others_works(stack: Stack, archive: Path, collection: str, *, checksum: bool):
    """tuspy, in chunks of a size of its own, interrupted and gone on with."""
    tus = TusClient(f"{stack.gateway_url}/v1/uploads")
    options = {"chunk_size": 5 * MIB, "upload_checksum": checksum}
    metadata = {"filename": "of others.zip", "filetype": "application/zip"}
    with archive.open("rb") as file:
        first = tus.uploader(file_stream=file, metadata=metadata, **options)
        first.upload(stop_at=12 * MIB)
        second = tus.uploader(file_stream=file, url=first.url, **options)
        assert second.offset == 12 * MIB
        second.upload()
    upload = first.url.rpartition("/")[2]
    assert arrived(stack, upload) == digest(archive)
    with Client(stack.gateway_url) as client:
        check_batch(client, client.submit_upload(collection, upload)["batch"], "of others/")


@pytest.mark.parametrize("kind", ["batch", "item", "upload"])
def test_of_many_with_one_key_at_once_one_is_accepted(
    stack: Stack, other_gateway: str, collection: str, kind: str
):
    """At two gateways; the others hear of it, and what was sent is there once."""
    urls = [stack.gateway_url, other_gateway] * 4
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    base = f"/v1/collections/{collection}"
    with Client(stack.gateway_url) as client:
        client.create_collection(collection)
        if kind == "upload":
            upload = client.upload(io.BytesIO(b"words"), name="a.txt")
            path, headers = f"{base}/batches?upload={upload}", {}
        else:
            path = f"{base}/batches" if kind == "batch" else f"{base}/items"

        def send(url: str) -> httpx.Response:
            with httpx.Client(base_url=url, timeout=60) as http:
                if kind == "batch":
                    files = {"files": ("a.txt", b"words")}
                    return http.post(path, files=files, headers=headers)
                body = {"id": "a", "text": "words"} if kind == "item" else None
                return http.post(path, json=body, headers=headers)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, urls))
        assert Counter(one.status_code for one in answers) == {202: 8}, [a.text for a in answers]
        assert len({one.text for one in answers}) == 1
        if kind != "item":
            (batch,) = client.batches(collection)
            assert wait_for(client, batch.batch).done == 1
        deadline = time.monotonic() + 60
        while client.collection(collection)["items"]["total"] < 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert client.collection(collection)["items"] == {"total": 1, "indexed": 1}
