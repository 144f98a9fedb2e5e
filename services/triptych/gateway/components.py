"""What the gateway answers, as JSON Schema: the components of its OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from triptych.core import errors
from triptych.core.item import MODALITIES
from triptych.fusion.scores import Reason

Schema = Mapping[str, Any]


def ref(name: str) -> Schema:
    """A reference to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def _list(schema: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": schema, **more}


def _by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _types() -> list[str]:
    """Of problems: every error of the shared module, and what HTTP itself refuses."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    slugs = {kind.slug for kind in kinds if issubclass(kind, errors.TriptychError)}
    return [f"urn:triptych:problem:{slug}" for slug in sorted({*slugs, "http"})]


_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_ITEMS: Schema = {**_by_name(_COUNT), "required": ["total"]}
_STATUS: Schema = {"enum": ["indexed", "partial", "failed"]}

ANSWERS: Mapping[str, Schema] = {
    "About": _object({"name": _STRING, "paths": _list(_STRING)}),
    "Problem": {
        **_object(
            {
                "type": {"enum": _types()},
                "title": _STRING,
                "status": {"type": "integer"},
                "detail": _STRING,
            },
            field=_STRING,
        ),
        "description": "RFC 9457",
    },
    "Item": {
        **_object(
            {},
            id=_STRING,
            status=_STATUS,
            modalities=_list({"enum": list(MODALITIES)}),
            tags=_list(_STRING),
            batch=_STRING,
            sequence=_COUNT,
            text=_STRING,
            language=_STRING,
            keywords=_list(_STRING),
            transcript={"type": "object", "required": ["text"]},
            writing={"type": "object", "required": ["text"]},
            media=_by_name(_STRING),
            metadata=_by_name(_SCALAR),
            source=_STRING,
            names=_by_name(_STRING),
            errors=_by_name(_STRING),
            fingerprint=_STRING,
        ),
        "description": "What an item has; what it lacks is left out.",
    },
    "Accepted": _object({"id": _STRING, "collection": _STRING, "status_url": _STRING}),
    "AcceptedBatch": _object(
        {
            "batch": _STRING,
            "total": _COUNT,
            "status_url": _STRING,
            "rejected": _list(
                _object({"line": _COUNT, "reason": _STRING, "id": {"type": ["string", "null"]}}),
                maxItems=100,
            ),
            "rejected_total": _COUNT,
        }
    ),
    "Batch": _object(
        {
            "batch": _STRING,
            "state": {"enum": ["running", "done"]},
            "total": _COUNT,
            "done": _COUNT,
            "failed": _COUNT,
            "rate": _NUMBER,
            "eta_seconds": {"type": ["number", "null"]},
        }
    ),
    "Failures": _object({"batch": _STRING, "failures": _list(ref("Item"))}),
    "Collections": _object(
        {"collections": _list(_object({"name": _STRING}, items=_ITEMS, problem=_STRING))}
    ),
    "Collection": _object(
        {
            "name": _STRING,
            "items": _ITEMS,
            "fingerprint": _STRING,
            "blocks": _list(ref("Block")),
            "weights": _by_name(_NUMBER),
            "comparisons": _by_name(_list({"type": "object"})),
        },
        advice=_STRING,
    ),
    "Block": _object(
        {
            "name": _STRING,
            "modality": {"enum": list(MODALITIES)},
            "part": _STRING,
            "dims": _COUNT,
            "encoder": {"type": "object", "required": ["name", "fingerprint"]},
        }
    ),
    "Answer": _object(
        {
            "hits": _list(ref("Hit"), maxItems=100),
            "total": _object({"value": _COUNT, "relation": {"enum": ["eq", "gte"]}}),
            "took_ms": {**_by_name(_NUMBER), "required": ["total"]},
        },
        facets=_by_name(_list({"type": "object", "required": ["count"]})),
        cursor={**_STRING, "description": "only if there is more"},
    ),
    "Hit": _object(
        {"id": _STRING, "score": {"type": ["number", "null"]}, "item": ref("Item")},
        why=_by_name(ref("Reason")),
        highlights=_by_name(_list(ref("Snippet"))),
        inliers=_COUNT,
    ),
    "Snippet": _object(
        {
            "text": _STRING,
            "spans": _list(
                _list(_COUNT, minItems=2, maxItems=2),
                description="beginning and end, in code points",
            ),
        }
    ),
    "Reason": TypeAdapter(Reason).json_schema(),
    "Alive": _object({"status": {"const": "alive"}}),
    "Ready": _object(
        {"status": {"enum": ["ready", "not ready"]}, "parts": _by_name(_STRING)},
    ),
}
