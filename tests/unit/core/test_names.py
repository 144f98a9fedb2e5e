"""Ids that the index takes and a URL can name; text that can be stored."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Map, Rule

from triptych.core.names import check_id, check_text, derive_id, is_id, printable, same_file

ANY = st.text(st.characters(categories=None, exclude_categories=()), max_size=12)


@pytest.mark.parametrize("value", ["a", "a/b c", "…", ".a", "a..", "x" * 512, "é" * 256, "?#%"])
def test_good_ids(value):
    """Folders, spaces and other scripts are fine."""
    assert check_id(value) == value == derive_id(value)


@pytest.mark.parametrize(
    "value",
    ["", "x" * 513, "é" * 257, "a\n", "\0", "\x85", "\ud800", ".", "..", "a/../b", "a/.", "/a",
     "a/", "a//b"],
)  # fmt: skip
def test_bad_ids(value):
    """Each would break a bulk request or the address of its item; a derived one is hashed."""
    with pytest.raises(ValueError, match=r"bytes|control|slashes"):
        check_id(value)
    assert not is_id(value)
    assert len(derive_id(value)) == 32


def test_ids_have_one_form():
    """That of letters with their accents, however a system writes them."""
    apart, whole = "A\u030angstro\u0308m", "Ångström"
    assert check_id(apart) == derive_id(apart) == check_id(whole) == whole
    assert is_id(apart)
    assert derive_id(f"/{apart}") == derive_id(f"/{whole}")


@pytest.mark.parametrize(
    "name", ["a/Café.png", "./a/Cafe\u0301.png", "a\\Café.png", "a//b/../Café.png"]
)
def test_ways_to_write_the_name_of_a_file(name):
    """Of a Mac, of Windows, with dots."""
    assert same_file(name) == "a/Café.png"


def test_other_names_have_other_ids():
    """The same name has the same."""
    assert derive_id("/a") == derive_id("/a") != derive_id("/b")
    assert not is_id(5)


@given(ANY)
def test_an_id_of_any_name_can_be_addressed(name):
    """It comes back from its own URL."""
    item = derive_id(name)
    assert is_id(item)
    adapter = Map([Rule("/i/<path:item>", endpoint="i")]).bind("h")
    assert adapter.match(f"/i/{item}")[1]["item"] == item
    assert quote(item)


@given(ANY)
def test_what_is_printable_can_be_stored(name):
    """On one line, and text that needs no escape stays as it is."""
    shown = printable(name)
    assert check_text(shown) == shown
    assert "\n" not in shown
    assert len(printable("x" * 501)) == 500


def test_surrogates_are_no_text():
    """The place is told."""
    with pytest.raises(ValueError, match="character 1"):
        check_text("a\ud800")
    assert printable("a\ud800\n") == "a\\ud800\\n"
    assert check_text("a\n\u2028😀")
