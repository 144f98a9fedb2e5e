"""Every text is a query."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.core.fields import FIELDS
from triptych.index.model import MAX_CLAUSES, Clause, Words
from triptych.search.syntax import parse
from triptych.text.analysis import plain_words, worded

NATURAL = [
    "well-known", "3 - 4", "C++", "wait... -", "re: hello", "it's 5~6", "http://x.y/z",
    "text: hello", "a*b", "2 * 3", "**bold**", '5" and 6" wide', 'an "unclosed quotation',
    "Text:hello", "author:me", "x -- y", "-- x", "+ x", "a+b", "l'été", "what?*", "9~2", "a*",
    "well-kno*", "黒猫*", "公園で「黒猫」を見た", "  spaces   stay ", "", " ",
    "🐘", "~", "*", "-", "(ele*)", "text:",
]  # fmt: skip

MARKED = [
    ('"black cat"', "phrase", ("black", "cat"), 0),
    ('"Black  Cats!"', "phrase", ("black", "cats"), 0),
    ('"Café"', "phrase", ("cafe",), 0),
    ('"黒猫"', "phrase", ("黒", "猫"), 0),
    ("„schwarze Katze“", "phrase", ("schwarze", "katze"), 0),
    ("„czarny kot”", "phrase", ("czarny", "kot"), 0),
    ("“black cat”", "phrase", ("black", "cat"), 0),
    ("”svart katt”", "phrase", ("svart", "katt"), 0),
    ("« chat noir »", "phrase", ("chat", "noir"), 0),
    ("»schwarze Katze«", "phrase", ("schwarze", "katze"), 0),
    ("ele*", "prefix", ("ele",), 0),
    ("Élé*,", "prefix", ("ele",), 0),
    ("हिन्दी*", "prefix", ("हिन्दी",), 0),
    ("hello~", "fuzzy", ("hello",), 1),
    ("elefant~", "fuzzy", ("elefant",), 2),
    ("hello~2", "fuzzy", ("hello",), 2),
    ("elefant~1.", "fuzzy", ("elefant",), 1),
    ("+well-known", "word", ("wellknown",), 0),
    ("+the", "phrase", ("the",), 0),
    ("+黒猫", "phrase", ("黒", "猫"), 0),
    ("+foxes", "word", ("fox",), 0),
    ("+well-kno*", "word", ("wellkno",), 0),
]


def asked(words: Words) -> list[tuple[str, tuple[str, ...]]]:
    """Kinds and terms of what counts."""
    return [(clause.kind, clause.terms) for clause in words.should]


@pytest.mark.parametrize("text", NATURAL)
def test_natural_text_comes_through_unharmed(text):
    """Signs that are no operators are text, and every word of it counts."""
    parsed = parse(text)
    assert parsed.text == text
    assert parsed == parse(text, operators=False)
    assert {clause.kind for clause in parsed.words.should} <= {"word"}
    words = list(worded(text))
    assert len(parsed.words.should) <= len(words)
    for clause in parsed.words.should:
        assert any(not set(clause.terms).isdisjoint(found) for _, found in words)
    for _, found in words:
        assert any(not set(clause.terms).isdisjoint(found) for clause in parsed.words.should)


@pytest.mark.parametrize(("text", "kind", "found", "edits"), MARKED)
def test_operators(text, kind, found, edits):
    """Phrases in the quotation marks of many languages, prefixes, fuzzy words."""
    (clause,) = parse(text, "en").words.should
    assert (clause.kind, clause.terms, clause.edits) == (kind, found, edits)
    assert clause.fields == FIELDS.searchable


@pytest.mark.parametrize("field", FIELDS.searchable)
@pytest.mark.parametrize(("text", "kind", "found", "edits"), MARKED)
def test_a_field_of_its_own(text, kind, found, edits, field):
    """Before whatever can be asked."""
    operand = text.removeprefix("+")
    (clause,) = parse(f"{field}:{operand}", "en").words.should
    assert clause.label.startswith(f"{field}:")
    assert (clause.kind, clause.terms, clause.edits) == (kind, found, edits)
    assert clause.fields == (field,)


def test_required_and_excluded():
    """What is required counts, too; what is excluded does not, and is not embedded."""
    parsed = parse('a +tiger and -lions +text:"in snow" -writing:sal* "big cats"')
    words = parsed.words
    assert [clause.label for clause in words.must] == ["tiger", 'text:"in snow"']
    assert [clause.label for clause in words.must_not] == ["lions", "writing:sal*"]
    assert [clause.label for clause in words.should] == ["tiger", 'text:"in snow"', '"big cats"']
    assert parsed.text == "a tiger and in snow big cats"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ele* in snow", "ele in snow"),
        ("an elefant~2, asleep", "an elefant, asleep"),
        ('He said "hello there", twice', "He said hello there, twice"),
        ("transcript:hello -noise", "hello"),
        ("-noise", ""),
        ('-"white noise" -text:x*', ""),
        ('""', '""'),
        ('„“ -"" +"!" text:"…" -_', '„“ -"" +"!" text:"…" -_'),
        ('-"" -noise', '-""'),
    ],
)
def test_what_is_left_to_embed(text, left):
    """Neither operators nor excluded words."""
    assert parse(text).text == left


def test_stop_words_vanish_unless_they_are_all():
    """Beside an operator they are not all there is."""
    assert asked(parse("the cat").words) == [("word", ("cat",))]
    to, be, together = parse("to be").words.should
    assert (to.terms, to.plain, be.plain) == (("to",), ("to",), ("be",))
    assert (together.label, together.terms, together.plain) == ('"to be"', (), ("to", "be"))
    assert asked(parse('the "black cat" is').words) == [("phrase", ("black", "cat"))]
    assert asked(parse("the -cat").words) == [("word", ("the",))]


def test_the_language_is_that_of_the_whole_text():
    """A word with an operator has the stems that it has without one."""
    sentence = "Die Katzen schlafen auf den Sofas der Häuser"
    plain = {clause.label: clause for clause in parse(sentence).words.should}
    marked = parse(sentence.replace("Häuser", "+Häuser").replace("Katzen", "-Katzen"))
    assert marked.words.must == (plain["häuser"],)
    assert marked.words.must_not == (plain["katzen"],)
    assert parse("+Häuser", "de").words.must == (plain["häuser"],)
    assert parse("+Häuser", "en").words.must != (plain["häuser"],)


def test_equal_clauses_are_one():
    """However they were written."""
    parsed = parse('foxes Fox fox +FOX "Black cat" “black  cat” hello~ hello~1 Ele* ele*', "en")
    assert [clause.label for clause in parsed.words.should] == [
        "fox", '"Black cat"', "hello~1", "Ele*",
    ]  # fmt: skip


def test_of_a_long_text_the_beginning_counts():
    """What has operators before what has none."""
    words = [f"w{number}" for number in range(300)]
    plain = parse(" ".join(words)).words.should
    assert [clause.label for clause in plain] == words[:MAX_CLAUSES]
    marked = parse(" ".join([*words, *(f"{sign}{word}" for word in words for sign in "+-")])).words
    for clauses in (marked.must, marked.should, marked.must_not):
        assert [clause.label for clause in clauses] == words[:MAX_CLAUSES]
    (phrase,) = parse(f'"{" ".join(words)}"').words.should
    assert phrase.terms == tuple(words[:32])
    assert parse(f'"{" ".join(words)}"').text == " ".join(words)


@pytest.mark.parametrize(
    "piece",
    [
        '"', '" ', '"a ', '" a', '"a" ', '+"', '-"a', "*", "a* ", "a*, ", "a**", "~", "ab~2 ", "+",
        "+a ", "- ", "text:", 'text:" ', "-text:", "„ ", "“ ", "”", "« ", "«", "» ", "漢", "+漢 ",
        "\u0301", "a",
    ],
)  # fmt: skip
def test_time_is_linear(piece):
    """A hundred thousand characters of anything take a fraction of a second."""
    parse("the models load")
    started = time.process_time()
    parse(piece * (100_000 // len(piece)))
    assert time.process_time() - started < 2


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='"“”„«»+-*~12: abé漢กß\u0301', max_size=60),
    st.lists(
        st.sampled_from(
            ["+", "-", "text:", "writing:", '"', "„", "“", "«", "»", "*", "~", "~2", " ", "cat",
             "the", "Katzen", "黒猫", "well-known", "it's", "ß", "İ", "\u00ad", "ﬃ"]
        ),
        max_size=20,
    ).map("".join),
)  # fmt: skip


@settings(max_examples=500)
@given(TEXTS, st.sampled_from([None, "en", "de", "ja", "xx"]), st.booleans())
def test_any_text_is_a_query(text, language, operators):
    """No errors; only words get in, whatever signs they stand among; labels tell them apart."""
    parsed = parse(text, language, operators=operators)
    words = parsed.words
    assert set(words.must) <= set(words.should)
    for clauses in (words.should, words.must, words.must_not):
        assert len(clauses) <= MAX_CLAUSES
        assert len({clause.label for clause in clauses}) == len(clauses)
        for clause in clauses:
            check(clause)
    assert parse(text, language, operators=operators) == parsed
    assert operators or (parsed.text == text and not words.must and not words.must_not)


def check(clause: Clause) -> None:
    """A clause is what its kind says, and its terms are the index's."""
    assert clause.terms or clause.plain
    assert set(clause.fields) <= set(FIELDS.searchable)
    if clause.kind == "word":
        assert not any(char.isspace() for term in clause.terms for char in term)
    else:
        assert plain_words(" ".join(clause.terms)) == list(clause.terms)
    if clause.kind in ("prefix", "fuzzy"):
        (term,) = clause.terms
        assert len(term) >= 2
    assert (clause.edits in (1, 2)) if clause.kind == "fuzzy" else clause.edits == 0
