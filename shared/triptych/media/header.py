"""The header of a picture, read before a single pixel is decoded."""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from PIL import AvifImagePlugin, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from triptych.core.errors import MediaError, TooLarge

# A build of Pillow may come without AVIF.
_FORMATS = tuple(
    kind
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
    if kind != "AVIF" or AvifImagePlugin.SUPPORTED
)
_ORIENTED = frozenset({"JPEG", "MPO", "WEBP", "AVIF"})  # Pillow turns a TIFF as it decodes it
_ORIENTATION = 0x0112  # EXIF 2.32, tag 274
_ORIENTATIONS = range(1, 9)
_TIFF_TILE = (322, 323)  # width and height of a tile, TIFF 6.0
_TIFF_PARTS = (273, 324)  # offsets of strips and of tiles
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_OLD = 12  # bytes of the header of OS/2
_BMP_RUN_LENGTHS = (1, 2)  # RLE8 and RLE4
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_FRAME = 12  # bytes of a chunk around its content: length, type and checksum
# A marker with a length behind it, or the end; not a stuffed byte or a restart marker.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])", re.DOTALL)
_JPEG_SIGNATURE, _JPEG_END, _JPEG_SCAN = b"\xff\xd8\xff", b"\xd9", b"\xda"
_MOST_SCANS = 500
"""Of a JPEG. Programs write about ten; each takes few bytes, but a pass over all pixels."""
_MOST_PARTS = 2**17
"""Chunks of a PNG, segments of a JPEG, strips of a TIFF: Pillow makes Python objects of each."""

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
Image.MAX_IMAGE_PIXELS = None  # the limit of the settings is always checked instead


@dataclass(frozen=True)
class Header:
    """Format, size and orientation of a picture, before a single pixel is decoded."""

    format: str
    width: int
    height: int
    orientation: int


def read_header(data: bytes) -> Header:
    """Read format, size and orientation.

    Raises:
        MediaError: no picture.
        TooLarge: of more parts than any picture has.
    """
    if not data:
        raise MediaError("image is empty")
    _check_parts(data)
    try:
        with open_picture(data) as image:
            # A photograph followed by others (MPO) is a JPEG followed by more.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return Header(kind, *_extent(image), _orientation(image, data))
    except UnidentifiedImageError as error:
        if data.startswith(_TIFF_SIGNATURES):
            raise MediaError("image is a TIFF with a kind of pixels that is not known") from error
        known = ", ".join((*_FORMATS, "SVG"))
        raise MediaError(f"image is none of {known}, or its header is damaged") from error
    except Exception as error:  # hostile bytes: Pillow promises no list of what it raises
        raise MediaError(f"image header is damaged: {error}") from error


def _check_parts(data: bytes) -> None:
    """Refuse what is cheap to send and expensive to read."""
    if data.startswith(_PNG_SIGNATURE):
        parts = sum(1 for _ in islice(png_chunks(data), _MOST_PARTS + 1))
        scans = 0
    elif data.startswith(_JPEG_SIGNATURE):
        markers = list(islice(_jpeg_markers(data), _MOST_PARTS + 1))
        parts, scans = len(markers), markers.count(_JPEG_SCAN)
    else:
        parts, scans = _tiff_parts(data), 0
    if parts > _MOST_PARTS or scans > _MOST_SCANS:
        raise TooLarge("image has more parts than a picture has")


def _tiff_parts(data: bytes) -> int:
    """How many strips or tiles a TIFF's first picture claims to have; 0 for what is no TIFF."""
    if not data.startswith(_TIFF_SIGNATURES):
        return 0
    order = "<" if data.startswith(b"II") else ">"
    is_big = 43 in data[2:4]  # noqa: PLR2004
    offset, count, entry = ("Q", "Q", "HHQ8x") if is_big else ("L", "H", "HHL4x")
    try:
        (start,) = struct.unpack_from(order + offset, data, 8 if is_big else 4)
        (entries,) = struct.unpack_from(order + count, data, start)
        start += struct.calcsize(order + count)
        size = struct.calcsize(order + entry)
        # Pillow reads as much as there is of a table that ends too early.
        table = data[start : start + min(entries, (len(data) - start) // size) * size]
        fields: Iterator[tuple[int, int, int]] = struct.iter_unpack(order + entry, table)
        return max(parts for tag, _, parts in fields if tag in _TIFF_PARTS)
    except (struct.error, ValueError, OverflowError):  # damaged: Pillow raises an error
        return 0


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
    """Open with Pillow, which reads the header only; its warnings are about unused metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            yield image


def _extent(image: Image.Image) -> tuple[int, int]:
    """The width and height to decode: a TIFF's tile may be larger than its picture."""
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
        image.info.setdefault("exif", bytes(exif))
    elif image.format not in _ORIENTED:
        return 1
    value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    return value if value in _ORIENTATIONS else 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each whole chunk of a PNG."""
    at, view = len(_PNG_SIGNATURE), memoryview(data)
    while at + _PNG_FRAME <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += _PNG_FRAME + length
        if at <= len(data):
            yield kind, view[at - 4 - length : at - 4]


def grey_key(data: bytes) -> int | None:
    """The value that a grey PNG declares transparent, widened to 8 or 16 bits.

    OpenCV makes such a value transparent in colour pictures, but not in grey ones.
    """
    for kind, body in png_chunks(data) if data.startswith(_PNG_SIGNATURE) else ():
        if kind == b"IHDR":
            bits = body[8]
        elif kind == b"tRNS" and len(body) == 2:  # noqa: PLR2004
            value = int.from_bytes(body)
            return value if bits > 8 else value * 255 // (2**bits - 1)  # noqa: PLR2004
    return None


def is_run_length_bmp(data: bytes) -> bool:
    """Whether a BMP is compressed; the short header of OS/2 has no field for that."""
    header, compression = (int.from_bytes(data[at : at + 4], "little") for at in (14, 30))
    return data.startswith(b"BM") and header > _BMP_OLD and compression in _BMP_RUN_LENGTHS


def is_truncated(data: bytes, kind: str) -> bool:
    """Whether the end marker is missing: OpenCV fills the rest of such a picture with grey."""
    if kind == "JPEG":
        return not _jpeg_ends(data)
    if kind == "PNG":
        return all(name != b"IEND" for name, _ in png_chunks(data))
    return False


def _jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG has its own end marker; one of a thumbnail in a segment does not count."""
    return _JPEG_END in _jpeg_markers(data)


def _jpeg_markers(data: bytes) -> Iterator[bytes]:
    """The second byte of each marker up to the end of the picture, segments left out."""
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        yield marker[1]
        if marker[1] == _JPEG_END:
            return
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
