"""Dates and times as instants."""

import re
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex
from pydantic import TypeAdapter, ValidationError

from triptych.core.instants import PATTERN, has_date, instant, microseconds
from triptych.core.values import Instant, Moment

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-02", DAY),
        ("1970-01-02T00:00", DAY),
        ("1970-01-02 00:00:00", DAY),
        ("1970-01-02T00:00:00Z", DAY),
        ("1970-01-02T01:30:00+01:30", DAY),
        ("1970-01-02T00:00:00.000001", DAY + 1),
        ("1970-01-02T00:00:00,5Z", DAY + 500_000),
        ("1970-01-02T00:00:00.123456789Z", DAY + 123_456),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0001-01-01T00:00:00+14:00", -62_135_596_800_000_000 - 14 * DAY // 24),
        ("2000-02-29", 951_782_400_000_000),
    ],
)
def test_dates_are_instants(value, expected):
    """UTC without a zone, midnight without a time."""
    assert instant(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "1970", "1970-01", "19700102", "1970-W01-1", "1970-001", "70-01-02", "soon"),
        *(
            "1970-02-30",
            "1970-13-01",
            "1970-00-00",
            "0000-01-01",
            "1970-01-02T24:00",
            "1970-01-01T19-05",
        ),
        *("1970-01-02T00:00:60Z", "1970-01-02T00:00:00z", "1970-01-02T00:00:00+99:00"),
        *(" 1970-01-02", "1970-01-02\n", "１９７０-01-02", 0, 1.5, True, None, ["1970-01-02"]),
    ],
)
def test_what_is_no_date_beyond_doubt_is_none(value):
    """It stays what it is."""
    assert instant(value) is None


def test_the_pattern_knows_the_days_that_there_are():
    """Elasticsearch tells by it alone what is a date."""
    for year in range(10_000):
        days = [(2, day) for day in range(28, 31)]
        if year in {0, 1, 1900, 2000, 2023, 2024, 9999}:
            days = list(product(range(15), range(34)))
        for month, day in days:
            value = f"{year:04}-{month:02}-{day:02}"
            try:
                there = bool(date.fromisoformat(value))
            except ValueError:
                there = False
            assert bool(re.fullmatch(PATTERN, value)) == there, value
            assert (instant(value) is not None) == there


@given(from_regex(PATTERN, fullmatch=True))
def test_what_has_the_pattern_is_a_date(value: str):
    """With whatever behind the day."""
    assert instant(value) == microseconds(value.replace(",", "."))


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_moments_that_no_date_in_utc_has_are_none(value):
    """They could not be shown again; a filter may have them as bounds."""
    assert not has_date(microseconds(value))
    with pytest.raises(ValidationError, match="between the years 1 and 9999"):
        TypeAdapter(Moment).validate_python(value)
    assert TypeAdapter(Instant).validate_python(value) == value
