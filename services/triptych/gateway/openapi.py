"""``/openapi.json``: the interface as OpenAPI 3.1 has it (https://spec.openapis.org/oas/v3.1.1).

Requests are described by the models that check them, routes by their views' docstrings.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, TypeAdapter
from werkzeug.routing import Rule

from triptych.core.errors import (
    Busy,
    CrossOrigin,
    CursorExpired,
    FingerprintMismatch,
    InvalidInput,
    MediaError,
    NotFound,
    TooLarge,
    TriptychError,
    Unavailable,
)
from triptych.gateway.components import ANSWERS, Schema, ref
from triptych.ingest.manifest import ItemLine, ItemRequest
from triptych.search.request import CollectionName, SearchRequest, SimilarRequest

blueprint = Blueprint("openapi", __name__)

_MODELS: tuple[type[BaseModel], ...] = (ItemRequest, ItemLine, SearchRequest, SimilarRequest)
_FILE: Schema = {"type": "string", "format": "binary"}
_FILES: Schema = {"type": "array", "items": _FILE}
_JSON: Schema = {"type": "string", "contentMediaType": "application/json"}
_MANIFEST: Schema = {
    "type": "string",
    "contentMediaType": "application/x-ndjson",
    "description": "a line of JSON for each item, as ItemLine has it",
}
_PATH: Mapping[str, Schema] = {
    "collection": TypeAdapter(CollectionName).json_schema(),
    "name": TypeAdapter(CollectionName).json_schema(),
    "item": {
        "type": "string",
        "minLength": 1,
        "maxLength": 512,
        "description": "at most 512 bytes of UTF-8; slashes may stand as they are",
    },
    "batch": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_SIMILAR = SimilarRequest.model_json_schema()["properties"]


@dataclass(frozen=True)
class Operation:
    """What one method of a route takes and answers."""

    answers: Mapping[int, str | None]
    """The component in each answer; None for an empty one."""
    errors: tuple[type[TriptychError], ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    """By content type."""
    query: Mapping[str, Schema] = field(default_factory=dict)


def _form(model: type[BaseModel], **files: Schema) -> Schema:
    """A form with the fields of a model: those that are no strings are JSON."""
    fields = model.model_json_schema()["properties"]
    literal = {name: {"type": "string"} for name, one in fields.items() if _is_text(one)}
    json = {name: _JSON for name in fields if name not in literal}
    return {
        "type": "object",
        "properties": {**literal, **json, **files},
        "additionalProperties": False,
    }


def _is_text(schema: Schema) -> bool:
    kinds = [one.get("type") for one in schema.get("anyOf", (schema,))]
    return "string" in kinds and set(kinds) <= {"string", "null"}


_INDEX = (CrossOrigin, FingerprintMismatch, Unavailable)
_UPLOAD = (*_INDEX, TooLarge, Busy)
_SEARCH = (*_INDEX, NotFound, CursorExpired, MediaError, TooLarge, Busy)

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("index", "GET"): Operation({200: "About"}),
    ("openapi.show", "GET"): Operation({200: None}),
    ("health.alive", "GET"): Operation({200: "Alive"}),
    ("health.ready", "GET"): Operation({200: "Ready", 503: "Ready"}),
    ("collections.names", "GET"): Operation({200: "Collections"}, (Unavailable,)),
    ("collections.create", "PUT"): Operation({200: "Collection"}, _INDEX),
    ("collections.describe", "GET"): Operation({200: "Collection"}, (*_INDEX, NotFound)),
    ("collections.drop", "DELETE"): Operation({204: None}, (*_INDEX, NotFound)),
    ("items.create", "POST"): Operation(
        {200: "Item", 202: "Accepted"},
        _UPLOAD,
        {
            "application/json": ref("ItemRequest"),
            "multipart/form-data": _form(ItemRequest, image=_FILE, audio=_FILE, text=_FILE),
        },
        {"wait": {"type": "number", "minimum": 0, "maximum": 60, "default": 0}},
    ),
    ("items.show", "GET"): Operation({200: "Item"}, (*_INDEX, NotFound)),
    ("items.delete", "DELETE"): Operation({204: None}, (*_INDEX, NotFound)),
    ("batches.create", "POST"): Operation(
        {202: "AcceptedBatch"},
        _UPLOAD,
        {
            "application/x-ndjson": _MANIFEST,
            "multipart/form-data": {
                "type": "object",
                "properties": {"files": _FILES, "manifest": _FILE},
                "additionalProperties": False,
            },
        },
    ),
    ("batches.show", "GET"): Operation({200: "Batch"}, (NotFound, Unavailable)),
    ("batches.failures", "GET"): Operation({200: "Failures"}, (*_INDEX, NotFound)),
    ("search.search", "POST"): Operation(
        {200: "Answer"},
        _SEARCH,
        {
            "application/json": ref("SearchRequest"),
            "multipart/form-data": _form(
                SearchRequest,
                text={"type": "array", "items": {"type": "string"}},
                image=_FILES,
                audio=_FILES,
                **{"not.image": _FILES, "not.audio": _FILES},
            ),
        },
    ),
    ("search.similar", "GET"): Operation(
        {200: "Answer"},
        _SEARCH,
        query={name: _SIMILAR[name] for name in ("limit", "fusion", "explain")},
    ),
    ("search.similar", "POST"): Operation(
        {200: "Answer"}, _SEARCH, {"application/json": ref("SimilarRequest")}
    ),
}
"""By endpoint and method."""


@blueprint.get("/openapi.json")
def show() -> ResponseReturnValue:
    """This description."""
    return jsonify(document(current_app))


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application. Raises KeyError for a route without operation."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = _VARIABLE.sub(r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Triptych",
            "version": version("triptych"),
            "description": "Multimodal ingestion and search. Errors are RFC 9457 documents.",
        },
        "paths": paths,
        "components": {"schemas": _components()},
    }


@cache
def _components() -> dict[str, Schema]:
    models: dict[str, Any] = {}
    for model in _MODELS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        models |= {**schema.pop("$defs", {}), model.__name__: schema}
    return {**ANSWERS, **models}


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    operation = OPERATIONS[rule.endpoint, method]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _PATH[name]}
        for name in sorted(rule.arguments)
    ] + [{"name": name, "in": "query", "schema": one} for name, one in operation.query.items()]
    described: dict[str, Any] = {
        "operationId": f"{method.lower()}.{rule.endpoint}",
        "summary": (inspect.getdoc(app.view_functions[rule.endpoint]) or "").partition("\n")[0],
        "tags": [rule.endpoint.partition(".")[0]],
        "responses": dict(_responses(operation)),
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        content = {kind: {"schema": schema} for kind, schema in operation.body.items()}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    errors: tuple[type[TriptychError], ...] = (InvalidInput, *operation.errors)
    for error in errors:
        text = (inspect.getdoc(error) or "").partition("\n")[0]
        content = {"application/problem+json": {"schema": ref("Problem")}}
        yield str(error.status), {"description": text, "content": content}
    for status, name in operation.answers.items():
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if name:
            answer["content"] = {"application/json": {"schema": ref(name)}}
        yield str(status), answer
