"""A search: encode the query, one index request, score exactly, explain."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triptych.gateway.schemas import SearchRequest
from triptych.gateway.services import Services
from triptych.gateway.verifying import VERIFIED, verified
from triptych.shared import mapping
from triptych.shared.encoders.cards import Modality, Vectors
from triptych.shared.errors import InvalidInput, MediaError, TooLarge
from triptych.shared.fusion.layout import layout
from triptych.shared.fusion.query import KEYWORD, FusedQuery, fuse_query
from triptych.shared.fusion.scores import Scored, score
from triptych.shared.index.protocol import Found, IndexQuery
from triptych.shared.item import MEDIA
from triptych.shared.media.audio import decode_audio
from triptych.shared.media.image import decode_image
from triptych.shared.media.text import clean_text
from triptych.shared.media.words import terms

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
    limit = max(request.limit, VERIFIED) if request.verify else request.limit
    scored = score(query.fused, candidates, request.fusion, limit)
    hits = [_hit(entry, results.found[entry.index]) for entry in scored]
    fused = time.perf_counter()
    if request.verify:
        hits = verified(services, media["image"], hits)[: request.limit]
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
            "fuse": _ms(fused - searched),
            **({"verify": _ms(finished - fused)} if request.verify else {}),
            "total": _ms(finished - started),
        },
    }


def encode(services: Services, request: SearchRequest, media: Mapping[str, bytes]) -> EncodedQuery:
    """Encode every part of a query. Raises InvalidInput naming the part."""
    if request.verify and "image" not in media:
        raise InvalidInput("only a search by image can be verified", field="verify")
    for part in MEDIA:
        if part in media and not services.extractors[part].encoders:
            raise InvalidInput(f"nothing here describes {part}: it has no encoder", field=part)
    parts = _decode(services, request, media)
    if not parts:
        raise InvalidInput("nothing to search for: give text, image or audio")
    vectors: dict[Modality, dict[str, Vectors]] = {}
    for part, decoded in parts.items():
        found = services.extractors[part]([decoded]).blocks
        vectors[part] = {name: rows[0] for name, rows in found.items()}
        if not any(vector.any() for vector in vectors[part].values()):
            raise InvalidInput(f"nothing to search for is found in the {part}", field=part)
    words = terms(parts["text"], request.language) if "text" in parts else []
    weights = request.all_weights()
    try:
        fused = fuse_query(vectors, weights, layout(), keyword=bool(words))
    except ValueError as error:
        raise InvalidInput(str(error), field="weights") from error
    return EncodedQuery(fused, words if weights[KEYWORD] > 0 else [])


def index_query(query: EncodedQuery, request: SearchRequest) -> IndexQuery:
    """The one request that this query makes of the index."""
    return IndexQuery(
        terms=query.terms,
        classes=query.fused.presence_classes(),
        tags=request.filter.tags,
        keywords=[word.casefold() for word in request.filter.keywords],
        candidates=max(_CANDIDATES, 2 * request.limit, VERIFIED if request.verify else 0),
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
            decoded["image"] = decode_image(
                media["image"],
                side=services.extractors["image"].side,
                max_pixels=limits.image_pixels,
                background=services.settings.background,
            )
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
