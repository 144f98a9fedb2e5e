"""From a query to ranked candidates: a request to the index, exact scores, an order."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from triptych.core.fields import FIELDS
from triptych.core.instants import instant
from triptych.fusion.query import PresenceClass
from triptych.fusion.scores import Method, Scored, score
from triptych.index.documents import Document, kind
from triptych.index.model import (
    IndexQuery,
    Match,
    Results,
    Sort,
)
from triptych.search.encoding import Query
from triptych.search.filtering import SCORE
from triptych.search.planning import Plan
from triptych.search.request import SimilarRequest
from triptych.search.verifying import VERIFIED

WINDOW = 1000
"""The best candidates of each list that paging, and sorting by fields, reach."""
_CANDIDATES = 20
"""The least number of candidates per list; twice the limit where that is more."""
_DEEPER = 60
"""The least number of candidates per list of a product. Measured in docs/decisions/0014-and.md."""
_AMONG = frozenset({"rrf", "dbsf"})
"""Methods by which the score of a candidate depends on which others there are."""
_MOST_HITS = 10_000
"""Elasticsearch returns no more."""
_ORDER = ("number", "instant", "string", "boolean", "")
"""The kinds of metadata values, in the order in which they are sorted; in the end there is none."""


def candidates_for(request: SimilarRequest) -> int:
    """The number of candidates per list that the best hits of a request are chosen from."""
    if request.sort:
        return WINDOW
    return max(_CANDIDATES, 2 * request.limit, VERIFIED if request.verify else 0)


def retrieve(
    search: Callable[[IndexQuery], Results],
    query: Query,
    plan: Plan,
    candidates: int,
    method: Method,
    *,
    limit: int | None = None,
    explain: bool,
    least: float | None = None,
) -> tuple[Results, list[Scored]]:
    """Ask an index for candidates and rank them: what it returned, and the best ``limit``.

    Those below the ``least`` score are left out.

    The lists of the index are those of a sum. A product of the parts of a query needs others, for
    which the index is asked as soon as it is known that the parts add to each other.
    """
    ask = product_query if method == "product" else index_query
    asked = ask(query, plan, candidates)
    results = search(asked)
    if method in _AMONG:
        results = replace(results, matches=listed(asked, results.matches))
    ranked = rank(query, results.matches, method, plan.sorts, limit, explain=explain)
    if method == "auto" and ranked and ranked[0].fused == "product":
        results = search(product_query(query, plan, candidates))
        method = "product"
        ranked = rank(query, results.matches, method, plan.sorts, limit, explain=explain)
    if least is not None:
        ranked = rank(
            query, results.matches, method, plan.sorts, limit, explain=explain, least=least
        )
    return results, ranked


def listed(asked: IndexQuery, matches: Sequence[Match]) -> list[Match]:
    """Those of the matches that are among the best by words or of a presence class.

    An index may return more: by how much depends on which index it is.
    """
    if not matches:
        return []
    found = [match.candidate for match in matches]
    worded = [(-one.keyword, one.id, row) for row, one in enumerate(found) if one.keyword]
    kept = {row for *_, row in sorted(worded)[: asked.candidates]}
    features = np.stack([one.features for one in found]).astype(np.float32)
    for entry in asked.classes:
        sums = features @ entry.vector
        near = [
            (-sums[row], one.id, row)
            for row, one in enumerate(found)
            if one.parts.issuperset(entry.present)
            and one.parts.isdisjoint(entry.absent)
            and features[row].any()
        ]
        kept.update(row for *_, row in sorted(near)[: asked.candidates])
    return [match for row, match in enumerate(matches) if row in kept]


def index_query(query: Query, plan: Plan, candidates: int) -> IndexQuery:
    """A request to the index for the best of a sum.

    Args:
        query: what to search for.
        plan: conditions, facets, and the fields to return.
        candidates: how many items the words, and each presence class, contribute at most.
    """
    return IndexQuery(
        words=query.words,
        classes=query.fused.presence_classes(),
        filter=plan.conditions,
        candidates=candidates,
        facets=plan.facets,
        exact_total=plan.exact_total,
        fields=plan.fields,
        blocks=sorted({term.block for term in query.fused.terms}),
        of_one_part=len({term.signal for term in query.fused.terms}) == 1,
    )


def product_query(query: Query, plan: Plan, candidates: int) -> IndexQuery:
    """A request to the index for the best of a product.

    Its lists are longer. Beside those of a sum there is one for each part of the query, and one of
    the items that have all the words, by the other parts.
    """
    wanted = index_query(query, plan, candidates)
    alone = query.fused.alone()
    lists = len(wanted.classes) + len(alone) + 2
    return replace(
        wanted,
        classes=[*wanted.classes, *(PresenceClass((), (), vector) for vector in alone)],
        worded=query.fused.beside_words(),
        candidates=min(max(candidates, _DEEPER), _MOST_HITS // lists),
    )


def rank(
    query: Query,
    results: Sequence[Match],
    method: Method,
    sorts: Sequence[Sort] = (),
    limit: int | None = None,
    *,
    explain: bool,
    least: float | None = None,
) -> list[Scored]:
    """The best ``limit`` results: by score, or by the fields that are to be sorted by.

    Those below the ``least`` score are left out.
    """
    candidates = [result.candidate for result in results]
    scored = score(query.fused, candidates, method, None if sorts else limit, explain=explain)
    if least is not None:
        scored = [hit for hit in scored if hit.score >= least]
    return sort_hits(scored, results, sorts)[:limit] if sorts else scored


def sort_hits(
    scored: Sequence[Scored], results: Sequence[Match], sorts: Sequence[Sort]
) -> list[Scored]:
    """By the first order, equals by the next ones, in the end by id.

    Items without a field come last, whichever way it is sorted; of the metadata numbers come
    before dates before other strings before booleans, as in every index.
    """
    ordered = sorted(scored, key=lambda hit: results[hit.index].candidate.id)
    for sort in reversed(sorts):
        read = _reader(sort.field)
        groups: dict[str, list[tuple[Any, Scored]]] = {name: [] for name in _ORDER}
        for hit in ordered:
            name, value = _placed(read(hit, results[hit.index].document), sort.field)
            groups[name].append((value, hit))
        for name in _ORDER[:-1]:
            groups[name].sort(key=lambda pair: pair[0], reverse=sort.descending)
        ordered = [hit for group in groups.values() for _, hit in group]
    return ordered


def _placed(value: Any, field: str) -> tuple[str, Any]:
    """One of ``_ORDER``, and what is compared there."""
    if value is None:
        return "", None
    if field != SCORE and FIELDS.target(field).field.keyed:
        when = instant(value)
        if when is not None:
            return "instant", when
    return kind(value), value


def _reader(name: str) -> Callable[[Scored, Document], Any]:
    if name == SCORE:
        return lambda hit, _: hit.score
    field, key = FIELDS.target(name)
    if key is None:
        return lambda _, document: document.get(field.path)
    return lambda _, document: document.get(field.path, {}).get(key)
