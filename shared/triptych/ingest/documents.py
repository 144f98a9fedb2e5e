"""The document of an item, assembled from what the steps made of it."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from triptych.core.fields import FIELDS
from triptych.core.item import MEDIA, MODALITIES, Item, Note
from triptych.encoders.cards import Vectors
from triptych.fusion.classifier import Prediction
from triptych.index.documents import pack_features
from triptych.ingest.chunk import Chunk
from triptych.ingest.derived import digests

_POSITIONS = {field.name: position for position, field in enumerate(FIELDS.stored)}


def document(
    chunk: Chunk, item: Item, fused: Vectors, prediction: Prediction | None = None
) -> dict[str, Any]:
    """The document of one item, also of one that failed; ``fused`` is float32 (layout.dims,)."""
    modalities = [modality for modality in MODALITIES if item.has(modality)]
    media = {part: getattr(item, part) for part in MEDIA if getattr(item, part)}
    body: dict[str, Any] = {
        "id": item.id,
        "status": status(item),
        "modalities": modalities,
        "batch": _batch(chunk),
        "sequence": chunk.sequence,
        "text": item.text,
        # Of a failed item nothing is found, not even by its file name.
        "words": dict(item.words) if modalities else {},
        "plain": dict(item.plain) if modalities else {},
        "media": media,
        "names": dict(item.names),
        "errors": dict(item.errors),
        "notes": {part: joined(notes) for part, notes in item.notes.items()},
        "fingerprint": chunk.fingerprint,
        "size": item.size or None,
        **item.fields,
    }
    return completed(body, fused, prediction)


def completed(
    body: dict[str, Any], fused: Vectors, prediction: Prediction | None
) -> dict[str, Any]:
    """A document with its vector and prediction."""
    if body.get("modalities") and fused.any():  # silence has no vector, and is near to nothing
        body |= {"vector": fused, "features": pack_features(fused)}
        if prediction is not None:
            predicted = {"label": prediction.label, "probability": prediction.probability}
            body |= {"predictions": predicted}
    return _ordered(body)


def _ordered(body: dict[str, Any]) -> dict[str, Any]:
    """A document without what is empty, its fields in the order of the catalogue."""
    return dict(sorted(_without_empty(body).items(), key=lambda entry: _POSITIONS[entry[0]]))


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in body.items()
        if isinstance(value, np.ndarray) or value not in (None, {}, [])
    }


def status(item: Item) -> str:
    """indexed, partial (a part, or some of one, is not searchable), or failed."""
    if not item.errors and not any(lost for notes in item.notes.values() for _, lost in notes):
        return "indexed"
    return "partial" if any(item.has(modality) for modality in MODALITIES) else "failed"


def joined(notes: Iterable[Note]) -> str:
    """The notes on a part as a document has them."""
    return "; ".join(text for text, _ in notes)


def _batch(chunk: Chunk) -> str | None:
    """A single item has no batch that anyone could look at."""
    return None if chunk.single else chunk.batch


def failure(chunk: Chunk, item: Item, reason: str, status: str = "failed") -> dict[str, Any]:
    """The document of an item that the index does not take: without what it may have choked on.

    One that killed its worker again and again is ``quarantined``.
    """
    body = {
        "id": item.id,
        "status": status,
        "batch": _batch(chunk),
        "sequence": chunk.sequence,
        "digests": item.fields.get("digests") or digests(item),
        "names": dict(item.names),
        "errors": {"index" if status == "failed" else "item": reason},
        "fingerprint": chunk.fingerprint,
    }
    return _without_empty(body)
