"""Cursors come back as they went out, or not at all."""

import base64
import hashlib
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.errors import InvalidInput
from triptych.index.model import Condition, Sort
from triptych.media.signing import Secret
from triptych.media.store import MediaStore
from triptych.search.paging import Cursor, digest_of, read_cursor

QUERY = digest_of("search", "c")


class _Store:
    """Has one document."""

    def create_document(self, *_: object) -> bool:
        """There already."""
        return False

    def read_document(self, *_: object) -> bytes:
        """The secret."""
        return b"0123456789abcdef" * 2


SECRET = Secret(cast("MediaStore", _Store()))
NAMES = st.text(st.characters(codec="utf-8"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(NAMES, st.integers(0, 10_000) | st.lists(st.none() | NUMBERS | NAMES, max_size=13))
def test_a_cursor_comes_back(snapshot, place):
    """Whatever the index calls its snapshots and places."""
    cursor = Cursor(snapshot, QUERY, place, "abc")
    assert read_cursor(cursor.write(SECRET), QUERY, SECRET) == cursor


def test_it_fits_into_a_url():
    """As it is."""
    written = Cursor("snapshot?>>>~~~ÿ" * 20, QUERY, 5).write(SECRET)
    assert set(written) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.data())
def test_a_changed_cursor_is_refused(data):
    """One letter is enough."""
    written = Cursor("snapshot", QUERY, 5).write(SECRET)
    place = data.draw(st.integers(0, len(written) - 1))
    letter = data.draw(st.characters().filter(lambda one: one != written[place]))
    changed = written[:place] + letter + written[place + 1 :]
    if place == len(written) - 1 and ord(letter) < 128:
        return  # the last letter has bits that stand for nothing
    with pytest.raises(InvalidInput) as caught:
        read_cursor(changed, QUERY, SECRET)
    assert caught.value.field == "cursor"


@pytest.mark.parametrize("value", ["", "a", "*", "AAAA", "\ud800", "é", "e30", " " * 9, "x" * 5000])
def test_what_is_no_cursor_is_refused(value):
    """With its field."""
    with pytest.raises(InvalidInput, match="cursor") as caught:
        read_cursor(value, QUERY, SECRET)
    assert caught.value.field == "cursor"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 6000,
        b"[" * 3000 + b"]" * 3000,
        b"{}",
        b"null",
        *(
            f'["snapshot","{QUERY}",{place},""]'.encode()
            for place in ("true", "-1", "9" * 30, "9" * 5000, "1.5", '"1"', "[[[1]]]", "[1e999]")
        ),
        f'["snapshot","{QUERY}",[{"9" * 30}],""]'.encode(),
        f'["\\ud800","{QUERY}",1,""]'.encode(),
        f'["snapshot","{QUERY}",1]'.encode(),
    ],
)
def test_a_forged_cursor_is_refused(body):
    """Whatever is behind a right signature."""
    data = SECRET.mac("cursor", body) + body
    with pytest.raises(InvalidInput, match="cursor"):
        read_cursor(base64.urlsafe_b64encode(data).decode().rstrip("="), QUERY, SECRET)


def test_a_cursor_belongs_to_its_query():
    """Another filter, another order, another collection is another query."""
    queries = {
        digest_of("listing", name, conditions, sorts)
        for name in ("a", "b")
        for conditions in ((), (Condition("tags", any_of=("a",)),), (Condition("tags", ("b",)),))
        for sorts in ((), (Sort("id"),), (Sort("id", descending=True),))
    }
    assert len(queries) == 18
    written = Cursor("snapshot", queries.pop(), 5).write(SECRET)
    for other in queries:
        with pytest.raises(InvalidInput, match="another query"):
            read_cursor(written, other, SECRET)


def test_what_was_written_by_hand_is_read():
    """So the forgeries above are refused for what they say, not for how they are made."""
    body = f'["snapshot","{QUERY}",[1,"a",null,["string","b"]],""]'.encode()
    data = SECRET.mac("cursor", body) + body
    found = read_cursor(base64.urlsafe_b64encode(data).decode().rstrip("="), QUERY, SECRET)
    assert found == Cursor("snapshot", QUERY, [1, "a", None, ["string", "b"]])


def test_who_does_not_know_the_secret_makes_no_cursor():
    """Not by the digest of what it says, nor with the secret of another deployment."""
    body = f'["uid:1","{QUERY}",["a"],""]'.encode()
    for mac in (hashlib.sha256(body).digest(), SECRET.mac("token", body), b""):
        made_up = base64.urlsafe_b64encode(mac + body).decode().rstrip("=")
        with pytest.raises(InvalidInput, match="cursor is"):
            read_cursor(made_up, QUERY, SECRET)
