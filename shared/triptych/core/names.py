"""What users may call things, and how what they called them is stored and shown.

Whatever is stored is UTF-8: JSON and file names can carry lone surrogates, which are not.
"""

import hashlib
import re

_MAX_ID_BYTES = 512
"""Elasticsearch refuses a whole bulk request for one longer id."""

_SHOWN_CHARS = 500
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_text(value: str) -> str:
    """Return a string that can be stored. Raises ValueError for one with lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"not Unicode at character {error.start}: {error.reason}") from error
    return value


def check_file_name(value: str) -> str:
    """Return a file name or path without control characters and surrogates, else ValueError."""
    if found := _UNPRINTABLE.search(value):
        raise ValueError(f"control character or surrogate at character {found.start()}")
    return value


def check_id(value: str) -> str:
    """Return an item's id that the index takes and a URL can name, else raise ValueError."""
    size = len(check_file_name(value).encode())
    if not 1 <= size <= _MAX_ID_BYTES:
        raise ValueError(f"{size} bytes of UTF-8, 1 to {_MAX_ID_BYTES} are accepted")
    if {"", ".", ".."} & set(value.split("/")):
        raise ValueError("no part between slashes may be empty, '.' or '..'")
    return value


def is_id(value: object) -> bool:
    """Whether a value would do as an item's id."""
    try:
        return isinstance(value, str) and bool(check_id(value))
    except ValueError:
        return False


def derive_id(name: str) -> str:
    """An id made of a name: the name itself, or 32 hex digits of its sha256 where it won't do."""
    if is_id(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def printable(text: str, limit: int = _SHOWN_CHARS) -> str:
    """Text of a user as it may be stored and shown: escaped where need be, and not endless."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], short)
