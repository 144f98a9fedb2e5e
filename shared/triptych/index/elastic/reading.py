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
from triptych.index.elastic.queries import WORDS_AT_MOST
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
    return Results(
        matches=[
            _read_hit(hit, keyword, query.fields, labels, layout)
            for hit, keyword in _best(scored, query.candidates)
        ],
        total=hits["total"]["value"],
        total_is_exact=hits["total"]["relation"] == "eq",
        took_ms=response["took"],
        facets=read_facets(query.facets, response),
    )


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
    layout: Layout | None,
) -> Match:
    words: dict[str, float] = {}
    for name, score in hit.get("matched_queries", {}).items():
        if name != KEYWORD:
            label = labels[int(name)]
            words[label] = words.get(label, 0.0) + score
    present, features = _facts(hit, layout)
    candidate = Candidate(_id(hit), present, keyword, words, features)
    return Match(candidate, returned({**hit.get("_source", {}), "id": candidate.id}, fields))


def _id(hit: Response) -> str:
    """The id of a hit, which has no source where no field was asked for."""
    found: str = hit["fields"]["id"][0] if "fields" in hit else hit["_source"]["id"]
    return found


def _facts(hit: Response, layout: Layout | None) -> tuple[frozenset[str], Features]:
    """The parts and the features of a hit: doc values, or what the source of an old index has."""
    if "fields" not in hit:
        source = hit["_source"]
        packed = source.get("features")
        return parts(source), unpack_features(packed, layout) if layout else NO_FEATURES
    values = hit["fields"]
    features = {
        name.removeprefix(FEATURES): packed
        for name, (packed, *_) in values.items()
        if name.startswith(FEATURES)
    }
    present = frozenset(values.get(PARTS, ()))
    return present, joined(features, layout) if layout else NO_FEATURES


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
        # Strings too long to be looked up are in no list of values, and the only ones that are not.
        bucket["key"]: {kind for kind in FACTS if bucket[kind]["doc_count"]} or {"string"}
        for bucket in response["aggregations"]["facts"]["keys"]["buckets"]
        if bucket["key"] not in _OTHER_KEYS
    }
