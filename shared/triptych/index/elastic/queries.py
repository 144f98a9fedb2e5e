"""Pure functions from a query or listing to the body of one Elasticsearch request."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from triptych.core.fields import FIELDS
from triptych.fusion.blocks import Layout
from triptych.fusion.query import KEYWORD, PresenceClass, compared_blocks
from triptych.index.documents import DELETED
from triptych.index.elastic import single
from triptych.index.elastic.conditions import (
    FACTS,
    INSTANT,
    NOTHING,
    WHOLE,
    filters,
    lacking,
    of_key,
    paths,
)
from triptych.index.elastic.facets import EVERY_VALUE, aggregations
from triptych.index.elastic.neighbours import (
    PARTS,
    Near,
    feature_fields,
    is_pair,
    lists,
)
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

RANKED = "ranked"
"""The name of the count of all that a query ranks."""
VECTOR_FIRST = 1e18
"""First come the hits of the vectors, then the best of the words, so a page of the length of all
lists together holds every list whole."""
WORDS_AT_MOST = 1e6
"""Words never score so much, and a vector times ``VECTOR_FIRST`` always does."""

_BM25 = 1 / 2.2
"""Elasticsearch multiplies BM25 by k1 + 1, as Lucene did before its version 8."""
_BESIDE = 1.5
"""A list by one block is so many times as long as ``candidates``: with others, what is best is not
among the first by one of them. Measured in docs/decisions/0017-lists.md, as what follows."""
_ALONE = 2.0
"""And so many times where there are no lists of sums beside it."""
_WALK = 200
"""At least so many neighbours are looked at while a list of sums is sought: its graph was not made
for the weights of the query."""
_FEW = 20_000
"""Among more documents, lists by one block grow with the fourth root of their number."""
_COMPARED = 2_000
"""Among no more documents all are compared: Lucene walks no graph that has fewer vectors than it is
to look at. So small collections have the same lists however they are cut into segments."""
_MOST_HITS = 10_000
"""Elasticsearch returns no more."""

ITEMS_ONLY: Body = {"bool": {"must_not": {"term": {"status": DELETED}}}}
"""No tombstones. A search needs no such filter: they have neither words nor a vector."""

KEPT = "5m"
"""How long a snapshot outlives its last use."""
_MAX_KEYS = 10_000
_SCANNED = 200


def search_body(
    query: IndexQuery,
    layout: Layout | None,
    pit: str | None = None,
    *,
    documents: int = _FEW,
    spread: bool = False,
) -> Body:
    """One request that returns the best by words and the best by vectors, with raw scores.

    Args:
        query: what to search for.
        layout: the blocks of the index. None: of an index with one field for all of them.
        pit: a point in time.
        documents: about how many the collection has.
        spread: over several shards. Then neighbours are sought before the rest of the query, since
            within it each shard would add as many of them as all may have together. On one shard
            that would be a step more for the same result.
    """
    limits = _limits(query)
    having = [*limits, *(_clause(clause) for clause in query.words.should[:LABELLED])]
    make = single.clauses if layout is None else partial(_near, layout, documents)
    near = [{**clause, "boost": VECTOR_FIRST} for clause in make(query, limits, having)]
    words = [_keyword(query.words)] if query.words.should else []
    should = words if spread else [*({"knn": clause} for clause in near), *words]
    first = {"knn": near} if spread and near else {}
    either = {"bool": {"should": should, "filter": limits, "minimum_should_match": 1}}
    return {
        **first,
        **({} if first and not should else {"query": either if should else NOTHING}),
        "size": sum(clause["k"] for clause in near) + query.candidates,
        "sort": ["_score", "id"],
        **(_source(query.fields, single.SCORED) if layout is None else _facts(query, layout)),
        **_counts(query, limits, layout, spread=spread),
        **_point_in_time(pit),
    }


def _counts(
    query: IndexQuery, limits: Sequence[Body], layout: Layout | None, *, spread: bool
) -> Body:
    """The part of a request that counts: facets of what is found, and perhaps all that is ranked.

    The server's own total has the neighbours that were asked for alone. Counting all takes some
    tenths of the time of a search: docs/decisions/0020-filters.md.
    """
    facets = aggregations(query.facets, spread=spread)
    if not query.exact_total:
        return facets
    if not query.classes:
        return {**facets, "track_total_hits": True}
    fields = ["vector"]
    if layout is not None:
        fields = [f"vector.block.{name}" for name in compared_blocks(query.classes, layout)]
    words = [_clause(clause) for clause in query.words.should[:MAX_CLAUSES]]
    either = [*({"exists": {"field": field}} for field in fields), *words]
    ranked = {"bool": {"filter": limits, "should": either, "minimum_should_match": 1}}
    total = {"global": {}, "aggs": {RANKED: {"filter": ranked if either else NOTHING}}}
    return {"aggs": {**facets.get("aggs", {}), RANKED: total}, "track_total_hits": False}


def _near(
    layout: Layout,
    documents: int,
    query: IndexQuery,
    limits: Sequence[Body],
    having: Sequence[Body],
) -> list[Body]:
    """The lists of neighbours, all of which fit into one page beside the words."""
    beside = [] if query.worded is None else [PresenceClass((), (), query.worded)]
    alone = documents <= _FEW and query.of_one_part and is_pair(query.classes, layout)
    found = [(near, limits) for near in lists(query.classes, layout, summed=not alone)]
    found += [(near, having) for near in lists(beside, layout)]
    room = (_MOST_HITS - query.candidates) // max(1, len(found))
    growth = max(1.0, documents / _FEW) ** (1 / 4)
    longer = growth * (_ALONE if alone else _BESIDE)
    by_block = min(math.ceil(longer * query.candidates), room)
    summed = min(query.candidates, room)
    every = _COMPARED if documents <= _COMPARED else 0
    return [
        _knn(near, summed, max(_WALK, every), conditions)
        if near.summed
        else _knn(near, by_block, every, conditions)
        for near, conditions in found
    ]


def _knn(near: Near, length: int, walk: int, conditions: Sequence[Body]) -> Body:
    return {
        "field": near.field,
        "query_vector": near.vector,
        "k": length,
        "num_candidates": max(length, walk),
        "filter": conditions,
    }


def _facts(query: IndexQuery, layout: Layout) -> Body:
    """What scores depend on, and the fields that are asked for: a source only if there are any."""
    blocks = layout.slices if query.blocks is None else query.blocks
    values = ["id", PARTS, *feature_fields(blocks)]
    stored = (
        {"stored_fields": "_none_"}
        if query.fields is not None and not query.fields
        else _source(query.fields, ())
    )
    return {"docvalue_fields": values, **stored}


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
    boost: Body = {} if (weight := FIELDS[field].weight) == 1 else {"boost": weight}
    if clause.kind == "word":
        stems: list[Body] = [
            {"term": {f"words.{field}": {"value": stem, **boost} if boost else stem}}
            for stem in terms
        ]
        return [*stems, *_phrase(plain, clause.plain, boost)]
    if not terms:
        return []
    if clause.kind == "phrase":
        return _phrase(plain, terms, boost)
    if clause.kind == "prefix":
        return [{"prefix": {plain: terms[0]}}]
    # As the default, only the best fifty of the words that are so near are looked up.
    near = {"fuzziness": clause.edits, "prefix_length": 1, "rewrite": "constant_score"}
    return [{"fuzzy": {plain: {"value": terms[0], **near}}}]


def _phrase(path: str, terms: Sequence[str], boost: Body) -> list[Body]:
    words = " ".join(terms)
    return (
        [{"match_phrase": {path: {"query": words, **boost} if boost else words}}] if words else []
    )


def list_body(listing: Listing, pit: str | None = None, *, spread: bool = False) -> Body:
    """One request for a page and one item more, which tells whether there is another page."""
    after = {} if listing.after is None else {"search_after": listing.after}
    return {
        "query": {"bool": {"filter": [ITEMS_ONLY, *filters(listing.filter)]}},
        "size": listing.limit + 1,
        "sort": [key for sort in (*listing.sort, Sort("id")) for key in _sort(sort)],
        "track_total_hits": True,
        **_source(listing.fields, ("id",)),
        **after,
        **aggregations(listing.facets, spread=spread),
        **_point_in_time(pit),
    }


def _sort(sort: Sort) -> list[Body]:
    order: Body = {"order": "desc" if sort.descending else "asc", "missing": "_last"}
    if not FIELDS.target(sort.field).field.keyed:
        return [{path: order} for path in paths(sort.field).values()]

    def of(path: str, *conditions: Body, **more: Any) -> Body:
        facts = [of_key(sort.field), *conditions]
        nested = {"path": "facts", "filter": {"bool": {"filter": facts}}}
        return {path: {**order, "nested": nested, **more}}

    # The fields of whole numbers and dates are missing in an index that an older version made.
    return [
        of(FACTS["number"]),
        of(WHOLE, unmapped_type="long"),
        of(INSTANT, unmapped_type="long"),
        of(FACTS["string"], lacking(INSTANT)),
        of(FACTS["boolean"]),
    ]


def _source(fields: Sequence[str] | None, needed: Sequence[str]) -> Body:
    """What of the documents is returned."""
    if fields is None:
        return {"_source": {"excludes": [name for name in FIELDS.hidden if name not in needed]}}
    # A whole field rather than a key of it, which may have the signs of a pattern.
    return {"_source": {"includes": [*needed, *(field.partition(".")[0] for field in fields)]}}


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
