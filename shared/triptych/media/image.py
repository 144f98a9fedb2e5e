"""Pictures: untrusted bytes to a uint8 RGB array, whatever the format says it is."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.core.errors import MediaError, TooLarge
from triptych.media.header import (
    Header,
    grey_key,
    is_run_length_bmp,
    is_truncated,
    open_picture,
    read_header,
)
from triptych.media.svg import draw_svg, is_svg

Pixels = NDArray[np.uint8]
Array = NDArray[Any]
Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a tile, as Pillow has it."""

WHITE: Colour = (255, 255, 255)
_BY_PILLOW = frozenset({"GIF", "TIFF", "BMP", "AVIF"})
"""OpenCV turns some TIFFs itself, knows few of their kinds of pixels, leaves AVIF at 10 bits, and
sees transparency in a BMP that has none. It decodes the common formats."""
_TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_TIFF_SAMPLE_FORMAT, _UNSIGNED = 339, 1
_TILE = 1024
"""Pixels along a tile, roughly."""
_LARGE = 2**24
"""A picture of more pixels is scaled down in two steps."""
_CONVERSIONS: Mapping[int, int] = {
    1: cv2.COLOR_GRAY2RGB,
    3: cv2.COLOR_BGR2RGB,
    4: cv2.COLOR_BGRA2RGB,
}

cv2.setNumThreads(1)
# The exception tells what is wrong with a picture; OpenCV need not print it as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode_image(data: bytes, *, side: int, max_pixels: int, background: Colour = WHITE) -> Pixels:
    """Decode a picture to uint8 RGB of shape (height, width, 3), both at most ``side``.

    The whole picture is kept: a larger one is scaled down, a smaller one is left as it is. EXIF
    orientation is applied, transparency lies on the ``background``, and a JPEG is decoded at a
    reduced scale when it is much larger than ``side``. Of a film, or of a file
    of several pages, the first picture is decoded. A drawing (SVG) has no size of its own: its
    longer side is ``side``. Colours are read as sRGB, whatever profile is embedded.

    Raises:
        MediaError: empty, truncated, corrupt, or a format that is not known.
        TooLarge: more than ``max_pixels`` pixels, checked before decoding.
    """
    if is_svg(data):
        data = draw_svg(data, side=side)
    header = read_header(data)
    if header.width * header.height > max_pixels:
        raise TooLarge(
            f"image has {header.width} × {header.height} pixels, the limit is {max_pixels}"
        )
    decoded = _decode(data, header, side, background)
    return fit_within(orient(decoded, header.orientation), side)


def _decode(data: bytes, header: Header, side: int, background: Colour) -> Pixels:
    if is_truncated(data, header.format):
        raise MediaError(f"image is truncated: the {header.format} data ends too early")
    # Pillow unpacks runs in Python.
    if header.format in _BY_PILLOW and not is_run_length_bmp(data):
        return _decode_with_pillow(data, header.format, side, background)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _decode_flags(header, side))
    except cv2.error as error:
        raise MediaError(f"image can't be decoded: {error.err}") from error
    if pixels is None:
        raise MediaError(f"image can't be decoded: the {header.format} data is damaged")
    key = grey_key(data) if pixels.ndim == 2 else None  # noqa: PLR2004
    height, width = pixels.shape[:2]
    return _by_tiles(
        (width, height),
        side,
        lambda box: _to_rgb(pixels[box[1] : box[3], box[0] : box[2]], key, background),
    )


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


def _decode_flags(header: Header, side: int) -> int:
    """JPEG is scaled as it is decoded (by 2, 4 or 8), to no less than 1.75 times the side."""
    if header.format != "JPEG":
        return int(cv2.IMREAD_UNCHANGED)
    factor = max(header.width, header.height) / (1.75 * side)
    ignore = cv2.IMREAD_IGNORE_ORIENTATION
    for limit, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if factor >= limit:
            return int(flag | ignore)
    return int(cv2.IMREAD_COLOR | ignore)


def _to_rgb(pixels: Array, key: int | None, background: Colour) -> Pixels:
    """Convert grey, BGR or BGRA of 8 or 16 bits, as OpenCV decodes, to RGB of 8 bits."""
    alpha: Array | None = None
    if key is not None:
        alpha = np.where(pixels == key, 0, 255).astype(np.uint8)
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    if channels not in _CONVERSIONS or pixels.dtype != np.uint8:
        raise MediaError(f"image has {channels} channels of {pixels.dtype}: not supported")
    if channels == 4:  # noqa: PLR2004
        alpha = cv2.extractChannel(pixels, 3)
    return _over(cv2.cvtColor(pixels, _CONVERSIONS[channels]), alpha, background)


def _decode_with_pillow(data: bytes, kind: str, side: int, background: Colour) -> Pixels:
    try:
        with open_picture(data) as image:
            image.load()
            return _by_tiles(image.size, side, _pillow_tiles(image, background))
    except Exception as error:  # as in read_header
        raise MediaError(f"image can't be decoded: the {kind} data is damaged: {error}") from error


def _pillow_tiles(image: Image.Image, background: Colour) -> Callable[[Box], Pixels]:
    """A function from a tile of the picture to its RGB."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _measured_tiles(image)
    if not image.has_transparency_data:
        return lambda box: np.asarray(image.crop(box).convert("RGB"))

    def convert(box: Box) -> Pixels:
        pixels = np.asarray(image.crop(box).convert("RGBA"))
        colours = cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
        return _over(colours, cv2.extractChannel(pixels, 3), background)

    return convert


def _measured_tiles(image: Image.Image) -> Callable[[Box], Pixels]:
    """A function from a tile of measurements to grey; Pillow returns them as the file has them."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    negative = tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    unsigned = image.mode == "I" and tags.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED

    def raw(box: Box) -> Array:
        values = np.asarray(image.crop(box))
        return values.view(np.uint32) if unsigned else values

    grey = _grey_levels(raw, image.size)
    return lambda box: np.repeat((~grey(box) if negative else grey(box))[..., np.newaxis], 3, 2)


def _grey_levels(raw: Callable[[Box], Array], size: tuple[int, int]) -> Callable[[Box], Pixels]:
    """Map measurements to 0 to 255; floats and 32-bit integers from the least to the greatest."""
    if raw((0, 0, 1, 1)).dtype.itemsize == 2:  # noqa: PLR2004  # in either order of bytes
        return lambda box: np.asarray(raw(box) >> 8).astype(np.uint8)

    def finite(box: Box) -> NDArray[np.float64]:
        return np.nan_to_num(raw(box).astype(np.float64), posinf=0, neginf=0)

    width, height = size
    starts = product(range(0, width, _TILE), range(0, height, _TILE))
    boxes = ((x, y, min(x + _TILE, width), min(y + _TILE, height)) for x, y in starts)
    ranges = [(tile.min(), tile.max()) for tile in map(finite, boxes)]
    least, greatest = min(low for low, _ in ranges), max(high for _, high in ranges)
    scale = 255 / (greatest - least) if greatest > least else 0
    return lambda box: np.asarray((finite(box) - least) * scale).round().astype(np.uint8)


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
