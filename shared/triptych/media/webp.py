"""The size that a WebP states of itself, which is wrong where a program could not go back to it.

https://developers.google.com/speed/webp/docs/riff_container
"""

import struct

_HEAD = struct.Struct("<4sI4s")
_UNCOUNTED = 8
"""Bytes before those that the size counts."""


def with_right_size(data: bytes) -> bytes:
    """The same bytes; those of a WebP that states no size, or too large a one, mended."""
    if len(data) < _HEAD.size:
        return data
    riff, size, form = _HEAD.unpack_from(data)
    there = len(data) - _UNCOUNTED
    if (riff, form) != (b"RIFF", b"WEBP") or 0 < size <= there:
        return data
    return _HEAD.pack(riff, there, form) + data[_HEAD.size :]
