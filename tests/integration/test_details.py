"""What files and their sidecars say, through gateway, queues and workers, by every way in."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from support import ids, settle, wait_for
from triptych.cli.main import app
from triptych.client import Client
from unit.ingest.test_sidecars import takeout
from unit.media.test_picture_details import XMP, exif, jpeg
from unit.media.test_sound_tags import MP3, TAGS

FILES = {
    "sea.jpg": jpeg(exif=exif(exif_9003="2024:05:31 14:00:00", exif_9011="+02:00")),
    "sea.jpg.xmp": XMP,
    "cloud.jpg": jpeg(exif=exif()),
    "cloud.jpg.supplemental-metadata.json": takeout(),
    "cloud.jpg.txt": b"White clouds.",
    "song.mp3": TAGS[4] + MP3,
}


def _batch(client: Client, http: httpx.Client, collection: str, _: Path) -> None:
    files = [("files", (name, data)) for name, data in FILES.items()]
    path = f"/v1/collections/{collection}/batches"
    wait_for(client, http.post(path, files=files).raise_for_status().json()["batch"])


def _archive(client: Client, http: httpx.Client, collection: str, _: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    path = f"/v1/collections/{collection}/batches"
    headers = {"content-type": "application/zip"}
    answer = http.post(path, content=file.getvalue(), headers=headers).raise_for_status()
    wait_for(client, answer.json()["batch"])


def _manifest(client: Client, http: httpx.Client, collection: str, _: Path) -> None:
    lines = [
        {"id": "sea", "image": "sea.jpg"},
        {"id": "cloud", "image": "cloud.jpg", "text_file": "cloud.jpg.txt"},
        {"id": "song", "audio": "song.mp3"},
    ]
    manifest = "\n".join(map(json.dumps, lines)).encode()
    wait_for(client, client.submit_files(collection, manifest, FILES)["batch"])


def _command(_: Client, http: httpx.Client, collection: str, folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    url = str(http.base_url)
    arguments = ["add", str(folder), "--root", str(folder), "--url", url, "-c", collection]
    for sent in ("3 items", "3 unchanged"):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert sent in result.output


@pytest.mark.parametrize("send", [_batch, _archive, _manifest, _command])
def test_every_way_in(
    http: httpx.Client, client: Client, collection: str, tmp_path: Path, send: Any
):
    """The same items, with the same fields; sidecars are no failures."""
    send(client, http, collection, tmp_path)
    assert settle(http, collection) == {"total": 3, "indexed": 3}
    sea, cloud, song = (client.item(collection, name) for name in ("sea", "cloud", "song"))
    assert (sea["title"], sea["camera"]) == ("The beach", "Other")
    assert sea["captured_at"] == "2020-07-01T00:00:00Z"
    assert sea["place"] == {"latitude": 48.1416667, "longitude": -11.575}
    assert (cloud["text"], cloud["caption"]) == ("White clouds.", "On the beach")
    assert (cloud["camera"], cloud["tags"]) == ("Acme X1", ["Ann", "Bob"])
    assert (song["title"], song["artist"]) == ("Größe", "Ann")

    def found(**query: Any) -> list[str]:
        answer = http.post(f"/v1/collections/{collection}/search", json=query)
        return sorted(ids(answer.raise_for_status().json()))

    assert found(filter={"captured_at": {"gte": "2024-01-01"}}) == ["cloud", "song"]
    assert found(filter={"duration": {"gt": 0.5}}) == ["song"]
    assert found(filter={"format": ["jpeg"]}) == ["cloud", "sea"]
    near = {"latitude": 48, "longitude": 11, "within": 100_000}
    assert found(filter={"place": near}) == ["cloud"]
    assert found(text="+title:grosse") == ["song"]
    assert found(text="+tags:ann") == ["cloud"]
