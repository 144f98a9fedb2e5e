"""Judged queries, encoded and searched for by an engine, so that the real search is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from triptych.core.errors import InvalidInput
from triptych.engine import Engine
from triptych.evaluation.galleries import COLLECTION, Gallery, encode_items
from triptych.evaluation.judged import HALVES, Half, Judged, Not, Query
from triptych.fusion.extended import Learnt
from triptych.fusion.query import KEYWORD, WEIGHTS
from triptych.fusion.scores import Method, Scored
from triptych.index.model import IndexQuery, Results, SearchIndex
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


@dataclass(frozen=True)
class EncodedSet:
    """A judged set, and its items and queries as vectors and words."""

    judged: Judged
    gallery: Gallery
    queries: Mapping[Half, Sequence[EncodedQuery]]


def encode_set(engine: Engine, judged: Judged) -> EncodedSet:
    """Encode all of a judged set. A minute for a thousand items.

    Raises:
        InvalidInput: an item or query can't be encoded, or a half has no queries.
    """
    for half in HALVES:
        if not judged.of(half):
            raise InvalidInput(f"{judged.name} has no query in the {half} half: say which are")
    gallery = encode_items(engine, judged.items)
    return EncodedSet(
        judged, gallery, {half: encode_queries(engine, judged.of(half)) for half in HALVES}
    )


def completed(request: EncodedRequest, learnt: Learnt) -> EncodedRequest:
    """A request as a collection that has learnt this encodes it."""
    positive, negative = (
        {
            part: [replace(one, blocks=learnt.completed(one.blocks)) for one in several]
            for part, several in parts.items()
        }
        for parts in (request.positive, request.negative)
    )
    return replace(request, positive=positive, negative=negative, layout=learnt.layout)


def _request(query: Query) -> SearchRequest:
    against = None if query.against is None else _parts(query.against)
    return SearchRequest.model_validate(
        {**_parts(query), "language": query.language, "not": against}
    )


def _parts(query: Query | Not) -> dict[str, str | bytes]:
    """The text and the media of a query, or of what hits should not be like."""
    media = {"image": query.image, "audio": query.audio}
    files = {part: Path(path).read_bytes() for part, path in media.items() if path is not None}
    return {**files, **({} if query.text is None else {"text": query.text})}


def weights_of(signals: Sequence[str]) -> Mapping[str, float]:
    """The default weights of these signals, and 0 for the others."""
    return {name: weight if name in signals else 0.0 for name, weight in WEIGHTS.items()}


def retrieve(
    index: SearchIndex, query: encoding.Query, *, candidates: int = _CANDIDATES
) -> Results:
    """The candidates of a sum in the gallery; by default as many as for a search of ten hits."""
    return index.search(COLLECTION, ranking.index_query(query, _PLAN, candidates))


def answer(
    index: SearchIndex, query: encoding.Query, method: Method, limit: int | None = None
) -> tuple[Results, list[Scored]]:
    """What a search of ten hits gets from the index, and the ranking of the gallery."""

    def ask(wanted: IndexQuery) -> Results:
        return index.search(COLLECTION, wanted)

    return ranking.retrieve(ask, query, _PLAN, _CANDIDATES, method, limit=limit, explain=False)
