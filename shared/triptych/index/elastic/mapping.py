"""The mapping of an index on Elasticsearch: how each field of a document is indexed."""

from typing import Any

from triptych.core.fields import FIELDS, Field, Kind
from triptych.fusion.blocks import Layout
from triptych.index.elastic.neighbours import features_properties, vector_properties
from triptych.index.origin import origin

_STORED = {"type": "object", "enabled": False}
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_UNINDEXED = {"index": False, "doc_values": False}
_WORDS = {"type": "text", "analyzer": "whitespace"}


HAS_DIGESTS = "digests"
"""The key in ``_meta`` of a collection all of whose documents tell what media they refer to."""
SCHEMA = 4
"""Of the indexes that are made: vectors are in fields of blocks and of kinds of items."""
SINGLE = 3
"""Of those that older versions made: all blocks are in one field (``index.elastic.single``)."""


def mapping(layout: Layout, identity: str) -> dict[str, Any]:
    """The index mapping: https://www.elastic.co/docs/reference/elasticsearch/mapping-reference."""
    return {
        "_meta": {**origin(layout), "schema": SCHEMA, "identity": identity, HAS_DIGESTS: True},
        "dynamic": False,
        "properties": properties(layout),
    }


def settings(shards: int, replicas: int | None) -> dict[str, Any]:
    """The settings of an index; without a number of replicas, one as soon as there are two nodes.

    A replica builds every graph again, so a copy gets its replicas last.
    """
    return {
        "number_of_shards": shards,
        **replication(replicas),
        # How the walk through a graph meets filters: docs/decisions/0017.
        "dense_vector.hnsw_filter_heuristic": "fanout",
    }


def replication(replicas: int | None) -> dict[str, Any]:
    """The settings that say how many replicas there are; they may change at any time."""
    if replicas is None:
        return {"auto_expand_replicas": "0-1"}
    return {"auto_expand_replicas": "false", "number_of_replicas": replicas}


def properties(layout: Layout) -> dict[str, Any]:
    """How each field of a document is indexed."""
    compared = {field.path for field in FIELDS.compared}
    return {
        field.name: _property(field, layout, compared=field.name in compared)
        for field in FIELDS.stored
    }


def _property(field: Field, layout: Layout, *, compared: bool) -> dict[str, Any]:
    types: dict[Kind, dict[str, Any]] = {
        Kind.KEYWORD: _KEYWORD if compared else {"type": "keyword", **_UNINDEXED},
        Kind.WHOLE: {"type": "long"} if compared else {"type": "long", **_UNINDEXED},
        Kind.NUMBER: {"type": "double"} if compared else {"type": "double", **_UNINDEXED},
        Kind.INSTANT: {"type": "long"} if compared else {"type": "long", **_UNINDEXED},
        Kind.TEXT: {"type": "text", "index": False},
        Kind.OBJECT: _STORED,
        Kind.SCALARS: _STORED,
        Kind.PLACE: _STORED,
        Kind.POINT: {"type": "geo_point"},
        Kind.FOLDED: _KEYWORD,
        Kind.WORDS: {"properties": dict.fromkeys(FIELDS.searchable, _WORDS)},
        # By key and kind: however many keys there are, the mapping stays as it is, and a value of
        # another type than an earlier one's is as good.
        Kind.FACTS: {
            "type": "nested",
            "properties": {
                "key": _KEYWORD,
                "string": _KEYWORD,
                "number": {"type": "double"},
                "whole": {"type": "long"},
                "instant": {"type": "long"},
                "boolean": {"type": "boolean"},
            },
        },
        Kind.VECTOR: {"properties": vector_properties(layout)},
        # The same numbers as float16: exact scores and explanations without a second request, and
        # later re-fusion without touching media.
        Kind.PACKED: {"properties": features_properties(layout)},
    }
    return types[field.kind]
