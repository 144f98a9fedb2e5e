"""A listing: the items of a collection by a filter and an order alone, nothing searched for."""

import time
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.index.model import Listing
from triptych.search import filtering
from triptych.search.cursors import BEGIN, Cursor, digest_of, read_cursor
from triptych.search.hits import milliseconds, shape
from triptych.search.planning import Plan
from triptych.search.request import SearchRequest
from triptych.search.searcher import Searcher


def listing(
    searcher: Searcher, collection: str, request: SearchRequest, plan: Plan
) -> dict[str, Any]:
    """Answer a request that searches for nothing; the body of the response."""
    started = time.perf_counter()
    if request.against is not None and request.against.given:
        raise InvalidInput("only what is not wanted is given: say what is", field="not")
    if request.verify:
        raise InvalidInput("only a search by one image can be verified", field="verify")
    query = digest_of("listing", collection, plan.conditions, plan.sorts)
    snapshot, after = None, None
    if request.cursor == BEGIN:
        snapshot = searcher.index.freeze(collection)
    elif request.cursor is not None:
        cursor = read_cursor(request.cursor, query)
        if not isinstance(cursor.place, list):
            raise InvalidInput("cursor is none of a listing", field="cursor")
        snapshot, after = cursor.snapshot, cursor.place
    wanted = shape(request)
    try:
        page = searcher.index.list(
            collection,
            Listing(
                filter=plan.conditions,
                sort=plan.sorts,
                limit=request.limit,
                after=after,
                facets=plan.facets,
                fields=wanted.needed,
            ),
            snapshot=snapshot,
        )
    except InvalidInput as error:  # the snapshot is over, or the cursor is forged
        error.field = "cursor"
        raise
    answer: dict[str, Any] = {
        "hits": [wanted.hit(document["id"], None, document) for document in page.documents],
        "total": {"value": page.total, "relation": "eq"},
    }
    if plan.facets:
        answer["facets"] = filtering.as_asked(request.facets, page.facets)
    if snapshot is not None and page.last is not None:
        answer["cursor"] = Cursor(snapshot, query, page.last).write()
    took = milliseconds(started, time.perf_counter())
    answer["took_ms"] = {"search": took, "total": took}
    return answer
