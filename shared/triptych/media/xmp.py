"""XMP: what programs say of a picture, in RDF as XML (ISO 16684-1).

A packet is read as a stream of events: nothing is built of what is not wanted, no entity is ever
expanded, and depth and size are bounded. Of a packet that breaks off, what came before counts.
"""

import re
from contextlib import suppress
from typing import Any
from xml.parsers import expat

from triptych.media.details import camera_of, first_moment

MOST_BYTES = 2**20
_DEEPEST = 64
_MOST_VALUES = 2000
_MOST_CHARS = 2**16
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ROOT, _DESCRIPTION = f"{_RDF} RDF", f"{_RDF} Description"
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
}
_WANTED = (
    "dc:title", "dc:description", "dc:creator", "dc:subject", "photoshop:Headline",
    "photoshop:DateCreated", "xmp:CreateDate", "exif:DateTimeOriginal", "exif:GPSLatitude",
    "exif:GPSLongitude", "exifEX:LensModel", "aux:Lens", "tiff:Make", "tiff:Model",
    "digiKam:TagsList",
)  # fmt: skip
_NAMES = {
    f"{_SPACES[prefix]} {name}": f"{prefix}:{name}"
    for prefix, name in (wanted.split(":") for wanted in _WANTED)
}
_DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d.*)?)?)?", re.DOTALL)
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2})(?:,(\d{1,2})|(\.\d{1,20}))?([NSEW])")


class _Enough(Exception):
    """No packet of metadata is like this: nothing more is read of it."""


class _Reader:
    """Takes the events of a packet, and keeps the values of the properties that are wanted."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._chars = 0
        self._is_default = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise _Enough
        self._text.clear()
        self._chars = 0
        self._is_default = attributes.get(_LANGUAGE) == "x-default"
        if name == _DESCRIPTION and len(self._path) - 1 == self._top():
            for attribute, value in attributes.items():
                if attribute in _NAMES:
                    self._keep(_NAMES[attribute], value)

    def text(self, text: str) -> None:
        self._chars += len(text)
        if self._chars <= _MOST_CHARS:
            self._text.append(text)

    def end(self, _: str) -> None:
        wanted = self._property()
        text = "".join(self._text).strip()
        if wanted is not None and text:
            self._keep(wanted, text, first=self._is_default)
        self._text.clear()
        self._is_default = False
        self._path.pop()

    def refuse(self, *_: Any) -> None:
        """XMP has no document type, so no entities."""
        raise _Enough

    def _top(self) -> int:
        """Where in the path a description of the file itself is; further in are those of others."""
        return self._path.index(_ROOT) + 1 if _ROOT in self._path else -1

    def _property(self) -> str | None:
        """The property that a text is a value of, if it is wanted and of the file itself."""
        top = self._top()
        if top < 0 or self._path[top : top + 1] != [_DESCRIPTION]:
            return None
        name, *inside = self._path[top + 1 :] or [""]
        return _NAMES.get(name) if all(one.startswith(_RDF) for one in inside) else None

    def _keep(self, name: str, value: str, *, first: bool = False) -> None:
        values = self.found.setdefault(name, [])
        if sum(map(len, self.found.values())) > _MOST_VALUES:
            raise _Enough
        values.insert(0 if first else len(values), value)


def read_xmp(data: bytes) -> dict[str, Any]:
    """What a packet of XMP, or a sidecar file of it, says; what is damaged is left out."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    # Where it breaks off, what came before counts.
    with suppress(expat.ExpatError, _Enough, ValueError, LookupError):
        parser.Parse(data[:MOST_BYTES].strip(b"\0 \r\n\t"), True)
    return _details(reader.found)


def _details(found: dict[str, list[str]]) -> dict[str, Any]:
    def first(*names: str) -> str:
        return next((found[name][0] for name in names if found.get(name)), "")

    dates = (_moment(value) for name in _DATES for value in found.get(name, ()))
    latitude = _coordinate(first("exif:GPSLatitude"))
    longitude = _coordinate(first("exif:GPSLongitude"))
    place = None if latitude is None or longitude is None else (latitude, longitude)
    details = {
        "captured_at": first_moment(*dates),
        "camera": camera_of(first("tiff:Make"), first("tiff:Model")),
        "lens": first("exifEX:LensModel", "aux:Lens"),
        "place": place,
        "title": first("dc:title", "photoshop:Headline"),
        "caption": first("dc:description"),
        "artist": ", ".join(found.get("dc:creator", ())),
        "tags": found.get("dc:subject") or found.get("digiKam:TagsList", []),
    }
    return {name: value for name, value in details.items() if value}


def _moment(value: str) -> str | None:
    """A date of XMP, which may end after the year or the month: it means their beginning."""
    if not _DATE.fullmatch(value):
        return None
    return value + {4: "-01-01", 7: "-01"}.get(len(value), "")


def _coordinate(value: str) -> float | None:
    """Degrees of ``48,8.5N`` or ``48,8,30N``."""
    found = _DEGREES.fullmatch(value.strip())
    if found is None:
        return None
    degrees, minutes, seconds, fraction, side = found.groups()
    size = int(degrees) + (int(minutes) + float(fraction or 0)) / 60 + int(seconds or 0) / 3600
    return -size if side in "SW" else size
