"""What a person types becomes what the request says."""

import json

import pytest

from triptych.cli.criteria import facet_of, filter_of, options, sort_of, weight_of


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["tags=a,b"], {"tags": {"all": ["a", "b"]}}),
        (["tags=2004"], {"tags": {"all": ["2004"]}}),
        (["status!=failed"], {"status": {"none": ["failed"]}}),
        (["id=a/b c,d"], {"id": {"any": ["a/b c", "d"]}}),
        (["metadata.year>=2000"], {"metadata.year": {"gte": 2000}}),
        (["duration>=1.5"], {"duration": {"gte": 1.5}}),
        (["metadata.Camera Model=X1"], {"metadata.Camera Model": {"any": ["X1"]}}),
        (
            ["metadata.year > 1999", "metadata.year<2010.5"],
            {"metadata.year": {"gt": 1999, "lt": 2010.5}},
        ),
        (["metadata.kind=red,blue"], {"metadata.kind": {"any": ["red", "blue"]}}),
        (['metadata.title="a, b"'], {"metadata.title": {"any": ["a, b"]}}),
        (['metadata.code="007"'], {"metadata.code": {"any": ["007"]}}),
        (["metadata.open=true"], {"metadata.open": {"any": [True]}}),
        (["metadata.code=1,x"], {"metadata.code": {"any": [1, "x"]}}),
        (["metadata.title=null"], {"metadata.title": {"any": ["null"]}}),
        (['tags=["a,b", "c"]'], {"tags": {"all": ["a,b", "c"]}}),
        (["added>=2024-01-31T12:00"], {"added": {"gte": "2024-01-31T12:00"}}),
        (["metadata.x=a=b"], {"metadata.x": {"any": ["a=b"]}}),
        (['{"tags": ["a"]}', "tags=b", "tags!=c"], {"tags": {"all": ["a", "b"], "none": ["c"]}}),
        ([json.dumps({"id": {"none": ["a,b"]}}), "id!=c"], {"id": {"none": ["a,b", "c"]}}),
        (["id^=photos/a,b"], {"id": {"prefix": "photos/a,b"}}),
        (['metadata.a^="x"', "metadata.a<y"], {"metadata.a": {"prefix": "x", "lt": "y"}}),
        (
            ['{"language": null}', '{"language": {"none": ["de"]}}'],
            {"language": {"exists": False, "none": ["de"]}},
        ),
        (
            [
                '{"or": [{"id": "a"}, {"id": "b"}]}',
                "tags=c",
                '{"or": [{"id": "d"}], "status": "failed"}',
            ],
            {
                "and": [
                    {"or": [{"id": "a"}, {"id": "b"}]},
                    {"or": [{"id": "d"}], "status": "failed"},
                ],
                "tags": {"all": ["c"]},
            },
        ),
        (['{"tags": {"any": ["a"]}}', '{"id": "x"}'], {"tags": {"any": ["a"]}, "id": "x"}),
    ],
)
def test_a_filter_is_read(entries, expected):
    """Names are texts, values of metadata what they look like unless they are in quotes."""
    assert filter_of(entries) == expected


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["tags"], "is not like"),
        (["=x"], "is not like"),
        (["metadata.year>=1,2"], "takes one value"),
        (["metadata.year>1", "metadata.year>2"], "twice in the same way"),
        (["id=a", "id=b"], "twice in the same way"),
        (["id^=a", "id^=b"], "twice in the same way"),
        (["{"], "property name"),
    ],
)
def test_a_wrong_filter_is_named(entries, message):
    """With what would be right."""
    with pytest.raises(ValueError, match=message):
        filter_of(entries)


def test_facets_and_sorting_are_read():
    """A name, or a name with one more thing to say."""
    assert facet_of("metadata.year") == "metadata.year"
    assert facet_of("tags:30") == {"field": "tags", "size": 30}
    ranges = '{"field": "metadata.year", "ranges": [{"lt": 2000}]}'
    assert facet_of(ranges) == {"field": "metadata.year", "ranges": [{"lt": 2000}]}
    assert sort_of("added") == "added"
    assert sort_of("metadata.year:desc") == {"field": "metadata.year", "order": "desc"}
    assert weight_of("text=2.5") == ("text", 2.5)


@pytest.mark.parametrize(
    ("read", "entry"),
    [(facet_of, "tags:many"), (sort_of, "added:down"), (weight_of, "text"), (weight_of, "text=x")],
)
def test_what_can_not_be_read_is_named(read, entry):
    """The error holds what was typed."""
    with pytest.raises(ValueError, match=entry):
        read(entry)


NOTHING = {
    "filters": [],
    "tags": [],
    "keywords": [],
    "weights": [],
    "facets": [],
    "sort": [],
    "fields": None,
    "fusion": "linear",
    "limit": 10,
    "explain": True,
}


def test_only_what_was_typed_is_said():
    """The gateway's defaults stay the gateway's; no field at all is something to say."""
    assert options(**NOTHING) == {"fusion": "linear", "limit": 10}
    typed = NOTHING | {"tags": ["a"], "filters": ["tags!=b"], "fields": [""], "explain": False}
    assert options(**typed) == {
        "filter": {"tags": {"all": ["a"], "none": ["b"]}},
        "fields": [],
        "fusion": "linear",
        "limit": 10,
        "explain": False,
    }
