"""Pure functions from responses of Elasticsearch to results, pages and documents."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from triptych.core.fields import FIELDS
from triptych.fusion.blocks import Layout
from triptych.fusion.query import KEYWORD
from triptych.fusion.signals import Candidate
from triptych.index.documents import (
    NO_FEATURES,
    Features,
    fact_key,
    parts,
    returned,
    unpack_features,
)
from triptych.index.elastic.conditions import FACTS
from triptych.index.elastic.facets import read_facets
from triptych.index.elastic.neighbours import FEATURES, PARTS, joined, undivided
from triptych.index.elastic.queries import RANKED, WORDS_AT_MOST
from triptych.index.model import Held, IndexQuery, Listing, Match, Page, Results, Versioned

Response = Mapping[str, Any]
_OTHER_KEYS = frozenset(
    fact_key(field.name, key) for field in FIELDS if field.keyed for key in field.keys
)
"""The keys of facts that are not of the metadata."""
_Scored = tuple[Response, float | None]


def read_results(query: IndexQuery, response: Response, layout: Layout | None) -> Results:
    """Candidates from the response to ``search_body``.

    Without the layout of the index they have no features: only words can have found them.
    """
    hits = response["hits"]
    scored = [(hit, _keyword(hit.get("matched_queries"))) for hit in hits["hits"]]
    labels = query.words.labels
    best = _best(scored, query.candidates)
    features = _features([hit for hit, _ in best], layout)
    total, is_exact = _total(query, response)
    return Results(
        matches=[
            _read_hit(hit, keyword, query.fields, labels, numbers)
            for (hit, keyword), numbers in zip(best, features, strict=True)
        ],
        total=total,
        total_is_exact=is_exact,
        took_ms=response["took"],
        facets=read_facets(query.facets, response),
    )


def _total(query: IndexQuery, response: Response) -> tuple[int, bool]:
    """How many items the query ranks, or matches, and whether these are all."""
    if RANKED in response.get("aggregations", {}):
        return response["aggregations"][RANKED][RANKED]["doc_count"], True
    total = response["hits"]["total"]
    return total["value"], total["relation"] == "eq" and not query.classes


def _keyword(matched: Mapping[str, float] | None) -> float | None:
    """The sum of the clauses that matched; it has a name only if some of them have none."""
    if not matched:
        return None
    return matched[KEYWORD] if KEYWORD in matched else sum(matched.values())


def _best(scored: Sequence[_Scored], candidates: int) -> Sequence[_Scored]:
    """The neighbours and the best by words; the page may have more of these than were asked for."""
    worded = [(-keyword, _id(hit)) for hit, keyword in scored if keyword is not None]
    kept = {item_id for _, item_id in sorted(worded)[:candidates]}
    return [
        (hit, keyword)
        for hit, keyword in scored
        if hit["_score"] > WORDS_AT_MOST or _id(hit) in kept
    ]


def _read_hit(
    hit: Response,
    keyword: float | None,
    fields: Sequence[str] | None,
    labels: Sequence[str],
    features: Features,
) -> Match:
    words: dict[str, float] = {}
    for name, score in hit.get("matched_queries", {}).items():
        if name != KEYWORD:
            label = labels[int(name)]
            words[label] = words.get(label, 0.0) + score
    present = frozenset(hit["fields"].get(PARTS, ())) if "fields" in hit else parts(hit["_source"])
    candidate = Candidate(_id(hit), present, keyword, words, features)
    return Match(candidate, returned({**hit.get("_source", {}), "id": candidate.id}, fields))


def _id(hit: Response) -> str:
    """The id of a hit, which has no source where no field was asked for."""
    found: str = hit["fields"]["id"][0] if "fields" in hit else hit["_source"]["id"]
    return found


def _features(hits: Sequence[Response], layout: Layout | None) -> Sequence[Features]:
    """Of each hit, from doc values, or from what the source of an old index has."""
    if layout is None:
        return [NO_FEATURES] * len(hits)
    if any("fields" not in hit for hit in hits):
        return [unpack_features(hit["_source"].get("features"), layout) for hit in hits]
    values = (hit["fields"].items() for hit in hits)
    packed = [
        {name.removeprefix(FEATURES): one for name, (one, *_) in found if name.startswith(FEATURES)}
        for found in values
    ]
    return list(joined(packed, layout))


def read_page(listing: Listing, response: Response) -> Page:
    """Documents from the response to ``list_body``."""
    hits = response["hits"]
    page, rest = hits["hits"][: listing.limit], hits["hits"][listing.limit :]
    return Page(
        documents=[returned(hit["_source"], listing.fields) for hit in page],
        total=hits["total"]["value"],
        last=page[-1]["sort"] if rest else None,
        facets=read_facets(listing.facets, response),
    )


def read_versioned(hit: Response, layout: Layout | None) -> Versioned:
    """A document that ``scan_body`` found; its vector is that of its features."""
    source = undivided(hit["_source"], layout)
    if "features" not in source or layout is None:
        return Versioned(source, hit["_version"])
    vector = unpack_features(source["features"], layout).astype(np.float32)
    return Versioned({**source, "vector": vector}, hit["_version"])


def read_referenced(response: Response) -> set[str]:
    """The digests that the response to ``referenced_body`` has."""
    return {bucket["key"] for bucket in response["aggregations"]["digests"]["buckets"]}


def read_held(hit: Response) -> Held:
    """What a multi-get found under an id."""
    source = hit["_source"]
    return Held(hit["_version"], source["status"], source.get("fingerprint"))


def read_identity(entry: Response) -> str:
    """The identity of an index; one that was made before there were any has its UUID's."""
    meta = entry["mappings"].get("_meta", {})
    uuid: str = entry["settings"]["index"]["uuid"]
    return str(meta.get("identity") or hashlib.sha256(uuid.encode()).hexdigest()[:16])


def read_replicas(entry: Response) -> int | None:
    """The number of replicas of an index; None if it follows the number of nodes."""
    now = entry["settings"]["index"]
    fixed = now.get("auto_expand_replicas", "false") == "false"
    return int(now["number_of_replicas"]) if fixed else None


def read_count(response: Response) -> dict[str, int]:
    """Documents per status, from the response to ``count_body``."""
    buckets = response["aggregations"]["0"]["buckets"]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def read_metadata(response: Response) -> dict[str, set[str]]:
    """Kinds per key, from the response to ``metadata_body``."""
    return {
        # One that has dots is called with its field (``fact_key``).
        bucket["key"].removeprefix("metadata."): (
            # Strings too long to be looked up are in no list of values, and the only ones that
            # are not.
            {kind for kind in FACTS if bucket[kind]["doc_count"]} or {"string"}
        )
        for bucket in response["aggregations"]["facts"]["keys"]["buckets"]
        if bucket["key"] not in _OTHER_KEYS
    }
