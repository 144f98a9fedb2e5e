"""Lucene's numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.index.embedded.bm25 import LENGTHS, bm25, idf, phrase_idf, quantised


def int_to_byte4(number: int) -> int:
    """SmallFloat.intToByte4 of Lucene, step by step."""
    if number < 24:
        return number
    number -= 24
    size = number.bit_length()
    if size < 4:
        return 24 + number
    shift = size - 4
    return 24 + ((number >> shift) & 7 | (shift + 1) << 3)


def byte4_to_int(code: int) -> int:
    """SmallFloat.byte4ToInt of Lucene, step by step."""
    if code < 24:
        return code
    bits, shift = (code - 24) & 7, ((code - 24) >> 3) - 1
    return 24 + (bits if shift == -1 else (bits | 8) << shift)


def test_every_byte_is_a_length():
    """They rise, and the greatest integer of Java has the last code but none."""
    assert (np.diff(LENGTHS) > 0).all()
    assert [byte4_to_int(code) for code in range(256)] == LENGTHS.tolist()
    assert int_to_byte4(2**31 - 1) == 255


@given(st.integers(0, 2**31 - 1))
def test_lengths_are_those_that_lucene_keeps(length: int):
    """Exact below forty, then with four bits."""
    expected = byte4_to_int(int_to_byte4(length))
    assert quantised(np.array([length])).tolist() == [expected]
    assert expected == length or length >= 40


@pytest.mark.parametrize(("length", "kept"), [(39, 39), (40, 40), (41, 40), (56, 56), (59, 56)])
def test_some_lengths(length: int, kept: int):
    """The first that can't be told apart."""
    assert quantised(np.array([length])).tolist() == [kept]


@given(
    st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))),
    st.lists(st.tuples(st.integers(1, 100), st.integers(1, 39)), min_size=1),
    st.floats(1, 1000),
)
def test_scores_are_those_of_the_formula(documents, items, average):
    """Within float32."""
    count, matching = documents
    weight = math.log(1 + (count - matching + 0.5) / (matching + 0.5))
    expected = [
        weight * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * length / average)) for tf, length in items
    ]
    counts, lengths = np.array(items).T
    found = bm25(idf(count, matching), counts, lengths, average)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, rel=2e-5)


def test_a_phrase_says_what_its_words_say():
    """Their sum."""
    assert phrase_idf([idf(10, 1), idf(10, 5)]) == pytest.approx(math.log(22 / 3) + math.log(2))


def test_long_texts_are_scored_by_the_length_that_is_kept():
    """Two that Lucene can't tell apart score the same."""
    scores = bm25(idf(10, 2), np.array([1, 1, 1]), np.array([40, 41, 42]), 30.0)
    assert scores[0] == scores[1] > scores[2]
