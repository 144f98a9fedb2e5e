"""Words are what an index and a query share."""

import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.snowball import SnowballStemmer

from triptych.text.analysis import (
    SNOWBALL,
    only_stop_words,
    plain_words,
    spans,
    terms,
    worded,
)
from triptych.text.stop_words import STOP_WORDS

LANGUAGES = st.sampled_from([None, "nb", "ja", "xx", *sorted(SNOWBALL)])

INFLECTED = {
    "ar": ("المكتبات", "مكتبات"), "da": ("hundene", "hunden"), "de": ("Katzen", "Katze"),
    "en": ("foxes", "fox"), "es": ("canciones", "canción"), "fi": ("taloissa", "talo"),
    "fr": ("chevaux", "cheval"), "hu": ("házakban", "házak"), "it": ("gatti", "gatto"),
    "nl": ("katten", "kat"), "no": ("hundene", "hunden"), "pt": ("meninas", "menina"),
    "ro": ("copiilor", "copii"), "ru": ("тиграми", "тигры"), "sv": ("katterna", "katten"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick brown foxes are jumping", ["quick", "brown", "fox", "jump"]),
        ("to be or not to be", ["to", "be", "or", "not", "to", "be"]),
        ("The", ["the"]),
        ("It's the dog's bone", ["it", "dog", "bone"]),
        ("the dog’s bone", ["dog", "bone"]),
        ("fire, cry; computer!", ["fire", "cri", "comput"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("Straße STRASSE", ["strass", "strass"]),
        ("日本語", ["日", "日本", "本", "本語", "語"]),
        ("猫", ["猫"]),
        ("ﾈｺ", ["ネコ"]),
        ("ねこだ", ["ねこ", "こだ"]),
        ("iPhone手机", ["iphon", "手", "手机", "机"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("고양이가 잔다", ["고양", "양이", "이가", "잔다"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("தமிழ் বাংলা", ["தமிழ்", "বাংলা"]),
        ("שָׁלוֹם", ["שלום"]),
        ("Привет, мир", ["привет", "мир"]),
        ("ёлка", ["елк"]),
        ("snake_case 3d 42", ["snake_cas", "3d", "42"]),
        ("", []),
        ("!?…", []),
        ("\u0301 \u200d", []),
    ],
)
def test_words_as_the_index_knows_them(text, expected):
    """Stop words, stems, scripts without spaces, marks that are part of their letters."""
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Die Katze schläft", "de", ["katz", "schlaft"]),
        ("Die Katze schläft", "en", ["die", "katz", "schlaft"]),
        ("L'arbre de l’été", "fr", ["arbr", "arbre", "ete"]),
        ("dell'acqua", "it", ["acqua"]),
        ("by", "da", ["by"]),
        ("På fjellet", "nb", ["fjellet", "fjell"]),
        ("På fjellet", "nn", ["fjellet", "fjell"]),
        ("the cat", "xx", ["cat"]),
    ],
)
def test_a_given_language_is_used(text, language, expected):
    """Its stop words and stemmer, beside the stem that is usual for the script."""
    assert terms(text, language) == expected


@pytest.mark.parametrize(("language", "words"), INFLECTED.items())
def test_every_stemmer_brings_forms_together(language, words):
    """All fifteen of NLTK, reached by the code of their language."""
    first, second = (set(terms(word, language)) for word in words)
    assert first & second
    assert set(SNOWBALL) == set(INFLECTED)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("tigre", "Un tigre"), ("tigres", "Un tigre"), ("Katzen", "Eine Katze auf dem Sofa"),
        ("antilope", "Un antílope negro."), ("arbre", "L'arbre de Noël."),
        ("猫", "黒猫が寝ている"), ("黒猫", "黒猫が寝ている"), ("手机", "我的iPhone手机"),
        ("ดี", "สวัสดี"), ("고양이", "고양이가 잔다"), ("тигр", "Два больших тигра"),
        ("ネコ", "ﾈｺがいる"), ("CAFE", "Le café est fermé"), ("naive", "naïve"),
    ],
)  # fmt: skip
def test_query_and_document_meet(query, document):
    """Whatever is guessed of the one or the other."""
    assert set(terms(query)) & set(terms(document))


def test_words_can_be_read():
    """Small letters, not stems; pairs where there are no spaces."""
    analysed = list(worded("The Old PIANOS, Straße, 黒猫"))
    assert [word for word, _ in analysed] == ["old", "pianos", "straße", "黒", "黒猫", "猫"]
    assert [term for _, terms_ in analysed for term in terms_] == terms(
        "The Old PIANOS, Straße, 黒猫"
    )


def test_stop_words_are_folded():
    """Else they would never match."""
    assert set(STOP_WORDS) == set(SNOWBALL)
    for words in STOP_WORDS.values():
        assert all(word == unicodedata.normalize("NFKC", word.casefold()) for word in words)


@settings(max_examples=300)
@given(st.text(max_size=100), LANGUAGES)
def test_any_text_gives_words_without_spaces(text, language):
    """They travel in one field, separated by spaces; twice the same."""
    words = terms(text, language)
    assert all(word and not any(char.isspace() for char in word) for word in words)
    assert " ".join(words).split() == words
    assert terms(text, language) == words


@settings(max_examples=300)
@given(st.text(alphabet="aeiouüßçñéèêсть\u0301\u0308ابليمонаи'’ 猫ねﾈด한", max_size=40), LANGUAGES)
def test_composed_and_decomposed_are_the_same(text, language):
    """However an accent was typed."""
    forms = [terms(unicodedata.normalize(form, text), language) for form in ("NFC", "NFD", "NFKC")]
    assert forms[0] == forms[1] == forms[2]


def test_of_an_endless_word_only_the_beginning_counts():
    """Two words that differ behind 64 letters are one; scripts without spaces are not cut."""
    assert terms("x" * 64 + "abc", "en") == terms("x" * 64 + "def", "en") == ["x" * 64]
    assert len(terms("漢" * 300)) == 599


@pytest.mark.parametrize("piece", ["漢", "x", "é", "l'", "ก", "ab ", "\u0301", "'", "ª", "a’"])
def test_time_is_linear(piece):
    """A hundred thousand characters take a fraction of a second."""
    text = piece * (100_000 // len(piece))
    terms(piece)
    started = time.process_time()
    terms(text)
    assert time.process_time() - started < 2


def test_threads_do_not_disturb_each_other():
    """NLTK's Arabic stemmer keeps its state in itself."""
    letters, around = "كتبسمنقدر", (("وال", "ات"), ("فلل", "ية"), ("ي", "ون"), ("است", "هما"))
    words = [
        f"{head}{first}{second}{tail}"
        for first, second, (head, tail) in product(letters, letters, around)
    ]
    fresh = SnowballStemmer("arabic")
    expected = [[fresh.stem(word)] for word in words]
    parts = [words[start::4] for start in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            analysed = list(pool.map(lambda part: [terms(word, "ar") for word in part], parts))
    finally:
        sys.setswitchinterval(interval)
    assert [each for four in zip(*analysed, strict=True) for each in four] == expected


@pytest.mark.parametrize("word", ["a" * 10_000, "\ufb03" * 1_000, "\u0130" * 1_000])
def test_of_a_very_long_word_the_beginning_counts(word):
    """Also as the word itself, which may become a keyword of a document."""
    assert [len(counted) for counted, _ in worded(word, "en")] == [64]


def test_a_part_of_a_text_has_the_stems_of_the_whole():
    """Its language is not guessed again from a word or two."""
    text = "Die Katzen schlafen auf den Sofas der Häuser"
    whole = dict(worded(text))
    assert dict(worded("Häuser", within=text)) == {"häuser": whole["häuser"]}
    assert dict(worded("Häuser", "en", within=text)) == dict(worded("Häuser", "en"))
    assert only_stop_words("auf den", within=text)
    assert not only_stop_words("auf den Sofas", within=text)
    assert not only_stop_words("auf", "en", within=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dog’s bone!", ["The", "dog’s", "bone"]),
        ("iPhone手机", ["iPhone", "手", "机"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 ﬁsh", ["cafe\u0301", "ﬁsh"]),
        ("…", []),
    ],
)
def test_places_of_words(text, expected):
    """In the text as it is, not as it is normalised."""
    assert [text[start:end] for start, end in spans(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick brown Foxes, the!", ["the", "quick", "brown", "foxes", "the"]),
        ("Straße ＦＵＬＬ naïve Ёлка", ["strasse", "full", "naive", "елка"]),
        ("L'arbre de l’été", ["l", "arbre", "de", "l", "ete"]),
        ("黒猫が寝る iPhone手机", ["黒", "猫", "が", "寝", "る", "iphone", "手", "机"]),
        ("고양이가 ดี", ["고", "양", "이", "가", "ด", "ี"]),
        ("हिन्दी में שָׁלוֹם القِطّة", ["हिन्दी", "में", "שלום", "القطة"]),
        ("well-known snake_case 3d", ["well", "known", "snake_case", "3d"]),
        ("x" * 64 + "abc", ["x" * 64]),
        ("\u0301 …\u200d", []),
    ],
)
def test_plain_words_are_all_of_them(text, expected):
    """In order, not stemmed, stop words too; single characters where there are no spaces."""
    assert plain_words(text) == expected


@settings(max_examples=300)
@given(st.text(max_size=100))
def test_any_text_gives_plain_words_without_spaces(text):
    """They travel in one field, separated by spaces; however an accent was typed."""
    words = plain_words(text)
    assert all(word and not any(char.isspace() for char in word) for word in words)
    assert " ".join(words).split() == words
    assert all(len(word) <= 64 for word in words)
    assert plain_words(unicodedata.normalize("NFKC", text)) == words


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["the", "Café", "猫", "naïve", "dog’s", "3d"]), max_size=8))
def test_a_part_of_a_text_has_a_part_of_its_plain_words(tokens):
    """So a phrase matches where it is."""
    text = [plain_words(token) for token in tokens]
    assert plain_words(" ".join(tokens)) == [word for words in text for word in words]
