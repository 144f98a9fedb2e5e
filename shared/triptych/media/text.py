"""Texts: untrusted bytes to a clean string, and what is to be known of it."""

import unicodedata
from collections.abc import Sequence
from itertools import accumulate, groupby, takewhile
from typing import NamedTuple

from triptych.core.errors import MediaError, TooLarge
from triptych.core.item import Note
from triptych.media import encodings
from triptych.media.html import is_page, visible_text

_MOST_ACCENTS = 256
"""Combining marks in a row: normalising sorts them in quadratic time."""
_PAGES = (".html", ".htm", ".xhtml")
_REPLACED = "\ufffd"


class CleanText(NamedTuple):
    """A text that can be indexed."""

    text: str
    notes: Sequence[Note] = ()


def decode_text(data: bytes, *, max_chars: int, name: str = "") -> CleanText:
    """A file to its text, whatever its encoding; of HTML what a person would see.

    Args:
        data: the bytes of the file.
        max_chars: what is longer is cut.
        name: of the file.

    Raises:
        MediaError: it has no text, or is none.
    """
    text = encodings.decode(data)
    damage = text.count(_REPLACED) - data.count(_REPLACED.encode())
    if damage * 2 > len(text):
        raise MediaError("text is binary data")
    if is_page(text) or name.lower().endswith(_PAGES):
        text = visible_text(text)
    read = read_text(text, max_chars=max_chars)
    if damage <= 0:
        return read
    note = f"{damage} bytes are no text: {_REPLACED} is in their place"
    return read._replace(notes=[Note(note), *read.notes])


def read_text(text: str, *, max_chars: int) -> CleanText:
    """The text of an item in NFC, stripped; what can't be in a text is mended, with a note.

    Raises MediaError where nothing is left.
    """
    notes = []
    text = text.strip()
    if (length := len(text)) > max_chars:
        text = text[:max_chars]
        told = f"it has {length} characters, of which the first {max_chars} are taken"
        notes.append(Note(told, lost=True))
    if not _is_overloaded(text) and (written := _written_out(text)) > max_chars:
        text = _fitting(text, max_chars)
        told = f"it has {written} characters when its signs are written out, {max_chars} are taken"
        notes.append(Note(told, lost=True))
    if nuls := text.count("\0"):
        text = text.replace("\0", " ")
        notes.append(Note(f"{nuls} NUL characters are blanks now"))
    mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if mended != text:  # lone surrogates, which JSON can carry
        notes.append(Note(f"it has halves of characters: {_REPLACED} is in their place"))
        text = mended
    return CleanText(clean_text(text, max_chars=max_chars), notes)


def clean_text(text: str, *, max_chars: int) -> str:
    """Normalise to NFC and strip. Raises MediaError for what is empty or no text, or TooLarge."""
    if len(text) > max_chars:
        raise TooLarge(f"text has {len(text)} characters, the limit is {max_chars}")
    if _is_overloaded(text):
        raise MediaError(f"text has a letter with more than {_MOST_ACCENTS} accents")
    if (length := _written_out(text)) > max_chars:
        raise TooLarge(
            f"text has {length} characters when its signs are written out, the limit is {max_chars}"
        )
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


def _written_out(text: str) -> int:
    """The length of a text as words are found in it (NFKC): one sign may stand for 18 letters."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFKC", text))


def _fitting(text: str, max_chars: int) -> str:
    """The beginning of a text that has so many characters, written out."""
    lengths = accumulate(len(unicodedata.normalize("NFKC", char)) for char in text)
    return text[: sum(1 for _ in takewhile(lambda length: length <= max_chars, lengths))]


def _is_overloaded(text: str) -> bool:
    runs = groupby(text, lambda char: unicodedata.combining(char) > 0)
    return not text.isascii() and any(
        accented and sum(1 for _ in run) > _MOST_ACCENTS for accented, run in runs
    )
