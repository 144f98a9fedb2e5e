"""Words are what an index and a query share."""

import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.stem.snowball import SnowballStemmer

from triptych.text import emoji
from triptych.text.analysis import (
    SNOWBALL,
    _is_counted,
    _of_word,
    analyse,
    asked,
    only_stop_words,
    placed,
    plain_words,
    terms,
    worded,
)
from triptych.text.letters import _simplified, aligned, normal, unified, unified_stem
from triptych.text.stop_words import STOP_WORDS
from triptych.text.tokens import tokens

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
        ("日本語", ["日", "日本", "本", "本语", "语"]),
        ("猫", ["猫"]),
        ("ﾈｺ", ["ねこ"]),
        ("ねこだ", ["ねこ", "こだ"]),
        ("iPhone手机", ["iphon", "phone", "手", "手机", "机"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("고양이가 잔다", ["고양", "양이", "이가", "잔다"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("தமிழ் বাংলা", ["தமிழ்", "বাংলা"]),
        ("שָׁלוֹם", ["שלום"]),
        ("Привет, мир", ["привет", "мир"]),
        ("ёлка", ["елк"]),
        ("snake_case 3d 42", ["snake", "case", "snakecas", "3d", "3", "42"]),
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
        ("Die Katze schläft", "de", ["katz", "schlaft", "schlaeft"]),
        ("Die Katze schläft", "en", ["die", "katz", "schlaft", "schlaeft"]),
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


def test_flags_in_a_row_have_their_places():
    """However many there are, with what belongs to the last one."""
    shown, places = aligned("🇫🇷" * 200_000 + "\ufe0fe\u0301")
    assert shown == "🇫🇷" * 200_000 + "é"
    assert places[:4] == [(0, 2), (0, 2), (2, 4), (2, 4)]
    assert places[-2:] == [(399_998, 400_001), (400_001, 400_003)]


def test_threads_do_not_disturb_each_other():
    """NLTK's Arabic stemmer keeps its state in itself."""
    letters, around = "كتبسمنقدر", (("وال", "ات"), ("فلل", "ية"), ("ي", "ون"), ("است", "هما"))
    words = [
        f"{head}{first}{second}{tail}"
        for first, second, (head, tail) in product(letters, letters, around)
    ]
    fresh = SnowballStemmer("arabic")
    expected = [unified_stem(fresh.stem(word)) for word in words]
    parts = [words[start::4] for start in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            analysed = list(pool.map(lambda part: [terms(word, "ar") for word in part], parts))
    finally:
        sys.setswitchinterval(interval)
    found = [each for four in zip(*analysed, strict=True) for each in four]
    assert [stems[0] for stems in found] == expected


@pytest.mark.parametrize("word", ["a" * 10_000, "\ufb03" * 1_000, "\u0130" * 1_000])
def test_of_a_very_long_word_the_beginning_counts(word):
    """Also as the word itself, which may become a keyword of a document."""
    assert [len(counted) for counted, _ in worded(word, "en")] == [64]


def test_a_part_of_a_text_has_the_stems_of_the_whole():
    """Its language is not guessed again from a word or two."""
    text = "Die Katzen schlafen auf den Sofas der Häuser"
    whole = dict(worded(text))
    (word,) = asked("Häuser", within=text)
    assert (word.label, set(word.stems)) == ("häuser", set(whole["häuser"]))
    assert [*asked("Häuser", "en", within=text)] == [*asked("Häuser", "en")]
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
    words = [text[place.start : place.end] for place in placed(text) if place.plain]
    assert words == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick brown Foxes, the!", ["the", "quick", "brown", "foxes", "the"]),
        ("Straße ＦＵＬＬ naïve Ёлка", ["strasse", "full", "naive", "елка"]),
        ("L'arbre de l’été", ["l", "arbre", "de", "l", "ete"]),
        ("黒猫が寝る iPhone手机", ["黒", "猫", "が", "寝", "る", "iphone", "手", "机"]),
        ("고양이가 ดี", ["고", "양", "이", "가", "ด", "ี"]),
        ("हिन्दी में שָׁלוֹם القِطّة", ["हिन्दी", "में", "שלום", "القطه"]),
        ("well-known snake_case 3d", ["well", "known", "snake", "case", "3d"]),
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


ODD = st.text(
    alphabet="aBßüéİﬁ™½ª1,.٤४'’´`-_/&@#+C|漢かｶﾞก한ا\u0651ة\u05b8\u00ad\u200b\u200d\u200e\ufe0f\u20e3\u0301"
    "❤👩🚀👍\U0001f3fd🇩🇪 \n\t\0\ud800",
    max_size=40,
)


@settings(max_examples=500)
@given(st.one_of(ODD, st.text(max_size=60)), st.sampled_from([None, "en", "de", "fr", "ar"]))
def test_nothing_is_too_odd_to_be_analysed(text, language):
    """Whatever it is: words without spaces, in places within the text and in order."""
    words = analyse(text, language)
    assert all(1 <= len(word) <= 64 for word in words.stems.split())
    ends = 0
    for place in placed(text, language):
        assert 0 <= place.start < place.end <= len(text)
        if place.plain:
            assert ends <= place.end
            ends = place.end
    assert plain_words(text) == [word for place in placed(text) for word in place.plain]
    assert all(word.stems or word.plain or word.label for word in asked(text, language))
    assert all(stems for _, stems in worded(text, language))


@pytest.mark.parametrize(
    "text",
    ["123 " * 200_000 + "1234x", "a" + ("\u0301\u0327" * 128 + "\u200b") * 3000],
    ids=["numbers that go on and on", "marks between what can't be seen"],
)
def test_nobody_waits_for_odd_texts(text):
    """They would take many minutes."""
    assert list(tokens(normal(text)))


def test_what_senders_make_up_is_not_remembered():
    """Any number of long words and long chains of emoji can be made up."""
    known = (_of_word.cache_info(), _is_counted.cache_info(), emoji._name.cache_info())
    for number in range(3):
        analyse(f"{'x' * 1000}{number} " + "\u200d".join("🐶🐱🐭🐹" * 5 + "🐰" * number))
    assert (_of_word.cache_info(), _is_counted.cache_info(), emoji._name.cache_info()) == known


@settings(max_examples=500)
@given(st.one_of(ODD, st.text(max_size=60)).filter(str.isprintable))
@example("™🏽1")
def test_normal_forms_are_one(text):
    """However it was typed, or saved."""
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert len({analyse(form, "en") for form in forms}) == 1


@pytest.mark.parametrize(
    "invisible", [0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x202A, 0x2060, 0xFE0F, 0xFEFF]
)
def test_what_can_not_be_seen_is_no_part_of_a_word(invisible):
    """Neither in texts nor in queries, and words stand where they are seen."""
    text = f"a lan{chr(invisible)}tern{chr(invisible)} show"
    assert analyse(text) == analyse("a lantern show")
    assert [*asked(text)] == [*asked("a lantern show")]
    places = [text[place.start : place.end] for place in placed(text)]
    assert places[1].rstrip(chr(invisible)) == f"lan{chr(invisible)}tern"


def test_parts_are_where_they_stand():
    """Also in what is normalised."""
    text = "ﬁne Wi‑Fi, Tim O’Reilly’s 1\u202f000"
    stems = {
        stem: text[place.start : place.end] for place in placed(text, "en") for stem in place.stems
    }
    assert stems["wifi"] == "Wi‑Fi"
    assert stems["fi"] == "Fi"
    assert stems["reilly" if "reilly" in stems else "reilli"] == "Reilly"
    assert stems["1000"] == "1\u202f000"


@pytest.mark.parametrize("word", ["C++", "C#", ".it", "@me"])
def test_a_stop_word_with_a_sign_is_none(word: str):
    """``c`` is one in French; whoever asks for C++ wants the sign."""
    (asked_for,) = asked(word)
    assert asked_for.label == word.lower()
    assert word.lower() in asked_for.stems


def test_traditional_characters_are_simplified_ones():
    """One by one, and not further: so text and query meet whichever each is written in."""
    assert analyse("圖書館與裡面", "zh") == analyse("图书馆与里面", "zh")
    assert analyse("圖書館", "zh").plain == "图 书 馆"
    assert unified("髮發后後〇一") == "发发后后〇一"
    table = _simplified()
    assert len(table) > 2_900
    assert table.keys().isdisjoint(table.values())
