"""A search: encode the query, one index request, score exactly, explain."""

import time
from dataclasses import replace

from triptych.core.errors import InvalidInput
from triptych.fusion.scores import score
from triptych.index.documents import Document
from triptych.index.model import Condition, IndexQuery, Results
from triptych.search.answer import Answer, Hit, Total
from triptych.search.encoding import encode
from triptych.search.hits import facet_counts, milliseconds, shape
from triptych.search.listing import listing
from triptych.search.paging import WINDOW, page
from triptych.search.planning import Search, plan
from triptych.search.ranking import ordered
from triptych.search.references import PREFIX, stored_part
from triptych.search.request import SearchRequest, SimilarRequest
from triptych.search.searcher import Searcher
from triptych.search.verifying import VERIFIED, verified

_CANDIDATES = 20
"""Least number of candidates per list; twice the limit where that is more."""


def search(
    searcher: Searcher,
    collection: str,
    request: SearchRequest,
    without: tuple[Condition, ...] = (),
) -> Answer:
    """Answer a search request.

    Args:
        searcher: the index and the encoders.
        collection: its name.
        request: what is searched for.
        without: conditions beside those of the request's filter.

    Raises:
        InvalidInput: naming the field.
        NotFound: no collection, or no item, of that name.
    """
    started = time.perf_counter()
    made = plan(searcher, collection, request, without)
    if not request.given:
        return listing(searcher, collection, request, made)
    _check_combination(request)
    query = encode(searcher, collection, request)
    asked = Search(searcher, collection, request, made, query, shape(request, query.asked))
    encoded = time.perf_counter()
    answer = _best(asked) if request.cursor is None else page(asked)
    took = {
        "encode": milliseconds(started, encoded),
        **answer.took_ms,
        "total": milliseconds(started, time.perf_counter()),
    }
    return replace(answer, took_ms=took)


def similar(searcher: Searcher, collection: str, item: str, request: SimilarRequest) -> Answer:
    """Search by every part that an item of the collection has; the item is not among the hits.

    Raises:
        InvalidInput: naming the field; also for an item that has nothing to search by.
        NotFound: no collection, or no item, of that name.
    """
    document = searcher.index.get(collection, item)
    parts = {
        part: f"{PREFIX}{item}"
        for part in document.get("modalities", ())
        if part == "text" or stored_part(document, part, searcher.layout).has_vectors
    }
    if not parts:
        raise InvalidInput(f"item {item!r} has nothing to search by", field="item")
    query = SearchRequest.model_validate(
        {**request.model_dump(by_alias=True, exclude_unset=True), **parts}
    )
    return search(searcher, collection, query, (Condition("id", none_of=(item,)),))


def index_query(search: Search) -> IndexQuery:
    """The one request that a search makes of the index."""
    request, query, plan = search.request, search.query, search.plan
    least = max(_CANDIDATES, 2 * request.limit, VERIFIED if request.verify else 0)
    return IndexQuery(
        words=query.words,
        classes=query.fused.presence_classes(),
        filter=plan.conditions,
        candidates=WINDOW if plan.sorts else least,
        facets=plan.facets,
        fields=search.wanted.needed,
    )


def _check_combination(request: SearchRequest) -> None:
    if request.verify and (request.sort or request.cursor):
        raise InvalidInput(
            "near-duplicates come first, so neither sort nor cursor goes with it", field="verify"
        )


def _best(search: Search) -> Answer:
    """The best hits."""
    searcher, request, picture = search.searcher, search.request, search.query.picture
    started = time.perf_counter()
    results = searcher.index.search(search.collection, index_query(search))
    searched = time.perf_counter()
    hits, documents = _hits(search, results)
    fused = time.perf_counter()
    took = {"search": milliseconds(started, searched), "fuse": milliseconds(searched, fused)}
    if picture is not None:
        with searcher.slot("image"):
            hits = verified(searcher, picture, hits, documents)[: request.limit]
        took["verify"] = milliseconds(fused, time.perf_counter())
    return Answer(
        hits,
        Total(results.total, "eq" if results.total_is_exact else "gte"),
        took,
        facet_counts(request.facets, results.facets),
    )


def _hits(search: Search, results: Results) -> tuple[list[Hit], list[Document]]:
    """The best, and the documents that they were made of."""
    request, sorts = search.request, search.plan.sorts
    limit = max(request.limit, VERIFIED) if request.verify else request.limit
    scored = score(
        search.query.fused,
        [found.candidate for found in results.found],
        request.fusion,
        None if sorts else limit,
        explain=request.explain,
    )
    hits, documents = [], []
    for entry in ordered(scored, results.found, sorts)[:limit]:
        found = results.found[entry.index]
        why = entry.why if request.explain else None
        hits.append(search.wanted.hit(found.document, entry.score, why))
        documents.append(found.document)
    return hits, documents
