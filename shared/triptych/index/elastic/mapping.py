"""The mapping of an index on Elasticsearch: how each field of a document is indexed."""

from typing import Any

from triptych.core.item import MEDIA
from triptych.fusion.blocks import Layout
from triptych.index.documents import SCHEMA_VERSION, WORDED_FIELDS

_STORED = {"type": "object", "enabled": False}
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_WORDS = {"type": "text", "analyzer": "whitespace"}


def mapping(layout: Layout) -> dict[str, Any]:
    """The index mapping: https://www.elastic.co/docs/reference/elasticsearch/mapping-reference."""
    return {
        "_meta": {
            "schema": SCHEMA_VERSION,
            "fingerprint": layout.fingerprint,
            "encoders": layout.encoders,
        },
        "dynamic": False,
        "properties": {
            "id": {"type": "keyword"},
            "status": {"type": "keyword"},
            "modalities": {"type": "keyword"},
            "tags": _KEYWORD,
            "batch": {"type": "keyword"},
            "sequence": {"type": "long"},
            "text": {"type": "text", "index": False},
            "language": {"type": "keyword"},
            "keywords": _KEYWORD,
            "transcript": _STORED,
            "writing": _STORED,
            "words": {"properties": dict.fromkeys(WORDED_FIELDS, _WORDS)},
            "plain": {"properties": dict.fromkeys(WORDED_FIELDS, _WORDS)},
            "media": {"properties": {part: {"type": "keyword"} for part in MEDIA}},
            "metadata": _STORED,
            # Metadata by key and kind: however many keys there are, the mapping stays as it is,
            # and a value of another type than an earlier one's is as good.
            "facts": {
                "type": "nested",
                "properties": {
                    "key": _KEYWORD,
                    "string": _KEYWORD,
                    "number": {"type": "double"},
                    "boolean": {"type": "boolean"},
                },
            },
            "source": {"type": "keyword", "index": False, "doc_values": False},
            "names": _STORED,
            "errors": _STORED,
            "fingerprint": {"type": "keyword"},
            "vector": {
                "type": "dense_vector",
                "dims": layout.dims,
                "similarity": "max_inner_product",
                "index_options": {"type": "int8_hnsw"},
            },
            # The same numbers as float16: half the bytes, exact scores and explanations without
            # a second request, and later re-fusion without touching media.
            "features": {"type": "binary"},
        },
    }
