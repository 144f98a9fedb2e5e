"""Faults at the door: the gateway dies, clients vanish, the disk of the media is full."""

import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

from chaos.load import make
from chaos.scenarios import Props, scenario
from chaos.scene import Scene

_DISK_BYTES = 96 * 2**20
_VANISHING = 200


@scenario("gateway killed (`kill -9`) in mid-upload, five times")
def killed_gateway(scene: Scene) -> None:
    """Clients send again under the same key what had no answer."""
    with scene.busy(clients=4):
        for _ in range(5):
            scene.when_busy()
            scene.restart("gateway")


@scenario(f"{_VANISHING} clients that vanish in mid-upload")
def vanishing_clients(scene: Scene) -> None:
    """What was not sent whole is not accepted, and its media do not stay."""
    with scene.busy():
        scene.when_busy()
        for number in range(_VANISHING):
            _vanish(scene, number)


def _vanish(scene: Scene, number: int) -> None:
    """Send a part of a form with pictures, and reset the connection."""
    boundary = b"b0undary"
    items = [make(1_000_000 + 10 * number + 2 * n, media=True) for n in range(4)]
    body = b"".join(
        b"--%s\r\ncontent-disposition: form-data; name=files; filename=%s\r\n\r\n%s\r\n"
        % (boundary, f"vanished-{name}".encode(), data)
        for item in items
        for _, name, data in item.files()
    )
    head = (
        f"POST /v1/collections/{scene.load.collection}/batches HTTP/1.1\r\nhost: x\r\n"
        f"content-type: multipart/form-data; boundary={boundary.decode()}\r\n"
        f"content-length: {len(body) + 16}\r\n\r\n"
    )
    url = urlsplit(scene.stack.gateway_url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(head.encode() + body[: len(body) * (number % 10 + 1) // 10])


def _small_disk(exits: ExitStack, folder: Path) -> Props:
    """A tmpfs of some megabytes for the media; to mount it takes the rights of root."""
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    size = f"size={_DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=True)  # noqa: S607
    exits.callback(subprocess.run, ["umount", "--lazy", disk], check=True)
    return Props({"TRIPTYCH_MEDIA_URL": (disk / "media").as_uri()})


@scenario("the disk of the media store full for 15 s (a small tmpfs)", stage=_small_disk)
def full_disk(scene: Scene) -> None:
    """Uploads are refused, workers wait; nothing is cut off."""
    with scene.busy():
        scene.when_busy()
        filler = scene.media.with_name("filler")
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**12))
        time.sleep(15)
        filler.unlink()
