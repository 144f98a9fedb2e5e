"""Pure functions from a query or listing to the body of one Elasticsearch request."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from triptych.core.fields import FIELDS
from triptych.encoders.cards import Vectors
from triptych.fusion.query import KEYWORD, PresenceClass
from triptych.index.documents import DELETED
from triptych.index.elastic.conditions import FACTS, NOTHING, filters, of_key, paths
from triptych.index.elastic.facets import EVERY_VALUE, aggregations
from triptych.index.model import (
    LABELLED,
    MAX_CLAUSES,
    Clause,
    Facet,
    IndexQuery,
    Listing,
    Sort,
    Words,
)

Body = dict[str, Any]

VECTOR_FIRST = 1e12
"""First come the hits of the vectors, at most ``candidates`` a class, then the best of the words,
so a page of that many times the number of clauses holds every list whole."""
WORDS_AT_MOST = 1e6
"""Words never score so much, and a vector times ``VECTOR_FIRST`` always does."""

_BM25 = 1 / 2.2
"""Elasticsearch multiplies BM25 by k1 + 1, as Lucene did before its version 8."""
_COMPARED = 1300
"""A query looks at some blocks only, and quantisation blurs them all: the exact vectors of this
many items are compared, of longer lists ten times as many as ``candidates``. Measured in
docs/decisions/0007-index-design.md: 65 times the usual 20."""
_LEAST_OVERSAMPLE = 10.0

ITEMS_ONLY: Body = {"bool": {"must_not": {"term": {"status": DELETED}}}}
"""No tombstones. A search needs no such filter: they have neither words nor a vector."""

KEPT = "5m"
"""How long a snapshot outlives its last use."""
_SCORED = ("id", "modalities", "features", "transcript.text", "writing.text")
"""What scores depend on; of speech and writing, whether there are any."""
_MAX_KEYS = 10_000
_SCANNED = 200


def search_body(query: IndexQuery, pit: str | None = None, *, spread: bool = False) -> Body:
    """One request that returns the best by words and the best by vectors, with raw scores.

    ``spread``: over several shards. Then neighbours are sought before the rest of the query, since
    within it each shard would add as many of them as all may have together. On one shard that would
    be a step more for the same result.
    """
    limits = _limits(query)
    near = [
        _knn(entry.vector, [*limits, *_presence(entry)], query.candidates)
        for entry in query.classes
    ]
    if query.worded is not None:
        having = [_clause(clause) for clause in query.words.should[:LABELLED]]
        near.append(_knn(query.worded, [*limits, *having], query.candidates))
    words = [_keyword(query.words)] if query.words.should else []
    should = words if spread else [*({"knn": clause} for clause in near), *words]
    first = {"knn": near} if spread and near else {}
    either = {"bool": {"should": should, "filter": limits, "minimum_should_match": 1}}
    return {
        **first,
        **({} if first and not should else {"query": either if should else NOTHING}),
        "size": query.candidates * max(1, len(near) + len(words)),
        "sort": ["_score", "id"],
        "_source": _source(query.fields, _SCORED),
        **aggregations(query.facets, spread=spread),
        **_point_in_time(pit),
    }


def _limits(query: IndexQuery) -> list[Body]:
    """What every hit must be, the neighbours too: they are sought among these."""
    excluded = [_clause(clause) for clause in query.words.must_not]
    return [
        *filters(query.filter),
        *(_clause(clause) for clause in query.words.must),
        *([{"bool": {"must_not": excluded}}] if excluded else []),
    ]


def _keyword(words: Words) -> Body:
    """The sum of the clauses. The first have names for their scores, and the sum if it needs one.

    Names are numbers, since a label may be anything. Thirty-two of them cost a server some 1.4 ms
    of processor time for a page of sixty hits, and one for the sum another 0.5.
    """
    clauses = words.should[:MAX_CLAUSES]
    named = [
        _clause(clause, {"_name": str(number)} if number < LABELLED else {})
        for number, clause in enumerate(clauses)
    ]
    name = {"_name": KEYWORD} if len(clauses) > LABELLED else {}
    return {"bool": {"should": named, **name}}


def _clause(clause: Clause, name: Body | None = None) -> Body:
    """One clause: the best of its fields, or 1 where a score says nothing."""
    matching = [query for field in clause.fields for query in _in_field(clause, field)]
    if not matching:
        return NOTHING
    if clause.kind in {"word", "phrase"}:
        return {"dis_max": {"queries": matching, "boost": _BM25, **(name or {})}}
    return {"constant_score": {"filter": {"dis_max": {"queries": matching}}, **(name or {})}}


def _in_field(clause: Clause, field: str) -> list[Body]:
    """What may match in one field; nothing if there is nothing to look up."""
    plain, terms = f"plain.{field}", clause.terms
    if clause.kind == "word":
        return [{"term": {f"words.{field}": stem}} for stem in terms]
    if not terms:
        return []
    if clause.kind == "phrase":
        return [{"match_phrase": {plain: " ".join(terms)}}]
    if clause.kind == "prefix":
        return [{"prefix": {plain: terms[0]}}]
    # As the default, only the best fifty of the words that are so near are looked up.
    near = {"fuzziness": clause.edits, "prefix_length": 1, "rewrite": "constant_score"}
    return [{"fuzzy": {plain: {"value": terms[0], **near}}}]


def _knn(vector: Vectors, conditions: Sequence[Body], candidates: int) -> Body:
    # Its length changes no order, and the scores of the server are float32.
    length = np.float32(np.linalg.norm(vector) or 1.0)
    return {
        "field": "vector",
        "query_vector": vector / length,
        "k": candidates,
        "num_candidates": candidates,
        "rescore_vector": {"oversample": max(_LEAST_OVERSAMPLE, _COMPARED / candidates)},
        "filter": conditions,
        "boost": VECTOR_FIRST,
    }


def _presence(entry: PresenceClass) -> list[Body]:
    required = [{"term": {"modalities": part}} for part in entry.present]
    if not entry.absent:
        return required
    return [*required, {"bool": {"must_not": {"terms": {"modalities": list(entry.absent)}}}}]


def list_body(listing: Listing, pit: str | None = None, *, spread: bool = False) -> Body:
    """One request for a page and one item more, which tells whether there is another page."""
    after = {} if listing.after is None else {"search_after": listing.after}
    return {
        "query": {"bool": {"filter": [ITEMS_ONLY, *filters(listing.filter)]}},
        "size": listing.limit + 1,
        "sort": [key for sort in (*listing.sort, Sort("id")) for key in _sort(sort)],
        "track_total_hits": True,
        "_source": _source(listing.fields, ("id",)),
        **after,
        **aggregations(listing.facets, spread=spread),
        **_point_in_time(pit),
    }


def _sort(sort: Sort) -> list[Body]:
    order: Body = {"order": "desc" if sort.descending else "asc", "missing": "_last"}
    if FIELDS.target(sort.field).field.keyed:
        order["nested"] = {"path": "facts", "filter": of_key(sort.field)}
    return [{path: order} for path in paths(sort.field).values()]


def _source(fields: Sequence[str] | None, needed: Sequence[str]) -> Body:
    """What of the documents is returned."""
    if fields is None:
        return {"excludes": [name for name in FIELDS.hidden if name not in needed]}
    # A whole field rather than a key of it, which may have the signs of a pattern.
    return {"includes": [*needed, *(field.partition(".")[0] for field in fields)]}


def _point_in_time(pit: str | None) -> Body:
    return {} if pit is None else {"pit": {"id": pit, "keep_alive": KEPT}}


def scan_body(
    pit: str, after: Sequence[Any] | None, *, tombstones: bool, since: int | None = None
) -> Body:
    """Documents with their versions, in the order that they lie in; vectors stay there.

    ``since``: those alone that a shard wrote under this sequence number or a later one.
    """
    written = [] if since is None else [{"range": {"_seq_no": {"gte": since}}}]
    return {
        "query": {"bool": {"filter": [*written, *([] if tombstones else [ITEMS_ONLY])]}},
        "size": _SCANNED,
        "sort": ["_shard_doc"],
        "track_total_hits": False,
        "version": True,
        "_source": {"excludes": ["vector"]},
        **({} if after is None else {"search_after": after}),
        **_point_in_time(pit),
    }


def count_body() -> Body:
    """Documents per status."""
    return {"size": 0, "query": ITEMS_ONLY, **aggregations([Facet("status")])}


def tombstones_body(before: int, limit: int, above: int) -> Body:
    """The oldest tombstones below a version and above another."""
    below = {"range": {"sequence": {"lt": before, "gt": above}}}
    return {
        "query": {"bool": {"filter": [{"term": {"status": DELETED}}, below]}},
        "size": limit,
        "sort": ["sequence", "id"],
        "track_total_hits": False,
    }


def referenced_body(digests: Sequence[str]) -> Body:
    """Which of the digests items have, each once, whatever the number of shards."""
    terms = {"field": "digests", "include": digests, "size": len(digests)}
    return {
        "size": 0,
        "query": {"bool": {"filter": [ITEMS_ONLY, {"terms": {"digests": digests}}]}},
        "track_total_hits": False,
        "aggs": {"digests": {"terms": terms}},
    }


def metadata_body() -> Body:
    """The keys of the metadata, and which kinds of values each has."""
    kinds = {name: {"filter": {"exists": {"field": path}}} for name, path in FACTS.items()}
    terms = {"field": "facts.key", "size": _MAX_KEYS, "shard_size": EVERY_VALUE}
    keys = {"terms": terms, "aggs": kinds}
    return {"size": 0, "aggs": {"facts": {"nested": {"path": "facts"}, "aggs": {"keys": keys}}}}


def index_name(prefix: str, collection: str, schema: int, fingerprint: str) -> str:
    """How the name of the index behind a collection's alias begins: what it was built with.

    No collection can be called like it, since their names hold no dots. The identity follows.
    """
    return f"{alias_name(prefix, collection)}.v{schema}.{fingerprint}"


def identity_alias(prefix: str, collection: str, identity: str) -> str:
    """The name that is gone as soon as this very collection is, whatever is made in its place."""
    return f"{alias_name(prefix, collection)}.{identity}"


def vectors_alias(prefix: str, collection: str, identity: str, fingerprint: str) -> str:
    """The name that is gone, too, as soon as the collection has an index of other encoders."""
    return f"{identity_alias(prefix, collection, identity)}.{fingerprint}"


def alias_name(prefix: str, collection: str) -> str:
    """The name that clients of Elasticsearch use for a collection."""
    return f"{prefix}-{collection}"
