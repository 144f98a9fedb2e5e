"""Filters, facets and orders of requests become those of every index."""

import re
from datetime import UTC, datetime
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from triptych.core.errors import InvalidInput
from triptych.core.fields import FIELDS
from triptych.core.values import describe, position_of
from triptych.index.model import Box, Circle, Condition, Facet, Group, Range, Sort
from triptych.search.filtering import as_asked, fields_of, read_facets, read_filter, read_sort
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
        ("place", {"north": 53, "south": 52.5, "west": 179, "east": -179},
         Condition("place", area=Box(53, 52.5, 179, -179))),
        ("metadata.country", None, Condition("metadata.country", exists=False)),
        ("tags", {"exists": True, "none": ["a"]},
         Condition("tags", none_of=("a",), exists=True)),
        ("added", None, Condition("added", exists=False)),
        ("added", {"exists": False}, Condition("added", exists=False)),
        ("place", None, Condition("place", exists=False)),
        ("place", {"exists": True}, Condition("place", exists=True)),
        ("id", {"prefix": "Cafe\u0301/"}, Condition("id", prefix="Caf\u00e9/")),
        ("keywords", {"prefix": "Stra\u00dfe"}, Condition("keywords", prefix="strasse")),
        ("metadata.a", {"prefix": "x", "lt": "y"},
         Condition("metadata.a", within=Range(lt="y"), prefix="x")),
        ("place", {"latitude": 90, "longitude": -180, "within": 0.5},
         Condition("place", area=Circle(90, -180, 0.5))),
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
        ("colour", 1, "filter.colour", "there are id, status, modalities, tags, batch, added"),
        ("metadata.", 1, "filter.metadata.", "metadata.KEY"),
        ("metadata", {"year": 1}, "filter.metadata", "metadata.KEY"),
        ("vector", 1, "filter.vector", "no field"),
        ("tags", 5, "filter.tags", "a valid string"),
        ("tags", {"any": [None]}, "filter.tags.any.0", "a valid string"),
        ("tags", {"exists": "yes"}, "filter.tags.exists", "boolean"),
        ("tags", {"exists": None}, "filter.tags.exists", "boolean"),
        ("tags", {"prefix": ["a"]}, "filter.tags.prefix", "string"),
        ("status", {"prefix": "in"}, "filter.status", "any, all, none, exists are accepted"),
        ("and", {}, "filter.and", "a list is accepted"),
        ("or", [], "filter.or", "at least 1 item"),
        ("or", [None], "filter.or.0", "an object is accepted"),
        ("not", [{}], "filter.not", "an object is accepted"),
        ("not", None, "filter.not", "an object is accepted"),
        ("or", [{}, {"and": [{"tags": 5}]}], "filter.or.1.and.0.tags", "a valid string"),
        ("or", [{}, {"size.": 5}], "filter.or.1.size.", "no field"),
        ("either", [{}], "filter.either", "no field"),
        ("or", [{f"metadata.a{n}": 1 for n in range(26)}] * 10, "filter", "at most 256 conditions"),
        ("or", [{}] * 300, "filter", "at most 256 conditions"),
        ("not", reduce(lambda inner, _: {"not": inner}, range(8), {}), "filter",
         "more than 8 deep"),
        ("tags", [["a"]], "filter.tags.0", "a valid string"),
        ("tags", [""], "filter.tags.0", "at least 1 character"),
        ("tags", "x" * 1025, "filter.tags", "at most 1024 characters"),
        ("tags", ["a"] * 1001, "filter.tags", "at most 1000 items"),
        ("tags", {"any": []}, "filter.tags.any", "at least 1 item"),
        ("tags", {"gte": "a"}, "filter.tags", "any, all, none, exists, prefix are accepted"),
        ("tags", {"most": "a"}, "filter.tags", "most is unknown here"),
        ("tags", {}, "filter.tags", "one of any, all, none, exists, prefix is missing"),
        ("tags", "\ud800", "filter.tags", "not Unicode"),
        ("id", [], "filter.id", "at least 1 item"),
        ("status", "fine", "filter.status", "'indexed', 'partial', 'failed' or 'quarantined'"),
        ("modalities", ["smell"], "filter.modalities.0", "'image', 'text' or 'audio'"),
        ("added", "2026-01-01", "filter.added", "an object of exists, gte, gt, lte, lt"),
        ("added", {"any": ["2026-01-01"]}, "filter.added", "exists, gte, gt, lte, lt are accepted"),
        ("added", {"gte": "yesterday"}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": "2026-02-30"}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": 5}, "filter.added.gte", "2026-01-31"),
        ("added", {"gte": True}, "filter.added.gte", "2026-01-31"),
        ("place", "here", "filter.place", "an object of north, south, west, east is accepted"),
        ("place", {}, "filter.place", "one of north, south, west, east is missing"),
        ("place", {"north": 1, "south": 2, "west": 0, "east": 0}, "filter.place",
         r"north \(1.0\) is south of south \(2.0\)"),
        ("place", {"north": 91, "south": 2, "west": 0, "east": 0}, "filter.place.north", "90"),
        ("place", {"north": 1, "south": 0, "west": 0}, "filter.place.east", "required"),
        ("place", {"north": 1, "south": 0, "west": "0", "east": 0}, "filter.place.west", "number"),
        ("place", {"north": True, "south": 0, "west": 0, "east": 0}, "filter.place.north", "num"),
        ("place", {"latitude": 0, "longitude": 181, "within": 1}, "filter.place.longitude", "180"),
        ("place", {"latitude": 0, "longitude": float("nan"), "within": 1},
         "filter.place.longitude", "finite"),
        ("place", {"latitude": 0, "longitude": 0}, "filter.place.within", "required"),
        ("place", {"latitude": 0, "longitude": 0, "within": 0}, "filter.place.within", "greater"),
        ("place", {"latitude": 0, "longitude": 0, "within": 1e9}, "filter.place.within", "less"),
        ("place", {"latitude": 0, "north": 0}, "filter.place",
         "north is unknown here; latitude, longitude, within are accepted"),
        ("metadata.a", [None], "filter.metadata.a.0", "true or false is accepted"),
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
        | st.dictionaries(
            st.sampled_from(
                ["any", "all", "none", "gte", "lt", "x", "or", "not", "exists", "north", "within"]
            ),
            inner,
        )
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


def test_groups_become_groups():
    """Those of ``and`` are as good as without it; each field is known with its place."""
    asked = SearchRequest(
        filter={
            "id": "a",
            "and": [{"tags": "b"}, {"not": {"tags": "c", "status": "failed"}}],
            "or": [{"metadata.x": 1, "metadata.y": None}, {}],
        }
    ).filter
    tags = [Condition("tags", any_of=(tag,)) for tag in "bc"]
    failed = Condition("status", any_of=("failed",))
    both = (Condition("metadata.x", any_of=(1,)), Condition("metadata.y", exists=False))
    assert read_filter(asked) == (
        Condition("id", any_of=("a",)),
        tags[0],
        Group("not", (failed, tags[1])),
        Group("or", (Group("and", both), Group("and", ()))),
    )
    assert dict(fields_of(asked)) == {
        "id": "filter.id", "tags": "filter.and.1.not.tags", "status": "filter.and.1.not.status",
        "metadata.x": "filter.or.0.metadata.x", "metadata.y": "filter.or.0.metadata.y",
    }  # fmt: skip
    again = SearchRequest(filter=asked.model_dump(by_alias=True, exclude_unset=True)).filter
    assert read_filter(again) == read_filter(asked)


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
        ({"field": "text"}, "facets.0.field", "there are status, modalities, tags, batch, added"),
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
        *names, last = [label for one in FIELDS.sortable for label in one.labels]
        assert f"there are {', '.join([*names, last])} and score" in why


def test_groups_may_be_eight_deep():
    """One less than what is refused."""
    deep = reduce(lambda inner, _: {"not": inner}, range(8), {"tags": "a"})
    assert read_filter(SearchRequest.model_validate({"filter": deep}).filter)
