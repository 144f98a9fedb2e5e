"""``docs/words.md`` shows what meets what; this module writes it: run it to do so."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.index.fuzzy import is_near
from triptych.index.model import Clause
from triptych.search.highlight import highlights
from triptych.search.syntax import parse
from triptych.text.analysis import analyse

PAGE = Path(__file__).parents[3] / "docs/words.md"
INTRODUCTION = """# Words

How words of a query meet words of an item. Both go through the same analysis
(`text/analysis.py`). [Searching](search.md#words) tells the syntax of queries. This page is made by
`python tests/unit/text/test_words_page.py`; a test compares it with what the analysis does.

- Words are compared by their stems, in fifteen languages. So a word is found in any of its forms.
- A word of several parts is found by each of them and as a whole. A query for it finds the parts
  side by side, too.
- Phrases, prefixes and fuzzy words compare words as they stand, without case and accents.

**Items that an older version indexed** are found by the words that they have: queries look up the
older forms, too. By what is new here they are found once they are sent again with `--again` or
under their ids: as a whole (`wifi`), by parts within a word, by signs (`C++`), emoji, and
transcriptions (`Mueller`), and by phrases, prefixes and fuzzy words with underscores, `C++`,
other digits, katakana, ligatures, traditional characters or forms of Arabic letters. By the other
kind of Chinese characters they are not found before, either. Stop words are found without. A
[rebuild](rebuilding.md) makes the words of those texts anew that it has to encode again.
"""
SECTIONS = {
    "What can't be seen": (
        "Soft hyphens, joiners, marks of direction and variation selectors are no part of a word.",
        {
            "das Ge\u00adsamt\u00adkonzept": ["Gesamtkonzept", "gesamt*", '"das Gesamtkonzept"'],
            "Lan\ufefftern, zero\u200bwidth": ["lantern", "zerowidth"],
            "\u200eleft\u200f and\u2060right": ["left", "andright"],
            "می\u200cخواهم": ["میخواهم"],
        },
    ),
    "Words of several parts": (
        "Hyphens, underscores, points and slashes; capitals and digits within a word.",
        {
            "Wi-Fi in the e-mail lounge": ["wifi", "Wi-Fi", "wi fi", "email", "wif*", "wireless"],
            "wifi": ["Wi-Fi", "WiFi", "wi fi"],
            "AC/DC": ["acdc", "ac dc", "ac-dc"],
            "something_2020-07-13_with_important_words.pdf": [
                "important", "2020-07-13", "20200713", "2020", '"important words"', "portant",
            ],
            "photos/IMG_20240131_sunset-beach.jpg": [
                "20240131", "sunset", "sunsetbeach", "sunset beach", "img",
            ],
            "getUserName of PowerShell": ["user", "username", "power shell", "getusername"],
            "iPhone15": ["iphone 15", "iphone", "iPhone-15", "15"],
            "iphone 15": ["iPhone15", "iphone-15"],
            "part 54-OR323014": ["54OR323014", "OR323014", "323014", "54 or 323014"],
            "node.js": ["nodejs", "node", "node js"],
        },
    ),
    "Words with signs": (
        (
            "A sign before or behind a word makes one word with it; the word alone is found, too. "
            "The word with its sign ranks first."
        ),
        {
            "C++ and C#": ["C++", "C#", "c", "C--"],
            "the R&D group": ["R&D", "r d", '"R & D"', "rd"],
            "@ada wrote of #rust": ["@ada", "ada", "#rust", "rust"],
            "we use .NET": [".NET", "net"],
            "ada@example.org": ["ada@example.org", "ada", "example"],
        },
    ),
    "Apostrophes": (
        "Whichever is typed; articles are words of their own, endings none.",
        {
            "Tim O'Reilly": ["O’Reilly", "O´Reilly", "oreilly", "reilly", "O Reilly"],
            "Hawaiʻi and the Qurʼan": ["Hawai'i", "hawaii", "Qur'an", "quran"],
            "the dog's bone, don't": ["dog", "dogs", "dont", "don’t"],
            "L'Oréal": ["loreal", "oreal", "l’oréal"],
            "dell'acqua": ["acqua", "dell’acqua", "dellacqua"],
        },
    ),
    "Stop words": (
        (
            "They are left out beside other words. Alone they are looked up as they stand, of "
            "whatever language, and best one after the other."
        ),
        {
            "The Who at Leeds": ["the who", "the", "who at the"],
            "Der Film „Das Leben der Anderen“": ["der das", "the"],
            "It is the IT department": ["it", "what is it"],
            "to-do": ["todo", "to do"],
        },
    ),
    "Accents and transcriptions": (
        "Accents count for nothing; umlauts and other letters may be spelt out.",
        {
            "Jürgen Müller, Straße, Ålesund": [
                "Muller", "Mueller", "mueller*", "juergen", "strasse", "aalesund", "alesund",
            ],
            "Mueller": ["Müller", "Muller"],
            "Þingvellir og Garðabær": ["thingvellir", "gardabaer"],
            "smørrebrød, œuvre": ["smorrebrod", "smoerrebroed", "oeuvre"],
            "the poet": ["pot", "pöt"],
        },
    ),
    "Numbers": (
        (
            "Separators of thousands count for nothing; a decimal comma is a point; digits of all "
            "scripts are the same."
        ),
        {
            "it costs 1,000 euros": ["1000", "1.000", "1 000", "1'000", "1"],
            "1 000 000 km": ["1000000", "1,000,000"],
            "3.14": ["3,14", "3.14", "314"],
            "पृष्ठ ४५६ ۷۸۹ ٧٨": ["456", "789", "78"],
        },
    ),
    "Other scripts": (
        (
            "Marks and forms of letters in Arabic, points in Hebrew and the kind of kana count for "
            "nothing; Indic vowel signs are part of their words. Scripts without spaces are looked "
            "up by pairs of characters. A traditional Chinese character is the simplified one that "
            "stands for it most often (by OpenCC), so a simplified one may stand for several."
        ),
        {
            "اللُّغَةُ العَرَبِيَّة": ["اللغة", "اللغه", "لغة"],
            "أحمد إلى مدرسى": ["احمد", "مدرسي"],
            "کتابی": ["كتابي"],
            "שָׁלוֹם": ["שלום"],
            "हिन्दी में": ["हिन्दी", "हिन्द"],
            "ひらがなのラーメン": ["らーめん", "ﾗｰﾒﾝ"],
            "圖書館開門": ["图书馆", "圖書", '"图书馆"', "开", "圖书馆"],
            "我在图书馆": ["圖書館", '"圖書館"', "館", "图"],
            "頭髮": ["头发", "發"],
            "飛行機の机": ["机", "飛行機", "飞行机"],
        },
    ),
    "Queries of nothing": (
        (
            "Quotation marks around nothing, and operators before it, are plain text: such a query "
            "has no words, and finds what it is near to. It is no error."
        ),
        {"price: 5": ['""', "„“", '-""', '+"!"', "text:!", '"" price']},
    ),
    "Emoji": (
        (
            "An emoji is a word, and has the words of its English name. Its style and the colour "
            "of its skin count for nothing."
        ),
        {
            "the 👩\u200d🚀 lands": ["👩\u200d🚀", "👩🏽\u200d🚀", "astronaut", "astronauts", "🐦"],
            "I ❤\ufe0f NY": ["❤", '"I ❤ NY"', "heart"],
            "an elephant": ["🐘"],
            "👍🏽 🇩🇪": ["👍", "thumbs", "germany", "🇩🇪"],
        },
    ),
}  # fmt: skip


def holds(clause: Clause, stems: list[str], plain: list[str]) -> bool:
    """What an index says, which has a text as these words."""
    phrase = clause.terms if clause.kind == "phrase" else clause.plain
    starts = range(len(plain)) if phrase else ()
    if any(tuple(plain[start : start + len(phrase)]) == phrase for start in starts):
        return True
    if clause.kind == "word":
        return not set(stems).isdisjoint(clause.terms)
    if clause.kind == "prefix":
        return any(word.startswith(clause.terms) for word in plain)
    return clause.kind == "fuzzy" and any(
        is_near(word, clause.terms[0], clause.edits) for word in plain
    )


def meets(query: str, text: str) -> bool:
    """Whether the index finds a text by any word of a query; what it finds is marked."""
    words, analysed = parse(query).words, analyse(text)
    stems, plain = analysed.stems.split(), analysed.plain.split()
    found = any(holds(clause, stems, plain) for clause in words.should)
    assert bool(highlights({"text": text}, words)) is found
    return found


def shown(text: str) -> str:
    """A text for a table in Markdown, with what can't be seen by its number."""
    return (
        "`"
        + "".join(
            f"⟨{ord(char):04X}⟩" if unicodedata.category(char) == "Cf" or char == "\ufe0f" else char
            for char in text
        ).replace("|", "\\|")
        + "`"
    )


def page() -> str:
    """The page as it must be."""
    return "\n".join([INTRODUCTION, *map("\n".join, map(section, SECTIONS))]) + "\n"


def section(title: str) -> Iterator[str]:
    """The lines of one section."""
    said, texts = SECTIONS[title]
    yield from [f"## {title}", "", said, "", "| text | is found by | not by |", "|---|---|---|"]
    for text, queries in texts.items():
        met = {query: meets(query, text) for query in queries}
        by = " · ".join(shown(query) for query in queries if met[query])
        others = " · ".join(shown(query) for query in queries if not met[query])
        yield f"| {shown(text)} | {by} | {others} |"
    yield ""


@pytest.mark.parametrize("title", SECTIONS)
def test_the_page_shows_what_meets(title: str):
    """Else run this module, and look at what has changed."""
    assert "\n".join(section(title)).strip() in PAGE.read_text("utf-8")


def test_the_page_is_whole():
    """Nothing in it is written by hand."""
    assert PAGE.read_text("utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
