"""Judged queries, encoded and searched for by an engine, so that the real search is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from triptych.engine import Engine
from triptych.evaluation.galleries import COLLECTION
from triptych.evaluation.judged import Query
from triptych.fusion.query import KEYWORD, WEIGHTS
from triptych.index.model import Results, SearchIndex
from triptych.search import encoding, ranking
from triptych.search.encoding import EncodedRequest
from triptych.search.parts import Items
from triptych.search.planning import Plan
from triptych.search.request import SearchRequest

_PLAN = Plan(fields=("id",))
_CANDIDATES = ranking.candidates_for(SearchRequest())


@dataclass(frozen=True)
class EncodedQuery:
    """A judged query, and its parts as vectors and words."""

    query: Query
    encoded: EncodedRequest

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that this query has."""
        return (*self.encoded.vectors, *([KEYWORD] if self.encoded.words.should else []))


def encode_queries(engine: Engine, queries: Sequence[Query]) -> list[EncodedQuery]:
    """Encode queries. Raises InvalidInput for one that can't be searched for."""
    items = Items(engine.index, engine.layout, COLLECTION)
    return [
        EncodedQuery(query, encoding.encode(engine.searcher, items, _request(query)))
        for query in queries
    ]


def _request(query: Query) -> SearchRequest:
    return SearchRequest(
        text=query.text,
        image=None if query.image is None else Path(query.image).read_bytes(),
        audio=None if query.audio is None else Path(query.audio).read_bytes(),
        language=query.language,
    )


def weights_of(signals: Sequence[str]) -> Mapping[str, float]:
    """The default weights of these signals, and 0 for the others."""
    return {name: weight if name in signals else 0.0 for name, weight in WEIGHTS.items()}


def retrieve(
    index: SearchIndex, query: encoding.Query, *, candidates: int = _CANDIDATES
) -> Results:
    """The candidates of a query in the gallery; by default as many as for a search of ten hits."""
    return index.search(COLLECTION, ranking.index_query(query, _PLAN, candidates))
