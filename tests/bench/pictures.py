"""``python -m tests.bench --only pictures``: pictures of phones beside their libraries, bare.

A photograph of 12 megapixels as HEIC, JPEG XL, JPEG 2000 and as the preview of a raw file, down to
224 pixels. Figures are wall-clock time, as a sandbox is a process of its own. The bare library
decodes the same file in this process, and OpenCV scales it down; both are measured in turns.
"""

import io
from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np
import pi_heif
import pylibjxl
from PIL import Image
from tests.bench.decode import photograph
from tests.bench.figures import emit, in_turns, ratio_of_medians, resampled, say
from tests.unit.media.files import dng, foreign

from triptych.core.threads import limit_threads
from triptych.media.image import Pixels, decode_image, fit_within

_SIDE, _ROUNDS = 224, 8
_NO_LIMIT = 10**9
_LIMITED = {"JPEG 2000"}
"""Those without a goal: Pillow itself decodes at a reduced scale."""


def run() -> None:
    """Emit the time of each format, and its ratio to the bare library."""
    preview = photograph(0)
    pixels = cv2.imdecode(np.frombuffer(preview, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    for kind, bare in _BARE.items():
        say(f"pictures: {kind}")
        data = dng(preview) if kind == "raw" else foreign(image, kind)
        _ours(data)
        ours, alone = in_turns(partial(_ours, data), partial(bare, data), _ROUNDS)
        name = f"pictures.{kind.lower().replace(' ', '')}"
        emit(resampled(name, np.median, (ours,), "s"))
        goal = None if kind in _LIMITED else "≤ 1.2"
        emit(resampled(f"{name}.ratio", ratio_of_medians, (ours, alone), "x", goal))


def _ours(data: bytes) -> Pixels:
    return decode_image(data, side=_SIDE, max_pixels=_NO_LIMIT)


def _heic(data: bytes) -> Pixels:
    pi_heif.options.DECODE_THREADS = 1
    return _small(pi_heif.open_heif(data).to_pillow())


def _jxl(data: bytes) -> Pixels:
    with pylibjxl.JXL(threads=1) as decoder:
        return fit_within(np.asarray(decoder.decode(data), np.uint8), _SIDE)


def _jpeg2000(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return _small(image)


def _raw(data: bytes) -> Pixels:
    """The preview, as one who knows where it is reads it."""
    preview = data[data.rindex(b"\xff\xd8\xff") :]
    pixels = cv2.imdecode(np.frombuffer(preview, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
    assert pixels is not None
    return fit_within(np.asarray(pixels[..., ::-1], np.uint8), _SIDE)


_BARE: Mapping[str, Callable[[bytes], Pixels]] = {
    "HEIC": _heic,
    "JPEG XL": _jxl,
    "JPEG 2000": _jpeg2000,
    "raw": _raw,
}


def _small(image: Image.Image) -> Pixels:
    return fit_within(np.asarray(image.convert("RGB")), _SIDE)


if __name__ == "__main__":
    limit_threads()
    run()
