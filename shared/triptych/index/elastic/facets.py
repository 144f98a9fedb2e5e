"""Facets as aggregations of Elasticsearch, and back."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from triptych.core.fields import FIELDS
from triptych.core.names import folded
from triptych.index.documents import exact
from triptych.index.elastic.conditions import FACTS, WHOLE, lacking, of_key, paths, within
from triptych.index.model import Counts, Facet, Range

Body = dict[str, Any]

_VALUES, _OLD, _WHOLE = "values", "old", "whole"

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

    def values(path: str) -> Body:
        every = {"shard_size": EVERY_VALUE} if spread else {}
        return {"terms": {"field": path, "size": facet.size, **every}}

    field = FIELDS.target(facet.field).field
    if field.folded_in:
        # Documents that older versions wrote have the values as they were sent alone.
        old = {"filter": lacking(field.folded_in), "aggs": {_VALUES: values(field.path)}}
        return {"filter": {"match_all": {}}, "aggs": {_VALUES: values(field.folded_in), _OLD: old}}
    if not field.keyed:
        (path,) = paths(facet.field).values()
        return values(path)
    kinds = {name: values(path) for name, path in FACTS.items()}
    # What float64 can't tell apart is counted as the whole numbers that they are.
    kinds["number"] = {"filter": lacking(WHOLE), "aggs": {_VALUES: kinds["number"]}}
    of_one_key = {"filter": of_key(facet.field), "aggs": {**kinds, _WHOLE: values(WHOLE)}}
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
    if field.folded_in:
        found: Counter[str] = Counter()
        for bucket in chain(counted[_VALUES]["buckets"], counted[_OLD][_VALUES]["buckets"]):
            found[folded(bucket["key"])] += bucket["doc_count"]
        return _most_frequent(facet, [found])
    if not field.keyed:
        return [{"value": one["key"], "count": one["doc_count"]} for one in counted["buckets"]]
    of_key = counted["key"]
    lists = {name: of_key[name] for name in FACTS} | {"number": of_key["number"][_VALUES]}
    by_kind = {
        name: Counter({read(one["key"]): one["doc_count"] for one in lists[name]["buckets"]})
        for name, read in (("number", exact), ("string", str), ("boolean", bool))
    }
    by_kind["number"].update({one["key"]: one["doc_count"] for one in of_key[_WHOLE]["buckets"]})
    return _most_frequent(facet, by_kind.values())


def _most_frequent(facet: Facet, by_kind: Iterable[Mapping[Any, int]]) -> Counts:
    """Values of several kinds and their counts: the most frequent ones, equals in their order."""
    counts = [
        {"value": value, "count": of_kind[value]}
        for of_kind in by_kind
        for value in sorted(of_kind)
    ]
    return sorted(counts, key=lambda count: -count["count"])[: facet.size]


def _limits(bounds: Range) -> Body:
    return {name: value for name, value in vars(bounds).items() if value is not None}
