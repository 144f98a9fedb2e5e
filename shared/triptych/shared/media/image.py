"""Pictures: untrusted bytes to a square uint8 RGB array, whatever the format says it is."""

import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from triptych.shared.errors import MediaError, TooLarge

Pixels = NDArray[np.uint8]

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
_ORIENTATION = 0x0112  # EXIF 2.32, tag 274
_BACKGROUND = 255
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_ORIENTATIONS = range(1, 9)
_GREY, _COLOUR, _COLOUR_ALPHA = 1, 3, 4  # channels

cv2.setNumThreads(1)
Image.MAX_IMAGE_PIXELS = None  # the limit of the settings is checked instead, and in every case


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before a single pixel is decoded."""

    format: str
    width: int
    height: int
    orientation: int


def decode_image(data: bytes, *, side: int, max_pixels: int) -> Pixels:
    """Decode a picture to uint8 RGB of shape (side, side, 3).

    The whole picture is kept: it is scaled to fit, centred, and padded with white. EXIF
    orientation is applied, transparency lies on white, and a JPEG is decoded at a reduced
    scale when it is much larger than ``side``.

    Raises:
        MediaError: empty, truncated, corrupt, or a format that is not known.
        TooLarge: more than ``max_pixels`` pixels, checked before decoding.
    """
    header = read_header(data)
    if header.width * header.height > max_pixels:
        raise TooLarge(
            f"image has {header.width} × {header.height} pixels, the limit is {max_pixels}"
        )
    return fit_square(orient(_to_rgb(_decode(data, header, side)), header.orientation), side)


def read_header(data: bytes) -> Header:
    """Read format, size and orientation. Raises MediaError for what is no picture."""
    if not data:
        raise MediaError("image is empty")
    if data.lstrip()[:1] == b"<" and _SVG.search(data[:4096]):
        raise MediaError("image is SVG, which is not supported: convert it to PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about metadata that is not used
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                exif = image.getexif() if image.format in {"JPEG", "TIFF", "WEBP", "PNG"} else {}
                orientation = exif.get(_ORIENTATION, 1)
                return Header(str(image.format), *image.size, _checked_orientation(orientation))
    except UnidentifiedImageError as error:
        known = ", ".join(_FORMATS)
        raise MediaError(f"image is none of {known}, or its header is damaged") from error
    except (OSError, ValueError, SyntaxError, struct.error, EOFError, KeyError) as error:
        raise MediaError(f"image header is damaged: {error}") from error


def _checked_orientation(value: Any) -> int:
    return value if value in _ORIENTATIONS else 1


def _decode(data: bytes, header: Header, side: int) -> NDArray[Any]:
    if _is_truncated(data, header.format):
        raise MediaError(f"image is truncated: the {header.format} data ends too early")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _decode_flags(header, side))
    except cv2.error as error:
        raise MediaError(f"image can't be decoded: {error.err}") from error
    if pixels is None:
        raise MediaError(f"image can't be decoded: the {header.format} data is damaged")
    decoded: NDArray[Any] = pixels
    return decoded


def _is_truncated(data: bytes, kind: str) -> bool:
    """Whether the end marker is missing: OpenCV fills the rest of such a picture with grey."""
    if kind == "JPEG":
        return data.rfind(b"\xff\xd9") < 0
    if kind == "PNG":
        return data.rfind(b"IEND") < 0
    return False


def _decode_flags(header: Header, side: int) -> int:
    """JPEG scales while it decodes (factors 2, 4, 8); keep twice the side for a good resize."""
    if header.format != "JPEG":
        return int(cv2.IMREAD_UNCHANGED)
    factor = min(header.width, header.height) // (2 * side)
    ignore = cv2.IMREAD_IGNORE_ORIENTATION
    for limit, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if factor >= limit:
            return int(flag | ignore)
    return int(cv2.IMREAD_COLOR | ignore)


def _to_rgb(pixels: NDArray[Any]) -> Pixels:
    """Grey, BGR or BGRA of 8 or 16 bits to RGB of 8 bits, transparency over white."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = np.clip(np.nan_to_num(pixels) * 255, 0, 255).astype(np.uint8)
    channels = _GREY if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    if channels == _GREY:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    if channels == _COLOUR_ALPHA:
        alpha = pixels[:, :, 3:].astype(np.uint16)
        colour = pixels[:, :, 2::-1] * alpha + _BACKGROUND * (255 - alpha)
        return (colour // 255).astype(np.uint8)
    if channels == _COLOUR:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    raise MediaError(f"image has {channels} channels, which is not supported")


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation (1 to 8): mirror, then turn."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def fit_square(pixels: Pixels, side: int) -> Pixels:
    """Scale to fit into side × side, centre, and pad with white."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(pixels, size, interpolation=method)
    square = np.full((side, side, 3), _BACKGROUND, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = scaled
    return square
