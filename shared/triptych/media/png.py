"""The chunks of a PNG: its pixels are read whatever has become of its other chunks."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from triptych.core.errors import MediaError, TooLarge
from triptych.media.details import decoded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME = 12  # bytes of a chunk around its content: length, type and checksum
_MOST_CHUNKS = 2**17
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
"""Left, top, and the steps across and down of each pass."""
_PIECE = 2**12
"""Bytes that are unpacked at once; so much is lost where they are damaged."""
_ZLIB_HEAD = 2
"""Bytes before what is packed (RFC 1950)."""
_ROWS = 2**20
"""Bytes of rows that are packed again at once."""
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS"})
"""Beside those of the pixels."""
_MOST_PROFILE = 2**22
"""Bytes of an ICC profile; printers' have up to two million."""
XMP = "XML:com.adobe.xmp"
KEYWORDS = frozenset({"Title", "Author", "Description", "Creation Time", XMP})
"""The texts that are read (PNG 1.2, 11.3.4.2)."""
_MOST_TEXT = 2**20
"""Bytes of one; of a longer one that is packed, nothing is read."""


@dataclass(frozen=True)
class Png:
    """What a PNG says of its pixels."""

    width: int
    height: int
    bits: int
    """Of a channel."""
    colour: int
    """Grey 0, RGB 2, a palette 3, grey and RGB with transparency 4 and 6."""
    interlaced: bool
    ended: bool
    """Whether it has its last chunk, and no chunk, nor this one, claims more than there is."""
    exif: bytes
    profile: bytes
    """ICC, or nothing."""
    animated: bool
    texts: Mapping[str, str]
    """By keyword, those of ``KEYWORDS``."""

    @property
    def bits_of_pixel(self) -> int:
        """As they are in a row."""
        return self.bits * _CHANNELS[self.colour]


def read_png(data: bytes) -> Png:
    """Read the chunks.

    Raises:
        MediaError: the first is not what it has to be.
        TooLarge: of more parts than any picture has.
    """
    chunks = list(islice(png_chunks(data), _MOST_CHUNKS + 1))
    if len(chunks) > _MOST_CHUNKS:
        raise TooLarge("image has more parts than a picture has")
    body = next((bytes(body) for kind, body in chunks if kind == b"IHDR"), b"")
    if len(body) != struct.calcsize(">IIBBBBB"):
        raise MediaError("image is truncated: the PNG data has no header")
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
    if not width or not height or colour not in _CHANNELS or bits not in {1, 2, 4, 8, 16}:
        raise MediaError("image header is damaged: no PNG has these pixels")
    found = dict(reversed(chunks))
    claimed = len(SIGNATURE) + sum(_FRAME + len(body) for _, body in chunks)
    return Png(
        width, height, bits, colour,
        interlaced=bool(interlaced),
        ended=b"IEND" in found and claimed <= len(data),
        exif=bytes(found.get(b"eXIf", b"")),
        profile=_profile(bytes(found.get(b"iCCP", b""))),
        animated=b"acTL" in found,
        texts=_texts(chunks),
    )  # fmt: skip


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each chunk up to the end of the picture; the last may be cut."""
    at, view = len(SIGNATURE), memoryview(data)
    while at + _FRAME <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 8
        yield kind, view[at : min(at + length, len(data))]
        if kind == b"IEND":
            return
        at += length + 4


def _profile(body: bytes) -> bytes:
    """What is packed behind the name; nothing where it is damaged, or larger than profiles are."""
    return _inflated(body.partition(b"\0")[2][1:], _MOST_PROFILE)


def _inflated(packed: bytes, most: int) -> bytes:
    """What is packed; nothing where it is damaged, or larger than it may be."""
    try:
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(packed, most)
    except zlib.error:
        return b""
    return body if unpacking.eof else b""


def _texts(chunks: Iterable[tuple[bytes, memoryview]]) -> dict[str, str]:
    """The first text of each keyword that is read, whatever form it has."""
    found: dict[str, str] = {}
    for kind, view in chunks:
        if kind not in {b"tEXt", b"zTXt", b"iTXt"} or len(view) > _MOST_TEXT:
            continue
        keyword, _, body = bytes(view).partition(b"\0")
        name = keyword.decode("latin-1")
        if name in KEYWORDS and name not in found:
            found[name] = _text(kind, body)
    return found


def _text(kind: bytes, body: bytes) -> str:
    if kind == b"tEXt":
        return decoded(body)
    if kind == b"zTXt":
        return decoded(_inflated(body[1:], _MOST_TEXT))
    # Whether it is packed, the method, a language, the keyword in it, and the text.
    *_, text = body[2:].split(b"\0", 2)
    return (_inflated(text, _MOST_TEXT) if body[:1] == b"\1" else text).decode("utf-8", "replace")


def grey_key(data: bytes) -> int | None:
    """The value that a grey PNG declares transparent, widened to 8 or 16 bits.

    OpenCV makes such a value transparent in colour pictures, but not in grey ones.
    """
    bits = 0
    for kind, body in png_chunks(data) if data.startswith(SIGNATURE) else ():
        if kind == b"IHDR" and not bits:  # the first counts, which was read without an error
            bits = body[8]
        elif kind == b"tRNS" and len(body) == 2:  # noqa: PLR2004
            value = int.from_bytes(body)
            return value if bits > 8 else value * 255 // (2**bits - 1)  # noqa: PLR2004
    return None


def bare(data: bytes) -> bytes:
    """The pixels of a PNG, without chunks that do not matter for them, and checksums put right."""
    return _png(chunk for chunk in png_chunks(data) if chunk[0] in {*_NEEDED, b"IDAT"})


class Mended(NamedTuple):
    """A PNG of the pixels alone."""

    data: bytes
    rows: int
    """How many of its rows were there; the others are empty."""


def mended(data: bytes, head: Png) -> Mended:
    """The pixels of a damaged PNG as a whole one: without other chunks, and checksums put right.

    Raises MediaError for an interlaced picture that is not whole: each row needs its last pass.
    """
    passes = _passes(head)
    sizes = [(rows, 1 + (columns * head.bits_of_pixel + 7) // 8) for columns, rows in passes]
    total = sum(rows * size for rows, size in sizes)
    packing, packed, there = zlib.compressobj(1), [], 0
    for piece in _unpacked(data, total):
        there += len(piece)
        packed.append(packing.compress(piece))
    if there < total and head.interlaced:
        raise MediaError("image is cut off: a part of the interlaced PNG is missing")
    empty = (bytes(min(_ROWS, total - start)) for start in range(there, total, _ROWS))
    packed.extend(map(packing.compress, empty))
    pixels = b"".join([*packed, packing.flush()])
    kept = (chunk for chunk in png_chunks(data) if chunk[0] in _NEEDED)
    whole = _png([*kept, (b"IDAT", memoryview(pixels))])
    return Mended(whole, head.height if there == total else there // sizes[0][1])


def _passes(head: Png) -> list[tuple[int, int]]:
    """Columns and rows of each pass that has pixels."""
    if not head.interlaced:
        return [(head.width, head.height)]
    sizes = (
        (-(-(head.width - left) // across), -(-(head.height - top) // down))
        for left, top, across, down in _ADAM7
    )
    return [(columns, rows) for columns, rows in sizes if columns > 0 and rows > 0]


def _unpacked(data: bytes, most: int) -> Iterator[bytes]:
    """The rows as far as they can be unpacked, a piece at a time, whatever their checksum is."""
    unpacking, head = zlib.decompressobj(-zlib.MAX_WBITS), _ZLIB_HEAD
    for kind, body in png_chunks(data):
        if kind != b"IDAT":
            continue
        skipped = min(head, len(body))
        head -= skipped
        for start in range(skipped, len(body), _PIECE):
            piece = bytes(body[start : start + _PIECE])
            while piece and most > 0:
                try:
                    rows = unpacking.decompress(piece, min(most, _ROWS))
                except zlib.error:
                    return
                most -= len(rows)
                yield rows
                piece = unpacking.unconsumed_tail
            if most <= 0 or unpacking.eof:
                return


def _png(chunks: Iterable[tuple[bytes, memoryview]]) -> bytes:
    parts: list[bytes | memoryview] = [SIGNATURE]
    for kind, body in (*chunks, (b"IEND", memoryview(b""))):
        checksum = zlib.crc32(body, zlib.crc32(kind))
        parts += [struct.pack(">I4s", len(body), kind), body, struct.pack(">I", checksum)]
    return b"".join(parts)
