"""Damaged sounds of every kind: the bounded part of ``make fuzz``."""

from unit.media.fuzzing import case, check, run

CASES = 2500


def test_damaged_sounds_are_decoded_or_refused():
    """Nothing crashes, hangs, or takes much memory; and damage is not all that is seen."""
    counts = run(iter(range(CASES)))
    assert sum(counts.values()) == CASES
    assert min(counts["whole"], counts["cut"], counts["refused"]) > CASES // 50


def test_a_film_in_which_a_stream_begins_late_is_heard():
    """PyAV raises an IndexError for its first packet. Found by ``make fuzz``."""
    _, data = case(18_019, 2, "m2ts")
    assert check(data) == "cut"
