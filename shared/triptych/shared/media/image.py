"""Pictures: untrusted bytes to a square uint8 RGB array, whatever the format says it is."""

import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from triptych.shared.errors import MediaError, TooLarge

Pixels = NDArray[np.uint8]

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
_BY_PILLOW = frozenset({"GIF", "TIFF", "AVIF"})
"""OpenCV turns some TIFFs itself, leaves AVIF at 10 bits, and does not know a TIFF's many kinds of
pixels; it is for the formats that are common, where its speed counts."""
_ORIENTED = frozenset({"JPEG", "MPO", "WEBP", "AVIF"})  # Pillow turns a TIFF as it decodes it
_ORIENTATION = 0x0112  # EXIF 2.32, tag 274
_BACKGROUND = 255
_STRIP_PIXELS = 2**20
_LARGE = 2
_ROWS = 64
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_ORIENTATIONS = range(1, 9)
_TIFF_TILE = (322, 323)  # width and height of a tile, TIFF 6.0
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_FRAME = 12  # bytes of a chunk around its content: length, type and checksum
# A marker with a length behind it, or the end; not a stuffed byte or a restart marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])", re.DOTALL)
_JPEG_END = b"\xd9"
_CONVERSIONS: Mapping[int, int] = {
    1: cv2.COLOR_GRAY2RGB,
    3: cv2.COLOR_BGR2RGB,
    4: cv2.COLOR_BGRA2RGBA,
}

cv2.setNumThreads(1)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# What is wrong with a stranger's picture stands in the error, not on standard error as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
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
    return fit_square(orient(_decode(data, header, side), header.orientation), side)


def read_header(data: bytes) -> Header:
    """Read format, size and orientation. Raises MediaError for what is no picture."""
    if not data:
        raise MediaError("image is empty")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and _SVG.search(start):
        raise MediaError("image is SVG, which is not supported: convert it to PNG")
    try:
        with _open(data) as image:
            # A photograph with others behind it (MPO) is a JPEG followed by more.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return Header(kind, *_extent(image), _orientation(image, data))
    except UnidentifiedImageError as error:
        known = ", ".join(_FORMATS)
        raise MediaError(f"image is none of {known}, or its header is damaged") from error
    except Exception as error:  # hostile bytes: Pillow promises no list of what it raises
        raise MediaError(f"image header is damaged: {error}") from error


@contextmanager
def _open(data: bytes) -> Iterator[Image.Image]:
    """Open with Pillow, which reads the header only; its warnings are about unused metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            yield image


def _extent(image: Image.Image) -> tuple[int, int]:
    """Width and height that decoding takes: a TIFF's tile may be larger than its picture."""
    if not isinstance(image, TiffImageFile):
        return image.size
    tile = (int(image.tag_v2.get(tag, 0)) for tag in _TIFF_TILE)
    width, height = (max(sides) for sides in zip(image.size, tile, strict=True))
    return width, height


def _orientation(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG":
        # PngImageFile.getexif would decode the picture, before its size is checked, to reach an
        # eXIf chunk behind the pixels.
        exif = next((body for kind, body in png_chunks(data) if kind == b"eXIf"), b"")
        image.info.setdefault("exif", exif)
    elif image.format not in _ORIENTED:
        return 1
    value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    return value if value in _ORIENTATIONS else 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each whole chunk of a PNG."""
    at = len(_PNG_SIGNATURE)
    while at + _PNG_FRAME <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += _PNG_FRAME + length
        if at <= len(data):
            yield kind, data[at - 4 - length : at - 4]


def _decode(data: bytes, header: Header, side: int) -> Pixels:
    if _is_truncated(data, header.format):
        raise MediaError(f"image is truncated: the {header.format} data ends too early")
    if header.format in _BY_PILLOW:
        return _decode_with_pillow(data, header.format, side)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _decode_flags(header, side))
    except cv2.error as error:
        raise MediaError(f"image can't be decoded: {error.err}") from error
    if pixels is None:
        raise MediaError(f"image can't be decoded: the {header.format} data is damaged")
    return _by_strips(pixels.shape[:2], side, lambda top, end: _to_rgb(pixels[top:end]))


def _by_strips(size: tuple[int, int], side: int, strip: Callable[[int, int], Pixels]) -> Pixels:
    """Convert a picture strip by strip, each scaled down at once if the picture is large.

    Conversion takes several times the memory of what it converts; a strip bounds it. Scaled is by
    a whole factor that leaves twice the side, so at most a rim of less than that factor is lost.
    """
    height, width = size
    factor = min(max(size) // (2 * side), *size)
    if factor < _LARGE:
        return strip(0, height)
    rows = factor * max(1, _STRIP_PIXELS // (width * factor))
    end, columns = height - height % factor, width // factor
    return np.concatenate(
        [
            cv2.resize(
                strip(top, min(top + rows, end))[:, : columns * factor],
                (columns, (min(top + rows, end) - top) // factor),
                interpolation=cv2.INTER_AREA,
            )
            for top in range(0, end, rows)
        ]
    )


def _is_truncated(data: bytes, kind: str) -> bool:
    """Whether the end marker is missing: OpenCV fills the rest of such a picture with grey."""
    if kind == "JPEG":
        return not _jpeg_ends(data)
    if kind == "PNG":
        return all(name != b"IEND" for name, _ in png_chunks(data))
    return False


def _jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG has its own end marker; that of a thumbnail inside a segment is none."""
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        if marker[1] == _JPEG_END:
            return True
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
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
    """What OpenCV decodes, grey, BGR or BGRA of 8 or 16 bits, to RGB of 8 bits."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    if channels not in _CONVERSIONS or pixels.dtype != np.uint8:
        raise MediaError(f"image has {channels} channels of {pixels.dtype}: not supported")
    converted = np.asarray(cv2.cvtColor(pixels, _CONVERSIONS[channels]), np.uint8)
    return _over_white(converted)


def _decode_with_pillow(data: bytes, kind: str, side: int) -> Pixels:
    try:
        with _open(data) as image:
            image.load()
            size = image.height, image.width
            return _by_strips(size, side, _pillow_strips(image))
    except Exception as error:  # as in read_header
        raise MediaError(f"image can't be decoded: the {kind} data is damaged: {error}") from error


def _pillow_strips(image: Image.Image) -> Callable[[int, int], Pixels]:
    """From the first and last row of a strip to its RGB."""

    def raw(top: int, end: int) -> Image.Image:
        return image.crop((0, top, image.width, end))

    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        grey = _grey_levels(lambda top, end: np.asarray(raw(top, end)), image.height)
        return lambda top, end: np.repeat(grey(top, end)[..., np.newaxis], 3, axis=2)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return lambda top, end: _over_white(np.asarray(raw(top, end).convert(mode)))


def _grey_levels(
    raw: Callable[[int, int], NDArray[Any]], height: int
) -> Callable[[int, int], Pixels]:
    """Measurements to 0 to 255; those without a range of their own from least to greatest."""
    if raw(0, 1).dtype == np.uint16:
        return lambda top, end: np.asarray(raw(top, end) >> 8).astype(np.uint8)

    def finite(top: int, end: int) -> NDArray[np.float64]:
        return np.nan_to_num(raw(top, end).astype(np.float64), posinf=0, neginf=0)

    strips = (finite(top, min(top + _ROWS, height)) for top in range(0, height, _ROWS))
    ranges = [(strip.min(), strip.max()) for strip in strips]
    least, greatest = min(low for low, _ in ranges), max(high for _, high in ranges)
    scale = 255 / (greatest - least) if greatest > least else 0
    return lambda top, end: np.asarray((finite(top, end) - least) * scale).round().astype(np.uint8)


def _over_white(pixels: Pixels) -> Pixels:
    """RGBA as it looks on a white page; RGB as it is."""
    if pixels.shape[2] == 3:  # noqa: PLR2004
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint16)
    colour = pixels[:, :, :3] * alpha + _BACKGROUND * (255 - alpha)
    return (colour // 255).astype(np.uint8)


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
