"""Names that users choose: what is accepted, and how it is stored and shown.

Everything that is stored is valid UTF-8. JSON and file names may hold lone surrogates, which
are not, so they are refused. Ids, and names that are looked up, have one form: NFC. A Mac writes
"é" as two characters, other systems as one.
"""

import hashlib
import posixpath
import re
import unicodedata
from collections.abc import Sequence

_MAX_ID_BYTES = 512
"""Elasticsearch refuses a whole bulk request if one id is longer."""

_SHOWN, _SHOWN_CHARS = 5, 500
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_text(value: str) -> str:
    """Return a string that can be stored. Raises ValueError if it has lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"not Unicode at character {error.start}: {error.reason}") from error
    return value


def check_file_name(value: str) -> str:
    """Return a file name or path. Raises ValueError for control characters and surrogates."""
    if match := _UNPRINTABLE.search(value):
        raise ValueError(f"control character or surrogate at character {match.start()}")
    return value


def composed(value: str) -> str:
    """A name in the one form in which names are compared: NFC."""
    return unicodedata.normalize("NFC", value)


def folded(value: str) -> str:
    """A label in the one form in which labels are compared: NFC, without differences of case.

    https://www.unicode.org/versions/latest/core-spec/chapter-3/#G53513: caseless matching.
    """
    return composed(composed(value).casefold())


def same_file(name: str) -> str:
    """The name of a file in the one form of all ways to write it: with dots, with backslashes."""
    return posixpath.normpath(composed(name).replace("\\", "/"))


def check_id(value: str) -> str:
    """Return an item's id, in NFC, that fits the index and a URL. Raises ValueError."""
    value = composed(value)
    size = len(check_file_name(value).encode())
    if not 1 <= size <= _MAX_ID_BYTES:
        raise ValueError(f"{size} bytes of UTF-8; 1 to {_MAX_ID_BYTES} are accepted")
    if {"", ".", ".."} & set(value.split("/")):
        raise ValueError("no part between slashes may be empty, '.' or '..'")
    return value


def is_id(value: object) -> bool:
    """Whether a value is a valid id of an item."""
    try:
        return isinstance(value, str) and bool(check_id(value))
    except ValueError:
        return False


def derive_id(name: str) -> str:
    """An id derived from a name: the name if it is valid, else 32 hex digits of its SHA-256."""
    name = composed(name)
    if is_id(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def printable(text: str, limit: int = _SHOWN_CHARS) -> str:
    """A user's text, fit to be stored and shown: escaped and shortened."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return _UNPRINTABLE.sub(lambda match: repr(match[0])[1:-1], short)


def named(names: Sequence[str]) -> str:
    """How many there are, and the first few: ``7 (a, b, c, d, e, …)``."""
    more = ", …" if len(names) > _SHOWN else ""
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{more})"
