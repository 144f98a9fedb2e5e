"""What a request asks for, checked: of the index beside the query itself, and of the hits."""

from collections.abc import Iterator
from dataclasses import dataclass

from triptych.index.model import Condition, Facet, Sort
from triptych.search import filtering
from triptych.search.encoded import EncodedQuery
from triptych.search.hits import Shape
from triptych.search.metadata import check_metadata
from triptych.search.request import SearchRequest
from triptych.search.searcher import Searcher


@dataclass(frozen=True)
class Plan:
    """The checked conditions, facets and orders of a request."""

    conditions: tuple[Condition, ...]
    facets: tuple[Facet, ...]
    sorts: tuple[Sort, ...]


@dataclass(frozen=True)
class Search:
    """A search that was read, checked and encoded."""

    searcher: Searcher
    collection: str
    request: SearchRequest
    plan: Plan
    query: EncodedQuery
    wanted: Shape


def plan(
    searcher: Searcher,
    collection: str,
    request: SearchRequest,
    without: tuple[Condition, ...] = (),
) -> Plan:
    """Check what a request asks for. Raises InvalidInput naming the place."""
    made = Plan(
        (*filtering.read_filter(request.filter), *without),
        filtering.read_facets(request.facets),
        filtering.read_sort(request.sort, scored=bool(request.given)),
    )
    check_metadata(
        _used(made),
        lambda keys: searcher.metadata.known(searcher.index, collection, keys),
    )
    return made


def _used(made: Plan) -> Iterator[tuple[str, str]]:
    yield from ((condition.field, f"filter.{condition.field}") for condition in made.conditions)
    yield from ((facet.field, f"facets.{place}") for place, facet in enumerate(made.facets))
    yield from ((sort.field, f"sort.{place}") for place, sort in enumerate(made.sorts))
