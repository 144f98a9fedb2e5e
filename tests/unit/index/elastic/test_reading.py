"""What is read of the answers of Elasticsearch."""

import numpy as np
import pytest

from support import layout
from triptych.fusion.query import PresenceClass
from triptych.index.documents import pack_features
from triptych.index.elastic.queries import RANKED
from triptych.index.elastic.reading import (
    read_metadata,
    read_page,
    read_results,
    read_versioned,
)
from triptych.index.model import Clause, Facet, IndexQuery, Listing, Range, Words

FEATURES = np.linspace(-1, 1, layout().dims).astype(np.float32)


def hit(name: str, score: float, source=None, **matched: float):
    """A hit as the server gives it; a clause is named by its place."""
    found = {"_id": name, "_score": score, "_source": {"id": name, **(source or {})}}
    names = {key.removeprefix("c"): value for key, value in matched.items()}
    return {**found, "matched_queries": names} if names else found


def answer(*hits, total: int = 9, relation: str = "eq", **more):
    """An answer as the server gives it."""
    return {
        "took": 4,
        "hits": {"total": {"value": total, "relation": relation}, "hits": hits},
        **more,
    }


def test_results_are_read():
    """Candidates, what each word adds, and the features of the blocks that were asked for."""
    words = Words([Clause(label, "word", (label,)) for label in ("cat", "dog", "cat")])
    matched = {"c0": 1.5, "c2": 2.0}
    block, *_ = layout().blocks
    where = layout().slices[block.name]
    values = {f"features.{block.name}": [pack_features(FEATURES[where])]}
    facts = {"id": ["a"], "vector.parts": ["text", "writing"], **values}
    first_hit = {**hit("a", 1e18, **matched), "fields": facts}
    response = answer(first_hit, {"_score": 1e18, "fields": {"id": ["b"]}}, relation="gte")
    results = read_results(IndexQuery(words, fields=["tags"]), response, layout())
    assert (results.total, results.total_is_exact, results.took_ms) == (9, False, 4)
    first, second = (found.candidate for found in results.matches)
    assert (first.id, first.keyword, first.words) == ("a", 3.5, {"cat": 3.5})
    assert first.parts == {"text", "writing"}
    assert np.abs(first.features[where] - FEATURES[where]).max() < 1e-3
    assert not first.features[where.stop :].any()
    assert (second.id, second.keyword, second.parts, second.words) == ("b", None, set(), {})
    assert second.features.shape == (layout().dims,)
    assert [found.document for found in results.matches] == [{"id": "a"}, {"id": "b"}]


def test_results_of_an_index_with_one_field_are_read():
    """Its sources have what scores depend on."""
    source = {"modalities": ["text"], "features": pack_features(FEATURES), "writing": {"text": "x"}}
    response = answer(hit("a", 1e18, source), hit("b", 1e18))
    results = read_results(IndexQuery(fields=[]), response, layout())
    first, second = (found.candidate for found in results.matches)
    assert first.parts == {"text", "writing"}
    assert np.abs(first.features - FEATURES).max() < 1e-3
    assert (second.parts, second.features.any()) == (set(), False)
    assert [found.document for found in results.matches] == [{"id": "a"}, {"id": "b"}]


def test_a_sum_that_has_a_name_is_not_added_up():
    """Some of its words have none."""
    words = Words([Clause("cat", "word", ("cat",))])
    response = answer(hit("a", 1.0, keyword=3.5, c0=1.5), hit("b", 1.0, keyword=2.5))
    found = read_results(IndexQuery(words), response, layout()).matches
    assert [f.candidate.keyword for f in found] == [3.5, 2.5]
    assert [f.candidate.words for f in found] == [{"cat": 1.5}, {}]


def test_of_the_words_no_more_than_asked_for_are_kept():
    """A page has room for as many as there are lists; neighbours stay, whatever their words."""
    hits = [
        hit("near", 2e12),
        hit("near, last by words", 1e12, keyword=0.5),
        hit("near, first by words", 1e9, keyword=3.0),
        hit("b", 2.0, keyword=2.0), hit("c", 1.0, keyword=1.0), hit("a", 1.0, keyword=1.0),
    ]  # fmt: skip
    found = read_results(IndexQuery(candidates=3), answer(*hits), layout()).matches
    near = ["near", "near, last by words", "near, first by words"]
    assert [f.candidate.id for f in found] == [*near, "b", "a"]


@pytest.mark.parametrize(("room", "last"), [(2, None), (1, ["a", 3])])
def test_a_page_tells_where_the_next_starts(room: int, last: list[object] | None):
    """At the last item of its own, if there is another one."""
    hits = [{**hit("a", 0.0), "sort": ["a", 3]}, {**hit("b", 0.0), "sort": ["b", 1]}]
    page = read_page(Listing(limit=room), answer(*hits))
    assert [document["id"] for document in page.documents] == ["a", "b"][:room]
    assert (page.total, page.last) == (9, last)


def test_a_total_is_a_bound_unless_all_was_counted():
    """Of vectors, the server counts those that were asked for."""
    classes = [PresenceClass(("text",), (), np.ones(layout().dims, np.float32))]
    ranked = {RANKED: {"doc_count": 50, RANKED: {"doc_count": 40}}}
    for query, response, expected in (
        (IndexQuery(), answer(total=9), (9, True)),
        (IndexQuery(), answer(total=9, relation="gte"), (9, False)),
        (IndexQuery(classes=classes), answer(total=9), (9, False)),
        (IndexQuery(classes=classes), answer(aggregations=ranked), (40, True)),
    ):
        results = read_results(query, response, layout())
        assert (results.total, results.total_is_exact) == expected


def test_counts_are_read():
    """Kinds of values are merged, in the order of their counts; ranges are as they were asked."""
    kinds = {
        "number": [{"key": 2.5, "doc_count": 3}, {"key": 1.0, "doc_count": 1}],
        "string": [{"key": "1", "doc_count": 4}, {"key": "2", "doc_count": 1}],
        "boolean": [{"key": 1, "key_as_string": "true", "doc_count": 3}],
    }
    key = {name: {"buckets": buckets} for name, buckets in kinds.items()}
    key["number"] = {"values": key["number"]}
    whole = {"buckets": [{"key": 2**53 + 1, "doc_count": 3}]}
    new = {"buckets": [{"key": "t", "doc_count": 2}, {"key": "beach", "doc_count": 1}]}
    old = {"buckets": [{"key": "Beach", "doc_count": 2}]}
    aggregations = {
        "0": {"key": {**key, "whole": whole}},
        "1": {"buckets": [{"doc_count": 5}, {"doc_count": 0}]},
        "2": {"values": new, "old": {"values": old}},
        "3": {"buckets": [{"key": "de", "doc_count": 2}]},
    }
    ranges = (Range(gte=0, lt=1.5), Range(gt="x"))
    facets = [
        Facet("metadata.a", 5), Facet("added", ranges=ranges), Facet("tags"), Facet("language"),
    ]  # fmt: skip
    page = read_page(Listing(facets=facets), answer(aggregations=aggregations))
    assert page.facets == {
        "metadata.a": [
            {"value": "1", "count": 4}, {"value": 2.5, "count": 3},
            {"value": 2**53 + 1, "count": 3}, {"value": True, "count": 3},
            {"value": 1, "count": 1},
        ],
        "added": [{"gte": 0, "lt": 1.5, "count": 5}, {"gt": "x", "count": 0}],
        "tags": [{"value": "beach", "count": 3}, {"value": "t", "count": 2}],
        "language": [{"value": "de", "count": 2}],
    }  # fmt: skip
    assert page.facets["metadata.a"][3]["value"] is True


def test_keys_have_kinds():
    """A key without any has strings that are too long to be looked up; dots are kept."""
    none = {name: {"doc_count": 0} for name in ("number", "string", "boolean")}
    dotted = {"key": "metadata.a.b", **none}
    buckets = [{"key": "a", **none, "number": {"doc_count": 2}}, {"key": "b", **none}, dotted]
    response = {"aggregations": {"facts": {"keys": {"buckets": buckets}}}}
    assert read_metadata(response) == {"a": {"number"}, "b": {"string"}, "a.b": {"string"}}


def test_a_moved_document_has_its_vector_again():
    """From its features; one without stays without."""
    source = {"id": "a", "features": pack_features(FEATURES)}
    entry = read_versioned({"_source": source, "_version": 7}, layout())
    assert entry.version == 7
    assert entry.document["vector"].dtype == np.float32
    assert pack_features(entry.document["vector"]) == source["features"]
    assert read_versioned({"_source": {"id": "b"}, "_version": 1}, layout()).document == {"id": "b"}
