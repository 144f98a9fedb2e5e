"""Facets as aggregations of Elasticsearch, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.core.fields import FIELDS
from triptych.index.elastic.conditions import of_key, paths, within
from triptych.index.model import Counts, Facet, Range

Body = dict[str, Any]


EVERY_VALUE = 2**31 - 1
"""How many values each of several shards counts: had it only the most frequent ones, values would
be missing from the sum. On one shard the counts are exact, however small the lists are."""


def aggregations(facets: Sequence[Facet], *, spread: bool = False) -> Body:
    """The part of a request that counts, under names of ours; ``spread``: over several shards."""
    if not facets:
        return {}
    named = {str(number): _aggregation(facet, spread) for number, facet in enumerate(facets)}
    return {"aggs": named}


def _aggregation(facet: Facet, spread: bool) -> Body:  # noqa: FBT001
    if facet.ranges:
        # Those of type "range" know only [from, to).
        return {"filters": {"filters": [within(facet.field, bounds) for bounds in facet.ranges]}}
    whole = {"shard_size": EVERY_VALUE} if spread else {}
    terms = {
        name: {"terms": {"field": path, "size": facet.size, **whole}}
        for name, path in paths(facet.field).items()
    }
    if not FIELDS.target(facet.field).field.keyed:
        (of_its_kind,) = terms.values()
        return of_its_kind
    of_one_key = {"filter": of_key(facet.field), "aggs": terms}
    return {"nested": {"path": "facts"}, "aggs": {"key": of_one_key}}


def read_facets(facets: Sequence[Facet], response: Mapping[str, Any]) -> dict[str, Counts]:
    """The counts that a response to ``aggregations`` has, by field."""
    counted = response.get("aggregations", {})
    return {facet.field: _counts(facet, counted[str(n)]) for n, facet in enumerate(facets)}


def _counts(facet: Facet, counted: Mapping[str, Any]) -> Counts:
    if facet.ranges:
        return [
            {**_limits(bounds), "count": bucket["doc_count"]}
            for bounds, bucket in zip(facet.ranges, counted["buckets"], strict=True)
        ]
    field = FIELDS.target(facet.field).field
    if not field.keyed:
        return [_count(bucket["key"], bucket) for bucket in counted["buckets"]]
    counts = [
        _count(bool(bucket["key"]) if name == "boolean" else bucket["key"], bucket)
        for name in field.kinds_of_values
        for bucket in counted["key"][name]["buckets"]
    ]
    # Each list is in this order already, and equals stay in that of their kinds.
    return sorted(counts, key=lambda count: -count["count"])[: facet.size]


def _limits(bounds: Range) -> Body:
    return {name: value for name, value in vars(bounds).items() if value is not None}


def _count(value: Any, bucket: Mapping[str, Any]) -> Body:
    return {"value": value, "count": bucket["doc_count"]}
