"""The header of a Netpbm picture (PBM, PGM, PPM): OpenCV reads the values, but not what white is.

https://netpbm.sourceforge.net/doc/ppm.html
"""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_BITS = re.compile(rb"P[14]" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})\s")
_VALUES = re.compile(rb"P[2356]" + _SPACE + _SPACE.join([rb"(\d{1,9})"] * 3) + rb"\s")
_LOOKED_AT = 4096
_MOST, _BYTE = 2**16 - 1, 2**8


class Netpbm(NamedTuple):
    """What it says of its pixels."""

    width: int
    height: int
    bits: int
    """Of a pixel, as it is decoded."""
    white: int | None
    """The greatest value, where the decoder leaves the others as they are."""


def read_netpbm(data: bytes) -> Netpbm | None:
    """The header, if it is one of a picture with pixels."""
    head = data[:_LOOKED_AT]
    found = _BITS.match(head) or _VALUES.match(head)
    if found is None:
        return None
    width, height, white = (*map(int, found.groups()), 1)[:3]
    if not (width and height and 0 < white <= _MOST):
        return None
    channels, size = (3 if head[1:2] in b"36" else 1), (8 if white < _BYTE else 16)
    is_left = head[1:2] in b"56" or size > 8  # noqa: PLR2004 (OpenCV widens those of text)
    return Netpbm(width, height, size * channels, white if is_left else None)


def widened(pixels: NDArray[Any], white: int | None) -> NDArray[Any]:
    """Values of which ``white`` is the greatest as uint8 from 0 to 255."""
    if white is None:
        return pixels
    levels = (np.arange(white + 1) * (255 / white)).round().astype(np.uint8)
    return np.asarray(levels[np.minimum(pixels, white)])
