"""Pictures whose decoders are large: HEIC of phones, JPEG XL of browsers, JPEG 2000 of scanners.

Such a decoder is a hundred thousand lines of C++, and reads the bytes of strangers. So it runs in a
sandbox (docs/decisions/0018-picture-formats.md).
"""

import importlib.util
import json
import re
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import MediaError, TooLarge
from triptych.media.foreign_decoders import EXIF, HEAD, PIXELS, PROFILE, SIZE, TOO_LARGE, XMP
from triptych.media.kinds import is_heic
from triptych.media.packets import Origin, Packets
from triptych.media.sandbox import Sandbox

EXTRA = "formats"
_LIBRARIES = {"HEIC": "pi_heif", "JPEG XL": "pylibjxl", "JPEG 2000": "PIL"}
FORMATS = tuple(_LIBRARIES)
_NAMES = {"HEIC": "heic", "JPEG XL": "jxl", "JPEG 2000": "jp2"}
"""As the field `format` has them."""
_JXL = re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")
_JPEG_2000 = re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n")


class Foreign(NamedTuple):
    """A picture as it comes back."""

    pixels: NDArray[np.uint8]
    """RGB or RGBA, (height, width, 3 or 4); much larger than the side it is scaled down."""
    profile: bytes
    """ICC, or nothing."""
    origin: Origin


def format_of(data: bytes) -> str | None:
    """The format of these bytes, if it is one of these."""
    if _JXL.match(data):
        return "JPEG XL"
    if _JPEG_2000.match(data):
        return "JPEG 2000"
    return "HEIC" if is_heic(data) else None


def decode_foreign(data: bytes, kind: str, *, side: int, max_pixels: int) -> Foreign:
    """Decode a picture of one of these formats: upright, with its own colours.

    Raises:
        MediaError: damaged, or its library is not installed; or the decoder broke over it.
        TooLarge: more than ``max_pixels`` pixels, or it takes too much time or memory.
    """
    library = _LIBRARIES[kind]
    if importlib.util.find_spec(library) is None:
        raise MediaError(f"image is {kind}: the extra reads it: pip install 'triptych[{EXTRA}]'")
    arguments = {"format": kind, "side": side, "max_pixels": max_pixels}
    try:
        messages = dict(_sandbox()(arguments, data))
    except MediaError as error:
        raise MediaError(f"image can't be decoded: the {kind} data is damaged: {error}") from error
    if reason := messages.get(TOO_LARGE):
        raise TooLarge(f"image has {bytes(reason).decode()} pixels, the limit is {max_pixels}")
    pixels = np.frombuffer(messages[PIXELS], np.uint8).reshape(json.loads(messages[HEAD]))
    packets = Packets(bytes(messages[EXIF]), bytes(messages[XMP]))
    width, height = json.loads(messages[SIZE])
    origin = Origin(_NAMES[kind], width, height, packets)
    return Foreign(pixels, bytes(messages[PROFILE]), origin)


@cache
def _sandbox() -> Sandbox:
    return Sandbox("triptych.media.foreign_decoders")
