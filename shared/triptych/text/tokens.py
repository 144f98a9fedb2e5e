"""What a text is cut into: words, and what several of them are together.

``Wi-Fi`` is two words, and one as a whole: ``WiFi``. ``C++``, ``@ada``, ``1,000`` and ``3.14`` are
words as a whole, too.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

LONGEST = 64
"""Characters of a word. No language has a longer one: of others the beginning counts, and what is
longer as a whole counts by its words alone."""

_WORD = r"[^\W_]++(?:'[^\W_]++)*+"
_DIGITS = re.compile(r"\d++")
_SIGN = re.compile(r"[_./\\&@-]")
_STRONG = re.compile(r"(?:[^_/\\@.]|(?<=\d)\.(?=\d))++")
"""What hyphens hold together, of what other signs do: the name of a file without its folder."""
_SILENT = re.compile(r"[-_/\\']|(?<!\d)\.|\.(?!\d)")
"""Signs that a compound as a whole does without; digits keep their points."""
_CONTRACTION = re.compile(r"[^']+'(?P<end>s|t|re|ve|ll|d|m)", re.IGNORECASE)


class Piece(NamedTuple):
    """Characters of a text, and what they say: a whole does so without hyphens, for example."""

    start: int
    end: int
    text: str


class Token(NamedTuple):
    """What a text has between spaces and other signs that part words."""

    start: int
    end: int
    words: tuple[Piece, ...] = ()
    """As they stand: none in an emoji."""
    wholes: tuple[Piece, ...] = ()
    """What words are together, or with a sign before or behind them."""
    ending: str = ""
    """A sign that belongs to the last word: ``++`` or ``#``."""
    emoji: str = ""
    is_one: bool = True
    """Whether it means nothing but itself: the words of ``well-known`` mean something alone, those
    of ``1,000`` and ``R&D`` don't."""


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a normal text, in order."""
    for match in _token().finditer(text):
        start, end = match.span()
        if emoji := match["emoji"]:
            yield Token(start, end, emoji=emoji)
        elif match["number"]:
            yield _number(match)
        elif match.span("words") != (start, end) or _SIGN.search(match["words"]):
            yield _compound(match)
        else:
            yield Token(start, end, (Piece(start, end, match["words"]),))


def contraction(word: str) -> str:
    """What is behind the apostrophe of ``dog's`` or ``don't``: no word; of others nothing."""
    match = _CONTRACTION.fullmatch(word) if "'" in word else None
    return match["end"].lower() if match else ""


def inner(word: str) -> list[Piece]:
    """The parts of a word by its digits and apostrophes, or else by its capitals; mostly none."""
    if word.isalpha() and (word.islower() or word[1:].islower()):
        return []
    if contraction(word):
        return []
    return _cut(word, _by_digits()) or _cut(word, _by_capitals())


def _cut(word: str, pattern: Any) -> list[Piece]:
    cuts = [(0, 0), *(match.span() for match in pattern.finditer(word)), (len(word), len(word))]
    if len(cuts) == 2:  # noqa: PLR2004 both ends
        return []
    return [
        Piece(start, end, word[start:end]) for (_, start), (end, _) in pairwise(cuts) if start < end
    ]


def _number(match: Any) -> Token:
    text, group, point = match["number"], match["group"], match["point"]
    whole = text.replace(group, "") if group else text
    whole = whole.replace(point, ".") if point else whole
    start, end = match.span()
    return Token(
        start,
        end,
        tuple(_pieces(_DIGITS, text, start)),
        (Piece(start, end, whole),),
        is_one=group != " ",
    )


def _compound(match: Any) -> Token:
    """Words with signs between, before or behind them."""
    text, (start, end) = match["words"], match.span("words")
    before, after = match["before"] or "", match["after"] or ""
    words = tuple(_pieces(_part(), text, start))
    wholes = {}
    if len(words) > 1:
        wholes = {(start, end): _joined(text)}
        for part in _pieces(_STRONG, text, start):
            if _SIGN.search(part.text):
                wholes[part.start, part.end] = _joined(part.text)
    if before:
        wholes[match.start(), end] = before + _joined(text)
    if after:
        wholes[words[-1].start, match.end()] = words[-1].text + after
    return Token(
        match.start(),
        match.end(),
        words,
        tuple(Piece(*place, whole) for place, whole in wholes.items() if len(whole) <= LONGEST),
        ending=after,
        is_one=len(words) == 1 or not set("&@").isdisjoint(text) or _of_digits(words),
    )


def _of_digits(words: tuple[Piece, ...]) -> bool:
    return all(word.text.isdigit() for word in words)


def _joined(text: str) -> str:
    return str(_SILENT.sub("", text))


def _pieces(pattern: Any, text: str, offset: int) -> Iterator[Piece]:
    for match in pattern.finditer(text):
        yield Piece(offset + match.start(), offset + match.end(), match[0])


@cache
def _token() -> Any:
    """Time is linear: parts are possessive, and numbers bounded, since any group may begin one."""
    import regex

    return regex.compile(
        rf"""
        (?P<emoji> \p{{Extended_Pictographic}}(?:\u200D\p{{Extended_Pictographic}})*+
            (?:[\U000E0020-\U000E007E]++\U000E007F)?+ | \p{{Regional_Indicator}}{{2}} )
        | (?<![\w.,]) (?P<number>
            \d{{1,3}}(?P<group>[.,'\ ])\d{{3}}(?:(?P=group)\d{{3}}){{0,8}}+
            (?:(?!(?P=group))(?P<point>[.,])\d++)?+
            | \d++(?P<point>[.,])\d++ ) (?!\w|[.,'\-/_@&]\w)
        | (?:(?<![\w.@\#&/\\-])(?P<before>[@\#.])(?=[^\W_]))?+
          (?P<words>{_WORD}(?:(?:_++|[-./\\&@]){_WORD})*+)
          (?P<after>(?:\+\+|[+\#])(?![\w+\#]))?+
        """,
        regex.VERBOSE,
    )


@cache
def _part() -> Any:
    import regex

    return regex.compile(_WORD)


@cache
def _by_digits() -> Any:
    import regex

    return regex.compile(r"'|(?<=\d)(?=\p{L})|(?<=\p{L}\p{M}*)(?=\d)")


@cache
def _by_capitals() -> Any:
    """sunset|Beach, HTTP|Server."""
    import regex

    return regex.compile(r"(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll}{2})")
