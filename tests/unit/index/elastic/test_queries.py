"""Bodies for Elasticsearch: what a contract on real indexes can't see of them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from support import layout
from triptych.core.fields import FIELDS
from triptych.core.settings import Settings
from triptych.fusion.query import PresenceClass
from triptych.index import open_index
from triptych.index.elastic.mapping import properties
from triptych.index.elastic.queries import (
    RANKED,
    VECTOR_FIRST,
    WORDS_AT_MOST,
    alias_name,
    index_name,
    list_body,
    metadata_body,
    scan_body,
    search_body,
)
from triptych.index.model import (
    LABELLED,
    MAX_CLAUSES,
    Clause,
    Condition,
    Facet,
    IndexQuery,
    Listing,
    Range,
    Sort,
    Words,
)

VECTOR = np.ones(layout().dims, np.float32)
CLASSES = (
    PresenceClass(("image", "text"), (), VECTOR),
    PresenceClass(("image",), ("text",), VECTOR),
)
CAT = Clause("cats", "word", ("cat", "chat"))
EVERY_KIND = Words(
    [CAT, Clause("a b", "phrase", ("a", "b")), Clause("c*", "prefix", ("c",))],
    [Clause("d~", "fuzzy", ("d",), edits=1)],
    [Clause("e", "word", ("e",), fields=("text",))],
)
CONDITIONS = [
    *(Condition(name, any_of=("x",)) for name in ("tags", "keywords", "modalities", "status")),
    *(Condition(name, none_of=("x",)) for name in ("language", "id", "batch")),
    Condition("added", within=Range(gte=1)),
    Condition("metadata.year", any_of=(1, "x", True), within=Range(lt=3)),
]
FACETS = [Facet("tags"), Facet("metadata.year"), Facet("added", ranges=(Range(lt=1),))]
SORTS = [Sort("added"), Sort("metadata.year", descending=True), Sort("id")]


def clauses(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The scoring clauses of a body."""
    found: list[dict[str, Any]] = body["query"]["bool"]["should"]
    return found


def walk(body: Any) -> Iterator[tuple[str, Any]]:
    """Every name in a body, with what is below it."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield name, value
            yield from walk(value)
    elif isinstance(body, list):
        for value in body:
            yield from walk(value)


def paths(fields: dict[str, Any], before: str = "") -> Iterator[str]:
    """The full names of the fields of a mapping."""
    for name, field in fields.items():
        yield f"{before}{name}"
        yield from paths(field.get("properties", {}), f"{before}{name}.")


@pytest.mark.parametrize(
    "body",
    [
        search_body(IndexQuery(EVERY_KIND, CLASSES, CONDITIONS, facets=FACETS), layout(), "pit"),
        list_body(Listing(CONDITIONS, SORTS, facets=FACETS)),
        metadata_body(),
    ],
)
def test_the_fields_exist_in_the_mapping(body: dict[str, Any]):
    """Mapping and queries can't drift, and fields that are asked for are indexed."""
    known = set(paths(properties(layout())))
    used = set()
    for name, value in walk(body):
        if name in {"term", "terms", "range", "match_phrase", "prefix", "fuzzy"}:
            used |= set(value) - {"size"} if "field" not in value else set()
        if name in {"field", "path"}:
            used.add(value)
        if name == "sort":
            used |= {k for key in value if isinstance(key, dict) for k in key}
    assert used
    assert used <= known


def test_words_and_vectors_are_one_request():
    """A clause per list of neighbours, which comes before any word, and one for the words."""
    body = search_body(IndexQuery(EVERY_KIND, CLASSES, candidates=40), layout())
    *near, words = clauses(body)
    assert len(words["bool"]["should"]) == 3
    found = [clause["knn"] for clause in near]
    assert len({clause["field"] for clause in found}) == len(found)
    assert {clause["boost"] for clause in found} == {VECTOR_FIRST}
    lengths = sum(clause["k"] for clause in found)
    assert body["size"] == lengths + 40, "no list can push out another"


def test_lists_of_one_block_grow_with_the_collection():
    """Among more documents more are nearly as good."""
    vector = np.zeros(layout().dims, np.float32)
    for name in ("semantic", "visual"):
        vector[layout().slices[name].start] = 1
    classes = [PresenceClass(("image", "text"), (), vector), PresenceClass(("text",), (), vector)]

    def lengths(documents: int) -> list[tuple[int, int]]:
        body = search_body(
            IndexQuery(classes=classes, candidates=20), layout(), documents=documents
        )
        return [(c["knn"]["k"], c["knn"]["num_candidates"]) for c in clauses(body)]

    assert lengths(2_000) == [(20, 2_000), (20, 2_000), (30, 2_000)]  # all are compared
    assert lengths(2_001) == lengths(20_000) == [(20, 200), (20, 200), (30, 30)]
    assert lengths(320_000) == [(20, 200), (20, 200), (60, 60)]


def test_the_lists_of_the_longest_pages_fit_into_one_answer():
    """The server returns no more than 10,000."""
    classes = [*CLASSES, *(PresenceClass((), (), VECTOR * sign) for sign in (2, -1, -2))]
    body = search_body(IndexQuery(EVERY_KIND, classes, candidates=1000, worded=VECTOR), layout())
    assert body["size"] <= 10_000
    assert {clause["knn"]["k"] for clause in clauses(body)[:-1]} <= {
        9000 // (len(clauses(body)) - 1)
    }


def test_an_index_with_one_field_is_asked_by_class():
    """As an older version made it, with exact comparisons and the source."""
    body = search_body(IndexQuery(EVERY_KIND, CLASSES, CONDITIONS, candidates=40), None)
    both, one, _ = clauses(body)
    image, text = {"term": {"modalities": "image"}}, {"term": {"modalities": "text"}}
    limits = body["query"]["bool"]["filter"]
    assert both["knn"]["filter"] == [*limits, image, text]
    without_text = {"bool": {"must_not": {"terms": {"modalities": ["text"]}}}}
    assert one["knn"]["filter"] == [*limits, image, without_text]
    for clause in (both["knn"], one["knn"]):
        assert (clause["field"], clause["boost"], clause["k"]) == ("vector", VECTOR_FIRST, 40)
        assert clause["rescore_vector"]["oversample"] * clause["k"] >= 1000
    assert body["size"] == 40 * 3
    assert "features" not in body["_source"]["excludes"]


@pytest.mark.parametrize("product", [2e7, 3.0, 0.0, -1.0, -2e7])
def test_a_neighbour_is_told_from_a_word(product: float):
    """Whatever its inner product, as Elasticsearch makes a score of it; also in float32."""
    score = product + 1 if product >= 0 else 1 / (1 - product)
    assert np.float32(VECTOR_FIRST * score) > WORDS_AT_MOST


def test_neighbours_are_sought_among_what_fits():
    """Conditions and words that are required or excluded stand inside each kNN clause."""
    body = search_body(IndexQuery(EVERY_KIND, CLASSES, CONDITIONS), layout())
    limits = body["query"]["bool"]["filter"]
    assert len(limits) == len(CONDITIONS) + 1 + 2
    for clause in clauses(body)[:-1]:
        assert clause["knn"]["filter"] == limits


def test_names_of_clauses_are_ours():
    """A label may be anything; so many words have one, and none is asked beyond the bound."""
    words = [Clause("keyword", "word", (f"w{n}",)) for n in range(1000)]
    (group,) = clauses(search_body(IndexQuery(Words(words)), layout()))
    names = [name for key, name in walk(group["bool"]["should"]) if key == "_name"]
    assert names == [str(n) for n in range(LABELLED)]
    assert len(group["bool"]["should"]) == MAX_CLAUSES
    assert group["bool"]["_name"] == "keyword"
    (group,) = clauses(search_body(IndexQuery(Words(words[:LABELLED])), layout()))
    assert "_name" not in group["bool"], "the sum of those that have names"


def test_a_word_is_the_best_of_its_fields_and_stems():
    """Not their sum; what tags, metadata, performers and the names of files say counts half."""
    (group,) = clauses(search_body(IndexQuery(Words([CAT])), layout()))
    (clause,) = group["bool"]["should"]
    bodies = ("text", "transcript", "writing", "title", "caption")
    assert set(FIELDS.searchable) == {"tags", "metadata", "names", "artist", "album", *bodies}
    assert clause["dis_max"]["queries"] == [
        {"term": {f"words.{field}": stem if field in bodies else {"value": stem, "boost": 0.5}}}
        for field in FIELDS.searchable
        for stem in ("cat", "chat")
    ]


def test_several_shards_are_asked_for_neighbours_together():
    """Before the words, so that there are not as many of them from each shard; else the same."""
    query = IndexQuery(EVERY_KIND, CLASSES, CONDITIONS, facets=FACETS, candidates=40)
    one, several = search_body(query, layout()), search_body(query, layout(), spread=True)
    near = [clause["knn"] for clause in clauses(one) if "knn" in clause]
    assert str(several["knn"]) == str(near)
    assert near
    assert clauses(several) == [clause for clause in clauses(one) if "knn" not in clause]
    assert several["query"]["bool"]["filter"] == one["query"]["bool"]["filter"]
    assert (several["size"], several["sort"]) == (one["size"], one["sort"])
    assert "query" not in search_body(IndexQuery(classes=CLASSES), layout(), spread=True)
    assert search_body(IndexQuery(), layout(), spread=True)["query"] == {"match_none": {}}
    assert not [value for name, value in walk(one) if name == "shard_size"]
    assert [value for name, value in walk(several) if name == "shard_size"]


def test_what_is_fetched():
    """What scores need, of the blocks that are scored; a source only where fields are asked for."""
    body = search_body(IndexQuery(fields=["tags", "metadata.*"], blocks=["semantic"]), layout())
    assert body["docvalue_fields"] == ["id", "vector.parts", "features.semantic"]
    assert body["_source"]["includes"] == ["tags", "metadata"]
    bare = search_body(IndexQuery(fields=()), layout())
    assert len(bare["docvalue_fields"]) == 2 + len(layout().blocks)
    assert (bare["stored_fields"], "_source" in bare) == ("_none_", False)
    hidden = {
        "vector", "features", "words", "plain", "facts", "digests", "folded_tags", "point",
    }  # fmt: skip
    assert set(search_body(IndexQuery(), layout())["_source"]["excludes"]) == hidden
    assert set(list_body(Listing())["_source"]["excludes"]) == hidden
    assert list_body(Listing(fields=[]))["_source"]["includes"] == ["id"]


def test_all_that_is_ranked_is_counted_only_if_asked_for():
    """It takes time: what has a word or a block that is compared, within the filter."""
    tags = [Condition("tags", any_of=("a",))]
    query = IndexQuery(Words([CAT]), CLASSES, tags, facets=[Facet("language")])
    quick = search_body(query, layout())
    assert list(quick["aggs"]) == ["0"]
    assert "track_total_hits" not in quick
    exact = search_body(replace(query, exact_total=True), layout())
    assert (list(exact["aggs"]), exact["track_total_hits"]) == (["0", RANKED], False)
    ranked = exact["aggs"][RANKED]["aggs"][RANKED]["filter"]["bool"]
    fields = [one["exists"]["field"] for one in ranked["should"] if "exists" in one]
    assert fields == [f"vector.block.{name}" for name in ("semantic", "concept", "visual")]
    assert len(ranked["should"]) == 4
    assert ranked["filter"] == exact["query"]["bool"]["filter"]
    words = search_body(replace(query, classes=(), exact_total=True), layout())
    assert (list(words["aggs"]), words["track_total_hits"]) == (["0"], True)


def test_pages_and_points_in_time():
    """One item more than asked for tells whether there is another page."""
    body = list_body(Listing(limit=7, after=["a", 1]), "pit")
    assert body["size"] == 8
    assert body["search_after"] == ["a", 1]
    assert body["pit"] == {"id": "pit", "keep_alive": "5m"}
    assert body["track_total_hits"] is True
    assert "pit" not in list_body(Listing())
    assert scan_body("pit", [4], tombstones=True)["search_after"] == [4]


def test_names_tell_what_an_index_was_built_with():
    """Alias for clients, schema and models for us."""
    assert alias_name("triptych", "photos") == "triptych-photos"
    assert index_name("triptych", "photos", 3, "abc") == "triptych-photos.v3.abc"


def test_an_index_of_another_scheme_is_refused():
    """With what is supported."""
    with pytest.raises(ValueError, match="http"):
        open_index(Settings(index_url="ftp://tmp/index"), layout())
