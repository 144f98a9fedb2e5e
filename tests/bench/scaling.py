"""What is around the encoders costs so much, and two image workers are so much faster than one."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tests.bench import nothing, photographs
from tests.bench.figures import Figure, emit, extremes, say
from tests.bench.processes import cpu_seconds
from tests.bench.setting import Line

from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack

_AROUND = 4000
_SIDE = 64
_PHOTOGRAPHS = 300
_ROUNDS = 3
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Turn:
    """One batch: the seconds that it took, and the processor seconds of each part."""

    seconds: float
    cpu: Mapping[str, float]


def run() -> None:
    """Around the encoders first, then with one image worker and with two in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _around(folder)
        _image_workers(folder)


def _around(folder: Path) -> None:
    """Processor time of each part for an item of a small picture and a sentence."""
    lines = _small_items(folder / "small")
    options = StackOptions(
        name="scaling", port=0, keep=False, fresh=True, image_workers=1,
        import_roots=(folder / "small",), pythons=nothing.interpreters(folder),
    )  # fmt: skip
    with running_stack(options, say=say) as stack, Client(stack.gateway_url) as client:
        _turn(stack, client, "warm", lines[: _AROUND // 8])
        turn = _turn(stack, client, "around", lines)
    emit(Figure("scaling.around.rate", len(lines) / turn.seconds, None, None, "items/s"))
    for part, seconds in turn.cpu.items():
        cost = 1000 * seconds / len(lines)
        emit(Figure(f"scaling.around.cpu.{part}", cost, None, None, "ms/item"))


def _image_workers(folder: Path) -> None:
    """Rounds of the same photographs; each stack is fresh, so nothing is known from before."""
    (folder / "large").mkdir()
    lines = photographs.draw(folder / "large", _PHOTOGRAPHS)
    turns: dict[int, list[Turn]] = {1: [], 2: []}
    for _ in range(_ROUNDS):
        for workers, known in turns.items():
            options = StackOptions(
                name="scaling", port=0, keep=False, fresh=True, index="embedded",
                image_workers=workers, import_roots=(folder / "large",),
            )  # fmt: skip
            with running_stack(options, say=say) as stack, Client(stack.gateway_url) as client:
                known.append(_turn(stack, client, "photographs", lines))
    pairs = list(zip(turns[1], turns[2], strict=True))
    ratios = [one.seconds / two.seconds for one, two in pairs]
    emit(extremes("scaling.image_workers.ratio", ratios, "×"))
    accounted = [one.seconds / (two.seconds - _others(two) / 2) for one, two in pairs]
    emit(extremes("scaling.image_workers.accounted", accounted, "×", "≥ 1.85"))
    for workers, known in turns.items():
        emit(
            extremes(
                f"scaling.image_workers.cpu_{workers}",
                [1000 * turn.cpu["worker-image"] / len(lines) for turn in known],
                "ms/item",
            )
        )


def _others(turn: Turn) -> float:
    """Processor seconds of all other parts, which two image workers share two processors with."""
    return sum(seconds for part, seconds in turn.cpu.items() if part != "worker-image")


def _turn(stack: Stack, client: Client, collection: str, lines: Sequence[Line]) -> Turn:
    client.create_collection(collection)
    manifest = "\n".join(map(json.dumps, lines)).encode()
    before = _cpu(stack)
    started = time.perf_counter()
    batch = client.submit_manifest(collection, manifest)["batch"]
    while (status := client.batch(batch)).done < len(lines):
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - started
    if status.failed:
        raise RuntimeError(f"{status.failed} items failed: {client.failures(batch)[:3]}")
    after = _cpu(stack)
    say(f"{collection}: {len(lines) / seconds:.1f} items/s")
    return Turn(seconds, {part: after[part] - before[part] for part in before})


def _cpu(stack: Stack) -> dict[str, float]:
    return {part: cpu_seconds(stack, part) for part in stack.running}


def _small_items(folder: Path) -> list[Line]:
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines: list[Line] = []
    for number in range(_AROUND):
        file = folder / f"{number}.png"
        cv2.imwrite(str(file), rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8))
        lines.append({"id": file.stem, "image": file.name, "text": f"sentence number {number}"})
    return lines
