"""The frames of a GIF, before any is decoded: Pillow makes room for as much as one claims."""

import struct
from collections.abc import Iterator

_COLOURS, _IMAGE, _EXTENSION = 0x80, 0x2C, 0x21


def fitting_frames(data: bytes, width: int, height: int, most: int) -> int:
    """How many of the first frames, up to ``most``, lie within the canvas."""
    count = 0
    for right, bottom in _corners(data):
        if right > width or bottom > height or count == most:
            break
        count += 1
    return count


def _corners(data: bytes) -> Iterator[tuple[int, int]]:
    """The right and lower end of each frame that is whole."""
    try:
        at = 13 + _table(data[10])
        while data[at] in {_IMAGE, _EXTENSION}:
            if data[at] == _IMAGE:
                left, top, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
                at = _end(data, at + 11 + _table(flags))
                yield left + width, top + height
            else:
                at = _end(data, at + 2)
    except (IndexError, struct.error):
        return


def _table(flags: int) -> int:
    """Bytes of a palette."""
    return 3 * 2 ** (1 + (flags & 7)) if flags & _COLOURS else 0


def _end(data: bytes, at: int) -> int:
    """Where the blocks end that begin there."""
    while size := data[at]:
        at += 1 + size
    return at + 1
