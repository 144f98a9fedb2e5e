"""Each kind of bad input gets an error that names the item and the reason; all else goes on."""

import io
import json
import socket
import struct
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import ids, wait_for
from triptych.cli.variations import wav
from triptych.client import Client
from triptych.local import Stack

Fill = Callable[..., dict[str, Any]]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(b"\0" * 100)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="module")
def good(stamps: Path) -> dict[str, bytes]:
    """A whole picture and a whole sound."""
    return {
        "image": (stamps / "animals/birds/drake.png").read_bytes(),
        "audio": (stamps / "animals/mammals/elephant.ogg").read_bytes(),
    }


def test_bad_files_fail_alone(
    fill: Fill, http: httpx.Client, collection: str, good: dict[str, bytes]
):
    """Broken files beside a good item: a reason for each, under its name; one item is found."""
    report = fill(
        {
            "good.png": good["image"],
            "good.txt": b"A drake.",
            "corrupt.png": good["image"][:60] + b"\xff" * 400 + good["image"][460:],
            "cut.png": good["image"][: len(good["image"]) // 4],
            "cut.ogg": good["audio"][: len(good["audio"]) // 4],
            "empty.png": b"",
            "binary.txt": bytes(range(32)) * 9,
            "sound-named.png": wav_tone(),
            "picture-named.ogg": good["image"],
            "vast.png": png_header(30_000, 30_000),
            "program.exe": b"MZ",
        }
    )
    failures = {name: entry["errors"] for name, entry in report["failures"].items()}
    assert "cut off" in failures["cut"]["image"]
    assert set(failures["cut"]) == {"image", "audio"}
    assert "image" in failures["corrupt"]
    assert "empty" in failures["empty"]["image"]
    assert "binary data" in failures["binary"]["text"]
    assert "WAV sound" in failures["sound-named"]["image"]
    assert "PNG picture" in failures["picture-named"]["audio"]
    assert "30000 × 30000" in failures["vast"]["image"]
    assert "extension" in failures["program.exe"]["item"]
    assert report["status"].done == report["status"].total == 9
    assert report["status"].failed == 8
    answer = http.post(f"/v1/collections/{collection}/search", json={"text": "drake"}).json()
    assert ids(answer) == ["good"]


def wav_tone() -> bytes:
    """A second of a tone."""
    import numpy as np

    return wav(np.sin(np.arange(22_050) / 20).astype(np.float32))


def test_broken_part_leaves_the_item_partial(
    fill: Fill, http: httpx.Client, collection: str, good: dict[str, bytes]
):
    """An item with a broken sound is indexed by its picture and text, and says what is missing."""
    report = fill({"x.png": good["image"], "x.txt": b"A drake.", "x.ogg": good["audio"][:200]})
    assert report["status"].failed == 0
    item = http.get(f"/v1/collections/{collection}/items/x").json()
    assert item["status"] == "partial"
    assert set(item["modalities"]) == {"image", "text"}
    assert set(item["errors"]) == {"audio"}


def test_bad_manifest_lines_fail_alone(
    fill: Fill, http: httpx.Client, collection: str, import_root: Path, good: dict[str, bytes]
):
    """Lines that are no items, and files that may not be read, are failures with their reason."""
    (import_root / "in.png").write_bytes(good["image"])
    outside = import_root.parent / "outside.png"
    outside.write_bytes(good["image"])
    link = import_root / "link.png"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    lines = [
        json.dumps({"id": "good", "image": "in.png", "text": "A drake."}).encode(),
        b"{no json",
        b'"a string"',
        json.dumps({"id": "unknown-field", "text": "x", "colour": "red"}).encode(),
        json.dumps({"id": "nothing"}).encode(),
        json.dumps({"id": "dots", "image": "../outside.png"}).encode(),
        json.dumps({"id": "absolute", "image": "/etc/passwd"}).encode(),
        json.dumps({"id": "link", "image": "link.png"}).encode(),
        json.dumps({"id": "missing", "image": "nowhere.png"}).encode(),
        json.dumps({"id": "folder", "image": "."}).encode(),
        b'{"id": "latin", "text": "\xdcber"}',
        json.dumps({"id": "types", "text": "a", "metadata": {"when": {"deep": 1}}}).encode(),
    ]
    report = fill(manifest=b"\n".join(lines))
    reasons = {
        name: " ".join(entry["errors"].values()) for name, entry in report["failures"].items()
    }
    assert "good" not in reasons
    assert "colour: unknown field" in reasons["unknown-field"]
    assert "no image, text or audio" in reasons["nothing"]
    for name in ("dots", "absolute", "link"):
        assert "outside the allowed import roots" in reasons[name]
    assert "not there" in reasons["missing"]
    assert "not a regular file" in reasons["folder"]
    assert "metadata" in reasons["types"]
    others = " ".join(reason for name, reason in reasons.items() if name.startswith("line-"))
    assert "line 2 is not JSON" in others
    assert "line 3 is not a JSON object" in others
    assert "line 11 is not UTF-8" in others
    assert report["status"].total == len(lines)
    assert report["status"].failed == len(lines) - 1
    assert [entry["line"] for entry in report["accepted"]["rejected"]] == [2, 3, 4, 5, 11, 12]


def test_names_that_can_be_no_ids_fail_alone_or_are_hashed(
    fill: Fill, http: httpx.Client, collection: str
):
    """Long, strange and climbing names take no other item of their batch with them."""
    lines = [
        {"id": "good", "text": "one"},
        {"id": "é" * 300, "text": "two"},
        {"id": "a/../b", "text": "three"},
        {"id": "big", "text": "four", "metadata": {"n": 2**70}},
        {"id": "surrogate", "text": "five", "source": "\ud800"},
        {"id": "half", "text": "an owl \ud800"},
        {"id": "long", "text": "x" * 100_001},
    ]
    report = fill(manifest="\n".join(map(json.dumps, lines)).encode())
    assert (report["status"].done, report["status"].failed) == (7, 4)
    assert report["accepted"]["rejected_total"] == len(report["accepted"]["rejected"]) == 4
    assert "metadata.n" in report["failures"]["big"]["errors"]["item"]
    assert "source" in report["failures"]["surrogate"]["errors"]["item"]
    half = http.get(f"/v1/collections/{collection}/items/half").json()
    assert (half["status"], half["text"]) == ("indexed", "an owl \ufffd")
    assert "halves of characters" in half["notes"]["text"]
    long = http.get(f"/v1/collections/{collection}/items/long").json()
    assert (long["status"], len(long["text"])) == ("partial", 100_000)
    assert "first 100000" in long["notes"]["text"]
    assert http.get(f"/v1/collections/{collection}/items/good").json()["status"] == "indexed"
    names = [f"{'ü' * 300}.txt", "/etc/a.txt", "b.txt", f"{'x' * 600}.exe"]
    report = fill(dict.fromkeys(names, b"some words"))
    assert (report["status"].done, report["status"].failed) == (4, 1)
    ((failed_id, failed),) = report["failures"].items()
    assert len(failed_id) == 32
    assert failed["names"]["item"].startswith("xxx")
    for item in [*report["failures"], "b"]:
        assert http.get(f"/v1/collections/{collection}/items/{item}").status_code == 200


def test_a_broken_transfer_encoding(stack: Stack, collection: str):
    """A chunk of no size is a 400, and a client that stalls is let go of."""
    head = (
        f"POST /v1/collections/{collection}/search HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    address = httpx.URL(stack.gateway_url)
    for rest, status in ((b"zz\r\n", b"HTTP/1.1 400"), (b"5\r\n{", b"HTTP/1.1 400")):
        with socket.create_connection((address.host, address.port), timeout=30) as connection:
            connection.sendall(head + rest)
            assert connection.recv(100).startswith(status)


def test_stalled_connections_do_not_stop_the_gateway(stack: Stack, http: httpx.Client):
    """Neither headers that never end nor bodies hold a thread that others need."""
    address = httpx.URL(stack.gateway_url)
    with ExitStack() as connections:
        for _ in range(20):
            connection = socket.create_connection((address.host, address.port))
            connections.enter_context(connection)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            connection = socket.create_connection((address.host, address.port))
            connections.enter_context(connection)
            connection.sendall(
                b"POST /v1/collections/c/search HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 9999999\r\n\r\n{"
            )
        assert http.get("/healthz", timeout=5).status_code == 200
        assert http.get("/v1/collections", timeout=5).status_code == 200


def test_metadata_of_another_type_is_as_good(fill: Fill, http: httpx.Client, collection: str):
    """What an earlier item had in a field binds no later one."""
    values = {"a": 1999, "b": "long ago", "c": 2000.5, "d": False}
    lines = [
        {"id": name, "text": "one", "metadata": {"year": year}} for name, year in values.items()
    ]
    report = fill(manifest="\n".join(map(json.dumps, lines)).encode())
    assert report["failures"] == {}
    for name, year in values.items():
        item = http.get(f"/v1/collections/{collection}/items/{name}").json()
        assert item["metadata"] == {"year": year}


BAD_SEARCHES: dict[str, tuple[dict[str, Any], int, str]] = {
    "only what is not wanted": ({"not": {"text": "a"}}, 400, "negative"),
    "blank": ({"text": "  "}, 422, "empty"),
    "unknown field": ({"text": "a", "colour": 1}, 400, "colour"),
    "weight below zero": ({"text": "a", "weights": {"text": -1}}, 400, "weights.text"),
    "weight of nothing": ({"text": "a", "weights": {"smell": 1}}, 400, "smell"),
    "weight is text": ({"text": "a", "weights": {"text": "much"}}, 400, "weights.text"),
    "weights all zero": ({"text": "a", "weights": {"text": 0, "keyword": 0}}, 400, "zero"),
    "fusion unknown": ({"text": "a", "fusion": "magic"}, 400, "linear"),
    "limit too high": ({"text": "a", "limit": 1000}, 400, "limit"),
    "not base64": ({"image": "no base64!"}, 400, "base64"),
    "no picture": ({"image": "aGVsbG8="}, 422, "image"),
    "text too long": ({"text": "x" * 200_000}, 413, "limit"),
    "filter unknown": ({"text": "a", "filter": {"colour": 1}}, 400, "colour"),
    "NUL": ({"text": "a\0b"}, 422, "NUL"),
}


@pytest.mark.parametrize("case", BAD_SEARCHES)
def test_bad_search(http: httpx.Client, stamp_collection: str, case: str):
    """A search that can't be answered is a 4xx problem document that names the place."""
    body, status, reason = BAD_SEARCHES[case]
    response = http.post(f"/v1/collections/{stamp_collection}/search", json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"].startswith("urn:triptych:problem:")
    assert reason in json.dumps(problem)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"text": NaN}', b"[" * 100_000])
def test_body_that_is_no_json_object(http: httpx.Client, stamp_collection: str, body: bytes):
    """A body that is no JSON object is a 400, whatever it is."""
    headers = {"content-type": "application/json"}
    path = f"/v1/collections/{stamp_collection}/search"
    response = http.post(path, content=body, headers=headers)
    assert response.status_code == 400, response.text


def test_weight_that_is_not_a_number(http: httpx.Client, stamp_collection: str):
    """NaN, which Python's JSON lets through, is refused as a weight."""
    path = f"/v1/collections/{stamp_collection}/search"
    body = b'{"text": "a", "weights": {"text": NaN}}'
    response = http.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert "weights.text" in response.text


def test_body_over_the_limit(http: httpx.Client, client: Client, collection: str):
    """A body above the limit is a 413; one file of a form fails alone."""
    path = f"/v1/collections/{collection}/batches"
    headers = {"content-type": "application/x-ndjson"}
    whole = http.post(path, content=b" " * (49 * 2**20), headers=headers)
    files = [("files", (name, io.BytesIO(data))) for name, data in
             (("big.txt", b"x" * (9 * 2**20)), ("small.txt", b"small"))]  # fmt: skip
    one = http.post(path, files=files)
    assert (whole.status_code, one.status_code) == (413, 202)
    assert wait_for(client, one.json()["batch"]).failed == 1
    assert http.get(f"/v1/collections/{collection}/items/small").json()["status"] == "indexed"
    failed = http.get(f"/v1/collections/{collection}/items/big").json()
    assert "more than the limit of 8388608 bytes" in failed["errors"]["text"]


def test_unknown_places(http: httpx.Client, collection: str):
    """What is not there is a 404 problem document; a bad name is a 400."""
    for path in ("items/x", "search"):
        method = http.post if path == "search" else http.get
        arguments = {"json": {"text": "a"}} if path == "search" else {}
        response = method(f"/v1/collections/{collection}/{path}", **arguments)
        assert response.status_code == 404
        assert collection in response.json()["detail"]
    assert http.get("/v1/batches/nosuchbatch").status_code == 404
    assert http.get("/v1/batches/..%2f..%2fetc").status_code == 404
    assert http.post("/v1/collections/UPPER/search", json={"text": "a"}).status_code == 400
    assert http.get("/nowhere").headers["content-type"] == "application/problem+json"


def test_empty_submissions(http: httpx.Client, collection: str):
    """An empty batch, an item of nothing, and a form of unknown fields are refused."""
    base = f"/v1/collections/{collection}"
    kind = {"content-type": "application/x-ndjson"}
    assert http.post(f"{base}/batches", content=b"\n\n", headers=kind).status_code == 400
    assert http.post(f"{base}/batches", content=b"x").status_code == 400
    assert http.post(f"{base}/items", json={}).status_code == 400
    assert http.post(f"{base}/items", json={"text": "a", "colour": "red"}).status_code == 400
    assert http.post(f"{base}/items", files={"video": b"x"}).status_code == 400
