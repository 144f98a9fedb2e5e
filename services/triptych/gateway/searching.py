"""A search: encode the query, one index request, score exactly, explain."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triptych.gateway.schemas import SearchRequest
from triptych.gateway.services import Services
from triptych.shared import mapping
from triptych.shared.encoders.cards import Modality, Vectors
from triptych.shared.encoders.efficientnet import SIDE
from triptych.shared.errors import InvalidInput, MediaError, TooLarge
from triptych.shared.fusion.query import KEYWORD, FusedQuery, fuse_query
from triptych.shared.fusion.scores import Scored, score
from triptych.shared.index.protocol import Found, IndexQuery
from triptych.shared.media.audio import decode_audio
from triptych.shared.media.image import decode_image
from triptych.shared.media.text import clean_text, terms

_CANDIDATES = 20
"""Least number of candidates per list; twice the limit where that is more."""


@dataclass(frozen=True)
class EncodedQuery:
    """A query as the index and the scores need it."""

    fused: FusedQuery
    terms: list[str]


def search(
    services: Services, collection: str, request: SearchRequest, media: Mapping[str, bytes]
) -> dict[str, Any]:
    """Answer a search request; the body of the response."""
    started = time.perf_counter()
    query = encode(services, request, media)
    encoded = time.perf_counter()
    results = services.index.search(collection, index_query(query, request))
    searched = time.perf_counter()
    candidates = [found.candidate for found in results.found]
    scored = score(query.fused, candidates, request.fusion, request.limit)
    hits = [_hit(entry, results.found[entry.index]) for entry in scored]
    finished = time.perf_counter()
    return {
        "hits": hits,
        "total": {
            "value": results.total,
            "relation": "eq" if results.total_is_exact else "gte",
        },
        "took_ms": {
            "encode": _ms(encoded - started),
            "search": _ms(searched - encoded),
            "fuse": _ms(finished - searched),
            "total": _ms(finished - started),
        },
    }


def encode(services: Services, request: SearchRequest, media: Mapping[str, bytes]) -> EncodedQuery:
    """Encode every part of a query. Raises InvalidInput naming the part."""
    parts = _decode(services, request, media)
    if not parts:
        raise InvalidInput("nothing to search for: give text, image or audio")
    vectors: dict[Modality, dict[str, Vectors]] = {}
    for part, decoded in parts.items():
        blocks = {name: rows[0] for name, rows in services.extractors[part]([decoded]).items()}
        # A text is compared with what pictures show, too: both blocks share one space.
        vectors[part] = blocks | ({"concept": blocks["semantic"]} if part == "text" else {})
    words = terms(parts["text"]) if "text" in parts else []
    weights = request.all_weights()
    try:
        fused = fuse_query(vectors, weights, keyword=bool(words))
    except ValueError as error:
        raise InvalidInput(str(error), field="weights") from error
    return EncodedQuery(fused, words if weights[KEYWORD] > 0 else [])


def index_query(query: EncodedQuery, request: SearchRequest) -> IndexQuery:
    """The one request that this query makes of the index."""
    return IndexQuery(
        terms=query.terms,
        classes=query.fused.presence_classes(),
        tags=request.filter.tags,
        candidates=max(_CANDIDATES, 2 * request.limit),
    )


def _decode(
    services: Services, request: SearchRequest, media: Mapping[str, bytes]
) -> dict[Modality, Any]:
    limits = services.settings.limits
    decoded: dict[Modality, Any] = {}
    field = ""
    try:
        if request.text is not None:
            field = "text"
            decoded["text"] = clean_text(request.text, max_chars=limits.text_chars)
        if "image" in media:
            field = "image"
            pixels = limits.image_pixels
            decoded["image"] = decode_image(media["image"], side=SIDE, max_pixels=pixels)
        if "audio" in media:
            field = "audio"
            decoded["audio"] = decode_audio(media["audio"], max_seconds=limits.audio_seconds)
    except (MediaError, TooLarge) as error:
        error.field = field
        raise
    return decoded


def _hit(entry: Scored, found: Found) -> dict[str, Any]:
    return {
        "id": found.candidate.id,
        "score": entry.score,
        "item": mapping.public(found.document),
        "why": entry.why,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
