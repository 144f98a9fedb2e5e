"""Filters, facets and orders of requests become those of every index."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from triptych.core.errors import InvalidInput
from triptych.core.values import describe, position_of
from triptych.index.model import Condition, Facet, Range, Sort
from triptych.search.filtering import as_asked, read_facets, read_filter, read_sort
from triptych.search.request import FacetRequest, SearchRequest, SortRequest

DAY = 86_400_000_000


def conditions(field: str, value) -> tuple[Condition, ...]:
    """Those of a filter of one field."""
    return read_filter(SearchRequest(filter={field: value}).filter)


def refusal(**request) -> tuple[str, str]:
    """Where a request is wrong, and why, as the gateway tells it."""
    with pytest.raises(ValidationError) as caught:
        SearchRequest(**request)
    first, *_ = caught.value.errors()
    return position_of(first), describe(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("tags", ["a", "b"], Condition("tags", all_of=("a", "b"))),
        ("tags", "a", Condition("tags", any_of=("a",))),
        ("tags", [], Condition("tags")),
        ("tags", {"any": ["a", "b"], "none": "c"},
         Condition("tags", any_of=("a", "b"), none_of=("c",))),
        ("keywords", ["Straße"], Condition("keywords", all_of=("strasse",))),
        ("modalities", ["image", "text"], Condition("modalities", all_of=("image", "text"))),
        ("modalities", {"none": ["audio"]}, Condition("modalities", none_of=("audio",))),
        ("status", ["failed", "partial"], Condition("status", any_of=("failed", "partial"))),
        ("language", "de", Condition("language", any_of=("de",))),
        ("id", ["1", "2"], Condition("id", any_of=("1", "2"))),
        ("batch", {"all": ["x"]}, Condition("batch", all_of=("x",))),
        ("metadata.year", 1999, Condition("metadata.year", any_of=(1999,))),
        ("metadata.year", ["1999", 1999, True],
         Condition("metadata.year", any_of=("1999", 1999, True))),
        ("metadata.year", {"gte": 1990, "lt": 2000.5, "none": [1995]},
         Condition("metadata.year", none_of=(1995,), within=Range(gte=1990, lt=2000.5))),
        ("metadata.name", {"gt": "a", "lte": "b"},
         Condition("metadata.name", within=Range(gt="a", lte="b"))),
        ("metadata.big", -(2**63), Condition("metadata.big", any_of=(-(2**63),))),
        ("added", {"gte": "1970-01-02"}, Condition("added", within=Range(gte=DAY))),
        ("added", {"gt": "1970-01-01T00:00:00.000001Z", "lte": "1970-01-01T02:00:00+02:00"},
         Condition("added", within=Range(gt=1, lte=0))),
        ("added", {"lt": "1969-12-31"}, Condition("added", within=Range(lt=-DAY))),
        ("added", {"lt": "9999-12-31T23:59:59-14:00", "gt": "0001-01-01T00:00:00+14:00"},
         Condition("added", within=Range(gt=-62_135_647_200_000_000, lt=253_402_351_199_000_000))),
    ],
)  # fmt: skip
def test_a_filter_becomes_conditions(field, value, expected):
    """Typed, and dates as microseconds."""
    (found,) = conditions(field, value)
    assert found == expected
    assert [type(one) for one in found.any_of or ()] == [type(one) for one in expected.any_of or ()]


@pytest.mark.parametrize(
    ("field", "value", "place", "reason"),
    [
        ("size", 1, "filter.size", "there are id, status, modalities, tags, batch, added"),
        ("metadata.", 1, "filter.metadata.", "metadata.KEY"),
        ("metadata", {"year": 1}, "filter.metadata", "metadata.KEY"),
        ("vector", 1, "filter.vector", "no field"),
        ("tags", 5, "filter.tags", "a valid string"),
        ("tags", None, "filter.tags", "a valid string"),
        ("tags", [["a"]], "filter.tags.0", "a valid string"),
        ("tags", [""], "filter.tags.0", "at least 1 character"),
        ("tags", "x" * 1025, "filter.tags", "at most 1024 characters"),
        ("tags", ["a"] * 1001, "filter.tags", "at most 1000 items"),
        ("tags", {"any": []}, "filter.tags.any", "at least 1 item"),
        ("tags", {"gte": "a"}, "filter.tags", "any, all, none are accepted"),
        ("tags", {"most": "a"}, "filter.tags", "most is unknown here"),
        ("tags", {}, "filter.tags", "one of any, all, none is missing"),
        ("tags", "\ud800", "filter.tags", "not Unicode"),
        ("id", [], "filter.id", "at least 1 item"),
        ("status", "fine", "filter.status", "'indexed', 'partial', 'failed' or 'quarantined'"),
        ("modalities", ["smell"], "filter.modalities.0", "'image', 'text' or 'audio'"),
        ("added", "2026-01-01", "filter.added", "an object of gte, gt, lte, lt"),
        ("added", {"any": ["2026-01-01"]}, "filter.added", "gte, gt, lte, lt are accepted"),
        ("added", {"gte": "yesterday"}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": "2026-02-30"}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": 5}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": True}, "filter.added.gte", "2026-01-31"),
        ("metadata.a", None, "filter.metadata.a", "true or false is accepted"),
        ("metadata.a", float("nan"), "filter.metadata.a", "finite"),
        ("metadata.a", 2**63, "filter.metadata.a", "64 bits"),
        ("metadata.a", {"gte": float("inf")}, "filter.metadata.a.gte", "finite"),
        ("metadata.a", {"gte": True}, "filter.metadata.a.gte", "no order"),
        ("metadata.a", {"gte": 1, "lt": "b"}, "filter.metadata.a.gte", "all are strings"),
        ("metadata.a", {"gte": [1]}, "filter.metadata.a.gte", "a string"),
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(field, value, place, reason):
    """With its place, and what is accepted."""
    where, why = refusal(filter={field: value})
    assert where == place
    assert re.search(reason, why), why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["any", "all", "none", "gte", "lt", "x"]), inner)
    ),
    max_leaves=5,
)


@given(st.sampled_from(["tags", "id", "added", "metadata.a", "status", "colour"]), JSON)
def test_any_filter_is_read_or_refused(field, value):
    """With a place that begins with its field."""
    try:
        conditions(field, value)
    except ValidationError as error:
        for problem in error.errors():
            assert position_of(problem).startswith(f"filter.{field}")


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_exact(when: datetime):
    """To the microsecond, in every year."""
    (found,) = conditions("added", {"gte": when.isoformat()})
    assert found.within is not None
    whole, micro = divmod(found.within.gte, 10**6)
    assert (whole, micro) == (int(when.replace(microsecond=0).timestamp()), when.microsecond)


def test_facets():
    """Of values with a size, of ranges with their bounds."""
    years = FacetRequest(field="metadata.year", ranges=[{"lt": 2000}, {"gte": 2000}])
    added = FacetRequest(field="added", ranges=[{"gte": "1970-01-02"}])
    given = [FacetRequest(field="tags", size=5), years, added]
    assert read_facets(given) == (
        Facet("tags", 5),
        Facet("metadata.year", 10, (Range(lt=2000), Range(gte=2000))),
        Facet("added", 10, (Range(gte=DAY),)),
    )
    counts = {
        "tags": [{"value": "a", "count": 3}],
        "metadata.year": [{"lt": 2000.0, "count": 1}, {"gte": 2000.0, "count": 2}],
        "added": [{"gte": DAY, "count": 4}],
    }
    assert as_asked(given, counts) == {
        "tags": [{"value": "a", "count": 3}],
        "metadata.year": [{"lt": 2000, "count": 1}, {"gte": 2000, "count": 2}],
        "added": [{"gte": "1970-01-02", "count": 4}],
    }


@pytest.mark.parametrize(
    ("facet", "place", "reason"),
    [
        ({"field": "id"}, "facets.0.field", "there are status, modalities, tags"),
        ({"field": "text"}, "facets.0.field", "and predictions.probability"),
        ({"field": "metadata.a", "ranges": [{}]}, "facets.0.ranges.0", "missing"),
        ({"field": "metadata.a", "ranges": [{"gte": 1}, {"to": 2}]}, "facets.0.ranges.1", "lt are"),
        (
            {"field": "metadata.a", "ranges": [{"gte": 1, "lt": "b"}]},
            "facets.0.ranges.0.gte",
            "all",
        ),
    ],
)
def test_facets_that_make_no_sense_are_refused(facet, place, reason):
    """With their place."""
    where, why = refusal(facets=[facet])
    assert where == place
    assert re.search(reason, why), why


@pytest.mark.parametrize(
    ("facets", "place", "reason"),
    [
        ([{"field": "added"}], "facets.0", "by ranges only"),
        ([{"field": "tags", "ranges": [{"gte": "a"}]}], "facets.0", "no ranges"),
        ([{"field": "added", "ranges": [{"gte": "soon"}]}], "facets.0.ranges.0.gte", "2026"),
        ([{"field": "added", "ranges": [{"lt": 5}]}], "facets.0.ranges.0.lt", "2026"),
        ([{"field": "tags"}, {"field": "tags", "size": 3}], "facets.1", "twice"),
    ],
)
def test_facets_that_do_not_fit_their_fields_are_refused(facets, place, reason):
    """With their place."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_facets([FacetRequest(**facet) for facet in facets])
    assert caught.value.field == place


def test_orders():
    """The score is one of a search alone."""
    given = [SortRequest(field="metadata.a", order="desc"), SortRequest(field="id")]
    assert read_sort(given, scored=False) == (Sort("metadata.a", descending=True), Sort("id"))
    best, worst = SortRequest(field="score"), SortRequest(field="score", order="asc")
    assert read_sort([best], scored=True) == (Sort("score", descending=True),)
    assert read_sort([worst], scored=True) == (Sort("score"),)
    with pytest.raises(InvalidInput, match="no score") as caught:
        read_sort([SortRequest(field="added"), SortRequest(field="score")], scored=False)
    assert caught.value.field == "sort.1"
    for field in ("text", "tags", "metadata."):
        where, why = refusal(sort=["added", field])
        assert where == "sort.1.field"
        known = "metadata.KEY, predictions.label, predictions.probability and score"
        assert f"there are id, added, {known}" in why
