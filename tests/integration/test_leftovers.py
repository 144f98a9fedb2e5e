"""What is refused leaves nothing: no file, no descriptor, no medium that nobody needs."""

import gzip
import io
import json
import os
import socket
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from support import wait_for
from triptych.client import Client
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.local import Stack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BOUNDARY = "----x"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def picture(seed: int) -> bytes:
    """A PNG of noise: each one is another medium."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (64, 64, 3))
    Image.fromarray(noise.astype(np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def client(small_stack: Stack) -> Iterator[Client]:
    """The Python client of the stack's gateway."""
    with Client(small_stack.gateway_url) as connected:
        yield connected


@pytest.fixture(scope="module", autouse=True)
def other_collection(client: Client) -> None:
    """There is an index: before, nothing is collected, since it might not be mounted."""
    client.create_collection("other")


@pytest.fixture(scope="module")
def http(small_stack: Stack) -> Iterator[httpx.Client]:
    """Plain HTTP to the stack's gateway."""
    with httpx.Client(base_url=small_stack.gateway_url, timeout=60) as connected:
        yield connected


def collect(stack: Stack) -> None:
    """Remove what nothing refers to, as if every grace were over."""
    settings = Settings(index_url=stack.index_url, media_url=stack.media_url, media_grace=0)
    with Engine.open(settings) as engine:
        engine.collect(everything=True)


def files(stack: Stack) -> set[str]:
    """All files of the media store, but for its marker and the clock's."""
    root = stack.home / "media"
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(("store.json", "clock/"))}


def descriptors(stack: Stack) -> list[str]:
    """What the gateway has open: media, temporary files, and connections of clients.

    Those that this process keeps open itself are left out.
    """
    found = []
    ours = {one.laddr.port for one in psutil.Process().net_connections("tcp")}
    parent = psutil.Process(stack.running["gateway"].process.pid)
    for process in (parent, *parent.children()):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue
            medium = target.startswith(str(stack.home / "media"))
            if medium or target.endswith("(deleted)"):  # as temporary files are
                found.append(target)
        found += [
            f"{one.raddr} {one.status}"
            for one in process.net_connections("tcp")
            if one.laddr.port == stack.ports.gateway and one.raddr and one.raddr.port not in ours
        ]
    return sorted(found)


@pytest.fixture
def nothing_stays(small_stack: Stack, http: httpx.Client) -> Iterator[None]:
    """Afterwards all is as it was."""
    temporary = Path(next(p for p in small_stack.parts if p.name == "gateway").env["TMPDIR"])
    collect(small_stack)
    before = files(small_stack), sorted(temporary.rglob("*")), descriptors(small_stack)
    yield
    deadline = time.monotonic() + 30
    while more := set(descriptors(small_stack)) - set(before[2]):
        assert time.monotonic() < deadline, more
        time.sleep(0.2)
    collect(small_stack)
    assert files(small_stack) == before[0]
    assert sorted(temporary.rglob("*")) == before[1]


def form(*, whole: bool) -> bytes:
    """Two pictures; of the second a part is missing, unless it is whole."""
    parts = []
    for number in (1, 2):
        head = f'Content-Disposition: form-data; name="files"; filename="{number}.png"'
        kind = "Content-Type: image/png"
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n{kind}\r\n\r\n".encode() + picture(number))
    body = b"\r\n".join(parts)
    return body + f"\r\n--{BOUNDARY}--\r\n".encode() if whole else body[:-1000]


def tar(mode: str = "w") -> bytes:
    """A TAR with two pictures and its end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as made:  # type: ignore[call-overload]
        for number in (3, 4):
            data = picture(number)
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def packed(*entries: tuple[str, bytes]) -> bytes:
    """A ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            made.writestr(name, data)
    return buffer.getvalue()


PICTURES = packed(("5.png", picture(5)), ("6.png", picture(6)))
LINES = b'{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n'
CUT: dict[str, tuple[str, str, bytes]] = {
    "form": ("batches", FORM, form(whole=False)),
    "item": ("items", FORM, form(whole=False).replace(b'"files"', b'"image"')),
    "tar": ("batches", "application/x-tar", tar()[:-12_000]),
    "tar.gz": ("batches", "application/gzip", tar("w:gz")[:-2000]),
    "zip": ("batches", "application/zip", PICTURES[:-2000]),
    "json lines": ("batches", "application/x-ndjson", LINES[:-4]),
    "csv": ("batches", "text/csv", b"id,text\na,x\nb"),
    "json": ("items", "application/json", b'{"id": "a", "text": "x'),
}
"""Of each kind of body a beginning, in which there may be whole files."""


@pytest.mark.parametrize("way", ["length", "chunks"])
@pytest.mark.parametrize("kind", CUT)
@pytest.mark.usefixtures("nothing_stays")
def test_bodies_that_are_cut(
    small_stack: Stack, http: httpx.Client, collection: str, kind: str, way: str
):
    """The length promises more than comes, or the last chunk never comes; the sender has gone."""
    where, content_type, body = CUT[kind]
    head = f"POST /v1/collections/{collection}/{where} HTTP/1.1\r\nHost: x\r\n"
    head += f"Content-Type: {content_type}\r\n"
    if way == "length":
        head += f"Content-Length: {len(body) + 5000}\r\n\r\n"
        sent = body
    else:
        head += "Transfer-Encoding: chunked\r\n\r\n"
        sent = b"%x\r\n%s\r\n" % (len(body), body)
    address = httpx.URL(small_stack.gateway_url)
    with socket.create_connection((address.host, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").readline()
    assert answer == b"" or answer.split()[1].startswith(b"4"), answer
    made = http.get(f"/v1/collections/{collection}/items").json()
    assert made.get("items", []) == []
    http.delete(f"/v1/collections/{collection}")


def bomb() -> bytes:
    """A TAR of zeros that is much less than a thousandth of its size."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for number, data in enumerate((picture(7), bytes(40 * 2**20))):
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return zstd.compress(buffer.getvalue())


WHOLE: dict[str, tuple[str, Callable[[], bytes], int, str]] = {
    "tar without end": ("application/x-tar", lambda: tar().rstrip(b"\0"), 400, "cut off"),
    "zip without directory": ("application/zip", lambda: PICTURES[:-30], 400, "cut off"),
    "no zip": ("application/zip", lambda: b"PK\x03\x04" + bytes(100), 400, "cut off"),
    "bomb": ("application/zstd", bomb, 413, "times its own size"),
    "form without end": (FORM, lambda: form(whole=False), 400, "form"),
    "utf-16": ("application/x-ndjson", lambda: LINES.decode().encode("utf-16"), 400, "UTF-16"),
    "gzip": ("application/x-ndjson", lambda: gzip.compress(LINES), 400, "gzip"),
    "array": ("application/x-ndjson", lambda: b'[{"id": "a"}]', 400, "JSON array"),
    "column": ("text/csv", lambda: b"id,colour\na,red\n", 400, "colour"),
    "above the limit": ("text/csv", lambda: b"x" * (9 * 2**20), 413, "bytes"),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.usefixtures("nothing_stays")
def test_bodies_that_are_refused_as_a_whole(http: httpx.Client, collection: str, kind: str):
    """With the reason; what was stored of them before that was seen goes, too."""
    content_type, body, status, reason = WHOLE[kind]
    path = f"/v1/collections/{collection}/batches"
    answer = http.post(path, content=body(), headers={"content-type": content_type})
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["detail"]
    http.delete(f"/v1/collections/{collection}")


def strange() -> tuple[bytes, dict[str, str]]:
    """A TAR with two good items and every kind of bad one; the reasons by name."""
    buffer = io.BytesIO()
    long = f"{'ü' * 40}/" * 20 + "a.txt"
    reasons = {
        "../out.png": "leads out",
        "/etc/a.png": "absolute",
        "link.png": "link",
        "hard.png": "link",
        "device.png": "not a file",
        "nested.zip": "archive in an archive",
        "program.exe": "no known kind",
        "large.png": "limit",
        "good.png": "same name",
    }
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:

        def add(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> None:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), kind, "/etc/passwd"
            made.addfile(info, io.BytesIO(data))

        add("good.png", picture(8))
        add(long, b"some words")
        add("../out.png", picture(9))
        add("/etc/a.png", picture(9))
        add("link.png", kind=tarfile.SYMTYPE)
        add("hard.png", kind=tarfile.LNKTYPE)
        add("device.png", kind=tarfile.CHRTYPE)
        add("nested.zip", PICTURES)
        add("program.exe", b"MZ")
        add("large.png", os.urandom(2**20 + 1))
        add("good.png", picture(10))
        add("last.txt", b"the last one")
    return buffer.getvalue(), reasons


@pytest.mark.usefixtures("nothing_stays")
def test_an_archive_of_strange_members(http: httpx.Client, client: Client, collection: str):
    """Each is refused with its reason, the rest goes on; with the collection everything goes."""
    body, reasons = strange()
    path = f"/v1/collections/{collection}/batches"
    answer = http.post(path, content=body, headers={"content-type": "application/x-tar"})
    assert answer.status_code == 202, answer.text
    status = wait_for(client, answer.json()["batch"])
    told = {one["reason"] for one in answer.json()["rejected"]}
    for name, reason in reasons.items():
        assert any(name in one and reason in one for one in told), (name, told)
    items = client.holdings(collection)
    good = {item["id"] for item in items if item["id"] in {"good", "last"}}
    assert good == {"good", "last"}
    assert status.total - status.failed == 3
    client.delete_collection(collection)


def test_ids_of_every_kind(
    http: httpx.Client, client: Client, nothing_stays: None, collection: str
):
    """Good ones are kept as they are, bad ones are refused, alone and among others."""
    good = ["a/b/c", "ü" * 256, "🦉/夜.1", "a b", "x" * 512, "%2e%2e", "a?b#c"]
    bad = ["x" * 2048, "a//b", "../a", "a/..", "", "/a", "a\nb", "a\0b", "é" * 300]
    lines = [json.dumps({"id": name, "text": "words"}) for name in good + bad]
    path = f"/v1/collections/{collection}"
    answer = client.submit_manifest(collection, "\n".join(lines).encode())
    assert wait_for(client, answer["batch"]).failed == len(bad) == answer["rejected_total"]
    for name in good:
        assert client.item(collection, name)["id"] == name
    for name in bad:
        refused = http.post(f"{path}/items", json={"id": name, "text": "words"})
        assert (refused.status_code, refused.json()["field"]) == (400, "id"), name
    client.delete_collection(collection)
