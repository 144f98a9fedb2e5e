"""Errors as RFC 9457 problem documents with a stable type."""

import errno
from http import HTTPStatus

import structlog
from flask import Flask, Response
from gunicorn.http.errors import ParseException
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from triptych.core.errors import Busy, ChecksumMismatch, NoRoom, TriptychError, Unauthorized
from triptych.core.names import printable
from triptych.core.values import describe, position_of
from triptych.gateway.answers import Problem
from triptych.search.answer import dumps

_TITLES = {ChecksumMismatch.status: "Checksum Mismatch"}
"""Of a status that is not one of HTTP's own."""
_DETAIL_CHARS = 2000

log = structlog.get_logger(__name__)


def problem(status: int, slug: str, detail: str, field: str | None = None) -> Response:
    """A response of type application/problem+json."""
    body = Problem(
        f"urn:triptych:problem:{slug}",
        title=_TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=printable(detail, _DETAIL_CHARS),
        field=None if field is None else printable(field),
    )
    return Response(dumps(body), status, content_type="application/problem+json")


def register(app: Flask) -> None:
    """Answer every error of the application with a problem document."""
    app.register_error_handler(TriptychError, _ours)
    app.register_error_handler(ValidationError, _validation)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(OSError, _no_room)
    app.register_error_handler(Exception, _defect)


def _ours(error: TriptychError) -> Response:
    response = problem(error.status, error.slug, error.reason, error.field)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="triptych"'
    return response


def _validation(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = position_of(first) or None
    return problem(HTTPStatus.BAD_REQUEST, "invalid-input", describe(error), field)


def _http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    slug = "too-large" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "http"
    response = problem(status, slug, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _unreadable(error: ParseException) -> Response:
    """The server found out that a chunked body is none while it was being read."""
    log.info("unreadable body", reason=str(error))
    return problem(HTTPStatus.BAD_REQUEST, "http", "the body's transfer encoding is broken")


def _no_room(error: OSError) -> Response:
    """The disk on which bodies are kept while they come may be full."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return _defect(error)
    log.error("no room for what is uploaded", reason=str(error))
    return _ours(NoRoom("the gateway's disk for temporary files is full: try again later"))


def _defect(error: Exception) -> Response:
    log.error("defect", exc_info=error)
    detail = "an internal error; the gateway's log has the details"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
