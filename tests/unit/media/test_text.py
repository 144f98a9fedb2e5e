"""Texts are cleaned or refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import MediaError, TooLarge
from triptych.media.text import clean_text, decode_text, read_text


def decode(data: bytes) -> str:
    """Decode with a generous limit."""
    return decode_text(data, max_chars=1000).text


def test_text_is_stripped_and_normalised():
    """A byte order mark and spaces go; e and accent become one letter."""
    assert decode(b"\xef\xbb\xbf  caf\x65\xcc\x81 \n") == "café"


def test_a_bad_byte_costs_a_byte_and_a_note():
    """Also at the end, where a file was cut; what a sender wrote himself is no damage."""
    text, (note,) = decode_text("né à l'été".encode() + b"\xff!", max_chars=99)
    assert (text, note.lost) == ("né à l'été\ufffd!", False)
    assert note.text == "1 bytes are no text: \ufffd is in their place"
    text, (note,) = decode_text("東京の夜景".encode()[:-1], max_chars=99)
    assert text == "東京の夜\ufffd"
    assert decode_text("a \ufffd b".encode(), max_chars=99) == ("a \ufffd b", [])


def test_what_can_not_be_in_a_text_is_mended_with_a_note():
    """NUL characters and halves of characters, of files and of JSON."""
    text, (note,) = decode_text(b"Invoice of May\0 for lanterns", max_chars=99)
    assert (text, note.lost) == ("Invoice of May  for lanterns", False)
    assert "1 NUL" in note.text
    text, (note,) = read_text("an owl \ud83e in the tree", max_chars=99)
    assert (text, note.lost) == ("an owl \ufffd in the tree", False)
    assert "halves of characters" in note.text


def test_a_long_text_is_cut_with_a_note():
    """Exactly the limit is whole; spaces around it don't count."""
    assert read_text("  " + "x" * 10 + "\n", max_chars=10) == ("x" * 10, [])
    text, (note,) = read_text("x" * 11, max_chars=10)
    assert (text, note.lost) == ("x" * 10, True)
    assert note.text == "it has 11 characters, of which the first 10 are taken"
    text, notes = decode_text(b"y" * 11 + b"\xe9", max_chars=10)
    assert (text, [note.lost for note in notes]) == ("y" * 10, [True])


def test_a_page_is_what_a_person_would_see():
    """By what it is, or what it is called."""
    page = b"<!DOCTYPE html><title>Owls</title><script>var no</script><p>At &quot;night&quot;"
    assert decode(page) == 'Owls\nAt "night"'
    assert decode_text(b"<b>At</b> night", max_chars=99, name="A.HTM").text == "At night"
    assert decode(b"<b>At</b> night") == "<b>At</b> night"
    with pytest.raises(MediaError, match="empty"):
        decode(b"<html><script>var no</script></html>")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (bytes(range(256)) + bytes(256), "binary"),
        (b"\0\0\0\0", "binary"),
        (b"\xff\xfe\xff", "binary"),
    ],
)
def test_what_is_no_text_is_refused(data, reason):
    """Empty or binary."""
    with pytest.raises(MediaError, match=reason):
        decode(data)


def test_a_lone_surrogate_in_a_query_is_refused():
    """JSON can carry what UTF-8 can't."""
    with pytest.raises(MediaError, match="not Unicode: surrogates"):
        clean_text("a\ud800b", max_chars=10)


def test_a_letter_with_endless_accents_is_refused():
    """Sorting them would take minutes; as many as a script may need are fine."""
    assert clean_text("e" + "\u0316" * 200, max_chars=100_000)
    assert clean_text("e\u0316" * 50_000, max_chars=100_000)
    with pytest.raises(MediaError, match="more than 256 accents"):
        clean_text("e" + "\u0345\u0316" * 49_999, max_chars=100_000)


def test_too_long_a_query_is_refused():
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


def test_signs_count_as_what_they_stand_for():
    """One of them is a sentence of eighteen letters, by which a text becomes a much longer one."""
    with pytest.raises(TooLarge, match="36 characters when its signs are written out"):
        clean_text("\ufdfa" * 2, max_chars=20)
    text, (note,) = read_text("a\ufdfa\ufdfa", max_chars=20)
    assert (text, note.lost) == ("a\ufdfa", True)
    assert "37 characters when its signs are written out" in note.text


def test_accents_without_end_are_refused_at_once():
    """Before anything sorts them."""
    with pytest.raises(MediaError, match="accents"):
        read_text("a" + "\u0316\u0301" * 2**20, max_chars=2**22)
