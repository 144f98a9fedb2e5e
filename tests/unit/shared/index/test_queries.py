"""Bodies for Elasticsearch, and what is read of its answers."""

import numpy as np
import pytest

from triptych.shared.fusion.layout import layout
from triptych.shared.fusion.query import PresenceClass
from triptych.shared.index import open_index
from triptych.shared.index.protocol import IndexQuery
from triptych.shared.index.queries import (
    alias_name,
    failures_body,
    index_name,
    read_results,
    search_body,
)
from triptych.shared.mapping import mapping, pack_features
from triptych.shared.settings import Settings

VECTOR = np.zeros(layout().dims, np.float32)
CLASSES = (
    PresenceClass(("image", "text"), (), VECTOR),
    PresenceClass(("image",), ("text",), VECTOR),
)


def clauses(body):
    """The scoring clauses of a body."""
    return body["query"]["bool"]["should"]


def test_words_and_vectors_are_one_request():
    """A clause per presence class, boosted above any word, and one for the words."""
    body = search_body(IndexQuery(terms=["red", "cat"], classes=CLASSES, candidates=40))
    first, second, words = clauses(body)
    assert words["multi_match"]["query"] == "red cat"
    assert words["multi_match"]["_name"] == "keyword"
    assert first["knn"]["field"] == second["knn"]["field"] == "vector"
    assert first["knn"]["boost"] >= 1e6
    assert first["knn"]["k"] == 40
    assert first["knn"]["num_candidates"] >= 40
    assert body["size"] >= 40 * 3, "no list can push out another"
    assert body["query"]["bool"]["minimum_should_match"] == 1


def test_a_class_sees_its_own_items_only():
    """Those that have what it has, and lack what it lacks."""
    both, one = clauses(search_body(IndexQuery(classes=CLASSES)))
    image, text = {"term": {"modalities": "image"}}, {"term": {"modalities": "text"}}
    assert both["knn"]["filter"] == [image, text]
    without_text = {"bool": {"must_not": {"terms": {"modalities": ["text"]}}}}
    assert one["knn"]["filter"] == [image, without_text]


def test_tags_filter_before_the_neighbours_are_sought():
    """All tags, for words and inside each neighbour clause."""
    body = search_body(IndexQuery(terms=["x"], classes=CLASSES, tags=["a", "b"]))
    tags = [{"term": {"tags": "a"}}, {"term": {"tags": "b"}}]
    assert body["query"]["bool"]["filter"] == tags
    assert all(clause["knn"]["filter"][:2] == tags for clause in clauses(body)[:2])


def test_the_fields_exist_in_the_mapping():
    """Mapping and query can't drift."""
    fields = mapping(layout())["properties"]
    used = {"vector", "tags", "keywords", "modalities", "features", "status", "batch"}
    assert used <= set(fields)
    (words,) = clauses(search_body(IndexQuery(terms=["x"])))
    expected = {f"words.{name}" for name in fields["words"]["properties"]}
    assert set(words["multi_match"]["fields"]) == expected
    assert fields["vector"]["dims"] == layout().dims
    assert fields["vector"]["similarity"] == "max_inner_product"
    assert mapping(layout())["_meta"]["fingerprint"] == layout().fingerprint


def test_without_words_or_without_vectors():
    """Either alone is a request."""
    assert [list(c) for c in clauses(search_body(IndexQuery(terms=["x"])))] == [["multi_match"]]
    assert [list(c) for c in clauses(search_body(IndexQuery(classes=CLASSES)))] == [["knn"]] * 2


def test_results_are_read():
    """From an answer as the server gives it."""
    features = np.linspace(-1, 1, layout().dims).astype(np.float32)
    hits = [
        {
            "_id": "a",
            "_score": 1e6,
            "matched_queries": {"keyword": 3.5},
            "_source": {"id": "a", "modalities": ["text"], "features": pack_features(features)},
        },
        {"_id": "b", "_score": 1.0, "_source": {"id": "b"}},
    ]
    answer = {"took": 4, "hits": {"total": {"value": 2, "relation": "gte"}, "hits": hits}}
    results = read_results(answer, layout())
    assert (results.total, results.total_is_exact, results.took_ms) == (2, False, 4)
    first, second = (found.candidate for found in results.found)
    assert (first.id, first.keyword, first.parts) == ("a", 3.5, {"text"})
    assert np.abs(first.features - features).max() < 1e-3
    assert (second.id, second.keyword, second.parts) == ("b", None, set())
    assert second.features.shape == (layout().dims,)
    assert results.found[1].document == {"id": "b"}


def test_failures_of_one_batch():
    """Failed and partial ones, at most so many, without vectors."""
    body = failures_body("b1", 7)
    filters = body["query"]["bool"]["filter"]
    assert {"term": {"batch": "b1"}} in filters
    assert {"terms": {"status": ["failed", "partial"]}} in filters
    assert body["size"] == 7
    assert "vector" in body["_source"]["excludes"]


def test_names_tell_what_an_index_was_built_with():
    """Alias for clients, schema and models for us."""
    assert alias_name("triptych", "photos") == "triptych-photos"
    assert index_name("triptych", "photos", 3, "abc") == "triptych-photos.v3.abc"


def test_an_index_of_another_scheme_is_refused():
    """With what is supported."""
    with pytest.raises(ValueError, match="only http:// and https://"):
        open_index(Settings(index_url="file:///tmp/index"))
