"""A listing: the items of a collection by a filter and an order alone, nothing searched for."""

import time

from triptych.core.errors import InvalidInput
from triptych.index.model import Listing
from triptych.search.answer import Answer, Total
from triptych.search.cursors import BEGIN, Cursor, digest_of, read_cursor
from triptych.search.hits import facet_counts, milliseconds, shape
from triptych.search.planning import Plan
from triptych.search.request import SearchRequest
from triptych.search.searcher import Searcher


def listing(searcher: Searcher, collection: str, request: SearchRequest, plan: Plan) -> Answer:
    """Answer a request that searches for nothing."""
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
    has_next = snapshot is not None and page.last is not None
    hits = [wanted.hit(document) for document in page.documents]
    took = milliseconds(started, time.perf_counter())
    return Answer(
        hits,
        Total(page.total, "eq"),
        {"search": took, "total": took},
        facet_counts(request.facets, page.facets),
        Cursor(str(snapshot), query, page.last).write() if has_next else None,
    )
