"""MP3 files without a stated length get one.

Without a Xing header the length is guessed from the rate of the first frame, and libsndfile reads
no further than that: much of a file of variable rate would be lost. So the frames are counted,
and a header with their number is put before them. Sources: ISO/IEC 11172-3 and 13818-3
(frame headers); the Xing header as LAME documents it.
"""

import re
import struct
from collections.abc import Iterator

_HEADER = 4
_MPEG1 = 3
_LAYER_3 = 1
# Kilobits a second by index, of MPEG 1 and of 2 and 2.5; samples a second of MPEG 1.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLES = (44_100, 48_000, 32_000)
_SHIFTS = {_MPEG1: 0, 2: 1, 0: 2}
"""Versions 1, 2 and 2.5: how often the samples a second are halved."""
# Kilobits and samples a second together, in the third byte of a header: all but the reserved ones.
_PACES = bytes(pace for pace in range(0x10, 0xF0) if pace & 0x0C != 0x0C)  # noqa: PLR2004
_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][" + re.escape(_PACES) + b"].", re.DOTALL)
"""The headers that ``_frame_size`` accepts, so that a search for the next one always advances."""
_FRAMES_AND_BYTES = 3
_ROOMY = 9
"""Index of 128 kilobits a second, or of 80: 120 bytes a frame at least."""


def with_length(data: bytes) -> tuple[bytes, bool]:
    """An MP3 with a Xing header, and whether it had one already.

    Data that does not begin with a frame of layer III is returned as it is.
    """
    start = _tags_end(data, 0)
    sizes = list(_frames(data, start))
    first = data[start : start + sizes[0]] if sizes else b""
    if any(name in first[:64] for name in (b"Xing", b"Info")):
        return data, True
    if not sizes:
        return data, False
    return _xing(first[:_HEADER], len(sizes), sum(sizes)) + data[start:], False


def _tags_end(data: bytes, start: int) -> int:
    """Where ID3 tags that begin at ``start`` end; their sizes have seven bits a byte."""
    while data[start : start + 3] == b"ID3":
        parts = zip(data[start + 6 : start + 10], (21, 14, 7, 0), strict=False)
        start += 10 + sum(byte << shift for byte, shift in parts)
    return start


def _frames(data: bytes, start: int) -> Iterator[int]:
    """Bytes of each frame, the first at ``start``; there may be other data between later ones.

    Joined files have tags in their middle, and recorded streams have gaps.
    """
    if not _frame_size(data[start : start + _HEADER]):
        return
    while start < len(data):
        if size := _frame_size(data[start : start + _HEADER]):
            yield size
            start += size
        elif (after := _tags_end(data, start)) > start:
            start = after
        elif header := _FRAME.search(data, start):
            start = header.start()
        else:
            return


def _frame_size(header: bytes) -> int:
    """Bytes of the frame that a header begins; 0 if it is not of layer III."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, samples = header[2] >> 4, header[2] >> 2 & 3
    if version not in _SHIFTS or layer != _LAYER_3 or samples == len(_SAMPLES):
        return 0
    rates = _RATES_1 if version == _MPEG1 else _RATES_2
    if not 0 < rate < len(rates):
        return 0
    slots = 144 if version == _MPEG1 else 72
    return slots * 1000 * rates[rate] // (_SAMPLES[samples] >> _SHIFTS[version]) + (
        header[2] >> 1 & 1
    )


def _xing(header: bytes, frames: int, size: int) -> bytes:
    """A silent frame, like those with this header, that states number and bytes of the frames."""
    mono = header[3] >> 6 == 3  # noqa: PLR2004 (the mode of one channel)
    side = (17 if mono else 32) if header[1] >> 3 & 3 == _MPEG1 else (9 if mono else 17)
    # No check sum, no padding, and a rate that leaves room for the numbers.
    plain = bytes([header[0], header[1] | 1, _ROOMY << 4 | header[2] & 0x0C, header[3]])
    length = _frame_size(plain)
    body = bytes(side) + struct.pack(">4sIII", b"Xing", _FRAMES_AND_BYTES, frames, size + length)
    return (plain + body).ljust(length, b"\0")
