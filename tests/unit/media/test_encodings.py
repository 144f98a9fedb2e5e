"""Texts are read whatever their encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import MediaError
from triptych.media.encodings import decode

TEXTS = {
    "cp1252": "Größe – „aus Köln“, l’été à Málaga",
    "latin-1": "Ein schöner Tag in München, déjà vu",
    "cp1250": "Zażółć gęślą jaźń, wciąż pięknie świeci słońce nad łąką",
    "cp1251": "Съешь ещё этих мягких французских булок",
    "koi8-r": "Съешь ещё этих мягких французских булок",
    "cp866": "Съешь ещё этих мягких французских булок, да выпей чаю",
    "cp1253": "Καλημέρα κόσμε, τι κάνεις σήμερα",
    "cp1255": "שלום עולם, מה שלומך היום",
    "cp1256": "مرحبا بالعالم، كيف حالك اليوم",
    "cp932": "東京の夜景",
    "euc_jp": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "iso2022_jp": "東京の夜景です",
    "gb18030": "我们去公园玩，天气很好，大家都很高兴",
    "big5": "臺北的夜景很美麗，我們明天再去看一次",
    "cp949": "서울의 야경은 아름답습니다",
}
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-32-le": b"\xff\xfe\0\0"}


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_text_in_an_encoding_of_its_language(encoding):
    """As programs of forty years wrote it, without a word of the encoding."""
    assert decode(TEXTS[encoding].encode(encoding)) == TEXTS[encoding]


@pytest.mark.parametrize("encoding", ["iso8859-2", "cp1250"])
@pytest.mark.parametrize(
    "text",
    ["Książka leży na stole, a pies śpi.", "Škoda Octavia na prodej", "Jučer smo išli u šumu",
     "V kožuščku hudobnega fanta", "Źródło wiedzy o świecie", "A könyv az asztalon fekszik"],
)  # fmt: skip
def test_a_few_words_of_central_europe(text, encoding):
    """Two encodings of the same letters, which agree on most of them."""
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", ["Greetings from the river", *TEXTS.values()])
def test_wide_characters_without_a_mark(text, encoding):
    """As exports of Windows programs have them."""
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("text", ["a", "Köln", "東京", "𝄞 music", ""])
def test_marked_texts(text):
    """The mark is no part of the text."""
    for encoding, mark in MARKS.items():
        assert decode(mark + text.encode(encoding)) == text
    assert decode(text.encode("utf-32")) == text
    assert decode(text.encode("utf-8-sig")) == text


@pytest.mark.parametrize("text", ["Köln", "café", "£5", "It’s “fine”", "naïve façade", "déjà vu"])
def test_a_few_western_words(text):
    """They say little of their encoding; the likeliest one is taken."""
    assert decode(text.encode("cp1252")) == text


def test_utf8_is_never_doubted():
    """However short; nor for a byte that is lost."""
    assert decode("é".encode()) == "é"
    assert decode(b"plain") == "plain"
    assert decode("東京の夜景です".encode()[:-1]).startswith("東京の夜景で")


def test_what_a_file_says_of_its_encoding():
    """Pages and source files do; a name that no library knows says nothing."""
    page = '<html><meta charset="koi8-r"><p>да'.encode("koi8-r")
    assert decode(page).endswith("да")
    assert decode("# coding: cp1257\nšis\n".encode("cp1257")).endswith("šis\n")
    assert decode("# coding: martian\nGröße\n".encode("cp1252")).endswith("Größe\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [("windows-1251", "Да"), ("ISO-8859-5", "Да"), ("IBM866", "Да"), ("KOI8-U", "Да"),
     ("mac-cyrillic", "Да"), ("latin-1", "ñ"), ("Shift_JIS", "猫"), ("ISO-2022-JP", "猫"),
     ("ks_c_5601-1987", "밤"), ("GB2312", "家"), ("Big5", "貓")],
)  # fmt: skip
def test_character_sets_are_known_by_any_of_their_names(name, text):
    """As pages have them."""
    assert decode(f'<meta charset="{name}">{text}'.encode(name)).endswith(text)


@pytest.mark.parametrize(
    "name", ["punycode", "idna", "unicode_escape", "raw-unicode-escape", "utf-7", "utf-16", "rot13"]
)
def test_what_is_no_character_set_is_not_used(name):
    """Whatever a file says; some such codecs take quadratic time."""
    data = f"# encoding: {name} \x1b$ \\u0041 +AEE- caf-dma".encode()
    data = b"#" * (len(data) % 2) + data
    assert decode(data) == data.decode("ascii")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_none(data):
    """With one kind of error."""
    try:
        text = decode(data)
    except MediaError:
        return
    assert len(text) <= len(data)


OLD = {
    "mac_roman": "L'élève a reçu une très belle leçon à l'école; où est la forêt ? Größe, Käse.",
    "cp850": "Der schnelle Fuchs springt über den Hund. Größe, Käse, Übung und Straße.",
    "cp852": "Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi.",
    "iso8859-2": "Příliš žluťoučký kůň úpěl ďábelské ódy. Všichni lidé rodí se svobodní.",
    "iso8859-5": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "mac_cyrillic": "Все люди рождаются свободными. Они наделены разумом и совестью. Я иду.",
    "iso8859-6": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
}


@pytest.mark.parametrize(("encoding", "text"), OLD.items(), ids=OLD)
def test_texts_of_dos_of_old_macs_and_of_iso_8859(encoding, text):
    """Detectors take them for texts of Windows, with signs and capitals within words."""
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("text", ["a ± 0,5 µm × 3 – «x±y»", "café 5°C ½ l", "C’est l’été — à 5 €"])
def test_signs_alone_make_no_text_strange(text):
    """Of measures, prices and quotations."""
    assert decode(text.encode("cp1252")) == text


def test_utf8_that_is_cut_in_a_letter_is_utf8():
    """Also where it is short."""
    assert decode("größ".encode()[:-1]) == "grö\ufffd"
