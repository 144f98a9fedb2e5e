"""MP3: its frames, wherever they begin, and a statement of how many there are.

Without a Xing header the length is guessed from the rate of the first frame, and libsndfile reads
no further than that: much of a file of variable rate would be lost, and of files that were joined
all but the first. So the frames are counted, and a header with their number is put before them.
Sources: ISO/IEC 11172-3 and 13818-3 (frame headers); the Xing header as LAME documents it; APE
tags as foobar2000 documents them.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

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
_XING_WITHIN = 64
"""Bytes of a frame in which a Xing header begins."""
_CERTAIN = 4
"""Frames in a row that are no chance."""
_LEAST = 0.1
"""The share of the bytes from the first frame on that are in frames."""
_MOST_TRIES = 2**16
"""Headers by chance among what is no frame."""
_TRIFLE = 2
"""Frames by which statements are wrong in files that are whole."""
_ROOMY = 9
"""Index of 128 kilobits a second, or of 80: 120 bytes a frame at least."""


@dataclass(frozen=True)
class Mp3:
    """The frames of an MP3, and how many of them there should be."""

    data: bytes
    """Frames alone, with a Xing header that states their number."""
    share: float
    """Of the frames that the file should have, how many its header states."""


def frames_of(data: bytes) -> Mp3 | None:
    """The frames of layer III in bytes; None if they are no MP3.

    There may be tags, zeros, or anything else before, between and behind the frames.
    """
    runs, count = _runs(data)
    start = runs[0][0] if runs else len(data)
    if sum(end - begin for begin, end in runs) <= _LEAST * (len(data) - start):
        return None
    first = data[start : start + _frame_size(data[start : start + _HEADER])]
    stated = _stated(first)
    there = count - 1  # without the frame that holds the statement
    if stated and there <= stated + _TRIFLE and len(runs) == 1:
        return Mp3(data[start:], 1.0)
    share = min(1.0, there / stated) if stated else 1.0
    body = b"".join(data[start:end] for start, end in runs)
    return Mp3(_xing(first[:_HEADER], count, len(body)) + body, share)


def _stated(first: bytes) -> int | None:
    """How many frames the Xing header in a frame states, if there is one that does."""
    for name in (b"Xing", b"Info"):
        at = first.find(name, 0, _XING_WITHIN)
        if at >= 0 and len(first) >= at + 12 and first[at + 7] & 1:
            return int.from_bytes(first[at + 8 : at + 12])
    return None


def tags_end(data: bytes, start: int = 0) -> int:
    """Where tags (ID3v2, APE) that begin at ``start`` end; or the head of one that lies."""
    while True:
        if data.startswith(b"ID3", start):  # its size has seven bits a byte
            parts = zip(data[start + 6 : start + 10], (21, 14, 7, 0), strict=False)
            head, size = 10, sum(byte << shift for byte, shift in parts)
        elif data.startswith(b"APETAGEX", start):
            head, size = 32, int.from_bytes(data[start + 12 : start + 16], "little")
        else:
            return start
        start = min(start + head, len(data))
        if size <= len(data) - start:
            start += size


def _runs(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where frames that lie behind one another begin and end, and the number of frames.

    A header is looked for again after tags and whatever else is in between. Then it counts where
    as many frames follow as chance does not make, or the end.
    """
    runs: list[tuple[int, int]] = []
    count, tries, start = 0, 0, tags_end(data)
    while start < len(data) and tries < _MOST_TRIES:
        sizes = list(_frames(data, start))
        end = start + sum(sizes)
        if len(sizes) >= _CERTAIN or (sizes and end >= len(data)):
            runs.append((start, min(end, len(data))))
            count += len(sizes)
        else:
            end, tries = start + 1, tries + 1
        if (after := tags_end(data, end)) > end:
            start = after
        elif header := _FRAME.search(data, end):
            start = header.start()
        else:
            break
    return runs, count


def _frames(data: bytes, start: int) -> Iterator[int]:
    """Bytes of each frame of a run, the first at ``start``."""
    while size := _frame_size(data[start : start + _HEADER]):
        yield size
        start += size


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
