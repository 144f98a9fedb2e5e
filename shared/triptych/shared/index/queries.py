"""Pure functions from a query to the body of one Elasticsearch request, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.shared.fusion.blocks import Layout
from triptych.shared.fusion.query import KEYWORD, PresenceClass
from triptych.shared.fusion.scores import Candidate
from triptych.shared.index.protocol import Found, IndexQuery, Results
from triptych.shared.mapping import HIDDEN_FIELDS, WORDED_FIELDS, parts, unpack_features

_SOURCE = {"excludes": ["vector", "words"]}
_WORDS = [f"words.{name}" for name in WORDED_FIELDS]

_VECTOR_FIRST = 1e6
"""Above any BM25 score: first come the hits of the vectors, at most ``candidates`` a class, then
the best of the words, so a page of that many times the number of clauses holds every list whole."""

_OVERSAMPLE = 30.0
"""A query looks at some blocks only, and quantisation blurs them all: the exact vectors of this
many times ``candidates`` are compared. Measured in docs/benchmarks.md."""
_EXPLORE = 2

_MAX_TERMS = 1024
"""Elasticsearch refuses queries of too many clauses; a longer text is asked by its beginning."""


def search_body(query: IndexQuery) -> dict[str, Any]:
    """One request that returns the best by words and the best by vectors, with raw scores."""
    filters = [
        *({"term": {"tags": tag}} for tag in query.tags),
        *({"term": {"keywords": word}} for word in query.keywords),
    ]
    should: list[dict[str, Any]] = [_knn(entry, filters, query) for entry in query.classes]
    if query.terms:
        words = " ".join(_distinct(query.terms))
        should.append({"multi_match": {"query": words, "fields": _WORDS, "_name": KEYWORD}})
    lists = len(query.classes) + bool(query.terms)
    return {
        "query": {"bool": {"should": should, "filter": filters, "minimum_should_match": 1}},
        "size": query.candidates * max(1, lists),
        "_source": _SOURCE,
        "track_total_hits": True,
    }


def _distinct(terms: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(terms))[:_MAX_TERMS]


def _knn(entry: PresenceClass, filters: list[dict[str, Any]], query: IndexQuery) -> dict[str, Any]:
    clause: dict[str, Any] = {
        "field": "vector",
        "query_vector": entry.vector,
        "k": query.candidates,
        "num_candidates": _EXPLORE * query.candidates,
        "rescore_vector": {"oversample": _OVERSAMPLE},
        "filter": [*filters, *_presence(entry)],
        "boost": _VECTOR_FIRST,
    }
    return {"knn": clause}


def _presence(entry: PresenceClass) -> list[dict[str, Any]]:
    required = [{"term": {"modalities": part}} for part in entry.present]
    if not entry.absent:
        return required
    return [*required, {"bool": {"must_not": {"terms": {"modalities": list(entry.absent)}}}}]


def read_results(response: Mapping[str, Any], layout: Layout) -> Results:
    """Candidates from the response to ``search_body``."""
    hits = response["hits"]
    return Results(
        found=tuple(_read_hit(hit, layout) for hit in hits["hits"]),
        total=hits["total"]["value"],
        total_is_exact=hits["total"]["relation"] == "eq",
        took_ms=response["took"],
    )


def _read_hit(hit: Mapping[str, Any], layout: Layout) -> Found:
    document = hit["_source"]
    candidate = Candidate(
        id=document["id"],
        parts=parts(document),
        keyword=hit.get("matched_queries", {}).get(KEYWORD),
        features=unpack_features(document.get("features"), layout),
    )
    return Found(candidate, document)


def failures_body(batch: str, limit: int) -> dict[str, Any]:
    """Documents of a batch that are not whole, by id."""
    return {
        "query": {
            "bool": {
                "filter": [
                    {"term": {"batch": batch}},
                    {"terms": {"status": ["failed", "partial"]}},
                ]
            }
        },
        "sort": ["id"],
        "size": limit,
        "_source": {"excludes": list(HIDDEN_FIELDS)},
    }


def index_name(prefix: str, collection: str, schema: int, fingerprint: str) -> str:
    """The index behind a collection's alias: what it was built with is in its name.

    No collection can be called like it, since their names hold no dots.
    """
    return f"{alias_name(prefix, collection)}.v{schema}.{fingerprint}"


def alias_name(prefix: str, collection: str) -> str:
    """The name that clients of Elasticsearch use for a collection."""
    return f"{prefix}-{collection}"
