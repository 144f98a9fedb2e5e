"""The document of an item: its fields, how each is indexed, and how it is built and read.

One module builds the mapping and the documents, so they can't drift. ``SCHEMA_VERSION`` goes up
with every change that an existing index can't take.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from triptych.shared.encoders.cards import Vectors
from triptych.shared.fusion.blocks import Layout
from triptych.shared.item import MEDIA, MODALITIES, Chunk, Item
from triptych.shared.media.words import plain_words

Document = Mapping[str, Any]
"""One item as the index holds it."""

Features = NDArray[np.float16]

SCHEMA_VERSION = 3

_STORED = {"type": "object", "enabled": False}
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_WORDS = {"type": "text", "analyzer": "whitespace"}

WORDED_FIELDS = ("text", "transcript", "writing")
"""The fields of an item whose words are searched."""
HIDDEN_FIELDS = ("vector", "features", "words", "plain", "facts")
"""What clients never see of a document."""


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


def document(chunk: Chunk, item: Item, fused: Vectors) -> dict[str, Any]:
    """The document of one item, also of one that failed; ``fused`` is float32 (layout.dims,)."""
    modalities = [modality for modality in MODALITIES if item.has(modality)]
    media = {part: getattr(item, part) for part in MEDIA if getattr(item, part)}
    body: dict[str, Any] = {
        "id": item.id,
        "status": status(item),
        "modalities": modalities,
        "tags": list(item.tags),
        "batch": chunk.batch,
        "sequence": chunk.sequence,
        "text": item.text,
        "language": item.language,
        "keywords": list(item.keywords),
        "transcript": item.transcript,
        "writing": item.writing,
        "words": dict(item.words),
        "plain": _plain(item),
        "media": media,
        "metadata": dict(item.metadata),
        "facts": facts(item.metadata),
        "source": item.source,
        "names": dict(item.names),
        "errors": dict(item.errors),
        "fingerprint": chunk.fingerprint,
    }
    if modalities and fused.any():  # silence has no vector, and is near to nothing
        body |= {"vector": fused, "features": pack_features(fused)}
    return _without_empty(body)


def _plain(item: Item) -> dict[str, str]:
    """Every word of what has words, not stemmed, in order: for phrases, prefixes, fuzzy words."""
    texts = {
        "text": item.text if item.has("text") else None,
        "transcript": item.transcript and item.transcript["text"],
        "writing": item.writing and item.writing["text"],
    }
    return {name: " ".join(plain_words(text)) for name, text in texts.items() if text}


def facts(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each value of the metadata by key and kind; null says nothing, and zero has no sign."""
    return [
        {"key": key, kind(value): 0 if value == 0.0 and kind(value) == "number" else value}
        for key, value in metadata.items()
        if value is not None
    ]


def kind(value: str | float | bool) -> str:  # noqa: FBT001
    """string, number or boolean."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in body.items()
        if isinstance(value, np.ndarray) or value not in (None, {}, [])
    }


def status(item: Item) -> str:
    """indexed, partial (a part failed, others are searchable), or failed."""
    if not item.errors:
        return "indexed"
    return "partial" if any(item.has(modality) for modality in MODALITIES) else "failed"


def refused(document: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The failure document of one that the index refused: without what it may have choked on."""
    kept = ("id", "batch", "sequence", "fingerprint", "names")
    body = {name: document[name] for name in kept if name in document}
    return {**body, "status": "failed", "errors": {"index": reason}}


def parts(document: Mapping[str, Any]) -> frozenset[str]:
    """What an item has: its modalities, and speech and writing where these were found in it."""
    found = {"speech": "transcript", "writing": "writing"}
    return frozenset(
        [
            *document.get("modalities", ()),
            *(part for part, name in found.items() if name in document),
        ]
    )


def pack_features(fused: Vectors) -> str:
    """Base64 of the fused vector as little-endian float16."""
    return pybase64.b64encode_as_string(fused.astype("<f2").tobytes())


def unpack_features(packed: str | None, layout: Layout) -> Features:
    """The fused vector, float16 (layout.dims,); zeros for a document without features."""
    if packed is None:
        return np.zeros(layout.dims, np.float16)
    return np.frombuffer(pybase64.b64decode(packed, validate=True), "<f2")


def public(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a client sees of a document: without vectors and index words."""
    return {name: value for name, value in document.items() if name not in HIDDEN_FIELDS}
