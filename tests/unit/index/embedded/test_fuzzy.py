"""Words that are nearly the same."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.index.embedded.fuzzy import distance, is_near

WORDS = st.text("abc", max_size=7)


@cache
def recursive(one: str, other: str) -> int:
    """The definition of the optimal string alignment distance."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        recursive(one[:-1], other) + 1,
        recursive(one, other[:-1]) + 1,
        recursive(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )
    if len(one) > 1 and len(other) > 1 and (one[-1], one[-2]) == (other[-2], other[-1]):
        best = min(best, recursive(one[:-2], other[:-2]) + 1)
    return best


@given(WORDS, WORDS)
def test_distance_is_that_of_the_definition(one: str, other: str):
    """For all words of three letters."""
    assert distance(one, other) == distance(other, one) == recursive(one, other)


@pytest.mark.parametrize(
    ("term", "word", "edits", "near"),
    [
        ("elephant", "elefant", 1, False),
        ("elephant", "elefant", 2, True),
        ("cat", "bat", 2, False),
        ("river", "rievr", 1, True),
        ("an", "a", 1, True),
        ("a", "a", 0, True),
    ],
)
def test_near(term: str, word: str, edits: int, near: bool):  # noqa: FBT001
    """The first letter must be right."""
    assert is_near(term, word, edits) is near
