"""Picture files: many written byte by byte, as no library at hand writes them, but others do."""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import pillow_heif
import pylibjxl
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
_TIFF_TYPES = {3: "H", 4: "I"}


def distance(decoded: Pixels, expected: Pixels) -> float:
    """Mean absolute difference, 0 to 255."""
    assert decoded.shape == expected.shape
    return float(np.abs(decoded.astype(int) - expected.astype(int)).mean())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def empty_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds hardly a pixel."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return png((b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))


def png_of_row(bits: int, colour: int, row: bytes, width: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of one row of packed samples, with chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    return png((b"IHDR", head), *more, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))


def interlaced_png(pixels: Pixels) -> bytes:
    """RGB in the seven passes of Adam7 (PNG, section 8)."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes()
        for left, top, across, down in passes
        for row in pixels[top::down, left::across]
    )
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    return png((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def bmp(
    bits: int, size: tuple[int, int], rows: bytes, *, compression: int = 0,
    masks: Sequence[int] = (), palette: bytes = b"", header: int = 40,
) -> bytes:  # fmt: skip
    """A BMP of Windows; a negative height is top-down, masks belong to compression 3."""
    extra = struct.pack(f"<{len(masks)}I", *masks)
    info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, len(rows), 0, 0,
                       len(palette) // 4, 0)  # fmt: skip
    info = (info + extra).ljust(header, b"\0") + palette
    return (
        b"BM" + struct.pack("<IHHI", 14 + len(info) + len(rows), 0, 0, 14 + len(info)) + info + rows
    )


def os2_bmp(pixels: Pixels) -> bytes:
    """RGB as OS/2 wrote it, with a header of 12 bytes; the width is a multiple of 4."""
    height, width = pixels.shape[:2]
    rows = pixels[::-1, :, ::-1].tobytes()
    info = struct.pack("<IHHHH", 12, width, height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + info + rows


def tiff(
    size: tuple[int, int], samples: bytes, tags: Mapping[int, Sequence[int]], order: str = "<"
) -> bytes:
    """A TIFF of one strip, or of what the tags say; ``order`` is < or >."""
    width, height = size
    strip = {} if 324 in tags else {273: [8], 278: [height], 279: [len(samples)]}
    entries = {256: [width], 257: [height], 259: [1], 277: [1], **strip, **tags}
    samples += b"\0" * (len(samples) % 2)
    offset = 8 + len(samples) + 2 + 12 * len(entries) + 4
    directory = behind = b""
    for tag, values in sorted(entries.items()):
        kind = 4 if max(values) > 65_535 or tag in {273, 279, 324, 325} else 3
        body = struct.pack(f"{order}{len(values)}{_TIFF_TYPES[kind]}", *values)
        if len(body) > 4:
            where, behind = struct.pack(f"{order}I", offset + len(behind)), behind + body
        else:
            where = body.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + where
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(samples))
    count = struct.pack(f"{order}H", len(entries))
    return head + samples + count + directory + bytes(4) + behind


def gif(size: tuple[int, int], frame: tuple[int, int, int, int], *, clear: int | None) -> bytes:
    """A GIF with one frame (left, top, width, height) of red on a canvas of blue.

    The palette is blue, red; ``clear`` is the index that is transparent. Codes are of 3 bits, and
    a code to clear the table comes before each pixel, so it needs no LZW.
    """
    codes = [code for _ in range(frame[2] * frame[3]) for code in (4, 1)] + [5]
    bits = sum(code << 3 * index for index, code in enumerate(codes))
    packed = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(
        bytes([len(packed[i : i + 255])]) + packed[i : i + 255] for i in range(0, len(packed), 255)
    )
    control = b"" if clear is None else b"\x21\xf9\x04\x01\0\0" + bytes([clear, 0])
    return (
        b"GIF89a" + struct.pack("<HHBBB", *size, 0xF0, 0, 0) + bytes([0, 0, 255, 255, 0, 0])
        + control + b"\x2c" + struct.pack("<HHHHB", *frame, 0) + b"\x02" + blocks + b"\0\x3b"
    )  # fmt: skip


def declared_ycck(cmyk: bytes) -> bytes:
    """A JPEG of four channels, of which three are declared YCbCr, as Photoshop writes it."""
    at = cmyk.index(b"Adobe") + 11
    return cmyk[:at] + b"\2" + cmyk[at + 1 :]


def without_adobe(jpeg: bytes) -> bytes:
    """A JPEG without the segment in which Adobe says how its channels are meant."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4]) :]


def swapped_profile() -> bytes:
    """An ICC profile in which red, green and blue have changed places: what is red looks green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(profile[at : at + 4])
        new = {b"rXYZ": b"gXYZ", b"gXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(name, name)
        profile[at : at + 4] = new
    return bytes(profile)


def foreign(image: Image.Image, kind: str, **options: object) -> bytes:
    """The picture in one of these formats."""
    if kind == "JPEG XL":
        return pylibjxl.encode(np.asarray(image), lossless=True, **options)
    file = io.BytesIO()
    if kind == "HEIC":
        heif = pillow_heif.from_pillow(image)
        heif.save(file, quality=95, chroma=444, **options)
    else:
        image.save(file, "JPEG2000", **options)
    return file.getvalue()


def jpeg(image: Image.Image, **options: object) -> bytes:
    """A preview."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def dng(preview: bytes, orientation: int = 1, order: str = "<") -> bytes:
    """A raw file: values of a sensor, its preview behind them, and a smaller one before."""
    small = jpeg(Image.new("RGB", (16, 12)))
    values = small + np.arange(64, dtype=f"{order}u2").tobytes() + preview
    tags = {258: [16], 262: [32803], 274: [orientation], 50706: [1]}
    return tiff((8, 8), values, tags, order)
