"""Texts: untrusted bytes to a clean string, and a string to the words it is found by."""

import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from triptych.shared.errors import MediaError, TooLarge

# The closed classes of English: articles, pronouns, prepositions, conjunctions, auxiliaries.
# Lists made for topic models also drop words like "fire", "cry" or "computer".
STOP_WORDS = frozenset(
    """
    a an the this that these those some any each every no
    i me my mine we us our ours you your yours he him his she her hers it its they them their
    theirs who whom whose which what
    of in on at by for with from to into onto as about
    and or but nor so if than then
    is am are was were be been being do does did has have had will would shall should can could
    may might must not
    there here
    """.split()  # noqa: SIM905
)

_MOST_ACCENTS = 256
"""Combining marks in a row: normalising sorts them, in quadratic time."""
_WORD_CHARS = 64
"""Of a longer word only the beginning counts: no language has one, and caches stay small."""


def decode_text(data: bytes, *, max_chars: int) -> str:
    """Decode UTF-8. Raises MediaError with the place of the first wrong byte, or TooLarge."""
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


def terms(text: str) -> list[str]:
    """Tokenise, fold case, drop stop words, stem: the words that index and query share.

    The same function runs on both sides, so every index ranks alike. A text of stop words
    alone keeps them. Scripts without spaces become overlapping pairs of characters.
    """
    tokenizer, stem = _tools()
    tokens = tokenizer.tokenize(unicodedata.normalize("NFKC", text).casefold())
    words = [token for token in tokens if token not in STOP_WORDS] or tokens
    return [
        term
        for word in words
        for term in (_pairs(word) if _is_unspaced(word) else [stem(word[:_WORD_CHARS])])
    ]


@cache
def _tools() -> tuple[Any, Any]:
    from nltk.stem.snowball import EnglishStemmer
    from nltk.tokenize import RegexpTokenizer

    return RegexpTokenizer(r"\w+(?:['’]\w+)?"), lru_cache(65_536)(EnglishStemmer().stem)


def _is_unspaced(word: str) -> bool:
    """Whether a word holds Chinese, Japanese, Thai, Lao, Khmer or Burmese letters."""
    return any(
        "\u0e00" <= char <= "\u0eff"
        or "\u1000" <= char <= "\u109f"
        or "\u1780" <= char <= "\u17ff"
        or "\u3040" <= char <= "\u30ff"
        or "\u3400" <= char <= "\u9fff"
        for char in word
    )


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)] or [word]
