"""One form for what is written in several: characters of a text, and letters of its words."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from triptych.core.marks import bounded

_SIGNS = str.maketrans(dict.fromkeys("‘’‛ʹʻʼʽʾʿˈ′`׳״", "'") | {"\u2010": "-"})
_ACUTE = " \u0301"
"""What an acute accent that stands alone (´) is in NFKC; it is typed for an apostrophe, too."""

# What has no shape of its own: soft hyphens, joiners, bidi marks, variation selectors, frames of
# keycaps. Of an emoji only what makes it another one stays: 👩‍🚀 is joined, 👍🏽 is a 👍.
# Only what may have a colour of skin loses it: ™ is a pictograph, too, and TM in NFKC.
_PICTOGRAPH = (
    r"(?:\p{Emoji_Modifier_Base}[\uFE0E\uFE0F\U0001F3FB-\U0001F3FF]*+"
    r"|\p{Extended_Pictographic}[\uFE0E\uFE0F]*+)"
)
_STYLE = str.maketrans(dict.fromkeys(["\ufe0e", "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400))], ""))

_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


def normal(text: str) -> str:
    """The text in NFKC, with one apostrophe and one hyphen, and without what can't be seen."""
    if text.isascii():
        return text.replace("`", "'")
    shown = _shapeless().sub(_shown, text) if _shapeless().search(text) else text
    return unicodedata.normalize("NFKC", bounded(shown)).replace(_ACUTE, "'").translate(_SIGNS)


def _shown(match: Any) -> str:
    emoji: str | None = match["emoji"]
    return emoji.translate(_STYLE) if emoji else ""


def aligned(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The normal text, and for each of its characters those of the text that it stands for."""
    places = list(_places(text, _unit()))
    if (joined := "".join(form for form, _ in places)) != normal(text):
        # Spaces end every form.
        places = list(_places(text, re.compile(r"\s|\S+")))
        joined = "".join(form for form, _ in places)
    return joined, [place for form, place in places for place in _of_each(form, place)]


def _places(text: str, units: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    for unit in units.finditer(text):
        yield normal(unit[0]), unit.span()


def _of_each(form: str, place: tuple[int, int]) -> Iterator[tuple[int, int]]:
    start, end = place
    if len(form) == end - start and form.isascii():
        return ((at, at + 1) for at in range(start, end))
    return (place for _ in form)


def folded(word: str) -> str:
    """A word of a normal text without case."""
    return unicodedata.normalize("NFKC", word.casefold())


def unaccented(word: str) -> str:
    """A folded word in plain letters: without accents, points and other marks, in any script."""
    return word.translate(_accents())


def unified(word: str) -> str:
    """A plain word with letters and digits that are the same in one form.

    Ligatures (æ, œ), digits of other scripts, Persian and Arabic letters, katakana as hiragana,
    traditional Chinese characters as simplified ones.
    """
    return word if word.isascii() else word.translate(_forms())


def unified_stem(stem: str) -> str:
    """A stem with the letters in one form that a stemmer tells apart."""
    return stem if stem.isascii() else stem.translate(_ARABIC_FORMS)


def transcribed(word: str) -> str:
    """A folded word as it is spelt where there are no umlauts: ``mueller`` for ``müller``.

    The word itself if there are none.
    """
    return word if word.isascii() else word.translate(_TRANSCRIBED)


_ARABIC_FORMS = str.maketrans("أإآٱىةؤئ", "ااااي" + "هوي")


@cache
def _shapeless() -> Any:
    import regex

    return regex.compile(
        rf"(?P<emoji>{_PICTOGRAPH}(?:\u200D{_PICTOGRAPH})*+(?:[\U000E0020-\U000E007E]+\U000E007F)?+)"
        r"|[\p{Default_Ignorable_Code_Point}\p{Cf}\u20E3]+"
    )


@cache
def _unit() -> Any:
    r"""A letter and all that belongs to it, or several of ASCII: no normal form reaches across.

    Flags have a part of their own, since ``\X`` looks back at all that are in a row.
    """
    import regex

    return regex.compile(
        r"[ -~]+(?=[ -~\n]|\Z)"
        r"|\p{Regional_Indicator}{1,2}+[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]*+|\X"
    )


@cache
def _accents() -> Mapping[int, str]:
    """A table for ``str.translate``: letters less their accents, marks and joiners less."""
    letters = [*range(0xC0, 0x250), *range(0x370, 0x400), *range(0x1E00, 0x2000), *map(ord, "ёЁ")]
    marks = [
        *range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x610, 0x61B), *range(0x64B, 0x660),
        0x640, 0x670, *range(0x6D6, 0x6DD), *range(0x6DF, 0x6E5), *range(0x6E7, 0x6E9),
        *range(0x6EA, 0x6EE), *range(0x8D3, 0x900),
    ]  # fmt: skip
    table = {code: unicodedata.normalize("NFD", chr(code))[0] for code in letters}
    return (
        table
        | dict.fromkeys(marks, "")
        | {ord("ø"): "o", ord("ł"): "l", ord("đ"): "d", ord("ı"): "i"}
    )


@cache
def _forms() -> Mapping[int, str]:
    """A table for ``str.translate``."""
    digits = {
        char: str(unicodedata.digit(char))
        for char in map(chr, range(0x80, 0x20000))
        if unicodedata.category(char) == "Nd"
    }
    hiragana = {chr(code): chr(code - 0x60) for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
    arabic = dict(zip("کیےھہەۆۇ", "كييههه" + "وو", strict=True))
    ligatures = {"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h"}
    return str.maketrans(digits | hiragana | arabic | ligatures | _simplified())


def _simplified() -> dict[str, str]:
    """Traditional characters to simplified ones, each to one: what depends on the word is lost."""
    lines = (files(__package__ or "") / "han_variants.txt").read_text("utf-8").splitlines()
    return {pair[0]: pair[1] for line in lines if line[0] != "#" for pair in line.split()}
