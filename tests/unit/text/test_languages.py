"""The language of a few words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.text.analysis import SNOWBALL
from triptych.text.languages import LANGUAGES, detect, guess

CAPTIONS = {
    "ar": "شجرة عيد الميلاد", "da": "Den lille havfrue sidder på en sten",
    "de": "Eine indische Hirschziegenantilope", "en": "A red apple on a wooden table",
    "es": "El corazón de una manzana", "fi": "Mikroaaltouuni keittiössä",
    "fr": "Un trognon de pomme", "hu": "Egy kis piros alma az asztalon",
    "it": "Una mela rossa sul tavolo della cucina", "ja": "りんごの しん", "ko": "전자 레인지",
    "nl": "Een rode appel op de houten tafel", "no": "Et rødt eple på bordet på kjøkkenet",
    "pt": "Uma maçã vermelha sobre a mesa", "ro": "Un măr roșu pe masa din bucătărie",
    "ru": "Яблочный огрызок лежит на столе", "sv": "Ett rött äpple på köksbordet",
    "th": "ต้นคริสต์มาส", "zh": "美国手语中字母的标示", "he": "תפוח אדום על השולחן",
    "hi": "एक भारतीय हिरण",
}  # fmt: skip


@pytest.mark.parametrize(("language", "caption"), CAPTIONS.items())
def test_captions_are_told(language, caption):
    """One of each language that is stemmed, and of other scripts."""
    assert detect(caption) == language
    assert guess(caption) == (language,)


@pytest.mark.parametrize("text", ["", "!?…", "42", "tigre", "\0", " "])
def test_what_can_not_be_told_is_none(text):
    """No words, or one that several languages have."""
    assert detect(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("un tigre", {"fr", "it", "ro", "no", "es"}),
        ("table", {"en"}),
        ("katten", {"no", "da", "sv", "nl", "fi"}),
    ],
)
def test_what_is_not_sure_has_several(text, expected):
    """But English stays alone, else it would rank differently."""
    assert detect(text) is None
    assert set(guess(text)) <= expected
    assert guess(text)


@given(st.text(max_size=100))
def test_any_text_has_at_most_three(text):
    """All of them known; upper and lower case are the same text."""
    languages = guess(text)
    assert len(languages) <= 3
    assert set(languages) <= LANGUAGES
    assert languages == ("en",) or "en" not in languages
    assert detect(text) in {None, *languages}


def test_capitals_tell_nothing():
    """They are read as small letters."""
    text = "eine indische hirschziegenantilope"
    assert guess(text.upper()) == guess(text) == ("de",)


def test_every_language_that_is_stemmed_can_be_told():
    """Else its stemmer would never be used."""
    assert set(SNOWBALL) <= LANGUAGES
