"""Decoders of pictures that run in a sandbox; ``foreign`` asks for what they make."""

import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from triptych.media.sandbox import Message, Refused

HEAD, PROFILE, PIXELS, TOO_LARGE = b"H", b"P", b"X", b"L"
SIZE, EXIF, XMP = b"Z", b"F", b"Y"
"""Letters of messages: the shape as JSON, an ICC profile, the pixels, and the size that is too
large; width and height of the whole picture as JSON, and its metadata."""
_MOST_HALVINGS = 5
_REASON = 300
"""Letters of what a library says of an error."""
_MOST_METADATA = 2**20


class _Decoded(NamedTuple):
    """What a library makes of a picture, upright."""

    image: Image.Image
    profile: bytes
    exif: bytes = b""
    xmp: bytes = b""
    size: tuple[int, int] | None = None
    """Of the whole picture, where the image is smaller."""


class _TooLarge(Exception):
    """More pixels than are asked for."""


def prepare() -> None:
    """Load what there is: later no file can be opened."""
    import PIL.Jpeg2KImagePlugin  # noqa: F401

    for library in ("pi_heif", "pylibjxl"):
        try:
            __import__(library)
        except ImportError:
            continue
    Image.preinit()
    Image.MAX_IMAGE_PIXELS = None
    Image.new("RGBA", (2, 2)).reduce(2)


def work(arguments: dict[str, Any], data: bytes) -> Iterator[Message]:
    """Decode a picture, larger ones at a reduced scale."""
    try:
        yield from _work(arguments, data)
    except _TooLarge as error:
        yield TOO_LARGE, str(error).encode()
    except MemoryError:
        raise
    except Exception as error:  # hostile bytes: no library promises what it raises
        raise Refused(f"{error}"[:_REASON]) from error


def _work(arguments: dict[str, Any], data: bytes) -> Iterator[Message]:
    side = arguments["side"]
    found = _DECODERS[arguments["format"]](data, side, arguments["max_pixels"])
    image = found.image
    yield SIZE, json.dumps(found.size or image.size).encode()
    yield EXIF, found.exif[:_MOST_METADATA]
    yield XMP, found.xmp[:_MOST_METADATA]
    factor = max(1, max(image.size) // (2 * side))
    if factor > 1:
        image = image.reduce((min(factor, image.width), min(factor, image.height)))
    pixels = np.asarray(_colours(image))
    yield HEAD, json.dumps(pixels.shape).encode()
    yield PROFILE, found.profile
    yield PIXELS, pixels.tobytes()


def _check(size: tuple[int, int], most: int) -> None:
    if size[0] * size[1] > most:
        raise _TooLarge(f"{size[0]} × {size[1]}")


def _colours(image: Image.Image) -> Image.Image:
    """As RGB, or RGBA where something is clear."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _heic(data: bytes, _: int, most: int) -> _Decoded:
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    found = pi_heif.open_heif(data)
    _check(found.size, most)
    info = found.info
    return _Decoded(
        found.to_pillow(),
        info.get("icc_profile") or b"",
        _bytes(info.get("exif")),
        _bytes(info.get("xmp")),
    )


def _jxl(data: bytes, _: int, most: int) -> _Decoded:
    import pylibjxl

    head = pylibjxl.probe(data)
    _check((head["width"], head["height"]), most)
    with pylibjxl.JXL(threads=1) as decoder:
        pixels, metadata = decoder.decode(data, metadata=True)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    image = Image.frombuffer(mode, pixels.shape[1::-1], pixels, "raw", mode, 0, 1)
    exif = _bytes(metadata.get("exif"))
    return _Decoded(image, metadata.get("icc") or b"", exif, _bytes(metadata.get("xmp")))


def _jpeg2000(data: bytes, side: int, most: int) -> _Decoded:
    with Image.open(io.BytesIO(data), formats=("JPEG2000",)) as image:
        _check(image.size, most)
        halvings = (max(image.size) // (2 * side)).bit_length() - 1
        if halvings > 0:
            # An attribute of the plugin, which has the name of a method.
            image.reduce = min(halvings, _MOST_HALVINGS)  # type: ignore[assignment, method-assign]
        size = image.size
        image.load()
        profile: Any = image.info.get("icc_profile")
        return _Decoded(image.copy(), profile or b"", size=size)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


_DECODERS = {"HEIC": _heic, "JPEG XL": _jxl, "JPEG 2000": _jpeg2000}
