"""A block goes: making the vectors anew from stored features, over adding every item again."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tests.bench.figures import emit, extremes, say

from triptych.core.settings import Encoders, Settings
from triptych.engine import Engine
from triptych.local import StackOptions, running_stack

_ITEMS = 1000
_ROUNDS = 3
_SIDE = 400
_WORDS = ("river", "stone", "cat", "dog", "house", "tree", "winter", "summer", "bird", "sea")
_ALL, _LESS = Encoders(), Encoders(acoustic="")


def run() -> None:
    """In process, on both indexes; rounds in turns."""
    say("drawing")
    items = list(_items())
    seconds: dict[str, list[float]] = {}
    options = StackOptions(name="rebuild", port=0, parts=("elasticsearch",), keep=False, fresh=True)
    with running_stack(options) as stack:
        for number in range(_ROUNDS):
            for name, url in (("embedded", None), ("elastic", stack.index_url)):
                again, rebuilt = _round(items, url, f"bench{number}")
                say(f"{name}: added in {again:.1f} s, rebuilt in {rebuilt:.2f} s")
                seconds.setdefault(f"{name}.add", []).append(again)
                seconds.setdefault(f"{name}.rebuild", []).append(rebuilt)
    for name in ("embedded", "elastic"):
        added, rebuilt_in = seconds[f"{name}.add"], seconds[f"{name}.rebuild"]
        emit(extremes(f"rebuild.{name}.add", added, "s"))
        emit(extremes(f"rebuild.{name}.rebuild", rebuilt_in, "s"))
        ratios = [one / other for one, other in zip(added, rebuilt_in, strict=True)]
        emit(extremes(f"rebuild.{name}.add/rebuild", ratios, "×", "≥ 20"))


def _items() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for number in range(_ITEMS):
        coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
        text = " ".join(rng.choice(_WORDS, 12))
        data = cv2.imencode(".jpg", picture)[1].tobytes()
        yield {"id": f"i{number:04}", "image": data, "text": text, "tags": [text[:3]]}


def _round(items: list[dict[str, Any]], url: str | None, prefix: str) -> tuple[float, float]:
    """Seconds of adding everything with the new encoders, and of rebuilding."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(_engine(folder / "old", _ALL, url, prefix)) as old:
            old.add("c", items, progress=False)
        with closing(_engine(folder / "new", _LESS, url, f"{prefix}new")) as fresh:
            fresh.load("image", "text")
            started = time.perf_counter()
            fresh.add("c", items, progress=False)
            added = time.perf_counter() - started
            fresh.index.drop("c")
        with closing(_engine(folder / "old", _LESS, url, prefix)) as new:
            started = time.perf_counter()
            report = new.rebuild("c", progress=False)
            rebuilt = time.perf_counter() - started
            if (report.done, report.failed) != (len(items), 0):
                raise RuntimeError(f"not everything is rebuilt: {report}")
            new.index.drop("c")
    return added, rebuilt


def _engine(folder: Path, encoders: Encoders, url: str | None, prefix: str) -> Engine:
    settings = Settings.of_folder(folder).model_copy(
        update={"encoders": encoders, "index_prefix": prefix}
    )
    return Engine.open(settings if url is None else settings.model_copy(update={"index_url": url}))
