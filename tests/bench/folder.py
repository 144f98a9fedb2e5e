"""A folder of 2,000 pictures: adding it, and adding it again when nothing has changed."""

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from tests.bench.figures import emit, extremes, say

from triptych.client import Client
from triptych.local import StackOptions, running_stack

_FILES = 2000
_ROUNDS = 3
_SIDE = 400


def run() -> None:
    """On a stack with an embedded index."""
    options = StackOptions(name="folder", port=0, index="embedded", keep=False, fresh=True)
    with tempfile.TemporaryDirectory() as name, running_stack(options) as stack:
        folder = Path(name) / "pictures"
        _draw(folder)
        with Client(stack.gateway_url) as client:
            first = _seconds(client, folder, sent=_FILES)
            again = [_seconds(client, folder, sent=0) for _ in range(_ROUNDS)]
    emit(extremes("folder.first", [first], "s"))
    emit(extremes("folder.again", again, "s"))
    emit(extremes("folder.first/again", [first / one for one in again], "×", "≥ 20"))


def _draw(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(_FILES):
        coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)


def _seconds(client: Client, folder: Path, *, sent: int) -> float:
    started = time.perf_counter()
    report = client.add_files("folder", folder, root=folder.parent)
    seconds = time.perf_counter() - started
    if (report.total, report.failed) != (sent, 0):
        raise RuntimeError(f"{report.total} items were sent, {report.failed} failed")
    say(f"{sent} of {_FILES} files sent: {seconds:.1f} s")
    return seconds
