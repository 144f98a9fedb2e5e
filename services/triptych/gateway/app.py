"""The application factory."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import orjson
from flask import Flask, Response, request
from flask.json.provider import JSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from triptych.core.errors import UnknownHost
from triptych.core.names import printable
from triptych.gateway import (
    access,
    audit,
    batches,
    bodies,
    closing,
    collections,
    cors,
    health,
    holdings,
    items,
    keys,
    media,
    metrics,
    models,
    openapi,
    page,
    problems,
    rebuilds,
    search,
    uploads,
)
from triptych.gateway.forms import FormRequest
from triptych.gateway.hosts import is_known
from triptych.gateway.services import Services
from triptych.search.answer import dumps

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_FORM_MEMORY_BYTES = 16 * 2**20
_FORM_PARTS = 10_000


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
    )
    app.extensions["triptych"] = services
    for module in (
        batches, collections, health, holdings, items, keys, media, metrics, models, openapi, page,
        rebuilds, search, uploads,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
    problems.register(app)
    bodies.register(app)
    closing.register(app)
    app.wsgi_app = _overriding(app.wsgi_app)  # type: ignore[method-assign, assignment]
    if proxies := chosen.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, 0)  # type: ignore[method-assign]
    app.before_request(partial(_refuse_unknown_hosts, chosen.trusted_hosts))
    cors.register(app, chosen.cors_origins)
    access.register(app)
    audit.register(app)

    return app


def _refuse_unknown_hosts(trusted: Sequence[str]) -> None:
    host = request.headers.get("Host", "")
    if not is_known(host, trusted):
        raise UnknownHost(
            f"{printable(host)} is no host that is known here: name it in TRIPTYCH_TRUSTED_HOSTS"
        )


def _overriding(inner: "WSGIApplication") -> "WSGIApplication":
    """Let clients of uploads say ``X-HTTP-Method-Override`` that can't send PATCH or DELETE."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE")
        if method and environ.get("PATH_INFO", "").startswith(uploads.ROOT):
            environ["REQUEST_METHOD"] = method.upper()
        return inner(environ, start_response)

    return application
