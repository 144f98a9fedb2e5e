"""``python -m tests.bench.decode``: photographs decoded at a reduced scale and in full.

A JPEG of 12 megapixels holds far more than an encoder looks at. ``decode_image`` lets the decoder
scale by 2, 4 or 8 while it transforms, down to 1.75 times the side that is wanted. Measured is how
much faster that is than decoding in full and scaling afterwards, both in turns on the same
pictures, and what it costs: the cosine of EfficientNet-Lite0's features of the two results. The
photographs are made here (edges, and noise at every scale, as in nature); the real pictures are
stamps, written as JPEG and wanted just so small that the decoder scales them by two, where
least is left to the resize.
"""

import time
from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.figures import emit, in_turns, resampled, say, timed

from triptych.core.threads import limit_threads
from triptych.corpora import tuxpaint
from triptych.encoders.image.efficientnet import EfficientNetLite0
from triptych.media.image import Pixels, decode_image, fit_within

_SIDES = (224, 512)
_WIDTH, _HEIGHT = 4000, 3000
_PHOTOGRAPHS, _ROUNDS = 6, 3
_QUALITY = 90
_NO_LIMIT = 10**9
_SMALLEST = 400
"""Pixels along the longer edge of a real picture that is large enough to be scaled."""


def run() -> None:
    """Emit ratio and cosine for each side, the cosine on real pictures, and the cost of a stamp."""
    network = EfficientNetLite0()
    photographs = [photograph(seed) for seed in range(_PHOTOGRAPHS)]
    for side in _SIDES:
        say(f"decode: to {side} pixels")
        reduced, full = _seconds(photographs, side)
        emit(resampled(f"decode.{side}.reduced", _milliseconds, (reduced,), "ms"))
        emit(resampled(f"decode.{side}.full", _milliseconds, (full,), "ms"))
        emit(resampled(f"decode.{side}.ratio", _ratio, (full, reduced), "x", "≥ 3"))
        cosines = [_cosine(network, data, side) for data in photographs]
        emit(resampled(f"decode.{side}.cosine", np.mean, (cosines,), ""))
    stamps = [path.read_bytes() for path in sorted(tuxpaint.fetch().rglob("*.png"))]
    say("decode: real pictures")
    cosines = [_cosine(network, data, 2 * edge // 7) for data, edge in _real(stamps)]
    emit(resampled("decode.real.cosine", np.mean, (cosines,), ""))
    emit(resampled("decode.real.least", np.min, (cosines,), ""))
    say("decode: stamps")
    seconds = [timed(partial(_reduced, data, _SIDES[0]), time.process_time) for data in stamps]
    emit(resampled("decode.stamp", _milliseconds, (seconds,), "ms"))


def _reduced(data: bytes, side: int) -> Pixels:
    return decode_image(data, side=side, max_pixels=_NO_LIMIT)


def _full(data: bytes, side: int) -> Pixels:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert pixels is not None
    return fit_within(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), side)


def _seconds(photographs: list[bytes], side: int) -> tuple[list[float], list[float]]:
    """Per photograph and round: reduced and in full, of this process, whoever else is at work."""
    _reduced(photographs[0], side)
    reduced: list[float] = []
    full: list[float] = []
    for data in photographs:
        both = partial(_reduced, data, side), partial(_full, data, side)
        times = in_turns(*both, _ROUNDS, time.process_time)
        reduced += times[0]
        full += times[1]
    return reduced, full


def _milliseconds(seconds: NDArray[np.float64]) -> float:
    return float(1000 * seconds.mean())


def _ratio(full: NDArray[np.float64], reduced: NDArray[np.float64]) -> float:
    return float(full.sum() / reduced.sum())


def _cosine(network: EfficientNetLite0, data: bytes, side: int) -> float:
    one, other = network.encode([_reduced(data, side), _full(data, side)])
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def photograph(seed: int) -> bytes:
    """Noise whose amplitude falls with its frequency, under a hundred shapes with sharp edges."""
    random = np.random.default_rng(seed)
    picture = np.zeros((_HEIGHT, _WIDTH, 3), np.float32)
    for octave in range(10):
        shape = _HEIGHT // 2**octave + 1, _WIDTH // 2**octave + 1, 3
        noise = random.standard_normal(shape, np.float32) * 2 ** (octave * 0.6)
        picture += cv2.resize(noise, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture = picture / picture.std() * 35 + 120
    for _ in range(100):
        corners = random.integers(0, _WIDTH, 2) + random.integers(-400, 400, (5, 2))
        mask = cv2.fillPoly(np.zeros((_HEIGHT, _WIDTH), np.uint8), [corners.astype(np.int32)], 1)
        picture[mask > 0] += random.uniform(-60, 60, 3).astype(np.float32)
    return _jpeg(picture.clip(0, 255).astype(np.uint8))


def _real(stamps: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Stamps that are large, as JPEG, with their longer edge."""
    for data in stamps:
        pixels = decode_image(data, side=_NO_LIMIT, max_pixels=_NO_LIMIT)
        edge = max(pixels.shape[:2])
        if edge >= _SMALLEST:
            yield _jpeg(pixels), edge


def _jpeg(pixels: Pixels) -> bytes:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return data.tobytes()


if __name__ == "__main__":
    limit_threads()
    run()
