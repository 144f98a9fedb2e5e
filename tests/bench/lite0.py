"""EfficientNet-Lite0 in whole numbers against float32, one thread, one picture a run."""

import time
from collections.abc import Callable

import numpy as np
from tests.bench.figures import Floats, emit, resampled

from triptych.encoders.image.efficientnet import framed, load_weights, open_network
from triptych.encoders.image.lite0_network import SIDE, FloatLayers, build_network

_ROUNDS = 60
_TOGETHER = 4
_GOAL = 1.8


def run() -> None:
    """Time both in turns on drawn pictures; report processor time and the ratio."""
    weights = load_weights()
    ways = {
        "float32": _runner(build_network(weights, FloatLayers)),
        "int8": _runner(build_network(weights)),
        "framing": framed,
    }
    draw = np.random.default_rng(1)
    pictures = draw.integers(0, 256, (_TOGETHER, SIDE, SIDE, 3), dtype=np.uint8)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name in draw.permutation(list(ways)):
            ways[name](pictures[0])
            start = time.process_time()
            for picture in pictures:
                ways[name](picture)
            spent[name].append((time.process_time() - start) / _TOGETHER)
    for name, seconds in spent.items():
        emit(resampled(f"lite0.{name}.cpu", _milliseconds, (seconds,), "ms/image"))
    pair = (spent["float32"], spent["int8"])
    emit(resampled("lite0.speedup", _ratio, pair, "×", f"≥ {_GOAL}"))


def _runner(network: bytes) -> Callable[[np.ndarray], object]:
    session = open_network(network, threads=1)
    return lambda picture: session.run(None, {"image": picture[np.newaxis]})


def _milliseconds(seconds: Floats) -> float:
    return float(1000 * np.median(seconds))


def _ratio(before: Floats, after: Floats) -> float:
    return float(np.median(before) / np.median(after))


if __name__ == "__main__":
    run()
