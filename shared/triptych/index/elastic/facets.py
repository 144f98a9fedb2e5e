"""Facets as aggregations of Elasticsearch, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.index.elastic.conditions import of_key, paths, within
from triptych.index.model import METADATA, Counts, Facet

Body = dict[str, Any]

_KINDS = ("number", "string", "boolean")


def aggregations(facets: Sequence[Facet]) -> Body:
    """The part of a request that counts, under names of ours."""
    if not facets:
        return {}
    return {"aggs": {str(place): _aggregation(facet) for place, facet in enumerate(facets)}}


def _aggregation(facet: Facet) -> Body:
    if facet.ranges:
        # Those of type "range" know only [from, to).
        return {"filters": {"filters": [within(facet.field, asked) for asked in facet.ranges]}}
    # On one shard the counts are exact, however small the lists are.
    terms = {
        name: {"terms": {"field": path, "size": facet.size}}
        for name, path in paths(facet.field).items()
    }
    if not facet.field.startswith(METADATA):
        return terms["string"]
    of_one_key = {"filter": of_key(facet.field), "aggs": terms}
    return {"nested": {"path": "facts"}, "aggs": {"key": of_one_key}}


def read_facets(facets: Sequence[Facet], response: Mapping[str, Any]) -> dict[str, Counts]:
    """The counts that a response to ``aggregations`` has, by field."""
    found = response.get("aggregations", {})
    return {facet.field: _counts(facet, found[str(place)]) for place, facet in enumerate(facets)}


def _counts(facet: Facet, found: Mapping[str, Any]) -> Counts:
    if facet.ranges:
        return [
            {**_bounds(asked), "count": bucket["doc_count"]}
            for asked, bucket in zip(facet.ranges, found["buckets"], strict=True)
        ]
    if not facet.field.startswith(METADATA):
        return [_count(bucket["key"], bucket) for bucket in found["buckets"]]
    counts = [
        _count(bool(bucket["key"]) if name == "boolean" else bucket["key"], bucket)
        for name in _KINDS
        for bucket in found["key"][name]["buckets"]
    ]
    # Each list is in this order already, and equals stay in that of their kinds.
    return sorted(counts, key=lambda count: -count["count"])[: facet.size]


def _bounds(asked: Any) -> Body:
    return {name: value for name, value in vars(asked).items() if value is not None}


def _count(value: Any, bucket: Mapping[str, Any]) -> Body:
    return {"value": value, "count": bucket["doc_count"]}
