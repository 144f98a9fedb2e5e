"""Labels: what is known of a message without opening it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.queues import codec
from triptych.queues.labels import Death, Label, parse, spell

DEATH = Death("image:host:12:5f3a9c", "signal 9 (SIGKILL)", 1.5, process=13, rss=300 * 2**20)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((), ""), ((7,), "7"), ((3, 1, 2), "1-3"), ((0, 1, 5, 7, 8), "0-1,5,7-8")],
)
def test_ordinals_are_spelled_as_ranges(numbers, text):
    """In order, whatever order they came in."""
    assert spell(numbers) == text


@given(st.frozensets(st.integers(0, 200)))
def test_spelled_ordinals_are_read_back(numbers):
    """All of them."""
    assert parse(spell(numbers)) == numbers


def test_a_label_travels_as_a_header():
    """Whole, through the codec."""
    label = Label("b", frozenset({0, 1, 4}), 3, 900, 2, (DEATH, DEATH))
    assert Label.from_header(codec.loads(codec.dumps(label.to_header()))) == label
    assert Label.from_header(None) == Label()


def test_a_death_tells_who_how_and_how_much():
    """For the reason of a quarantined item."""
    assert str(DEATH) == (
        "process 13 of worker image:host:12:5f3a9c: signal 9 (SIGKILL), 300 MiB of memory"
    )
    assert str(Death("w", "the lease ran out", 0)) == "worker w: the lease ran out"
