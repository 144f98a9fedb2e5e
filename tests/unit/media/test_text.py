"""Texts are cleaned or refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import MediaError, TooLarge
from triptych.media.text import clean_text, decode_text


def decode(data: bytes) -> str:
    """Decode with a generous limit."""
    return decode_text(data, max_chars=1000)


def test_text_is_stripped_and_normalised():
    """A byte order mark and spaces go; e and accent become one letter."""
    assert decode(b"\xef\xbb\xbf  caf\x65\xcc\x81 \n") == "café"


def test_the_place_of_the_first_wrong_byte_is_named():
    """So that the caller finds it."""
    with pytest.raises(MediaError, match="not UTF-8: byte 4"):
        decode(b"good\xff")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b" \n\t", "empty"), (b"\xef\xbb\xbf", "empty"), (b"a\0b", "NUL")],
)
def test_what_is_no_text_is_refused(data, reason):
    """Empty or binary."""
    with pytest.raises(MediaError, match=reason):
        decode(data)


def test_a_lone_surrogate_is_refused():
    """JSON can carry what UTF-8 can't."""
    with pytest.raises(MediaError, match="not Unicode: surrogates"):
        clean_text("a\ud800b", max_chars=10)


def test_a_letter_with_endless_accents_is_refused():
    """Sorting them would take minutes; as many as a script may need are fine."""
    assert clean_text("e" + "\u0316" * 200, max_chars=100_000)
    assert clean_text("e\u0316" * 50_000, max_chars=100_000)
    with pytest.raises(MediaError, match="more than 256 accents"):
        clean_text("e" + "\u0345\u0316" * 49_999, max_chars=100_000)


def test_too_long_is_refused():
    """Exactly the limit is fine."""
    assert clean_text("x" * 10, max_chars=10) == "x" * 10
    with pytest.raises(TooLarge, match="11 characters, the limit is 10"):
        clean_text("x" * 11, max_chars=10)


@given(st.binary(max_size=200))
def test_any_bytes_give_clean_text_or_a_reason(data):
    """And clean text stays as it is."""
    try:
        text = decode(data)
    except (MediaError, TooLarge):
        return
    assert clean_text(text, max_chars=10_000) == text
    assert unicodedata.is_normalized("NFC", text)
