"""Paging through a search: the collection is kept as it was, ranked once, and cut into pages."""

import time
from collections.abc import Sequence
from dataclasses import replace

from triptych.core.errors import CursorExpired, InvalidInput
from triptych.fusion.scores import score
from triptych.index.model import Condition, IndexQuery, Listing
from triptych.search.answer import Answer, Hit, PackedReasons, Total
from triptych.search.cursors import BEGIN, Cursor, digest_of, read_cursor
from triptych.search.hits import facet_counts, milliseconds, sorted_by
from triptych.search.planning import Search
from triptych.search.ranking import Ranked, Ranking, ordered
from triptych.search.request import all_weights

WINDOW = 1000
"""The best of each list that paging, and sorting by fields, reach."""


def page(search: Search) -> Answer:
    """Answer one page of a search.

    Raises:
        InvalidInput: the cursor is none, or belongs to another query.
        CursorExpired: what it was begun on is no longer kept.
    """
    started = time.perf_counter()
    cursor = _cursor(search)
    try:
        ranking = _ranking(search, cursor)
        ranked = time.perf_counter()
        first, last = cursor.place, cursor.place + search.request.limit
        hits = _hits(search, ranking.hits[first:last], cursor.snapshot)
    except InvalidInput as error:  # the snapshot is over, or the cursor is forged
        error.field = "cursor"
        raise
    is_last = last >= len(ranking.hits)
    return Answer(
        hits,
        Total(ranking.total, "eq" if ranking.total_is_exact else "gte"),
        {
            "rank": milliseconds(started, ranked),
            "documents": milliseconds(ranked, time.perf_counter()),
        },
        facet_counts(search.request.facets, ranking.facets),
        None if is_last else replace(cursor, place=last, ranking=ranking.digest).write(),
    )


def _cursor(search: Search) -> Cursor:
    """Where the page begins, bound to all that decides which hits come in which order."""
    request, plan = search.request, search.plan
    asked = digest_of(
        "search",
        search.collection,
        search.searcher.layout.fingerprint,
        search.query.keys,
        all_weights(request.weights),
        request.fusion,
        plan.conditions,
        plan.sorts,
    )
    if request.cursor == BEGIN:
        return Cursor(search.searcher.index.freeze(search.collection), asked, 0)
    cursor = read_cursor(str(request.cursor), asked)
    if isinstance(cursor.place, list):
        raise InvalidInput("cursor is none of a search", field="cursor")
    return cursor


def _ranking(search: Search, cursor: Cursor) -> Ranking:
    """The ranking that the pages are cut from: remembered, or made again by another process."""
    key = digest_of(cursor.snapshot, cursor.query, search.request.explain, search.plan.facets)
    ranking = search.searcher.rankings.get(key, lambda: _rank(search, cursor.snapshot))
    if cursor.ranking and cursor.ranking != ranking.digest:
        # Approximate search need not find the very same twice. Better no page than a wrong one.
        raise CursorExpired("the ranking that this paging began with is gone")
    return ranking


def _rank(search: Search, snapshot: str) -> Ranking:
    query, plan, explain = search.query, search.plan, search.request.explain
    results = search.searcher.index.search(
        search.collection,
        IndexQuery(
            words=query.words,
            classes=query.fused.presence_classes(),
            filter=plan.conditions,
            candidates=WINDOW,
            facets=plan.facets,
            fields=sorted({"id", *sorted_by(sort.field for sort in plan.sorts)}),
        ),
        snapshot=snapshot,
    )
    candidates = [found.candidate for found in results.found]
    scored = score(query.fused, candidates, search.request.fusion, explain=explain)
    hits = [
        Ranked(
            candidates[hit.index].id,
            hit.score,
            PackedReasons(hit.why) if explain else None,
        )
        for hit in ordered(scored, results.found, plan.sorts)
    ]
    return Ranking(hits, results.total, results.total_is_exact, results.facets)


def _hits(search: Search, ranked: Sequence[Ranked], snapshot: str) -> list[Hit]:
    if not ranked:
        return []
    ids = tuple(hit.id for hit in ranked)
    listing = Listing(
        filter=(Condition("id", any_of=ids),), limit=len(ids), fields=search.wanted.needed
    )
    found = search.searcher.index.list(search.collection, listing, snapshot=snapshot)
    documents = {document["id"]: document for document in found.documents}
    return [search.wanted.hit(documents[hit.id], hit.score, hit.why) for hit in ranked]
