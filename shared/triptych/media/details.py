"""What a file says of itself, made fit to be stored: values of fields, checked one by one.

Readers (``exif``, ``xmp``, ``iptc``, ``sound_tags``, ``sidecars``) find values as files have them.
Nothing in a file is trusted: what can't be true, or is no value of its field, is left out.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from triptych.core.instants import has_date, microseconds, zone_of
from triptych.core.marks import bounded

Found = Mapping[str, Any]
"""Values by field as a reader found them: strings, lists of them, numbers. A moment is ISO 8601,
without a zone where the file has none; a place is a pair, latitude and longitude in degrees."""
Details = Mapping[str, Any]
"""Values by field as documents have them."""

LINE, TEXT, TAG = 1024, 20_000, 256
"""The most characters of a line, of a text, and of a tag; more is cut off."""
_MOST_TAGS = 256
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_DEFAULTS = frozenset(
    {"", "default", "olympus digital camera", "minolta digital camera", "sony dsc", "dcim",
     "samsung camera pictures", "unknown", "n/a", "none"}
)  # fmt: skip
"""What cameras and programs write where nobody wrote anything."""
_FIRST_YEAR = 1000
_MINUTE = timedelta(minutes=1)
_ZONES = frozenset(
    [60 * hours for hours in range(-12, 15)]
    + [-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825]
)
"""Minutes east of Greenwich in which clocks are set (tz database)."""
_DRIFT = timedelta(minutes=5)
"""By which a camera's clock may differ from the satellites'."""


def clean(found: Found) -> dict[str, Any]:
    """The values that fields may have; the others are left out."""
    cleaned = {}
    for name, check in _CHECKS.items():
        if (value := found.get(name)) is not None and (checked := check(value)) not in (None, []):
            cleaned[name] = checked
    moment = found.get("captured_at")
    return {**(_captured(moment) if isinstance(moment, str) else {}), **cleaned}


def merged(*sources: Found) -> dict[str, Any]:
    """The values of several sources, cleaned; where two have one, that of the last."""
    found: dict[str, Any] = {}
    for source in map(clean, sources):
        if "captured_at" in source:
            found.pop("captured_at_zone", None)
        found |= source
    return found


def decoded(raw: bytes, encoding: str = "utf-8") -> str:
    """A string of a file up to its first NUL: in the encoding, or else as Windows has it."""
    body = raw.partition(b"\0")[0]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def camera_of(make: str, model: str) -> str:
    """A camera by its maker and model, which may begin with the maker's name."""
    maker = line(make) or ""
    name = line(model) or ""
    first = maker.split(" ")[0]
    if not first or name.casefold().startswith(first.casefold()):
        return name or maker
    return f"{maker} {name}".strip()


def moment(date: str, fraction: str = "", zone: str = "") -> str | None:
    """ISO 8601 of a date and time as EXIF has them: ``2024:05:31 18:00:00``; None for no date.

    A zone that there is not counts as none.
    """
    found = re.match(r"\s*(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T]+(\d\d):(\d\d)(?::(\d\d))?", date)
    if found is None:
        return None
    year, month, day, hour, minute, second = found.groups(default="00")
    digits = re.match(r"\s*(\d{1,6})", fraction)
    behind = f".{digits[1]:0<6}" if digits else ""
    offset = re.match(r"\s*(Z|[+-]\d\d:?\d\d)", zone or date[found.end() :])
    local = f"{year}-{month}-{day}T{hour}:{minute}:{second}{behind}"
    return first_moment(f"{local}{offset[1]}" if offset else local, local)


def first_moment(*values: str | None) -> str | None:
    """The first of these that is a moment."""
    return next((one for one in values if one and _captured(one)), None)


def with_satellites(local: str, utc: str) -> str:
    """A moment of a camera without a zone, in the zone that the satellites' time tells.

    The last fix may be long ago: a difference that is no zone tells nothing.
    """
    try:
        there, here = datetime.fromisoformat(local), datetime.fromisoformat(utc)
    except ValueError:
        return local
    if there.tzinfo is not None:
        return local
    away = there - here.replace(tzinfo=None)
    offset = min(_ZONES, key=lambda zone: abs(away - zone * _MINUTE)) * _MINUTE
    if abs(away - offset) > _DRIFT:
        return local
    return there.replace(tzinfo=timezone(offset)).isoformat()


def line(value: Any, most: int = LINE) -> str | None:
    """One line of text; None where nobody wrote anything."""
    text = " ".join(shown(value).split())[:most].strip()
    return None if text.casefold() in _DEFAULTS else text


def shown(value: Any) -> str:
    """A string without what can't be seen, in NFC."""
    if not isinstance(value, str):
        return ""
    return unicodedata.normalize("NFC", bounded(_UNSEEN.sub(" ", value[: 2 * TEXT])))


def text(value: Any) -> str | None:
    """A text; None where nobody wrote anything."""
    found = shown(value).strip()[:TEXT]
    return None if found.casefold() in _DEFAULTS else found


def _tags(value: Any) -> list[str]:
    given: Iterable[Any] = value if isinstance(value, list | tuple) else [value]
    tags = (line(one, TAG) for one in list(given)[: 4 * _MOST_TAGS])
    return list(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]


def _captured(value: str) -> dict[str, Any]:
    """The moment, and its zone if the file says one. Without it the clock counts as UTC."""
    try:
        since, year = microseconds(value), datetime.fromisoformat(value).year
    except (ValueError, TypeError, OverflowError):
        return {}
    if year < _FIRST_YEAR or not has_date(since):
        return {}
    zone = zone_of(value)
    return {"captured_at": since, **({} if zone is None else {"captured_at_zone": zone})}


def coordinates(value: Any) -> dict[str, float] | None:
    """A latitude and a longitude in degrees as a place, if it is one on Earth.

    Of 0, 0 nobody has a picture: programs write it for no place.
    """
    try:
        latitude, longitude = (float(one) for one in value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180 or (latitude, longitude) == (0, 0):  # noqa: PLR2004
        return None
    return {"latitude": round(latitude, 7), "longitude": round(longitude, 7)}


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "camera": line,
    "lens": line,
    "title": line,
    "artist": line,
    "album": line,
    "caption": text,
    "tags": _tags,
    "place": coordinates,
}
