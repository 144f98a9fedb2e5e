"""From a text to the words that are searched: the same functions for items and for queries."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from threading import Lock
from typing import Any

from triptych.core.item import Words
from triptych.text.languages import detect, guess
from triptych.text.stop_words import STOP_WORDS

SNOWBALL: Mapping[str, str] = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish",
}  # fmt: skip
"""The stemmers of NLTK, by ISO 639-1 code."""
_SAME = {"nb": "no", "nn": "no"}
"""Bokmål and Nynorsk share one."""

_WORD_CHARS = 64
"""Only the beginning of a longer word counts: no language has one, and caches stay small."""

_SAMPLE_CHARS = 4000
"""More than the sample of ``languages``, even where normalising shortens a text."""

# Han; the kana; Thai and Lao; Burmese; Khmer: scripts that put no space between words. Korean has
# spaces, but its words carry their particles.
_HAN = "\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    rf"{_HAN}\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff"
    r"\uac00-\ud7ff"
)
_IS_HAN = re.compile(f"[{_HAN}]")
_RUNS = re.compile(f"([{_UNSPACED}]+)|[^{_UNSPACED}]+")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_ARABIC = re.compile("[\u0600-\u06ff]")

# l'arbre, dell'acqua: the article is no part of the word.
_ELISION = re.compile(
    r"\A(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|un|quest|gl|(?:a|da|de|ne|su|co)ll)['’](?=\w\w)",
    re.IGNORECASE,
)


def terms(text: str, language: str | None = None) -> list[str]:
    """Tokenise, fold case, drop stop words, stem: the words that index and query share.

    ``language`` is an ISO 639-1 code; without it the languages that the text may be in are
    guessed. A word gives the usual stem of its script (English, Russian, Arabic), in plain
    letters, so that texts match whatever was guessed; and its stem in each of the languages if
    that differs. A text of stop words alone keeps them. Scripts without spaces become
    overlapping pairs of characters; each Chinese character counts alone, too.
    """
    return [term for _, word_terms in worded(text, language) for term in word_terms]


def analyse(text: str, language: str | None = None) -> Words:
    """The words of a text, for the index: its stems, and every word as it stands.

    ``language`` is an ISO 639-1 code; without it the language is detected.
    """
    return Words(
        stems=" ".join(terms(text, language or detect(text))), plain=" ".join(plain_words(text))
    )


def worded(
    text: str, language: str | None = None, *, within: str | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Each word that counts, in small letters but not stemmed, with its terms.

    Of a word longer than 64 characters both are those of its beginning. ``within`` is the text
    that this one is a part of: languages are guessed from it.
    """
    normal = unicodedata.normalize("NFKC", text)
    languages, stop = _language(normal if within is None else within, language)
    words = _tokens(normal)
    for token, folded in [word for word in words if word[1] not in stop] or words:
        for run in _RUNS.finditer(folded):
            if run[1]:
                yield from ((term, [term]) for term in _pairs(run[1]))
            else:
                word = token.lower() if run[0] == folded else run[0]
                yield word[:_WORD_CHARS], _stems(run[0][:_WORD_CHARS], languages)


def only_stop_words(text: str, language: str | None = None, *, within: str | None = None) -> bool:
    """Whether no word of a text would count if it stood among others."""
    normal = unicodedata.normalize("NFKC", text)
    _, stop = _language(normal if within is None else within, language)
    return all(folded in stop for _, folded in _tokens(normal))


def plain_words(text: str) -> list[str]:
    """Every word in order, folded, in plain letters, not stemmed; at most 64 characters of each.

    Scripts without spaces become single characters, so that phrases in them match. An
    article before an apostrophe is a word of its own.
    """
    return [
        piece[:_WORD_CHARS]
        for token in _tokenizer().tokenize(unicodedata.normalize("NFKC", text))
        for word in _parted(token)
        for run in _RUNS.finditer(_fold(word).translate(_plain_letters()))
        for piece in (run[1] or [run[0]])
    ]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Beginning and end of each word, in code points of the text as it is.

    In scripts without spaces each character is a word.
    """
    for start, end in _tokenizer().span_tokenize(text):
        for run in _RUNS.finditer(text, start, end):
            if run[1]:
                yield from ((position, position + 1) for position in range(*run.span()))
            else:
                yield run.span()


def _language(text: str, language: str | None) -> tuple[tuple[str, ...], frozenset[str]]:
    """The languages whose stemmers a text goes through, and the words that do not count in it."""
    language = _SAME.get(language or "", language)
    sample = unicodedata.normalize("NFKC", text[:_SAMPLE_CHARS])
    stop = STOP_WORDS.get(language or detect(sample) or "en", STOP_WORDS["en"])
    return (language,) if language else guess(sample), stop


def _tokens(normal: str) -> list[tuple[str, str]]:
    """Each word less its article, and that word folded."""
    return [(token, _fold(token)) for token in map(_unelided, _tokenizer().tokenize(normal))]


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word.casefold())


def _unelided(token: str) -> str:
    return _ELISION.sub("", token)


def _parted(token: str) -> tuple[str, ...]:
    """The article before an apostrophe, less that, and the rest; or the whole word."""
    article = _ELISION.match(token)
    return (token[: article.end() - 1], token[article.end() :]) if article else (token,)


def _stems(word: str, languages: tuple[str, ...]) -> list[str]:
    plain = word.translate(_plain_letters())
    usual = "ru" if _CYRILLIC.search(word) else "ar" if _ARABIC.search(word) else "en"
    stems = [_stemmer(usual)(plain) or plain]
    stems += [
        _stemmer(name)(word).translate(_plain_letters())
        for name in languages
        if name in SNOWBALL and name != usual
    ]
    return [stem for stem in dict.fromkeys(stems) if stem]


def _pairs(run: str) -> Iterator[str]:
    for i, char in enumerate(run):
        if _IS_HAN.match(char) or len(run) == 1:
            yield char
        if i + 1 < len(run):
            yield run[i : i + 2]


@cache
def _tokenizer() -> Any:
    from nltk.tokenize import RegexpTokenizer

    return RegexpTokenizer(r"\w+(?:['’]\w+)?")


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    """A stemmer of NLTK. Some keep state between calls, so one thread uses it at a time."""
    from nltk.stem.snowball import SnowballStemmer

    stemmer, lock = SnowballStemmer(SNOWBALL[language]), Lock()

    @lru_cache(16_384)
    def stem(word: str) -> str:
        with lock:
            return str(stemmer.stem(word))

    return stem


@cache
def _plain_letters() -> Mapping[int, str]:
    """A table for ``str.translate``: letters less their accents, marks and joiners less."""
    letters = [*range(0xC0, 0x250), *range(0x370, 0x400), *range(0x1E00, 0x2000), *map(ord, "ёЁ")]
    marks = [
        *range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x640, 0x670, 0xAD,
        *range(0x200B, 0x2010), 0xFEFF,
    ]  # fmt: skip
    table = {code: unicodedata.normalize("NFD", chr(code))[0] for code in letters}
    return (
        table
        | dict.fromkeys(marks, "")
        | {ord("ø"): "o", ord("ł"): "l", ord("đ"): "d", ord("ı"): "i", ord("’"): "'"}
    )
