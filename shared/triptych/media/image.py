"""Pictures: untrusted bytes to a uint8 RGB array, whatever the format says it is."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.core.errors import MediaError, TooLarge
from triptych.core.item import Note
from triptych.media.colour import changes, space_of, to_srgb
from triptych.media.foreign import decode_foreign, format_of
from triptych.media.gif import fitting_frames
from triptych.media.header import SIDEWAYS, Header, is_run_length_bmp, open_picture, read_header
from triptych.media.jpeg import END as JPEG_END
from triptych.media.jpeg import Jpeg
from triptych.media.netpbm import widened
from triptych.media.packets import UNKNOWN, Origin, Packets
from triptych.media.png import bare, grey_key, mended
from triptych.media.raw import canon_directories, find_preview, is_raw, is_tiff
from triptych.media.svg import draw_svg, is_svg
from triptych.media.webp import with_right_size

Pixels = NDArray[np.uint8]
Array = NDArray[Any]
Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Room = Callable[[int], AbstractContextManager[Any]]
"""Held while a picture is decoded that takes so many bytes."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a tile, as Pillow has it."""

WHITE: Colour = (255, 255, 255)
_BY_PILLOW = frozenset({"GIF", "TIFF", "BMP", "AVIF"})
"""OpenCV turns some TIFFs itself, knows few of their kinds of pixels, leaves AVIF at 10 bits, and
sees transparency in a BMP that has none. It decodes the common formats."""
_TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_TIFF_SAMPLE_FORMAT, _UNSIGNED = 339, 1
_TIFF_BITS = 258
_DIM = 64
"""The upper byte of a value of 14 bits is below."""
_TILE = 1024
"""Pixels along a tile, roughly."""
_LARGE = 2**24
"""A picture of more pixels is scaled down in two steps."""
MAX_BYTES = 448 * 2**20
"""Of memory that decoding a picture may take."""
_BYTES_OF_PIXEL = {"WEBP": 7, "AVIF": 9}
"""At the peak; of others it is what Pillow holds."""
_LARGE_PNG = 2**27
_REDUCED = (
    cv2.IMREAD_COLOR,
    cv2.IMREAD_REDUCED_COLOR_2,
    cv2.IMREAD_REDUCED_COLOR_4,
    cv2.IMREAD_REDUCED_COLOR_8,
)
_REDUCED_PIXELS = 4
"""Times as many pixels a JPEG may have that is scaled down by 4 or more as it is decoded."""
_LEAST_SHARE = 0.5
"""Of the rows of a picture that is cut; of less, nobody would say that it is the picture."""
_FILL, _CORNER = 128, 8
"""The grey that stands for missing blocks of a JPEG, and the pixels along a block."""
_DEPTHS, _WHOLE = (8, 10, 12, 14, 16), 16
_BLANK, _SHOWS = 8, 64
"""The greatest difference in a picture of one colour; that of one that shows something."""
_MOST_FRAMES, _FRAMES_PIXELS = 64, 2**26
"""Pictures of a film that are looked at, and their pixels."""
_CONVERSIONS: Mapping[int, int] = {
    1: cv2.COLOR_GRAY2RGB,
    3: cv2.COLOR_BGR2RGB,
    4: cv2.COLOR_BGRA2RGB,
}

cv2.setNumThreads(1)
# The exception tells what is wrong with a picture; OpenCV need not print it as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    pixels: Pixels
    """uint8 RGB of shape (height, width, 3)."""
    notes: tuple[Note, ...] = ()
    """What was mended, or is missing."""
    origin: Origin = UNKNOWN
    """Of the file, as ``read_image`` knows it."""


@dataclass(frozen=True)
class _Wanted:
    """What is asked for."""

    side: int
    detail: int
    max_pixels: int
    max_bytes: int
    background: Colour
    room: Room


def decode_image(
    data: bytes,
    *,
    side: int,
    max_pixels: int,
    max_bytes: int = MAX_BYTES,
    background: Colour = WHITE,
) -> Pixels:
    """The pixels of ``read_image``; raises as that."""
    return read_image(
        data, side=side, max_pixels=max_pixels, max_bytes=max_bytes, background=background
    ).pixels


def read_image(
    data: bytes,
    *,
    side: int,
    detail: int | None = None,
    max_pixels: int,
    max_bytes: int = MAX_BYTES,
    background: Colour = WHITE,
    room: Room = nullcontext,
) -> Picture:
    """Decode a picture to uint8 RGB of shape (height, width, 3), both at most ``side``.

    The whole picture is kept: a larger one is scaled down, a smaller one is left as it is. EXIF
    orientation is applied, transparency lies on the ``background``, colours are turned into sRGB
    as the embedded profile says, and a JPEG is decoded at a reduced scale when it is much larger
    than ``detail`` (by default ``side``), to no less than 1.75 times that. Of a film, or of a file
    of several pages, the first picture is decoded; of a film that begins with an empty one, the
    first that is not. A drawing (SVG) has no size of its own: its longer side is ``side``.

    Of a JPEG or PNG that is cut or damaged, the rows that are there are the picture, with a note.
    ``room`` is entered with the bytes that decoding will take, and may wait or refuse.

    Raises:
        MediaError: empty, corrupt, less than half of it there, or a format that is not known.
        TooLarge: more than ``max_pixels`` pixels (four times as many of a JPEG that is decoded at a
            much reduced scale), or more than ``max_bytes`` of memory. Both are known before.
    """
    wanted = _Wanted(side, detail or side, max_pixels, max_bytes, background, room)
    if is_svg(data):
        drawn = _of_file(draw_svg(data, side=side), wanted)
        return replace(drawn, origin=Origin("svg"))
    if (kind := format_of(data)) is not None:
        return _foreign(kind, data, wanted)
    if is_raw(data):
        return _of_raw(data, wanted)
    return _of_file(data, wanted)


def _of_file(data: bytes, wanted: _Wanted) -> Picture:
    if data.startswith(b"RIFF"):
        data = with_right_size(data)
    header = read_header(data)
    _check_size(header, wanted)
    with wanted.room(_memory(header)):
        found = _shown(data, header, wanted)
    pixels = orient(fit_within(found.pixels, wanted.side), header.orientation)
    origin = Origin(header.format.lower(), *header.shown, header.packets)
    return replace(found, pixels=_in_srgb(pixels, header.profile), origin=origin)


def _check_size(header: Header, wanted: _Wanted) -> None:
    """Refuse what has too many pixels, or would take too much memory. Raises TooLarge."""
    most = wanted.max_pixels
    if header.jpeg is not None and _halvings(header, wanted.detail) >= 2:  # noqa: PLR2004
        most *= _REDUCED_PIXELS
    size = f"image has {header.width} × {header.height} pixels"
    if header.width * header.height > most:
        raise TooLarge(f"{size}, the limit is {most}")
    if (need := _memory(header)) > wanted.max_bytes:
        raise TooLarge(
            f"{size}, which take {need >> 20} MiB to decode as {header.format}, "
            f"the limit is {wanted.max_bytes >> 20} MiB"
        )


def _memory(header: Header) -> int:
    """About how many bytes decoding takes at its peak, as measured (docs/pictures.md)."""
    if header.jpeg is not None:
        return 2 * header.jpeg.coefficients if header.jpeg.progressive else 0
    pixels = header.width * header.height
    if header.png is not None:
        return pixels * (4 if _is_large_png(header) else header.bits // 4)
    return pixels * _BYTES_OF_PIXEL.get(header.format, header.bits // 8)


def _is_large_png(header: Header) -> bool:
    """Whether Pillow decodes it: OpenCV holds a PNG twice, and all 16 bits of its values."""
    return header.png is not None and header.width * header.height * header.bits // 4 > _LARGE_PNG


def _foreign(kind: str, data: bytes, wanted: _Wanted) -> Picture:
    """A picture that is decoded in a sandbox."""
    found = decode_foreign(data, kind, side=wanted.side, max_pixels=wanted.max_pixels)
    pixels = found.pixels
    alpha = cv2.extractChannel(pixels, 3) if pixels.shape[2] == 4 else None  # noqa: PLR2004
    pixels = _over(np.ascontiguousarray(pixels[..., :3]), alpha, wanted.background)
    pixels = _in_srgb(fit_within(pixels, wanted.side), found.profile)
    return Picture(pixels, origin=found.origin)


def _of_raw(data: bytes, wanted: _Wanted) -> Picture:
    """What the camera made of a raw file; some have a small picture as TIFFs have it, and no other.

    Raises what is wrong with the raw file, and TooLarge.
    """
    try:
        preview = find_preview(data)
    except MediaError as error:
        try:
            found = _of_file(data, wanted)
        except MediaError:
            raise error from None
        return replace(found, origin=found.origin._replace(format="raw"))
    body = bytes(preview.data)
    found = _of_file(body, wanted)
    origin = found.origin._replace(format="raw")
    if is_tiff(data):  # of which the preview may say less
        origin = origin._replace(packets=Packets(data))
    elif more := canon_directories(data):
        origin = origin._replace(packets=origin.packets._replace(more=more))
    if read_header(body).orientation != 1:
        return replace(found, origin=origin)
    if preview.orientation >= SIDEWAYS:
        origin = origin._replace(width=origin.height, height=origin.width)
    return replace(found, pixels=orient(found.pixels, preview.orientation), origin=origin)


def _shown(data: bytes, header: Header, wanted: _Wanted) -> Picture:
    """The first picture; of a film, the first that shows something."""
    found = _decode(data, header, wanted)
    if header.animated and _contrast(found.pixels) <= _BLANK:
        best = _unveiled(data, header, wanted.side, wanted.background, found.pixels)
        found = replace(found, pixels=best)
    return found


def _decode(data: bytes, header: Header, wanted: _Wanted) -> Picture:
    side, background = wanted.side, wanted.background
    if _is_large_png(header):
        return _decode_large_png(data, header, side, background)
    # Pillow unpacks runs in Python.
    if header.format in _BY_PILLOW and not is_run_length_bmp(data):
        return _decode_with_pillow(data, header.format, side, background)
    if header.jpeg is not None and space_of(header.profile) == "CMYK":
        return Picture(_decode_inks(data, header, side))
    decoded = _decode_with_opencv(data, header, wanted.detail)
    pixels = decoded.pixels
    if header.netpbm is not None:
        pixels = widened(pixels, header.netpbm.white)
    key = grey_key(data) if pixels.ndim == 2 else None  # noqa: PLR2004
    depth, notes = _depth(pixels)
    rgb = _convert(pixels, key, side, background, depth)
    return Picture(rgb, (*decoded.notes, *notes))


def _convert(pixels: Array, key: int | None, side: int, background: Colour, depth: int) -> Pixels:
    height, width = pixels.shape[:2]
    return _by_tiles(
        (width, height),
        side,
        lambda box: _to_rgb(pixels[box[1] : box[3], box[0] : box[2]], key, background, depth),
    )


def _decode_large_png(data: bytes, header: Header, side: int, background: Colour) -> Picture:
    """By Pillow, which keeps the upper byte of values of 16 bits."""
    png = header.png
    assert png is not None  # noqa: S101
    try:
        found = _decode_with_pillow(bare(data), header.format, side, background)
    except MediaError:
        whole, rows = mended(data, png)
        found = _decode_with_pillow(whole, header.format, side, background)
        there = len(found.pixels) * rows // header.height
        pixels, note = _rows_there(found.pixels, there, "PNG")
        found = Picture(np.asarray(pixels, np.uint8), found.notes if note is None else (note,))
    if png.bits == _WHOLE and png.colour and int(found.pixels.max()) < _DIM:
        dark = Note("of its values of 16 bits the upper 8 are shown, in which there is little")
        found = replace(found, notes=(*found.notes, dark))
    return found


def _decode_with_opencv(data: bytes, header: Header, detail: int) -> Picture:
    """Grey, BGR or BGRA of 8 or 16 bits: the rows that are there."""
    flags = _decode_flags(header, detail)
    if header.jpeg is not None:
        pixels, note = _jpeg_pixels(data, header.jpeg, flags)
    else:
        # OpenCV makes room for as much as a chunk claims to have.
        cut = header.png is not None and not header.png.ended
        pixels, note = None if cut else _imdecode(data, flags), None
        if pixels is None and header.png is not None:
            whole, rows = mended(data, header.png)
            pixels = _imdecode(whole, flags)
            if pixels is not None:
                pixels, note = _rows_there(pixels, rows, "PNG")
    if pixels is None:
        raise MediaError(f"image can't be decoded: the {header.format} data is damaged")
    return Picture(pixels, () if note is None else (note,))


def _imdecode(data: bytes, flags: int) -> Array | None:
    try:
        pixels: Array | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise MediaError(f"image can't be decoded: {error.err}") from error
    return pixels


def _jpeg_pixels(data: bytes, found: Jpeg, flags: int) -> tuple[Array | None, Note | None]:
    """The rows of a JPEG that are there; the decoder fills what is missing with grey."""
    body = data[: found.end].rstrip(b"\xff") if found.end is None else data
    pixels = _imdecode(body if found.end is not None else body + JPEG_END, flags)
    if pixels is None:
        return None, None
    if (pixels[-1:, -_CORNER:] == _FILL).all():
        # Is it missing, or grey? What is missing becomes something else if something else follows.
        rest = np.random.default_rng(0).integers(0, _FILL, pixels.size // 8 + 2**12, np.uint8)
        other = _imdecode(data[: found.end].rstrip(b"\xff") + rest.tobytes() + JPEG_END, flags)
        if other is not None and other.shape == pixels.shape:
            differs = (pixels != other).reshape(len(pixels), -1).any(axis=1)
            rows = int(differs.argmax()) if differs.any() else len(pixels)
            return _rows_there(pixels, rows, "JPEG")
    if found.end is None and not found.detailed:
        return pixels, Note("the JPEG is cut off: its finer details are missing", lost=True)
    return pixels, None


def _rows_there(pixels: Array, rows: int, kind: str) -> tuple[Array, Note | None]:
    """The first rows, and a note if they are not all. Raises MediaError for less than half."""
    share = rows / len(pixels)
    if share < _LEAST_SHARE:
        raise MediaError(f"image is cut off: {share:.0%} of the {kind} is there, less than half")
    if rows == len(pixels):
        return pixels, None
    return pixels[:rows], Note(f"the {kind} is cut off: the first {share:.0%} is there", lost=True)


def _decode_inks(data: bytes, header: Header, side: int) -> Pixels:
    """A JPEG of inks, scaled down, as its profile says that they look."""
    try:
        with open_picture(data) as image:
            image.draft("CMYK", (2 * side, 2 * side))
            image.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
            return np.asarray(to_srgb(image, header.profile))
    except Exception as error:  # as in read_header
        raise MediaError(f"image can't be decoded: the JPEG data is damaged: {error}") from error


def _in_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Pixels of the embedded profile, if that is one of colours or of grey, as sRGB."""
    if not changes(profile):
        return pixels
    space = space_of(profile)
    if space == "RGB":
        return np.asarray(to_srgb(Image.fromarray(pixels), profile))
    if space == "L" and (pixels == pixels[..., :1]).all():
        return np.asarray(to_srgb(Image.fromarray(pixels[..., 0]), profile))
    return pixels


def _depth(pixels: Array) -> tuple[int, tuple[Note, ...]]:
    """The bits of a value that are used; cameras and scanners write 10 or 12 in files of 16.

    Values that are those of 8 bits, widened, use all of them.
    """
    if pixels.dtype != np.uint16:
        return 8, ()
    colours = pixels[..., :3] if pixels.ndim == 3 else pixels  # noqa: PLR2004
    if (depth := _used_bits(int(colours.max()))) == _WHOLE:
        return _WHOLE, ()
    low = colours & 0xFF
    if not low.any() or np.array_equal(colours >> 8, low):
        return _WHOLE, ()
    return depth, (Note(f"values of {depth} bits in a file of 16 are shown as such"),)


def _used_bits(greatest: int) -> int:
    return next(depth for depth in _DEPTHS if greatest < 2**depth)


def _contrast(pixels: Pixels) -> int:
    """The greatest difference in a channel."""
    return int((pixels.max(axis=(0, 1)).astype(int) - pixels.min(axis=(0, 1))).max())


def _unveiled(data: bytes, header: Header, side: int, background: Colour, blank: Pixels) -> Pixels:
    """The first picture of a film that shows something; films fade in from one colour."""
    best = blank
    most = max(1, min(_MOST_FRAMES, _FRAMES_PIXELS // (header.width * header.height)))
    if header.format == "GIF":
        most = fitting_frames(data, header.width, header.height, most)
    try:
        with open_picture(data) as film:
            for number in range(1, min(most, getattr(film, "n_frames", 1))):
                film.seek(number)
                film.load()
                pixels = _by_tiles(film.size, side, _pillow_tiles(film, background))
                if _contrast(pixels) > _contrast(best):
                    best = pixels
                if _contrast(best) >= _SHOWS:
                    break
    except Exception:  # noqa: BLE001  # as in read_header; what came before is a picture
        return best
    return best


def _by_tiles(size: tuple[int, int], side: int, convert: Callable[[Box], Pixels]) -> Pixels:
    """Convert a picture tile by tile, each scaled down at once if the picture is large.

    Conversion takes several times the memory of its input; tiles bound it, whatever the shape.
    The scale is a whole factor that leaves twice the side, so only a rim narrower than that
    factor is lost. A picture that is not large keeps every pixel.
    """
    if max(size) <= _TILE:
        return convert((0, 0, *size))
    factor = max(1, max(size) // (2 * side)) if size[0] * size[1] > _LARGE else 1
    across, down = (min(factor, edge) for edge in size)
    columns, rows = size[0] // across, size[1] // down
    wide, high = max(1, _TILE // across), max(1, _TILE // down)
    reduced = np.empty((rows, columns, 3), np.uint8)
    for top, left in product(range(0, rows, high), range(0, columns, wide)):
        part = reduced[top : top + high, left : left + wide]
        height, width = part.shape[:2]
        box = left * across, top * down, (left + width) * across, (top + height) * down
        part[:] = cv2.resize(convert(box), (width, height), interpolation=cv2.INTER_AREA)
    return reduced


def _decode_flags(header: Header, detail: int) -> int:
    if header.format != "JPEG":
        return int(cv2.IMREAD_UNCHANGED)
    return int(_REDUCED[_halvings(header, detail)] | cv2.IMREAD_IGNORE_ORIENTATION)


def _halvings(header: Header, detail: int) -> int:
    """JPEG is scaled as it is decoded (by 2, 4 or 8), to no less than 1.75 times the detail."""
    factor = max(header.width, header.height) / (1.75 * detail)
    return min(len(_REDUCED) - 1, max(0, int(factor).bit_length() - 1))


def _to_rgb(pixels: Array, key: int | None, background: Colour, depth: int) -> Pixels:
    """Convert grey, BGR or BGRA of 8 or 16 bits, as OpenCV decodes, to RGB of 8 bits.

    Of 16 bits, ``depth`` are used for colours.
    """
    alpha: Array | None = None
    if key is not None:
        alpha = np.where(pixels == key, 0, 255).astype(np.uint8)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    if channels not in _CONVERSIONS or pixels.dtype not in (np.uint8, np.uint16):
        raise MediaError(f"image has {channels} channels of {pixels.dtype}: not supported")
    if channels == 4:  # noqa: PLR2004
        alpha = cv2.extractChannel(pixels, 3)
        alpha = np.right_shift(alpha, pixels.itemsize * 8 - 8).astype(np.uint8)
    if pixels.dtype == np.uint16:
        pixels = np.right_shift(pixels, depth - 8).astype(np.uint8)
    return _over(cv2.cvtColor(pixels, _CONVERSIONS[channels]), alpha, background)


def _decode_with_pillow(data: bytes, kind: str, side: int, background: Colour) -> Picture:
    try:
        with open_picture(data) as image:
            image.load()
            if kind == "TIFF" and (deep := _deep_colours(data, image)) is not None:
                depth, notes = _depth(deep)
                return Picture(_convert(deep, None, side, background, depth), notes)
            depth, notes = _pillow_depth(image)
            pixels = _by_tiles(image.size, side, _pillow_tiles(image, background, depth))
            return Picture(pixels, notes)
    except Exception as error:  # as in read_header
        raise MediaError(f"image can't be decoded: the {kind} data is damaged: {error}") from error


def _deep_colours(data: bytes, image: Image.Image) -> Array | None:
    """The colours of a TIFF of 16 bits in whose upper bytes there is next to nothing.

    Pillow keeps the upper bytes alone, and OpenCV knows but the plainest of such files.
    """
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    if image.mode != "RGB" or tuple(tags.get(_TIFF_BITS, ())) != (16, 16, 16):
        return None
    if np.max(image.getextrema()) >= _DIM:
        return None
    pixels = _imdecode(data, int(cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION))
    alike = pixels is not None and pixels.shape == (image.height, image.width, 3)
    return pixels if alike and pixels is not None and pixels.dtype == np.uint16 else None


def _pillow_depth(image: Image.Image) -> tuple[int, tuple[Note, ...]]:
    """As ``_depth``, of grey of 16 bits; a tile at a time."""
    if not image.mode.startswith("I;16"):
        return _WHOLE, ()
    if image.mode == "I;16" and _used_bits(int(np.max(image.getextrema()))) == _WHOLE:
        return _WHOLE, ()  # of the other order of bytes, Pillow knows no extrema
    tiles = [_depth(np.asarray(image.crop(box)).astype(np.uint16)) for box in _tiles(image.size)]
    return max(tiles, key=lambda tile: tile[0])


def _pillow_tiles(
    image: Image.Image, background: Colour, depth: int = _WHOLE
) -> Callable[[Box], Pixels]:
    """A function from a tile of the picture to its RGB."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _measured_tiles(image, depth)
    if image.mode == "RGB" and not image.has_transparency_data:
        return lambda box: np.asarray(image.crop(box))
    if not image.has_transparency_data:
        return lambda box: np.asarray(image.crop(box).convert("RGB"))

    def convert(box: Box) -> Pixels:
        pixels = np.asarray(image.crop(box).convert("RGBA"))
        colours = cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
        return _over(colours, cv2.extractChannel(pixels, 3), background)

    return convert


def _measured_tiles(image: Image.Image, depth: int) -> Callable[[Box], Pixels]:
    """A function from a tile of measurements to grey; Pillow returns them as the file has them."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    negative = tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    unsigned = image.mode == "I" and tags.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED

    def raw(box: Box) -> Array:
        values = np.asarray(image.crop(box))
        return values.view(np.uint32) if unsigned else values

    grey = _grey_levels(raw, image.size, depth)
    return lambda box: np.repeat((~grey(box) if negative else grey(box))[..., np.newaxis], 3, 2)


def _grey_levels(
    raw: Callable[[Box], Array], size: tuple[int, int], depth: int
) -> Callable[[Box], Pixels]:
    """Map measurements to 0 to 255; floats and 32-bit integers from the least to the greatest."""
    if raw((0, 0, 1, 1)).dtype.itemsize == 2:  # noqa: PLR2004  # in either order of bytes
        return lambda box: np.asarray(raw(box) >> (depth - 8)).astype(np.uint8)

    def finite(box: Box) -> NDArray[np.float64]:
        return np.nan_to_num(raw(box).astype(np.float64), posinf=0, neginf=0)

    ranges = [(tile.min(), tile.max()) for tile in map(finite, _tiles(size))]
    least, greatest = min(low for low, _ in ranges), max(high for _, high in ranges)
    scale = 255 / (greatest - least) if greatest > least else 0
    return lambda box: np.asarray((finite(box) - least) * scale).round().astype(np.uint8)


def _tiles(size: tuple[int, int]) -> Iterator[Box]:
    width, height = size
    for x, y in product(range(0, width, _TILE), range(0, height, _TILE)):
        yield x, y, min(x + _TILE, width), min(y + _TILE, height)


def _over(colours: Array, alpha: Array | None, background: Colour) -> Pixels:
    """RGB as it looks on a page of the ``background``; 0 in ``alpha`` is clear, 255 is opaque."""
    if alpha is None or alpha.min() == 255:  # noqa: PLR2004
        return np.asarray(colours, np.uint8)
    opacity = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    shining = np.outer(np.arange(255, -1, -1), background) / 255
    page = cv2.LUT(opacity, shining.round().astype(np.uint8).reshape(1, 256, 3))
    return np.asarray(cv2.add(cv2.multiply(colours, opacity, scale=1 / 255), page), np.uint8)


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation (1 to 8): mirror, then turn."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def fit_within(pixels: Pixels, side: int) -> Pixels:
    """Scale down so that both sides are at most ``side``; a smaller picture is left as it is."""
    scale = side / max(pixels.shape[:2])
    return pixels if scale >= 1 else _scaled(pixels, scale)


def fit_square(pixels: Pixels, side: int, background: Colour = WHITE) -> Pixels:
    """Scale up or down to fit into side × side, centre, and pad with the background."""
    height, width = pixels.shape[:2]
    if height == width == side:
        return pixels
    scaled = _scaled(pixels, side / max(height, width))
    height, width = scaled.shape[:2]
    square = np.full((side, side, 3), background, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = scaled
    return square


def _scaled(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return pixels
    height, width = pixels.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)
