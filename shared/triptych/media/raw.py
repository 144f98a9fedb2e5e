"""Camera raw files: the picture that the camera itself made of one, which lies in it as a JPEG.

What a person would see of a raw file is a matter of taste and of the program; this is what the
camera showed.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from triptych.core.errors import MediaError, TooLarge
from triptych.media.jpeg import SIGNATURE, read_jpeg

_KINDS = re.compile(
    rb"FUJIFILMCCD-RAW|II(RO|RS)|MMOR|IIU\0|\0MRM|FOVb|II\*\0....CR\x02|....ftypcrx ", re.DOTALL
)
"""Fujifilm, Olympus, Panasonic, Minolta, Sigma, and Canon's two."""
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_OLYMPUS_PANASONIC = {b"IIRO": "<", b"IIRS": "<", b"MMOR": ">", b"IIU\0": "<"}
"""TIFF but for the number behind the order of bytes."""
_CANON_DIRECTORY = b"CMT1"
"""The box of a CR3 that is a TIFF with what it says of the picture (its first directory)."""
_CANON_BOXES = 2**20
"""Bytes in which its boxes begin: they come before the pixels."""
_ENTRY = 12
_SUBDIRECTORIES, _PHOTOMETRIC, _COMPRESSION, _ORIENTATION, _DNG = 330, 262, 259, 274, 50706
_SENSOR = frozenset({32803, 34892})
"""Photometric interpretations: colour filters, and linear values of a sensor (DNG 1.7)."""
_PACKED = frozenset({32767, 32769, 32770, 34713, 65535})
"""Compressions of makers: Sony, Epson and Samsung, Nikon, Pentax."""
_SIZES = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_VALUES = 32, 1000, 32
_MOST_PREVIEWS = 64
_COLOURS = 3

Directory = Mapping[int, tuple[int, ...]]
"""The whole numbers of a TIFF's directory, by tag."""


class Preview(NamedTuple):
    """A picture in a raw file."""

    data: memoryview
    """A JPEG."""
    orientation: int
    """What the raw file says, 1 to 8; the JPEG may say it, too."""


def is_raw(data: bytes) -> bool:
    """Whether it is what a camera's sensor saw; many are TIFFs by their first bytes."""
    if _KINDS.match(data):
        return True
    return data[:4] in _TIFF and any(map(_is_of_sensor, _directories(data, 0, _TIFF[data[:4]])))


def is_tiff(data: bytes) -> bool:
    """Whether it begins with a directory of a TIFF, if perhaps under another number."""
    return data[:4] in _TIFF or data[:4] in _OLYMPUS_PANASONIC


def canon_directories(data: bytes) -> tuple[bytes, ...]:
    """What a CR3 says of the picture: TIFFs with its first directory, EXIF, and GPS."""
    found = []
    for box in (_CANON_DIRECTORY, b"CMT2", b"CMT4"):
        at = data.find(box, 4, _CANON_BOXES)
        if at >= 0:
            found.append(data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at])])
    return tuple(found)


def find_preview(data: bytes) -> Preview:
    """The largest JPEG in a raw file. Raises MediaError if it has none."""
    found = max(_jpegs(data), default=None)
    if found is None:
        raise MediaError("image is a camera raw file without a preview: export it as JPEG or TIFF")
    _, start, end = found
    return Preview(memoryview(data)[start:end], _orientation(data))


def _is_of_sensor(directory: Directory) -> bool:
    return (
        _DNG in directory
        or not _SENSOR.isdisjoint(directory.get(_PHOTOMETRIC, ()))
        or not _PACKED.isdisjoint(directory.get(_COMPRESSION, ()))
    )


def _jpegs(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Pixels, start and end of each JPEG of colours that is whole; thumbnails in it left out.

    Sensors' values may be JPEGs, too, of a kind that holds more than eight bits.
    """
    at = 0
    for _ in range(_MOST_PREVIEWS):
        at = data.find(SIGNATURE, at)
        if at < 0:
            return
        try:
            found = read_jpeg(data[at:])
        except (MediaError, TooLarge):
            at += len(SIGNATURE)
            continue
        if found.end is None:
            at += len(SIGNATURE)
            continue
        end = at + found.end + 2
        if found.channels == _COLOURS:
            yield found.width * found.height, at, end
        at = end


def _orientation(data: bytes) -> int:
    order = {**_TIFF, **_OLYMPUS_PANASONIC}.get(data[:4])
    start = 0
    if order is None and (box := data.find(_CANON_DIRECTORY)) >= 0:
        start = box + len(_CANON_DIRECTORY)
        order = _TIFF.get(data[start : start + 4])
    if order is None:
        return 1
    first = next(_directories(data, start, order), {})
    value = next(iter(first.get(_ORIENTATION, ())), 1)
    return value if value in range(1, 9) else 1


def _directories(data: bytes, start: int, order: str) -> Iterator[Directory]:
    """The directories of a TIFF that begins there, and their subdirectories; bounded."""
    seen: set[int] = set()
    try:
        waiting = [*struct.unpack_from(f"{order}I", data, start + 4)]
        while waiting and len(seen) < _MOST_DIRECTORIES:
            at = waiting.pop(0)
            if at == 0 or at in seen:
                continue
            seen.add(at)
            directory, following = _directory(data, start, at, order)
            yield directory
            waiting += [*directory.get(_SUBDIRECTORIES, ()), following]
    except struct.error:  # cut, or no directory at all
        return


def _directory(data: bytes, start: int, at: int, order: str) -> tuple[Directory, int]:
    (count,) = struct.unpack_from(f"{order}H", data, start + at)
    entries = range(start + at + 2, start + at + 2 + _ENTRY * count, _ENTRY)
    found: dict[int, tuple[int, ...]] = {}
    for entry in islice(entries, _MOST_ENTRIES):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, entry)
        if tag == _DNG:
            found[tag] = ()
        if kind not in _SIZES or not 0 < number <= _MOST_VALUES:
            continue
        letter, size = _SIZES[kind]
        place = entry + 8
        if number * size > 4:  # noqa: PLR2004
            place = start + int(struct.unpack_from(f"{order}I", data, entry + 8)[0])
        found[tag] = struct.unpack_from(f"{order}{number}{letter}", data, place)
    (following,) = struct.unpack_from(f"{order}I", data, entries.stop)
    return found, following
