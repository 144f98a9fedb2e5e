"""Moments: ISO 8601 as clients write them, microseconds since 1970 as documents have them."""

import re
from datetime import UTC, datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE = re.compile(r"(?:Z|([+-])(\d\d)(?::?(\d\d))?)$")
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_DAY = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
PATTERN = (
    f"({_YEAR}-{_DAY}|([0-9]{{2}}{_FOURTH}|{_FOURTH}00)-02-29)"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
    r"(Z|[-+]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?"
)
"""What dates look like that there are, for the regular expressions of Python and of Lucene."""
_DATE = re.compile(PATTERN)


def microseconds(value: str) -> int:
    """Since 1970, of an ISO 8601 date or time; UTC without a zone, midnight without a time.

    Raises:
        TypeError, ValueError: it is none.
    """
    when = datetime.fromisoformat(value)
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def has_date(since: int) -> bool:
    """Whether microseconds since 1970 are of a date in UTC, from the year 1 to 9999."""
    return _FIRST <= since <= _LAST


def iso(since: int) -> str:
    """ISO 8601 in UTC of microseconds since 1970."""
    when = (_EPOCH + since * _MICROSECOND).isoformat()
    return when.replace("+00:00", "Z")


def written(since: int, zone: str | None) -> str:
    """ISO 8601 of microseconds since 1970, in a zone as ``zone_of`` has it; None: without one."""
    if zone is None:
        return iso(since).removesuffix("Z")
    if zone == "Z":
        return iso(since)
    sign = -1 if zone[0] == "-" else 1
    away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return (_EPOCH + since * _MICROSECOND).astimezone(timezone(sign * away)).isoformat()


def zone_of(value: str) -> str | None:
    """The zone that a date and time is written in, as ``+02:00`` or ``Z``; None without one."""
    found = _ZONE.search(value)
    if found is None or "T" not in value.replace(" ", "T"):
        return None
    sign, hours, minutes = found.groups()
    return "Z" if sign is None else f"{sign}{hours}:{minutes or '00'}"


def instant(value: object) -> int | None:
    """Microseconds since 1970 of a string that is a date beyond doubt; None for any other.

    That is the extended form of ISO 8601 with a day: ``2026-01-31``, ``2026-01-31T12:00``,
    ``2026-01-31 12:00:00.5+01:00``. ``20260131`` may be a number, ``2026-01`` that of a part.
    """
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return None
    return microseconds(value.replace(",", "."))
