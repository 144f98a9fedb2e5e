"""The application factory."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson
from flask import Flask, Response, request
from flask.json.provider import JSONProvider

from triptych.core.errors import CrossOrigin
from triptych.gateway import (
    batches,
    closing,
    collections,
    health,
    holdings,
    items,
    metrics,
    models,
    openapi,
    problems,
    rebuilds,
    search,
    uploads,
)
from triptych.gateway.forms import FormRequest
from triptych.gateway.services import Services
from triptych.search.answer import dumps

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_FORM_MEMORY_BYTES = 16 * 2**20
_FORM_PARTS = 10_000
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class _OrjsonProvider(JSONProvider):
    """JSON by orjson; answers are dataclasses."""

    def dumps(self, obj: object, **_: object) -> str:
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **_: object) -> object:
        return orjson.loads(s)

    def response(self, *args: object, **kwargs: object) -> Response:
        value = self._prepare_response_obj(args, kwargs)
        return Response(dumps(value), mimetype="application/json")


def create_app(services: Services) -> Flask:
    """Make the WSGI application over these services."""
    chosen = services.engine.settings
    app = Flask(__name__, static_folder=None)
    app.request_class = FormRequest
    app.json = _OrjsonProvider(app)
    app.config.update(
        MAX_CONTENT_LENGTH=chosen.limits.body_bytes,
        MAX_FORM_MEMORY_SIZE=_FORM_MEMORY_BYTES,
        MAX_FORM_PARTS=_FORM_PARTS,
        TRUSTED_HOSTS=list(chosen.trusted_hosts) or None,
    )
    app.extensions["triptych"] = services
    for module in (
        batches, collections, health, holdings, items, metrics, models, openapi, rebuilds, search,
        uploads,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
    problems.register(app)
    closing.register(app)
    app.wsgi_app = _overriding(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.before_request(_refuse_other_origins)

    return app


def _refuse_other_origins() -> None:
    """A browser says which page a request comes from; nobody else sends an Origin."""
    origin = request.headers.get("Origin")
    if origin is None or request.method in _SAFE_METHODS:
        return
    if origin.partition("://")[2].lower() != request.headers.get("Host", "").lower():
        raise CrossOrigin("the request comes from a page of another origin")


def _overriding(inner: "WSGIApplication") -> "WSGIApplication":
    """Let clients of uploads say ``X-HTTP-Method-Override`` that can't send PATCH or DELETE."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE")
        if method and environ.get("PATH_INFO", "").startswith(uploads.ROOT):
            environ["REQUEST_METHOD"] = method.upper()
        return inner(environ, start_response)

    return application
