"""IPTC: what agencies say of a picture, as numbered strings (IPTC-IIM 4.2).

They lie in a block of Photoshop's, among others (Adobe Photoshop File Formats, image resources).
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from triptych.media.details import decoded, moment

MOST_BYTES = 2**20
_MARK, _RESOURCE = 0x1C, b"8BIM"
_IPTC = 0x0404
_APPLICATION = 2
_MOST_SETS = 2000
_TITLE, _KEYWORD, _DATE, _TIME, _WRITER, _HEADLINE, _CAPTION = 5, 25, 55, 60, 80, 105, 120


def in_photoshop(data: bytes) -> bytes:
    """The strings of IPTC among the resources of Photoshop; empty if they are not."""
    at = 0
    for _ in range(_MOST_SETS):
        if not data.startswith(_RESOURCE, at) or at + 12 > len(data):
            break
        (kind,) = struct.unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2  # a name and its length, padded to even
        if at + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, at)
        if kind == _IPTC:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""


def read_iptc(data: bytes) -> dict[str, Any]:
    """What the strings say; what is damaged is left out."""
    found: dict[int, list[str]] = {}
    for number, body in islice(_sets(data[:MOST_BYTES]), _MOST_SETS):
        found.setdefault(number, []).append(decoded(body))

    def first(*numbers: int) -> str:
        return next((found[number][0] for number in numbers if number in found), "")

    details = {
        "captured_at": _captured(first(_DATE), first(_TIME)),
        "title": first(_TITLE, _HEADLINE),
        "caption": first(_CAPTION),
        "artist": ", ".join(found.get(_WRITER, ())),
        "tags": found.get(_KEYWORD, []),
    }
    return {name: value for name, value in details.items() if value}


def _sets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each string of the record about the picture."""
    at = 0
    while at + 5 <= len(data) and data[at] == _MARK:
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        if size & 0x8000:  # of more than 32 KiB, which no string has
            return
        if record == _APPLICATION:
            yield number, data[at + 5 : at + 5 + size]
        at += 5 + size


def _captured(date: str, time: str) -> str | None:
    """``20240531`` and ``180000+0200``; a date alone is its midnight."""
    if len(date) != 8 or not date.isdecimal():  # noqa: PLR2004
        return None
    clock, zone = time[:6], time[6:11]
    if len(clock) != 6 or not clock.isdecimal():  # noqa: PLR2004
        clock, zone = "000000", ""
    day = f"{date[:4]}:{date[4:6]}:{date[6:]}"
    return moment(f"{day} {clock[:2]}:{clock[2:4]}:{clock[4:]}", zone=zone)
