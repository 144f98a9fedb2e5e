"""What requests may hold, as JSON Schema, where their models leave it to code."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from triptych.core.item import MODALITIES
from triptych.core.values import MetadataName
from triptych.gateway.components import ANSWERS, Schema
from triptych.index.model import ADDED, METADATA, SETS
from triptych.search.filtering import SCORE
from triptych.search.request import SEVERAL

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 1024}
_NUMBER: Schema = {"type": "number", "minimum": -(2**63), "exclusiveMaximum": 2**63}
_SCALAR: Schema = {"anyOf": [_NAME, _NUMBER, {"type": "boolean"}]}
_TIME: Schema = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
_CHOICES: Mapping[str, Schema] = {
    "modalities": {"enum": list(MODALITIES)},
    "status": {"enum": ["indexed", "partial", "failed"]},
}
_LEAST = {"tags": 0, "keywords": 0, "modalities": 0}
"""Values of a list; these are all to be there, and nothing may be asked for."""
_KEY: Schema = {"type": "string", "pattern": f"^{METADATA[:-1]}\\..+"}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "minProperties": 1,
        "additionalProperties": False,
    }


def _list(schema: Schema, most: int) -> Schema:
    return {"type": "array", "items": schema, "maxItems": most}


def _bounds(value: Schema) -> dict[str, Schema]:
    return dict.fromkeys(("gte", "gt", "lte", "lt"), value)


def _condition(value: Schema, *ordered: Schema, least: int = 1) -> Schema:
    """A value, a list, or an object; where values have an order, with bounds of one kind."""
    lists = {name: {"anyOf": [value, _list(value, 1000)]} for name in ("all", "none")}
    lists["any"] = {"anyOf": [value, {**_list(value, 1000), "minItems": 1}]}
    objects = [_object({**lists, **_bounds(kind)}) for kind in ordered] or [_object(lists)]
    return {"anyOf": [value, {**_list(value, 1000), "minItems": least}, *objects]}


def _named(*names: str) -> Schema:
    return {"anyOf": [{"enum": list(names)}, _KEY]}


_PART: Schema = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": SEVERAL},
        {"type": "null"},
    ]
}
_FILTER: Schema = {
    "type": "object",
    "maxProperties": 32,
    "properties": {
        **{name: _condition(_CHOICES.get(name, _NAME), least=_LEAST.get(name, 1)) for name in SETS},
        ADDED: _object(_bounds(_TIME)),
    },
    "patternProperties": {_KEY["pattern"]: _condition(_SCALAR, _NUMBER, _NAME)},
    "additionalProperties": False,
}
_RANGE: Schema = {"anyOf": [_object(_bounds(kind)) for kind in (_NUMBER, _NAME)]}
_FACET = _named("tags", "keywords", "modalities", "status", "language", ADDED)
_SORT = _named("id", ADDED, SCORE)
_RETURNED = _named(*ANSWERS["Item"]["properties"])


def _or_name(name: Schema, model: str) -> Schema:
    return {"anyOf": [name, {"$ref": f"#/components/schemas/{model}"}]}


_PARTS = {"text": _PART, "image": _PART, "audio": _PART}
_SIMILAR = {
    "filter": _FILTER,
    "facets": _list(_or_name(_FACET, "FacetRequest"), 16),
    "sort": _list(_or_name(_SORT, "SortRequest"), 4),
    "fields": {"anyOf": [_list(_RETURNED, 64), {"type": "null"}]},
}

_ITEM = {
    "metadata": {
        "type": "object",
        "maxProperties": 64,
        "propertyNames": TypeAdapter(MetadataName).json_schema(),
        "additionalProperties": {
            "anyOf": [{"type": "string", "maxLength": 1024}, _NUMBER, {"type": ["boolean", "null"]}]
        },
    }
}

REFINEMENTS: Mapping[str, Mapping[str, Schema]] = {
    "Parts": _PARTS,
    "SimilarRequest": _SIMILAR,
    "SearchRequest": {**_PARTS, **_SIMILAR},
    "FacetRequest": {"field": _FACET, "ranges": _list(_RANGE, 32)},
    "SortRequest": {"field": _SORT},
    "ItemRequest": _ITEM,
    "ItemLine": _ITEM,
}
"""By model and field."""


def refined(name: str, schema: Mapping[str, Any]) -> Schema:
    """The schema of a model, with all that is checked of its fields."""
    properties = dict(schema["properties"])
    for field, details in REFINEMENTS.get(name, {}).items():
        description = properties[field].get("description")
        properties[field] = {**details, **({"description": description} if description else {})}
    return {**schema, "properties": properties}
