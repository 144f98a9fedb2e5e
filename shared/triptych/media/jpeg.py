"""The segments of a JPEG: what its pixels need, read without its metadata; and where it ends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from triptych.core.errors import MediaError, TooLarge

SIGNATURE = b"\xff\xd8\xff"
END = b"\xff\xd9"
# A marker with a length behind it, or the end; not a stuffed byte or a restart marker.
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])", re.DOTALL)
_END, _SCAN = 0xD9, 0xDA
_EXIF, _XMP = (0xE1, b"Exif\0\0"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0")
_PROFILE, _PHOTOSHOP = (0xE2, b"ICC_PROFILE\0"), (0xED, b"Photoshop 3.0\0")
"""Markers of metadata, and how their contents begin."""
_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True}
"""Baseline, extended and progressive; whether it is progressive. Others are hardly ever written."""
_OTHER_FRAMES = frozenset({0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
_MOST_SEGMENTS = 2**17
_MOST_SCANS = 500
"""Programs write about ten; each takes few bytes, but a pass over all pixels."""
_MOST_IN_SCAN = 4
"""Channels of a scan (ITU-T T.81, B.2.3)."""
_COEFFICIENTS = 64
_DEPTH = 8


class Segment(NamedTuple):
    """A marker, and the content behind it."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class Jpeg:
    """What a JPEG says of its pixels, and where it ends."""

    width: int
    height: int
    channels: int
    progressive: bool
    coefficients: int
    """Of all blocks; of a progressive one they are all in memory, two bytes each."""
    exif: bytes
    xmp: bytes
    photoshop: bytes
    """Its resources."""
    profile: bytes
    """ICC, or nothing."""
    end: int | None
    """Where the end marker of the picture is, if it has one."""
    detailed: bool
    """Whether every scan of a progressive one has at least begun."""


def read_jpeg(data: bytes) -> Jpeg:
    """Read the segments of the first picture.

    Raises:
        MediaError: no frame, or one of a rare kind.
        TooLarge: of more parts than any picture has.
    """
    segments = list(islice(_segments(data), _MOST_SEGMENTS + 1))
    scans = [segment for segment in segments if segment.marker == _SCAN]
    if len(segments) > _MOST_SEGMENTS or len(scans) > _MOST_SCANS:
        raise TooLarge("image has more parts than a picture has")
    frame = next((s for s in segments if s.marker in _FRAMES or s.marker in _OTHER_FRAMES), None)
    if frame is None or frame.end - frame.start < 6 or not scans:  # noqa: PLR2004
        raise MediaError("image is truncated: the JPEG data ends before its first pixel")
    if frame.marker in _OTHER_FRAMES or data[frame.start] != _DEPTH:
        kind = "more than 8 bits" if frame.marker in _FRAMES else "a rare kind (not Huffman-coded)"
        raise MediaError(f"image is a JPEG of {kind}, which is not supported: save it anew")
    progressive = _FRAMES[frame.marker]
    channels = data[frame.start + 5]
    last = segments[-1]
    return Jpeg(
        width=int.from_bytes(data[frame.start + 3 : frame.start + 5]),
        height=int.from_bytes(data[frame.start + 1 : frame.start + 3]),
        channels=channels,
        progressive=progressive,
        coefficients=_coefficients(data[frame.start : frame.end]),
        exif=b"".join(_bodies(data, segments[:_MOST_SCANS], _EXIF)),
        xmp=next(_bodies(data, segments[:_MOST_SCANS], _XMP), b""),
        photoshop=b"".join(_bodies(data, segments[:_MOST_SCANS], _PHOTOSHOP)),
        profile=_profile(data, segments),
        end=last.start - 2 if last.marker == _END else None,
        detailed=not progressive or _is_detailed(data, scans, channels),
    )


def _segments(data: bytes) -> Iterator[Segment]:
    """Up to the end of the picture; what is between two segments is left out."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, start = found[1][0], found.end()
        if marker == _END:
            yield Segment(marker, start, start)
            return
        at = start + int.from_bytes(data[start : start + 2])
        yield Segment(marker, start + 2, min(at, len(data)))


def _coefficients(frame: bytes) -> int:
    """The samples of all channels, of which some have fewer than the picture has pixels."""
    pixels = int.from_bytes(frame[1:3]) * int.from_bytes(frame[3:5])
    factors = [(byte >> 4) * (byte & 15) for byte in frame[7::3]]
    most = max((byte >> 4 for byte in frame[7::3]), default=1) * max(
        (byte & 15 for byte in frame[7::3]), default=1
    )
    return pixels * sum(factors) // max(most, 1)


def _bodies(data: bytes, segments: list[Segment], kind: tuple[int, bytes]) -> Iterator[bytes]:
    marker, head = kind
    for found, start, end in segments:
        if found == marker and data.startswith(head, start):
            yield data[start + len(head) : end]


def _profile(data: bytes, segments: list[Segment]) -> bytes:
    """The ICC profile, of segments that are numbered; nothing if one is missing."""
    parts = [body for body in _bodies(data, segments, _PROFILE) if len(body) > 2]  # noqa: PLR2004
    parts.sort(key=lambda body: body[0])
    whole = [body[0] for body in parts] == list(range(1, len(parts) + 1))
    return b"".join(body[2:] for body in parts) if whole else b""


def _is_detailed(data: bytes, scans: list[Segment], channels: int) -> bool:
    """Whether the scans of a progressive JPEG bring each coefficient to its last bit."""
    left = {(channel, place) for channel in range(channels) for place in range(_COEFFICIENTS)}
    names: dict[int, int] = {}
    for scan in scans:
        body = data[scan.start : scan.end]
        if len(body) < 4 or len(body) < 4 + 2 * body[0]:  # noqa: PLR2004
            continue
        first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
        if body[0] > _MOST_IN_SCAN or last >= _COEFFICIENTS:  # no scan of a JPEG
            continue
        if bits & 15 == 0:
            for name in body[1 : 1 + 2 * body[0] : 2]:
                channel = names.setdefault(name, len(names))
                left -= {(channel, place) for place in range(first, last + 1)}
    return not left
