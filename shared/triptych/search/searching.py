"""A search, from request to answer: plan, encode, retrieve, rank, explain; at once or by pages."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from triptych.core.errors import CursorExpired, InvalidInput
from triptych.fusion.scores import Reason
from triptych.index.documents import Document
from triptych.index.model import Condition, IndexQuery, Listing, Results
from triptych.index.within import Within
from triptych.search.answer import Answer, Hit, PackedReasons, Total
from triptych.search.encoding import EncodedRequest, Query, encode
from triptych.search.hits import facet_counts, make_hit
from triptych.search.paging import BEGIN, Cursor, Ranked, Ranking, digest_of, read_cursor
from triptych.search.parts import PREFIX, Items
from triptych.search.planning import Plan, plan, sort_fields
from triptych.search.ranking import WINDOW, candidates_for, retrieve
from triptych.search.request import SearchRequest, SimilarRequest
from triptych.search.searcher import Searcher
from triptych.search.verifying import VERIFIED, verified


def search(
    searcher: Searcher, collection: str, request: SearchRequest, within: Within = ()
) -> Answer:
    """Answer a search, or list items where there is nothing to search for.

    Args:
        searcher: the index and the encoders.
        collection: its name.
        request: what to search for.
        within: the part of the collection that is seen; what is outside is not there.

    Raises:
        InvalidInput: naming the field.
        NotFound: no collection, or no item, of that name.
        CursorExpired: the snapshot that the paging began with is no longer kept.
    """
    return _answer(searcher, collection, request, "like", within)


def similar(
    searcher: Searcher, collection: str, item: str, request: SimilarRequest, within: Within = ()
) -> Answer:
    """Search by every part that an item of the collection has; the item is not among the hits.

    Takes ``within`` as ``search`` does.

    Raises:
        InvalidInput: naming the field; also for an item that has nothing to search by.
        NotFound: no collection, or no item, of that name.
    """
    options = request.model_dump(by_alias=True, exclude_unset=True)
    by_item = SearchRequest.model_validate({**options, "like": [item]})
    return _answer(searcher, collection, by_item, "item", within)


class _Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._started = self._stage_started = time.perf_counter()
        self._stages: dict[str, float] = {}

    def stage(self, name: str) -> None:
        """A stage ends, the next one begins; the same may come again."""
        now = time.perf_counter()
        spent = _milliseconds(now - self._stage_started)
        self._stages[name] = self._stages.get(name, 0.0) + spent
        self._stage_started = now

    def took(self) -> dict[str, float]:
        """Every stage, and the time in total."""
        return {**self._stages, "total": _milliseconds(time.perf_counter() - self._started)}


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 3)


@dataclass(frozen=True)
class _Search:
    """A request that was checked and encoded."""

    searcher: Searcher
    collection: str
    request: SearchRequest
    plan: Plan
    encoded: EncodedRequest
    query: Query

    def ask(self, query: IndexQuery, snapshot: str | None = None) -> Results:
        """Ask the index, which compares what made the query's vectors with what made its own."""
        ours = replace(query, fingerprint=self.searcher.layout.fingerprint)
        return self.searcher.index.search(self.collection, ours, snapshot=snapshot)

    def hit(self, document: Document, score: float, why: Mapping[str, Reason] | None) -> Hit:
        """A document as a hit of this search."""
        words = self.encoded.words if self.request.highlight else None
        return make_hit(document, self.plan.shown, words, score, why)


def _answer(
    searcher: Searcher,
    collection: str,
    request: SearchRequest,
    like_field: str,
    within: Within,
) -> Answer:
    """Answer a request; ``like_field`` is the name in errors of items to search by."""
    watch = _Stopwatch()
    items = Items(searcher.index, searcher.layout, collection, searcher.learnt, within)
    excluded = (Condition("id", none_of=tuple(request.like)),) if request.like else ()
    if request.like:
        request = _by_every_part(items, request, like_field)
    checked = plan(
        request,
        lambda keys: searcher.metadata.of(searcher.index, collection, keys),
        (*within, *excluded),
    )
    if not request.by_modality:
        return _listing(searcher, collection, request, checked, watch)
    encoded = encode(searcher, items, request)
    query = encoded.weighted(request.weights.by_signal)
    watch.stage("encode")
    ready = _Search(searcher, collection, request, checked, encoded, query)
    return _best(ready, watch) if request.cursor is None else _page(ready, watch)


def _by_every_part(items: Items, request: SearchRequest, field: str) -> SearchRequest:
    """The request with every part of the items that hits are to be like."""
    parts = {name: list(values) for name, values in request.by_modality.items()}
    for item in request.like:
        for part in items.modalities(item, field):
            parts.setdefault(part, []).append(f"{PREFIX}{item}")
    options = request.model_dump(by_alias=True, exclude_unset=True)
    return SearchRequest.model_validate({**options, **parts, "like": []})


# The best hits

_ASKED = 2
"""A hit may be deleted before its document is read: then all is asked once more."""


def _best(search: _Search, watch: _Stopwatch) -> Answer:
    searcher, request, checked = search.searcher, search.request, search.plan

    def ask(query: IndexQuery) -> Results:
        results = search.ask(query)
        watch.stage("search")
        return results

    for _ in range(_ASKED):
        results, ranked = retrieve(
            ask,
            search.query,
            _ranked_by(checked),
            candidates_for(request),
            request.fusion,
            limit=max(request.limit, VERIFIED) if request.verify else request.limit,
            explain=request.explain,
            least=request.min_score,
        )
        watch.stage("fuse")
        ids = [results.matches[one.index].candidate.id for one in ranked]
        found = _documents(search, ids)
        if len(found) == len(ids):
            break
    pairs = [(one, found[name]) for one, name in zip(ranked, ids, strict=True) if name in found]
    documents = [document for _, document in pairs]
    hits = [
        search.hit(document, one.score, one.why if request.explain else None)
        for one, document in pairs
    ]
    watch.stage("documents")
    if search.encoded.image is not None:
        with searcher.slot("image"):
            hits = verified(searcher, search.encoded.image, hits, documents)[: request.limit]
        watch.stage("verify")
    facets = facet_counts(request.facets, results.facets)
    fused = ranked[0].fused if ranked else None
    return Answer(hits, _total(results), watch.took(), facets, fusion=fused)


def _ranked_by(checked: Plan) -> Plan:
    """Of the many candidates only what they are sorted by is read, of the best ones the rest."""
    return replace(checked, fields=tuple(sorted(sort_fields(checked.sorts))))


def _documents(
    search: _Search, ids: Sequence[str], snapshot: str | None = None
) -> dict[str, Document]:
    """The documents of these items by id, with the fields that the request needs."""
    index, fields = search.searcher.index, search.plan.fields
    if snapshot is None:
        return index.shown(search.collection, ids, fields)
    if not ids:
        return {}
    listing = Listing((Condition("id", any_of=tuple(ids)),), limit=len(ids), fields=fields)
    page = index.list(search.collection, listing, snapshot=snapshot)
    return {document["id"]: document for document in page.documents}


def _total(results: Results | Ranking) -> Total:
    return Total(results.total, "eq" if results.total_is_exact else "gte")


# Pages: the collection is kept as it was, ranked once, and the ranking cut into pages


def _page(search: _Search, watch: _Stopwatch) -> Answer:
    cursor = _search_cursor(search)
    with _blaming_the_cursor():
        ranking = _ranking(search, cursor)
        watch.stage("rank")
        start, end = cursor.position, cursor.position + search.request.limit
        hits = _page_hits(search, ranking.hits[start:end], cursor.snapshot)
        watch.stage("documents")
    following = replace(cursor, position=end, ranking=ranking.digest)
    return Answer(
        hits,
        _total(ranking),
        watch.took(),
        facet_counts(search.request.facets, ranking.facets),
        following.write(search.searcher.secret) if end < len(ranking.hits) else None,
        ranking.fused,
    )


@contextmanager
def _blaming_the_cursor() -> Iterator[None]:
    """The snapshot has expired, or the cursor is forged."""
    try:
        yield
    except InvalidInput as error:
        error.field = "cursor"
        raise


def _search_cursor(search: _Search) -> Cursor:
    """Where the page begins, bound to everything that decides which hits come in which order."""
    request, checked = search.request, search.plan
    query = digest_of(
        "search",
        search.collection,
        search.searcher.layout.fingerprint,
        search.encoded.keys,
        request.weights.by_signal,
        request.fusion,
        request.min_score,
        checked.conditions,
        checked.sorts,
    )
    if request.cursor == BEGIN:
        return Cursor(search.searcher.index.freeze(search.collection), query, 0)
    cursor = read_cursor(str(request.cursor), query, search.searcher.secret)
    if isinstance(cursor.position, list):
        raise InvalidInput("this cursor belongs to a listing", field="cursor")
    return cursor


def _ranking(search: _Search, cursor: Cursor) -> Ranking:
    """The ranking that the pages are cut from: cached, or made again by another process."""
    plan, explain = search.plan, search.request.explain
    key = digest_of(cursor.snapshot, cursor.query, explain, plan.facets, plan.exact_total)
    ranking = search.searcher.rankings.get(key, lambda: _rank_all(search, cursor.snapshot))
    if cursor.ranking and cursor.ranking != ranking.digest:
        # Approximate search need not find the very same twice. Better no page than a wrong one.
        raise CursorExpired("the ranking that this paging began with is gone")
    return ranking


def _rank_all(search: _Search, snapshot: str) -> Ranking:
    checked, explain = search.plan, search.request.explain
    results, ranked = retrieve(
        lambda query: search.ask(query, snapshot),
        search.query,
        _ranked_by(checked),
        WINDOW,
        search.request.fusion,
        explain=explain,
        least=search.request.min_score,
    )
    hits = [
        Ranked(
            results.matches[one.index].candidate.id,
            one.score,
            PackedReasons(one.why) if explain else None,
        )
        for one in ranked
    ]
    fused = ranked[0].fused if ranked else None
    return Ranking(hits, results.total, results.total_is_exact, results.facets, fused)


def _page_hits(search: _Search, ranked: Sequence[Ranked], snapshot: str) -> list[Hit]:
    documents = _documents(search, [one.id for one in ranked], snapshot)
    return [search.hit(documents[one.id], one.score, one.why) for one in ranked]


# Listings: items by a filter and an order alone


def _listing(
    searcher: Searcher,
    collection: str,
    request: SearchRequest,
    checked: Plan,
    watch: _Stopwatch,
) -> Answer:
    query = digest_of("listing", collection, checked.conditions, checked.sorts)
    snapshot, after = None, None
    if request.cursor == BEGIN:
        snapshot = searcher.index.freeze(collection)
    elif request.cursor is not None:
        cursor = read_cursor(request.cursor, query, searcher.secret)
        if not isinstance(cursor.position, list):
            raise InvalidInput("this cursor belongs to a search", field="cursor")
        snapshot, after = cursor.snapshot, cursor.position
    listing = Listing(
        filter=checked.conditions,
        sort=checked.sorts,
        limit=request.limit,
        after=after,
        facets=checked.facets,
        fields=checked.fields,
    )
    with _blaming_the_cursor():
        page = searcher.index.list(collection, listing, snapshot=snapshot)
    hits = [make_hit(document, checked.shown) for document in page.documents]
    watch.stage("search")
    return Answer(
        hits,
        Total(page.total, "eq"),
        watch.took(),
        facet_counts(request.facets, page.facets),
        None
        if snapshot is None or page.last is None
        else Cursor(snapshot, query, page.last).write(searcher.secret),
    )
