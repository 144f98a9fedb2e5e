"""What a picture says of itself, read before a single pixel is decoded."""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import AvifImagePlugin, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from triptych.shared.errors import MediaError

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
_ORIENTED = frozenset({"JPEG", "MPO", "WEBP", "AVIF"})  # Pillow turns a TIFF as it decodes it
_ORIENTATION = 0x0112  # EXIF 2.32, tag 274
_ORIENTATIONS = range(1, 9)
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_TIFF_TILE = (322, 323)  # width and height of a tile, TIFF 6.0
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_FRAME = 12  # bytes of a chunk around its content: length, type and checksum
# A marker with a length behind it, or the end; not a stuffed byte or a restart marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])", re.DOTALL)
_JPEG_END = b"\xd9"

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
Image.MAX_IMAGE_PIXELS = None  # the limit of the settings is checked instead, and in every case


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before a single pixel is decoded."""

    format: str
    width: int
    height: int
    orientation: int


def read_header(data: bytes) -> Header:
    """Read format, size and orientation. Raises MediaError for what is no picture."""
    if not data:
        raise MediaError("image is empty")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and _SVG.search(start):
        raise MediaError("image is SVG, which is not supported: convert it to PNG")
    try:
        with open_picture(data) as image:
            # A photograph with others behind it (MPO) is a JPEG followed by more.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return Header(kind, *_extent(image), _orientation(image, data))
    except UnidentifiedImageError as error:
        known = ", ".join(_FORMATS)
        raise MediaError(f"image is none of {known}, or its header is damaged") from error
    except Exception as error:  # hostile bytes: Pillow promises no list of what it raises
        raise MediaError(f"image header is damaged: {error}") from error


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
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


def is_truncated(data: bytes, kind: str) -> bool:
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
