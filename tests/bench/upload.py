"""Uploading photographs over copying them: nobody works on them meanwhile."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import photographs
from tests.bench.figures import emit, extremes, say

from triptych.client import Client
from triptych.local import StackOptions, running_stack

_FILES = 200
_ROUNDS = 5
_MEGABYTE = 1e6


def run() -> None:
    """In turns: a form, an archive, and copies that are safe on the disk as uploads are."""
    options = StackOptions(
        name="upload", port=0, index="embedded", keep=False, fresh=True,
        parts=("valkey", "gateway"),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name, running_stack(options, say=say) as stack:
        folder = Path(name)
        (folder / "photographs").mkdir()
        photographs.draw(folder / "photographs", _FILES)
        files = {
            file.name: file.read_bytes() for file in sorted((folder / "photographs").iterdir())
        }
        archive = Path(shutil.make_archive(str(folder / "a"), "tar", folder / "photographs"))
        size = sum(map(len, files.values())) / _MEGABYTE
        manifest = b"\n".join(b'{"image": "%s"}' % name.encode() for name in files)
        with Client(stack.gateway_url) as client:
            ways: dict[str, Callable[[str], object]] = {
                "form": lambda collection: client.submit_files(collection, manifest, files),
                "archive": lambda collection: client.submit_archive(collection, archive),
                "copy": lambda target: _copy(files, folder / target),
            }
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for turn in range(_ROUNDS):
                for way, send in ways.items():
                    shutil.rmtree(stack.home / "media" / "media", ignore_errors=True)
                    started = time.perf_counter()
                    send(f"{way}-{turn}")
                    rates[way].append(size / (time.perf_counter() - started))
                    say(f"{way}: {rates[way][-1]:.0f} MB/s")
    for way, known in rates.items():
        emit(extremes(f"upload.{way}", known, "MB/s"))
    for way in ("form", "archive"):
        ratios = [one / copy for one, copy in zip(rates[way], rates["copy"], strict=True)]
        emit(extremes(f"upload.{way}/copy", ratios, "×"))


def _copy(files: dict[str, bytes], target: Path) -> None:
    """One by one, each on the disk before the next; the folder at the end."""
    target.mkdir()
    for name, data in files.items():
        with (target / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    folder = os.open(target, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
