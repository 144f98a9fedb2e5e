"""``/openapi.json``: the interface as OpenAPI 3.1 has it (https://spec.openapis.org/oas/v3.1.1).

SpecTree makes the document out of the routes, the docstrings of their views, the models that check
requests and the types of the answers. It only describes: views read requests and write answers
themselves (docs/decisions/0009-openapi.md).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, TypeVar

from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import RootModel, TypeAdapter
from spectree import Response, SpecTree
from spectree.model_adapter.pydantic_adapter import PydanticModelAdapter
from spectree.plugins.flask_plugin import FlaskPlugin
from spectree.response import DEFAULT_CODE_DESC
from typing_extensions import is_typeddict

from triptych.core.errors import (
    Busy,
    ChecksumMismatch,
    CrossOrigin,
    CursorExpired,
    FingerprintMismatch,
    Forbidden,
    InvalidInput,
    MediaError,
    NotFound,
    QuotaReached,
    TooLarge,
    TriptychError,
    Unauthorized,
    Unavailable,
)
from triptych.core.item import MODALITIES
from triptych.core.values import BatchId, CollectionName, ItemId
from triptych.gateway.access import PUBLIC, Needs, declare
from triptych.gateway.answers import Document, Problem
from triptych.gateway.requests import ModelReference, UploadId
from triptych.ingest.sent import ItemLine
from triptych.search.answer import dumps

DEFAULT_CODE_DESC[f"HTTP_{ChecksumMismatch.status}"] = "Checksum Mismatch"  # by tus, not by HTTP

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
Schema = dict[str, Any]

MANIFEST_TYPE = "application/x-ndjson"
METRICS_TYPE = "text/plain"
EVENTS_TYPE = "text/event-stream"
FILE_TYPES = ("application/octet-stream", "*/*")
"""Any; generators of clients know the first."""
THUMBNAIL_TYPES = ("image/webp", "application/octet-stream")
"""It is the first; generators of clients know the second."""
_PATH: Mapping[str, Schema] = {
    "collection": TypeAdapter(CollectionName).json_schema(),
    "item": TypeAdapter(ItemId).json_schema(),
    "batch": TypeAdapter(BatchId).json_schema(),
    "upload": TypeAdapter(UploadId).json_schema(),
    "model": TypeAdapter(ModelReference).json_schema(),
    "key": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    "modality": {"type": "string", "enum": [*MODALITIES]},
}

READ = (FingerprintMismatch, Unavailable)
"""What may go wrong where an index is read;"""
CHANGE = (CrossOrigin, *READ)
"""is changed;"""
UPLOAD = (*CHANGE, TooLarge, Busy, QuotaReached)
"""gets items;"""
SEARCH = (*CHANGE, NotFound, CursorExpired, MediaError, TooLarge, Busy)
"""is searched."""

_KEY = "key"
_SECURITY: Mapping[str, Schema] = {
    _KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, such as `triptych keys create` makes. While a gateway has none at "
        "all, it needs none, and answers its own machine alone.",
    }
}

_WEBHOOK: Schema = {
    "summary": "A batch has ended; sent to the receiver of the deployment, where it has one.",
    "description": "Signed as https://www.standardwebhooks.com has it; each try has the same id.",
    "parameters": [
        {"name": f"webhook-{name}", "in": "header", "required": True, "schema": {"type": kind}}
        for name, kind in (("id", "string"), ("timestamp", "integer"), ("signature", "string"))
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchState"}}},
    },
    "responses": {"2XX": {"description": "It was taken; anything else is tried again."}},
}

_OPTIONAL_BODIES: set[str] = set()
_FILE_BODIES: dict[str, Sequence[str]] = {}
_ANSWER_HEADERS: dict[str, Mapping[str, Schema]] = {}
_ACCESS: dict[str, Needs] = {}
_HEADS: set[Callable[..., Any]] = set()
"""Views of HEAD alone; that of another view is left out."""

blueprint = Blueprint("interface", __name__)


class Manifest(RootModel[list[ItemLine]]):
    """A line of JSON for each item."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Schema:
        lines = handler.resolve_ref_schema(handler(core))
        return {
            "type": "string",
            "format": "binary",
            "description": "a line of JSON for each item",
            "contentMediaType": MANIFEST_TYPE,
            "contentSchema": lines["items"],
        }


class Events(RootModel[str]):
    """Server-Sent Events."""


class File(RootModel[bytes]):
    """The bytes of a file, of whatever type."""

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> Schema:
        return {"type": "string", "format": "binary"}


class Thumbnail(File):
    """A small picture."""


class Metrics(RootModel[str]):
    """Figures in the text format of Prometheus."""


class _Adapter(PydanticModelAdapter):
    """Answers may be typed dictionaries, too."""

    def is_model_type(self, value: type) -> bool:
        return is_typeddict(value) or super().is_model_type(value)


class _Plugin(FlaskPlugin):
    """Describes views, and calls them as they are."""

    def validate(self, func: Any, *_: Any, **arguments: Any) -> Any:
        """Call the view: it reads the request within limits, and answers what it checked."""
        return func(**arguments)

    def bypass(self, func: Any, method: str) -> bool:
        """Whether a method is left out, as those are that Flask adds by itself."""
        return method == "OPTIONS" or (method == "HEAD" and func not in _HEADS)

    def parse_path(self, route: Any, descriptions: Any) -> tuple[str, list[Schema]]:
        """With what the names in a path may be."""
        path, parameters = super().parse_path(route, descriptions)
        return path, [{**entry, "schema": _PATH[entry["name"]]} for entry in parameters]


_spec = SpecTree(
    "flask",
    backend=_Plugin,
    model_adapter=_Adapter(),  # type: ignore[arg-type]  # as the library's own, by its types
    mode="strict",
    annotations=False,
    title="Triptych",
    version=version("triptych"),
    description="Multimodal ingestion and search. Errors are RFC 9457 documents.",
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _, name: name,
    validation_error_status=InvalidInput.status,
    validation_error_model=Problem,
)


def operation(
    name: str,
    access: Needs,
    answers: Mapping[int, type | None],
    *errors: type[TriptychError],
    json: type | None = None,
    form: type | None = None,
    query: type | None = None,
    headers: type | None = None,
    body_required: bool = True,
    files: Sequence[str] = (),
    answer_headers: Mapping[str, Schema] = MappingProxyType({}),
    head: bool = False,
) -> Callable[[View], View]:
    """Describe a view.

    Args:
        name: the id of the operation, for which generated clients name their methods.
        access: what a key needs for it.
        answers: by status the type of the answer; None for an empty one.
        errors: what else may go wrong; any request may be invalid.
        json: the model of a body of JSON.
        form: the model of a form.
        query: the model of the parameters.
        headers: the model of the headers.
        body_required: whether there must be a body; none is then like an empty object.
        files: types of bodies that are files.
        answer_headers: schemas of the headers of an answer that is no error.
        head: whether it is of the method HEAD.
    """
    guarded = (Unauthorized, Forbidden, Unavailable) if access.scopes else ()
    expected: tuple[type[TriptychError], ...] = (InvalidInput, *guarded, *errors)
    problems = {error.status: (Problem, _first_line(error)) for error in expected}
    responses = {f"HTTP_{status}": model for status, model in {**problems, **answers}.items()}
    if not body_required:
        _OPTIONAL_BODIES.add(name)
    _FILE_BODIES[name] = files
    _ANSWER_HEADERS[name] = answer_headers
    _ACCESS[name] = access

    def describe(view: View) -> View:
        described: View = _spec.validate(
            json=json,
            form=form,
            query=query,
            headers=headers,
            resp=Response(**responses),
            operation_id=name,
            tags=(view.__module__.rpartition(".")[2],),
        )(view)
        if head:
            _HEADS.add(described)
        return declare(access)(described)

    return describe


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


@blueprint.get("/openapi.json")
@operation("get_openapi", PUBLIC, {200: Document})
def show() -> ResponseReturnValue:
    """This description."""
    return jsonify(document(current_app))


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document. It is that of the code, whatever the settings of the application."""
    with app.app_context():
        return _document()


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(_spec.spec)
    for schema in found["components"]["schemas"].values():
        for one in schema.get("properties", {}).values():
            _describe_default(one)
    for path in found["paths"].values():
        for method, described in path.items():
            _complete(described)
            if method == "head":
                for response in described["responses"].values():
                    response.pop("content", None)
    found["components"]["securitySchemes"] = dict(_SECURITY)
    found["webhooks"] = {"batch_ended": {"post": _WEBHOOK}}
    return found


def _complete(described: Schema) -> None:
    """Say of an operation what SpecTree does not."""
    name = described["operationId"]
    for kind in _FILE_BODIES[name]:
        schema = {"type": "string", "format": "binary"}
        body = described.setdefault("requestBody", {"content": {}, "required": True})
        body["content"][kind] = {"schema": schema}
    described["security"] = [{_KEY: [scope]} for scope in _ACCESS[name].scopes]
    if name in _OPTIONAL_BODIES:
        described["requestBody"]["required"] = False
    _name_type(described.get("requestBody", {}), Manifest, MANIFEST_TYPE)
    for status, response in described["responses"].items():
        _name_type(response, Problem, "application/problem+json")
        _name_type(response, Metrics, METRICS_TYPE)
        _name_type(response, File, *FILE_TYPES)
        _name_type(response, Thumbnail, *THUMBNAIL_TYPES)
        _name_type(response, Events, EVENTS_TYPE)
        if int(status) < HTTPStatus.BAD_REQUEST and (headers := _ANSWER_HEADERS[name]):
            response["headers"] = {one: {"schema": schema} for one, schema in headers.items()}


def _describe_default(schema: Schema) -> None:
    """Tell people of a default; generators of TypeScript take a field that has one for required."""
    default = schema.pop("default", None)
    if default is not None:
        text = f"{dumps(default).decode()} by default"
        schema["description"] = "; ".join(filter(None, (schema.get("description"), text)))


def _name_type(message: Schema, model: type, *content_types: str) -> None:
    """Say under which content types a model is sent, where SpecTree takes all for JSON."""
    content = message.get("content", {})
    entry = content.get("application/json")
    if entry == {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}:
        del content["application/json"]
        message["content"] = {**dict.fromkeys(content_types, entry), **content}
