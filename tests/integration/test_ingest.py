"""Every way in: single items, uploads, manifests; whole, poor and repeated ones."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from support import Lines, ids, settle, wait_for, wait_while_killing
from triptych.client import Client
from triptych.local import Stack

Fill = Callable[..., dict[str, Any]]


def test_single_item_by_form(http: httpx.Client, collection: str, stamps: Path):
    """A form with text, picture and sound is one item with all three, searchable by each."""
    files = {
        "image": ("lion.png", (stamps / "animals/mammals/elephant.png").read_bytes()),
        "audio": ("call.ogg", (stamps / "animals/mammals/elephant.ogg").read_bytes()),
    }
    data = {"id": "e", "text": "An elephant.", "tags": '["big"]', "metadata": '{"legs": 4}'}
    path = f"/v1/collections/{collection}/items"
    response = http.post(path, params={"wait": 30}, data=data, files=files)
    assert response.status_code == 200, response.text
    document = response.json()
    assert document["status"] == "indexed"
    assert set(document["modalities"]) == {"image", "text", "audio"}
    assert document["metadata"] == {"legs": 4}
    assert document["names"] == {"image": "lion.png", "audio": "call.ogg"}
    assert http.get(response.headers["location"]).json() == document
    settle(http, collection)
    for name, content in files.items():
        answer = http.post(f"/v1/collections/{collection}/search", files={name: content}).json()
        assert ids(answer) == ["e"]
        assert answer["hits"][0]["why"][name]["raw"] > 0.99


def test_media_are_returned_as_they_were_sent(
    client: Client, http: httpx.Client, collection: str, stamps: Path
):
    """Through the store and the server, whole and in part; the text as it is searched."""
    picture = (stamps / "animals/mammals/elephant.png").read_bytes()
    sound = (stamps / "animals/mammals/elephant.ogg").read_bytes()
    path = f"/v1/collections/{collection}/items"
    files = {"image": ("e.png", picture), "audio": ("e.ogg", sound)}
    data = {"id": "a/ä b", "text": "Ein Ölgemälde."}
    http.post(path, params={"wait": 30}, data=data, files=files).raise_for_status()
    assert client.medium(collection, "a/ä b", "image") == picture
    assert client.medium(collection, "a/ä b", "audio") == sound
    assert client.medium(collection, "a/ä b", "text").decode() == "Ein Ölgemälde."
    small = Image.open(io.BytesIO(client.thumbnail(collection, "a/ä b", 64)))
    assert (small.format, max(small.size)) == ("WEBP", 64)
    wave = client.waveform(collection, "a/ä b")
    assert len(wave["data"]) == 2 * wave["length"]
    assert wave["duration"] == client.item(collection, "a/ä b")["duration"]
    part = http.get(f"{path}/a/ä b/media/audio", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, sound[100:200])
    assert part.headers["content-type"] == "audio/ogg"


def test_single_item_by_json(http: httpx.Client, collection: str, stamps: Path):
    """JSON with base64 is the same item; without an id it gets one from its content."""
    image = base64.b64encode((stamps / "animals/birds/drake.png").read_bytes()).decode()
    body = {"text": "A drake.", "image": image}
    path = f"/v1/collections/{collection}/items"
    first = http.post(path, params={"wait": 30}, json=body).json()
    second = http.post(path, json=body)
    assert second.status_code == 202
    assert second.json()["id"] == first["id"]
    assert second.json()["status_url"].endswith(first["id"])


def test_item_can_be_deleted(http: httpx.Client, collection: str):
    """A deleted item is gone from look-up and search."""
    path = f"/v1/collections/{collection}/items"
    http.post(path, params={"wait": 30}, json={"id": "a/b c", "text": "gone soon"})
    assert http.delete(f"{path}/a/b c").status_code == 204
    assert http.get(f"{path}/a/b c").status_code == 404
    settle(http, collection)
    answer = http.post(f"/v1/collections/{collection}/search", json={"text": "gone soon"}).json()
    assert answer["hits"] == []


def test_files_of_one_stem_are_one_item(
    fill: Fill, http: httpx.Client, collection: str, stamps: Path
):
    """Uploaded files are grouped by stem, folders kept apart."""
    picture = (stamps / "animals/birds/drake.png").read_bytes()
    report = fill(
        {"a/x.png": picture, "a/x.txt": b"A drake.", "b/x.txt": "Über den Wolken".encode()}
    )
    assert (report["status"].total, report["status"].failed) == (2, 0)
    item = http.get(f"/v1/collections/{collection}/items/a/x").json()
    assert set(item["modalities"]) == {"image", "text"}
    assert http.get(f"/v1/collections/{collection}/items/b/x").json()["text"] == "Über den Wolken"


def test_manifest_with_uploads(fill: Fill, http: httpx.Client, collection: str, stamps: Path):
    """A manifest in the form names the files beside it."""
    line = {"id": "d", "text": "A drake.", "image": "pic.png", "metadata": {"year": 2004}}
    report = fill(
        {"pic.png": (stamps / "animals/birds/drake.png").read_bytes()},
        manifest=json.dumps(line).encode(),
    )
    assert report["failures"] == {}
    item = http.get(f"/v1/collections/{collection}/items/d").json()
    assert item["metadata"] == {"year": 2004}
    assert set(item["modalities"]) == {"image", "text"}


def test_missing_modalities_do_not_hide_an_item(
    fill: Fill, client: Client, http: httpx.Client, collection: str, stamps: Path
):
    """Items of one part alone are found by that part, and a picture also by what it shows."""
    parts = {"i.png": "animals/mammals/cats/tiger.png", "s.ogg": "animals/mammals/elephant.ogg"}
    fill(
        {name: (stamps / path).read_bytes() for name, path in parts.items()} | {"t.txt": b"A boat"}
    )
    assert settle(http, collection)["indexed"] == 3
    by_text = client.search(collection, {"text": "boat", "limit": 1}, {})
    by_image = client.search(collection, {}, {"image": (stamps / parts["i.png"]).read_bytes()})
    by_audio = client.search(collection, {}, {"audio": (stamps / parts["s.ogg"]).read_bytes()})
    assert ids(by_text) == ["t"]
    assert ids(by_image)[0] == "i"
    assert ids(by_audio)[0] == "s"
    shown = client.search(collection, {"text": "a tiger"}, {})
    assert "i" in ids(shown)
    hit = next(hit for hit in shown["hits"] if hit["id"] == "i")
    assert set(hit["why"]["text"]["blocks"]) >= {"concept"}


def test_again_is_not_twice(fill: Fill, http: httpx.Client, collection: str):
    """An item sent again replaces itself, and the later one wins."""
    fill({"a.txt": b"the first"})
    fill({"a.txt": b"the second"})
    assert settle(http, collection)["total"] == 1
    assert http.get(f"/v1/collections/{collection}/items/a").json()["text"] == "the second"


def test_same_id_twice_in_a_batch(fill: Fill, http: httpx.Client, collection: str):
    """Of two lines with one id the later wins, and both are counted."""
    lines = [{"id": "a", "text": f"version {n}"} for n in range(2)]
    report = fill(manifest="\n".join(map(json.dumps, lines)).encode())
    assert report["status"].done == 2
    assert http.get(f"/v1/collections/{collection}/items/a").json()["text"] == "version 1"


def test_killed_worker_loses_nothing(
    stack: Stack, client: Client, http: httpx.Client, collection: str, stamp_lines: Lines
):
    """Image processes that are killed in the middle of a batch cost time, not items."""
    lines = [line for line in stamp_lines if "image" in line]
    batch = client.submit_manifest(collection, "\n".join(map(json.dumps, lines)).encode())["batch"]
    worker = stack.running["worker-image"].process.pid
    status = wait_while_killing(client, batch, worker)
    assert (status.done, status.failed) == (len(lines), 0)
    assert settle(http, collection)["indexed"] == len(lines)


def test_command_line(
    stack: Stack, collection: str, stamps: Path, tmp_path: Path, http: httpx.Client
):
    """``triptych add`` and ``triptych search`` speak JSON to machines."""
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("drake", "penguin"):
        source = stamps / f"animals/birds/{name}.png"
        (folder / source.name).write_bytes(source.read_bytes())
        (folder / f"{name}.txt").write_text(f"A {name}.")
    common = ["--url", stack.gateway_url, "--collection", collection, "--json"]

    def run(*arguments: str, code: int = 0) -> dict[str, Any]:
        command = [sys.executable, "-m", "triptych.cli.main", *arguments, *common]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    root = ("--root", str(tmp_path))
    report = run("add", str(folder), *root)
    assert (report["done"], report["failed"]) == (2, 0)
    nothing = tmp_path / "paper.pdf"
    nothing.write_bytes(b"%PDF")
    assert list(run("add", str(nothing), *root, code=1)["skipped"]) == ["paper.pdf"]
    settle(http, collection)
    (folder / "drake.txt").unlink()
    (folder / "drake.png").unlink()
    again = run("add", str(folder), *root, "--prune", "--yes")
    assert (again["total"], again["skipped_by_kind"]) == (0, {"unchanged": 1})
    assert (again["gone"], again["pruned"]) == (["media/drake"], 1)
    assert http.get(f"/v1/collections/{collection}/items/media/drake").status_code == 404
    answer = run("search", "penguin", "--image", str(folder / "penguin.png"), "--limit", "1")
    assert ids(answer) == ["media/penguin"]


def test_many_batches_at_once(client: Client, http: httpx.Client, collection: str):
    """Batches that overlap are counted apart."""
    batches = [
        client.submit_manifest(
            collection,
            "\n".join(
                json.dumps({"id": f"{b}-{i}", "text": f"item {i}"}) for i in range(40)
            ).encode(),
        )["batch"]
        for b in range(3)
    ]
    statuses = [wait_for(client, batch) for batch in batches]
    assert [status.done for status in statuses] == [40, 40, 40]
    assert settle(http, collection)["total"] == 120
