"""Clauses of Elasticsearch filters: nothing that a condition may hold is refused there."""

import math

import orjson
import pytest

from triptych.index.elastic.conditions import filters, within
from triptych.index.model import Condition, Range

NOTHING = {"match_none": {}}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "x" * 40_000])
def test_what_no_item_can_have_is_not_sent(value):
    """It would be refused, or be null in JSON."""
    for field in ("metadata.n", "added", "tags"):
        assert filters([Condition(field, any_of=(value,))]) == [NOTHING]


@pytest.mark.parametrize("value", [2**63 - 1, 2**64, -(2**63), -(2**70), 1e308, 5e-324, 0])
def test_numbers_can_be_written(value):
    """Whole ones as such where JSON has them."""
    for field in ("metadata.n", "added"):
        condition = Condition(field, any_of=(value,), within=Range(gte=value, lt=value))
        assert orjson.dumps(filters([condition]))


def test_zero_has_no_sign():
    """For Lucene it has one."""
    (clause,) = filters([Condition("added", any_of=(-0.0,))])
    assert math.copysign(1, clause["terms"]["sequence"][0]) == 1
    assert math.copysign(1, within("added", Range(gte=-0.0))["range"]["sequence"]["gte"]) == 1


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (Range(gte=-1e300, lt=5), {"lt": 5}),
        (Range(gt=1, lte=2**63), {"gt": 1}),
        (Range(gte=0.5, lt=1e10), {"gte": 0.5, "lt": 1e10}),
        (Range(gt=-math.inf, lt=math.inf), {}),
    ],
)
def test_bounds_beyond_the_numbers_of_a_field_are_left_out(asked: Range, sent: dict[str, float]):
    """A whole number of 64 bits lies within them anyway."""
    assert within("added", asked) == {"range": {"sequence": sent}}


@pytest.mark.parametrize(
    "asked",
    [Range(gte=1e300), Range(lt=-1e300, gte=-2e300), Range(gte="a"), Range(gt=1, lt="z"),
     Range(gte=True), Range(gt=math.nan)],
)  # fmt: skip
def test_no_number_is_between_these(asked: Range):
    """So nothing is sent that would be refused, or compared with another kind."""
    assert within("added", asked) == NOTHING


def of_fact(condition: Condition) -> list[dict]:
    """What one fact must meet beside its key."""
    (clause,) = filters([condition])
    return clause["nested"]["query"]["bool"]["filter"][1:]


WITHOUT_WHOLE = {"must_not": {"exists": {"field": "facts.whole"}}}


def test_large_numbers_are_compared_as_whole_ones():
    """And those that an older version wrote as far as float64 tells them apart."""
    large = 2**53 + 1
    (either,) = of_fact(Condition("metadata.n", any_of=(large, 5)))
    assert either["bool"]["should"] == [
        {"terms": {"facts.number": [5]}},
        {"bool": {**WITHOUT_WHOLE, "filter": {"terms": {"facts.number": [large]}}}},
        {"terms": {"facts.whole": [large]}},
    ]
    (small,) = of_fact(Condition("metadata.n", within=Range(gt=1, lt=2)))
    assert small == {"range": {"facts.number": {"gt": 1, "lt": 2}}}
    (either,) = of_fact(Condition("metadata.n", within=Range(gt=large, lt=2.0**70)))
    doubles, wholes = either["bool"]["should"]
    assert wholes == {"range": {"facts.whole": {"gte": large + 1}}}
    assert doubles["bool"]["filter"]["range"]["facts.number"] == {"gt": 2.0**53, "lt": 2.0**70}
    (only,) = of_fact(Condition("metadata.n", within=Range(gt=2**63 - 1)))
    assert only == {
        "bool": {**WITHOUT_WHOLE, "filter": {"range": {"facts.number": {"gte": 2.0**63}}}}
    }


def test_dates_are_compared_as_instants():
    """And those that an older version wrote as the strings that they are."""
    one, other = "1970-01-02T01:00+01:00", "1970-01-03"
    (equal,) = of_fact(Condition("metadata.when", any_of=(one,)))
    day = 86_400_000_000
    assert equal["bool"]["should"] == [
        {"terms": {"facts.string": [one]}}, {"terms": {"facts.instant": [day]}},
    ]  # fmt: skip
    (between,) = of_fact(Condition("metadata.when", within=Range(gte=one, lt=other)))
    instants, strings = between["bool"]["should"]
    assert instants == {"range": {"facts.instant": {"gte": day, "lt": 2 * day}}}
    assert strings["bool"]["must_not"] == {"exists": {"field": "facts.instant"}}
    (mixed,) = of_fact(Condition("metadata.when", within=Range(gte=one, lt="x")))
    assert mixed == {"range": {"facts.string": {"gte": one, "lt": "x"}}}


def test_tags_are_compared_folded():
    """And those that an older version wrote as they were sent."""
    (clause,) = filters([Condition("tags", any_of=("Beach", "BEACH"))])
    assert clause["bool"]["should"] == [
        {"terms": {"folded_tags": ["beach"]}}, {"terms": {"tags": ["Beach", "BEACH"]}},
    ]  # fmt: skip


def test_tags_begin_folded():
    """And those that an older version wrote as they were sent: one letter may have been two."""
    (clause,) = filters([Condition("tags", prefix="Be")])
    last = "\U0010ffff"
    assert clause["bool"]["should"] == [
        {"range": {"folded_tags": {"gte": "be", "lt": f"be{last}"}}},
        {
            "bool": {
                "must_not": {"exists": {"field": "folded_tags"}},
                "filter": {"range": {"tags": {"gte": "Be", "lt": f"Be{last}"}}},
            }
        },
    ]


def test_a_key_and_its_value_are_of_one_fact():
    """Not of any two of an item."""
    (clause,) = filters([Condition("metadata.year", any_of=(1999, "x", 2000))])
    assert clause == {
        "nested": {
            "path": "facts",
            "query": {
                "bool": {
                    "filter": [
                        {"term": {"facts.key": "year"}},
                        {
                            "bool": {
                                "should": [
                                    {"terms": {"facts.number": [1999, 2000]}},
                                    {"terms": {"facts.string": ["x"]}},
                                ]
                            }
                        },
                    ]
                }
            },
        }
    }
