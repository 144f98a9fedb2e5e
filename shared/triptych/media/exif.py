"""EXIF: what a camera writes into a picture, as a directory of a TIFF.

Tags are those of EXIF 3.0 (CIPA DC-008) and TIFF 6.0. Of a directory, which may claim anything,
only the tags that are wanted are read, and of each no more than a bounded number of bytes.
"""

import struct
import unicodedata
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any, NamedTuple

from triptych.media.cuts import beginning
from triptych.media.details import camera_of, decoded, moment, text, with_satellites

_ORDERS = {b"II": "<", b"MM": ">"}
_HEAD = b"Exif\0\0"
_MAKE, _MODEL, _CAPTION, _CHANGED, _ARTIST = 0x010F, 0x0110, 0x010E, 0x0132, 0x013B
_XMP, _IPTC, _PHOTOSHOP, _EXIF, _GPS = 0x02BC, 0x83BB, 0x8649, 0x8769, 0x8825
_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_TAGS = 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E
_TAKEN, _DIGITISED, _ZONE, _ZONE_TAKEN, _ZONE_DIGITISED = 0x9003, 0x9004, 0x9010, 0x9011, 0x9012
_FRACTION, _FRACTION_TAKEN, _FRACTION_DIGITISED = 0x9290, 0x9291, 0x9292
_COMMENT, _LENS_MAKE, _LENS = 0x9286, 0xA433, 0xA434
_NORTH, _LATITUDE, _EAST, _LONGITUDE, _TIME, _DATE = 1, 2, 3, 4, 7, 29
_FIRST = frozenset(
    {_MAKE, _MODEL, _CAPTION, _CHANGED, _ARTIST, _XMP, _IPTC, _PHOTOSHOP, _EXIF, _GPS, _XP_TITLE,
     _XP_COMMENT, _XP_AUTHOR, _XP_TAGS}
)  # fmt: skip
_OF_EXIF = frozenset(
    {_TAKEN, _DIGITISED, _ZONE, _ZONE_TAKEN, _ZONE_DIGITISED, _FRACTION, _FRACTION_TAKEN,
     _FRACTION_DIGITISED, _COMMENT, _LENS_MAKE, _LENS}
)  # fmt: skip
_OF_GPS = frozenset({_NORTH, _LATITUDE, _EAST, _LONGITUDE, _TIME, _DATE})
_KINDS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "B", 7: "s", 9: "i", 10: "ii", 13: "I"}
"""The types of TIFF by their number."""
_ENTRY = 12
_MOST_ENTRIES = 1000
_MOST_BYTES, _MOST_OF_PACKET = 2**16, 2**20
_CODES = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "utf-16", b"\0" * 8: "utf-8"}
"""What a comment of a user begins with. (That of JIS no camera writes.)"""
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_UNUSED = frozenset({"Cn", "Co", "Cs"})
"""Categories of what is no character."""

Directory = Mapping[int, Any]
"""Values by tag: bytes, or a tuple of numbers; a fraction is two numbers. A comment is a string."""


class Exif(NamedTuple):
    """What EXIF says, by how far it is to be believed in comparison to other standards."""

    shot: dict[str, Any]
    """By the camera: when, where and with what."""
    described: dict[str, Any]
    """By a person: programs keep XMP and IPTC up to date rather than this."""
    changed: str | None = None
    """When the file was last written, which may be long afterwards."""
    xmp: bytes = b""
    """What a TIFF has as well; likewise ``iptc`` and ``photoshop``."""
    iptc: bytes = b""
    photoshop: bytes = b""


def read_exif(*files: bytes) -> Exif:
    """Read EXIF, with or without its signature; or a TIFF, or a raw file that is one.

    Some raw files have several TIFFs in them, of a directory each. What is damaged is left out.
    """
    first: dict[int, Any] = {}
    exif: dict[int, Any] = {}
    gps: dict[int, Any] = {}
    for file in files:
        data = file.removeprefix(_HEAD)
        order = _ORDERS.get(data[:2])
        if order is None or len(data) < 8:  # noqa: PLR2004
            continue
        # Raw files may have the tags of EXIF in their first directory (TIFF/EP).
        own = _directory(data, order, _number(data, order, 4), _FIRST | _OF_EXIF | _OF_GPS)
        first = {**own, **first}
        exif |= _directory(data, order, _first(own.get(_EXIF)), _OF_EXIF)
        gps |= _directory(data, order, _first(own.get(_GPS)), _OF_GPS)
    exif, gps = {**first, **exif}, {**first, **gps}
    changed = moment(
        _string(first.get(_CHANGED)), _string(exif.get(_FRACTION)), _string(exif.get(_ZONE))
    )
    return Exif(
        shot={
            "captured_at": _captured(exif, gps),
            "camera": camera_of(_string(first.get(_MAKE)), _string(first.get(_MODEL))),
            "lens": _lens(exif),
            "place": _place(gps),
        },
        described={
            "title": _wide(first.get(_XP_TITLE)),
            "caption": text(_string(first.get(_CAPTION)))
            or text(exif.get(_COMMENT))
            or _wide(first.get(_XP_COMMENT)),
            "artist": _string(first.get(_ARTIST)).strip() or _wide(first.get(_XP_AUTHOR)),
            "tags": [tag for tag in _wide(first.get(_XP_TAGS)).split(";") if tag.strip()],
        },
        changed=changed,
        **{
            name: value if isinstance(value, bytes) else b""
            for name, value in (
                ("xmp", first.get(_XMP)),
                ("iptc", first.get(_IPTC)),
                ("photoshop", first.get(_PHOTOSHOP)),
            )
        },
    )


def _directory(data: bytes, order: str, at: int, wanted: Collection[int]) -> Directory:
    """The wanted tags of the directory at a place; empty where there is none."""
    found: dict[int, Any] = {}
    if not 8 <= at <= len(data) - 2:  # noqa: PLR2004
        return found
    (count,) = struct.unpack_from(f"{order}H", data, at)
    places = range(at + 2, min(at + 2 + _ENTRY * count, len(data) - _ENTRY + 1), _ENTRY)
    for place in islice(places, _MOST_ENTRIES):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, place)
        if tag in wanted and tag not in found and kind in _KINDS:
            value = _value(data, order, place + 8, kind, number)
            if value is not None:
                found[tag] = _comment(value, order) if tag == _COMMENT else value
    return found


def _value(data: bytes, order: str, place: int, kind: int, number: int) -> Any:
    """The value of an entry; None where it is not there."""
    letters = _KINDS[kind]
    size = struct.calcsize(f"{order}{letters}") * number
    if size > 4:  # noqa: PLR2004
        place = _number(data, order, place)
    if size > _MOST_OF_PACKET or place + size > len(data):
        return None
    body = data[place : place + size]
    if letters in {"s", "B"}:
        return body
    if size > _MOST_BYTES:
        return None
    return struct.unpack(f"{order}{letters * number}", body)


def _number(data: bytes, order: str, at: int) -> int:
    (value,) = struct.unpack_from(f"{order}I", data, at)
    return int(value)


def _first(value: Any) -> int:
    return int(value[0]) if isinstance(value, tuple) and value else 0


def _string(value: Any) -> str:
    return decoded(beginning(value, _MOST_BYTES)) if isinstance(value, bytes) else ""


def _wide(value: Any) -> str:
    """As Windows writes it: UTF-16."""
    if not isinstance(value, bytes):
        return ""
    return value[:_MOST_BYTES].decode("utf-16-le", "replace").partition("\0")[0]


def _comment(value: Any, order: str) -> str:
    """Of a user, behind eight bytes that name its encoding."""
    if not isinstance(value, bytes) or value[:8] not in _CODES:
        return ""
    code, body = _CODES[value[:8]], beginning(value[8:], _MOST_BYTES)
    return (
        _wide_comment(value[8:_MOST_BYTES], order) if code == "utf-16" else decoded(body)
    ).strip()


def _wide_comment(body: bytes, order: str) -> str:
    """UTF-16 in the order that a mark tells, else in that of the file, unless only the other fits.

    Some programs write the order of their machine, whatever that of the file is.
    """
    if body[:2] in _MARKS:
        return body[2:].decode(_MARKS[body[:2]], "replace").partition("\0")[0]
    codes = ("utf-16-be", "utf-16-le") if order == ">" else ("utf-16-le", "utf-16-be")
    own, other = (body.decode(code, "replace").partition("\0")[0] for code in codes)
    return other if _is_swapped(own) and not _is_swapped(other) else own


def _is_swapped(text: str) -> bool:
    """Whether most of it are no letters, or such as ASCII becomes whose bytes are swapped."""
    odd = sum(
        1
        for char in text
        if not ord(char) & 0xFF or char == "\ufffd" or unicodedata.category(char) in _UNUSED
    )
    return 2 * odd > len(text)


def _lens(exif: Directory) -> str:
    lens = _string(exif.get(_LENS))
    return camera_of(_string(exif.get(_LENS_MAKE)), lens) if lens.strip() else ""


def _captured(exif: Directory, gps: Directory) -> str | None:
    zone = _string(exif.get(_ZONE))
    for date, fraction, own_zone in (
        (_TAKEN, _FRACTION_TAKEN, _ZONE_TAKEN),
        (_DIGITISED, _FRACTION_DIGITISED, _ZONE_DIGITISED),
    ):
        found = moment(
            _string(exif.get(date)),
            _string(exif.get(fraction)),
            _string(exif.get(own_zone)) or zone,
        )
        if found is not None:
            utc = _satellites(gps)
            return found if utc is None else with_satellites(found, utc)
    return _satellites(gps)


def _satellites(gps: Directory) -> str | None:
    """The time that the satellites told, which is UTC."""
    parts = _fractions(gps.get(_TIME))
    if len(parts) != 3:  # noqa: PLR2004
        return None
    hour, minute, second = (int(part) for part in parts)
    return moment(f"{_string(gps.get(_DATE))} {hour:02}:{minute:02}:{second:02}", zone="Z")


def _place(gps: Directory) -> tuple[float, float] | None:
    latitude = _degrees(gps.get(_LATITUDE), gps.get(_NORTH), b"S")
    longitude = _degrees(gps.get(_LONGITUDE), gps.get(_EAST), b"W")
    return None if latitude is None or longitude is None else (latitude, longitude)


def _degrees(value: Any, reference: Any, negative: bytes) -> float | None:
    parts = _fractions(value)
    if not parts:
        return None
    degrees: float = sum(part / 60**power for power, part in enumerate(parts[:3]))
    is_negative = isinstance(reference, bytes) and reference[:1].upper() == negative
    return -degrees if is_negative else degrees


def _fractions(value: Any) -> list[float]:
    """Fractions as numbers; none where one is divided by zero."""
    if not isinstance(value, tuple) or len(value) % 2:
        return []
    pairs = list(zip(value[::2], value[1::2], strict=True))
    return [] if any(below == 0 for _, below in pairs) else [over / below for over, below in pairs]
