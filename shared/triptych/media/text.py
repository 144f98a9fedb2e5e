"""Texts: untrusted bytes to a clean string."""

import unicodedata
from itertools import groupby

from triptych.core.errors import MediaError, TooLarge

_MOST_ACCENTS = 256
"""Combining marks in a row: normalising sorts them in quadratic time."""


def decode_text(data: bytes, *, max_chars: int) -> str:
    """Decode UTF-8. Raises MediaError with the offset of the first wrong byte, or TooLarge."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MediaError(f"text is not UTF-8: byte {error.start} can't be decoded") from error
    return clean_text(text, max_chars=max_chars)


def clean_text(text: str, *, max_chars: int) -> str:
    """Normalise to NFC and strip. Raises MediaError for what is empty or no text, or TooLarge."""
    if len(text) > max_chars:
        raise TooLarge(f"text has {len(text)} characters, the limit is {max_chars}")
    if _is_overloaded(text):
        raise MediaError(f"text has a letter with more than {_MOST_ACCENTS} accents")
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise MediaError("text is empty")
    if "\0" in text:
        raise MediaError("text has a NUL character: it is binary data")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can carry
        raise MediaError(f"text is not Unicode: {error.reason}") from error
    return text


def _is_overloaded(text: str) -> bool:
    runs = groupby(text, lambda char: unicodedata.combining(char) > 0)
    return not text.isascii() and any(
        accented and sum(1 for _ in run) > _MOST_ACCENTS for accented, run in runs
    )
