"""Words that are nearly the same."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.index.fuzzy import is_near

WORDS = st.text("abc", min_size=1, max_size=7)


@cache
def distance(one: str, other: str) -> int:
    """The definition of the optimal string alignment distance."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        distance(one[:-1], other) + 1,
        distance(one, other[:-1]) + 1,
        distance(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )
    if len(one) > 1 and len(other) > 1 and (one[-1], one[-2]) == (other[-2], other[-1]):
        best = min(best, distance(one[:-2], other[:-2]) + 1)
    return best


@given(WORDS, WORDS, st.integers(0, 2))
def test_near_words_are_those_of_the_definition(one: str, other: str, edits: int):
    """The first letter is the same, and the rest is at most so many edits apart."""
    expected = one[0] == other[0] and distance(one[1:], other[1:]) <= edits
    assert is_near(one, other, edits) is is_near(other, one, edits) is expected


@pytest.mark.parametrize(
    ("word", "term", "edits", "near"),
    [
        ("elephant", "elefant", 1, False),
        ("elephant", "elefant", 2, True),
        ("cat", "bat", 2, False),
        ("river", "rievr", 1, True),
        ("abc", "acdb", 2, False),  # a letter that was swapped is not changed again
        ("an", "a", 1, True),
        ("a", "a", 0, True),
        ("a😀b", "ab😀", 1, True),
    ],
)
def test_near(word: str, term: str, edits: int, near: bool):  # noqa: FBT001
    """The first letter must be right."""
    assert is_near(word, term, edits) is near
