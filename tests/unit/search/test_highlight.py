"""What of a document was found."""

import time
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from triptych.index.fuzzy import is_near
from triptych.index.model import LABELLED, Clause
from triptych.search.answer import Snippet
from triptych.search.highlight import highlights
from triptych.search.syntax import parse
from triptych.text.analysis import analyse

WORDS = st.text("abc", min_size=1, max_size=8)
FILLER = "Nothing of interest is to be read here, line by line. "


def marked(query: str, text: str, language: str | None = None) -> list[str]:
    """The words of a text that a query marks."""
    found = highlights({"text": text, "language": language}, parse(query, language).words)
    return [
        snippet.text[start:end] for snippet in found.get("text", ()) for start, end in snippet.spans
    ]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("elephants", "An Elephant's ear, two elephants.", ["Elephant's", "elephants"]),
        ("the cat", "The cat and the dog", ["cat"]),
        ("to be", "A cat to be", ["to be"]),
        ("to be", "To be or not to be, to", ["To be", "to be", "to"]),
        ('"black cat"', "A cat, black. A Black  cat. Black cats.", ["Black  cat"]),
        ('"cat cat"', "cat cat cat", ["cat cat cat"]),
        ("ele*", "Elephants elect no eel", ["Elephants", "elect"]),
        ("elefant~", "An elephant, an elegant, an infant", ["elephant", "elegant"]),
        ("hello~1", "hallo, helo, hlelo, help, jello", ["hallo", "helo", "hlelo"]),
        ("+cat -dog", "cat and dog", ["cat"]),
        ("cafe", "Le café", ["café"]),
        ("café", "Le cafe\u0301 noir", ["cafe\u0301"]),
        ("黒猫", "公園で黒猫が寝ている。猫。", ["黒猫", "猫"]),
        ('"黒猫"', "猫、黒猫。", ["黒猫"]),
        ("ネコ", "ﾈｺがいる", ["ﾈｺ"]),
        ("고양이", "고양이가 잔다", ["고양이"]),
        ("手机", "我的iPhone手机", ["手机"]),
        ("ทำ", "การทำงาน", ["ทำ"]),
        ("arbre", "L'arbre de Noël", ["L'arbre"]),
        ("fish", "ﬁshes", ["ﬁshes"]),
        ("text:cat", "cat", ["cat"]),
        ("transcript:cat", "cat", []),
    ],
)
def test_what_is_marked(query, text, expected):
    """Words by their stems, phrases, prefixes, fuzzy words, in every script."""
    assert marked(query, text) == expected


def test_stems_are_those_of_the_language():
    """Of the item, as the index has them."""
    assert marked("Häuser", "Ein Haus", "de") == ["Haus"]
    assert marked("Häuser", "Ein Haus", "en") == []


def test_every_field_that_has_words():
    """Each in its own language; recognised texts are within their fields."""
    document = {
        "text": "Ein Haus", "language": "de", "tags": ["haus"],
        "transcript": {"text": "The houses", "language": "en", "segments": []},
        "writing": {"text": "NO EXIT", "lines": []},
    }  # fmt: skip
    words = parse("Häuser houses exit", "de").words
    assert highlights(document, words) == {
        "text": [Snippet("Ein Haus", [(4, 8)])],
        "transcript": [Snippet("The houses", [(4, 10)])],
        "writing": [Snippet("NO EXIT", [(3, 7)])],
        "tags": [Snippet("haus", [(0, 4)])],
    }
    assert highlights({"id": "x"}, words) == {}


def test_names_of_files():
    """Each once, as its sender called it."""
    document = {"names": {"image": "2023/sunset at sea.png", "audio": "2023/sunset at sea.ogg"}}
    assert highlights(document, parse("sunset 2023").words) == {
        "names": [
            Snippet("2023/sunset at sea.png", [(0, 4), (5, 11)]),
            Snippet("2023/sunset at sea.ogg", [(0, 4), (5, 11)]),
        ]
    }


def test_tags_and_metadata():
    """Value by value, up to three; no phrase reaches into the next one, numbers say nothing."""
    document = {
        "tags": ["Red beach", "sea", "the beach", "beaches", "beach 4"],
        "metadata": {"camera": "Acme X100", "year": 100, "place": "at sea", "again": "at sea"},
    }
    assert highlights(document, parse('beach x100 100 sea "beach sea"').words) == {
        "tags": [
            Snippet("Red beach", [(4, 9)]),
            Snippet("sea", [(0, 3)]),
            Snippet("the beach", [(4, 9)]),
        ],
        "metadata": [Snippet("Acme X100", [(5, 9)]), Snippet("at sea", [(3, 6)])],
    }
    assert set(highlights(document, parse("tags:sea").words)) == {"tags"}
    assert highlights(document, parse('"beach sea"').words) == {}


def test_the_best_snippets():
    """Three of about 160 characters, in the order of the text; different words count."""
    rare = "An elephant drinks water under a tree."
    text = f"Elephants. {FILLER * 5}Water! {FILLER * 5}Water. {FILLER * 5}{rare} {FILLER * 5}tree"
    found = highlights({"text": text, "language": "en"}, parse("elephant water tree", "en").words)
    texts = [snippet.text for snippet in found["text"]]
    assert [snippet.text in text for snippet in found["text"]] == [True] * 3
    assert all(len(one) <= 160 for one in texts)
    assert texts[0].startswith("Elephants. Nothing")
    assert "Water!" in texts[1]
    assert rare[:-1] in texts[2]
    assert text.index(rare) - 70 < text.index(texts[2]) < text.index(rare) - 30


def test_snippets_begin_and_end_with_whole_words():
    """Whatever is around."""
    words = set(FILLER.replace(".", "").replace(",", "").split())
    for lead in range(1, 50):
        text = f"{'x' * lead} {FILLER * 8}elephant {FILLER * 8}"
        ((snippet,),) = highlights({"text": text}, parse("elephant").words).values()
        around = snippet.text.replace(".", " ").replace(",", " ").split()
        assert set(around) <= {*words, "elephant"}
        assert 140 <= len(snippet.text) <= 160


def test_a_phrase_is_in_one_snippet():
    """Not half of it in the one before, either."""
    assert marked('cat "a dog"', f"cat {'x ' * 76}a dog") == ["cat", "a dog"]


@pytest.mark.parametrize(
    ("query", "last"),
    [
        ("elephants", "an elephant"), ("happy", "happiest, happy"), ("wifi", "Wi-Fi"),
        ("mueller", "Müller"), ("oreilly", "O’Reilly"), ("1000", "1,000"), ("ele*", "elephant"),
        ('"green elephants"', "green\nelephants"), ("elefant~", "elephant"), ("图书馆", "圖書館"),
        ("iphone 15", "iPhone15"), ("ラーメン", "らーめん"), ('"the who"', "The Who"),
        ("C++", "C++"), ("مدرسي", "مدرسى"),
    ],
)  # fmt: skip
def test_the_end_of_a_long_text_is_looked_at(query, last):
    """However a word is spelt there; other words of the query that are everywhere don't hide it."""
    text = f"{'Lorem ipsum dolor sit amet. ' * 3_500}{last}"
    assert len(text) > 95_000
    found = highlights({"text": text, "language": "en"}, parse(f"{query} amet", "en").words)
    marks = [one.text[start:end] for one in found["text"] for start, end in one.spans]
    assert len(found["text"]) == 3
    assert set(marks) - {"amet"}
    assert text.endswith(found["text"][-1].text)


def test_what_is_beyond_what_can_be_told_is_at_the_beginning():
    """The names of emoji are no letters of a text: of a long one the beginning is looked at."""
    assert marked("heart", "x " * 9_000 + "❤" + " x" * 20_000) == ["❤"]
    assert marked("heart", "x " * 20_000 + "❤") == []


def test_of_a_long_query_the_beginning_is_marked():
    """As many words as a hit tells of."""
    query = " ".join(f"w{number}" for number in range(LABELLED))
    assert marked(f"{query} elephant", "w31 elephant") == ["w31"]


def test_an_endless_word_is_cut():
    """A mark is no longer than its snippet."""
    assert marked("xx*", "x" * 1_000) == ["x" * 160]


@pytest.mark.parametrize(
    "text",
    [
        " ".join(map("".join, product("abcdefgh", "klmno", "stuvwxyz", "abcdefgh", "klmnopq"))),
        "漢字猫犬" * 25_000, "a" * 100_000, "a " * 50_000, "é'a" * 33_000, "x" * 63 + " x" * 50_000,
    ],
    ids=["words", "no spaces", "one word", "letters", "apostrophes", "long"],
)  # fmt: skip
def test_time_is_bounded(text):
    """However long a text is; repeated words and phrases do not add up."""
    words = parse('as* a* aa~ bt~2 "a a a a a a a" "漢字猫犬漢字" 猫犬 ' + "x" * 63 + "~").words
    highlights({"text": "the models load"}, words)
    started = time.process_time()
    highlights({"text": text}, words)
    assert time.process_time() - started < 10


@settings(max_examples=300)
@given(
    st.text(alphabet="abé漢字กำﾈ\u0301ﬁ½™ .,-'\"\n", max_size=400),
    st.text(alphabet='abé漢字กำﾈ\u0301ﬁ½ "*~', max_size=30),
    st.sampled_from([None, "en", "ja"]),
)
def test_spans_lie_within_their_snippets(text, query, language):
    """In order, apart, not empty; snippets lie within the text, in order, apart."""
    found = highlights({"text": text, "language": language}, parse(query, language).words)
    place = 0
    for snippet in found.get("text", ()):
        assert 0 < len(snippet.text) <= 160
        place = text.index(snippet.text, place) + len(snippet.text)
        ends = [0]
        for start, end in snippet.spans:
            assert ends[-1] <= start < end <= len(snippet.text)
            ends.append(end)
        assert len(ends) > 1


@example("T字", "t", "fr")
@settings(max_examples=500)
@given(
    st.text(alphabet="abcsétheTHE漢字猫 -", max_size=60),
    st.text(alphabet="abcsethe漢字猫 '*~\"", max_size=12),
    st.sampled_from(["en", "fr", "ja"]),
)
def test_what_the_index_finds_is_marked(text, query, language):
    """And nothing else: by the terms and plain words that the index has of the text."""
    words = parse(query, language).words
    stems, plain = (words.split() for words in analyse(text, language))
    matches = [matches_one(clause, set(stems), plain) for clause in words.should]
    assert bool(marked(query, text, language)) is any(matches)


def matches_one(clause: Clause, indexed: set[str], plain: list[str]) -> bool:
    """What the index would say."""
    match clause.kind:
        case "word":
            return not indexed.isdisjoint(clause.terms) or in_order(clause.plain, plain)
        case "phrase":
            return in_order(clause.terms, plain)
        case "prefix":
            return any(word.startswith(clause.terms) for word in plain)
        case "fuzzy":
            return any(is_near(word, clause.terms[0], clause.edits) for word in plain)


def in_order(phrase: tuple[str, ...], plain: list[str]) -> bool:
    """Whether its words are there, one after the other."""
    starts = range(len(plain)) if phrase else ()
    return any(tuple(plain[start : start + len(phrase)]) == phrase for start in starts)


@pytest.mark.parametrize("between", [" ", " y ", " cat "])
@pytest.mark.parametrize("long", ["x" * 150, "x" * 300, "x" * 1000])
def test_words_longer_than_a_snippet_are_cut(long, between):
    """A match is shown as far as it fits, wherever it stands, and the next one too."""
    text = between.join([long, "cat", long, long, "cat"])
    for asked in ("cat", "xxx*", "cat xxx*"):
        found = highlights({"text": text}, parse(asked).words)["text"]
        assert found
        for snippet in found:
            assert snippet.text in text
            assert snippet.spans
            assert all(0 <= a < b <= len(snippet.text) for a, b in snippet.spans)
