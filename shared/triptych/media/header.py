"""The header of a picture, read before a single pixel is decoded."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import AvifImagePlugin, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from triptych.core.errors import MediaError, TooLarge
from triptych.media.jpeg import SIGNATURE as JPEG_SIGNATURE
from triptych.media.jpeg import Jpeg, read_jpeg
from triptych.media.kinds import kind_of
from triptych.media.netpbm import Netpbm, read_netpbm
from triptych.media.packets import NO_PACKETS, Packets
from triptych.media.png import SIGNATURE as PNG_SIGNATURE
from triptych.media.png import XMP as PNG_XMP
from triptych.media.png import Png, read_png

# A build of Pillow may come without AVIF.
_FORMATS = tuple(
    kind
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
    if kind != "AVIF" or AvifImagePlugin.SUPPORTED
)
_ORIENTED = frozenset({"WEBP", "AVIF"})  # Pillow turns a TIFF as it decodes it
_ANIMATED = frozenset({"GIF", "WEBP", "AVIF"})  # of a TIFF, Pillow would read every page
_ORIENTATION = 0x0112  # EXIF 2.32, tag 274
_ORIENTATIONS = range(1, 9)
SIDEWAYS = 5
"""Orientations from here on exchange width and height."""
_TIFF_TILE = (322, 323)  # width and height of a tile, TIFF 6.0
_TIFF_PARTS = (273, 324)  # offsets of strips and of tiles
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_OLD = 12  # bytes of the header of OS/2
_BMP_RUN_LENGTHS = (1, 2)  # RLE8 and RLE4
_MOST_PARTS = 2**17
"""Strips of a TIFF: Pillow makes Python objects of each."""

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
Image.MAX_IMAGE_PIXELS = None  # the limit of the settings is always checked instead


@dataclass(frozen=True)
class Header:
    """What is known of a picture before a single pixel is decoded."""

    format: str
    width: int
    height: int
    orientation: int
    profile: bytes = b""
    """Its ICC profile, if it has one."""
    bits: int = 24
    """Of a pixel, as decoders hold it."""
    animated: bool = False
    jpeg: Jpeg | None = None
    png: Png | None = None
    netpbm: Netpbm | None = None
    shown: tuple[int, int] = (0, 0)
    """Width and height of the whole picture, upright."""
    packets: Packets = NO_PACKETS
    """Its metadata, which nobody has looked into."""


def read_header(data: bytes) -> Header:
    """Read format, size, orientation and profile; other metadata are given as they lie there.

    Raises:
        MediaError: no picture.
        TooLarge: of more parts than any picture has.
    """
    if not data:
        raise MediaError("image is empty")
    if data.startswith(JPEG_SIGNATURE):
        return _of_jpeg(read_jpeg(data))
    if data.startswith(PNG_SIGNATURE):
        return _of_png(read_png(data))
    if (plain := read_netpbm(data)) is not None:
        size = (plain.width, plain.height)
        return Header("Netpbm", *size, 1, bits=plain.bits, shown=size, netpbm=plain)
    if _tiff_parts(data) > _MOST_PARTS:
        raise TooLarge("image has more parts than a picture has")
    try:
        with open_picture(data) as image:
            profile = image.info.get("icc_profile") or b""
            turn = _turn(image.getexif) if image.format in _ORIENTED else 1
            return Header(
                str(image.format),
                *_extent(image),
                turn,
                profile if isinstance(profile, bytes) else b"",
                bits=_bits(image),
                animated=image.format in _ANIMATED and getattr(image, "is_animated", False),
                shown=_upright(image.size, turn),
                packets=_packets(image, data),
            )
    except UnidentifiedImageError as error:
        if data.startswith(_TIFF_SIGNATURES):
            raise MediaError("image is a TIFF with a kind of pixels that is not known") from error
        known = ", ".join((*_FORMATS, "Netpbm", "SVG"))
        if kind := kind_of(data):
            raise MediaError(f"is {kind}, not an image that is known ({known})") from error
        raise MediaError(f"image is none of {known}, or its header is damaged") from error
    except Exception as error:  # hostile bytes: Pillow promises no list of what it raises
        raise MediaError(f"image header is damaged: {error}") from error


def _of_jpeg(found: Jpeg) -> Header:
    turn = _exif_turn(found.exif)
    return Header(
        "JPEG", found.width, found.height, turn, found.profile,
        shown=_upright((found.width, found.height), turn),
        jpeg=found, packets=Packets(found.exif, found.xmp, found.photoshop),
    )  # fmt: skip


def _of_png(found: Png) -> Header:
    # OpenCV widens what is less than a byte, and grey with transparency to colours.
    channels = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}[found.colour]
    turn = _exif_turn(found.exif)
    return Header(
        "PNG", found.width, found.height, turn, found.profile,
        shown=_upright((found.width, found.height), turn),
        bits=max(8, found.bits) * channels, animated=found.animated, png=found,
        packets=Packets(found.exif, found.texts.get(PNG_XMP, "").encode(), texts=found.texts),
    )  # fmt: skip


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return size[::-1] if orientation >= SIDEWAYS else size


def _packets(image: Image.Image, data: bytes) -> Packets:
    """What Pillow knows of the metadata; a TIFF is EXIF itself."""
    if image.format == "TIFF":
        return Packets(data)
    exif, xmp = (image.info.get(name) for name in ("exif", "xmp"))
    return Packets(exif if isinstance(exif, bytes) else b"", xmp if isinstance(xmp, bytes) else b"")


def _bits(image: Image.Image) -> int:
    """Of a pixel, as Pillow or OpenCV holds it."""
    if image.mode in {"1", "L", "P"}:
        return 8
    return 16 if image.mode.startswith("I;16") else 32


def _exif_turn(exif: bytes) -> int:
    def read() -> Image.Exif:
        found = Image.Exif()
        found.load(exif)
        return found

    return _turn(read) if exif else 1


def _turn(read: Any) -> int:
    """The orientation that EXIF says; upright where it can't be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = read().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # junk in the place of metadata does not decide about pixels
        return 1
    return value if value in _ORIENTATIONS else 1


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


def is_run_length_bmp(data: bytes) -> bool:
    """Whether a BMP is compressed; the short header of OS/2 has no field for that."""
    header, compression = (int.from_bytes(data[at : at + 4], "little") for at in (14, 30))
    return data.startswith(b"BM") and header > _BMP_OLD and compression in _BMP_RUN_LENGTHS
