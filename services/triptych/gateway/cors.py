"""Pages of other origins that may use the API (https://fetch.spec.whatwg.org/#http-cors-protocol).

They send a key or a search token. Cookies never count: no answer allows credentials, and a session
is refused where another page sent the request.
"""

from collections.abc import Collection

from flask import Flask, Response, request

from triptych.core.errors import CrossOrigin

ANY = "*"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""
_API = "/v1/"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_SENT = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Range, "
    "Tus-Resumable, Upload-Checksum, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-HTTP-Method-Override"
)
_SHOWN = (
    "Accept-Ranges, Content-Range, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, Upload-Length, Upload-Metadata, "
    "Upload-Offset, WWW-Authenticate"
)
_SECONDS = "600"


def register(app: Flask, allowed: Collection[str]) -> None:
    """Let pages of these origins use the API of an application, and no others change anything."""

    def check_origin() -> Response | None:
        origin = request.headers.get("Origin")
        if origin is None:
            return None
        if _is_allowed(origin, allowed):
            asks = (
                request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
            )
            return _preflight() if asks else None
        # A browser says which page a request comes from; nobody else sends an Origin.
        if request.method not in SAFE and not is_own(origin, request.headers.get("Host", "")):
            raise CrossOrigin("the request comes from a page of another origin")
        return None

    def allow(response: Response) -> Response:
        if allowed and request.path.startswith(_API):
            response.vary.add("Origin")
            origin = request.headers.get("Origin", "")
            if _is_allowed(origin, allowed):
                response.headers["Access-Control-Allow-Origin"] = ANY if ANY in allowed else origin
                response.headers["Access-Control-Expose-Headers"] = _SHOWN
        return response

    app.before_request(check_origin)
    app.after_request(allow)


def is_own(origin: str, host: str) -> bool:
    """Whether an ``Origin`` is that of the gateway itself, under the ``Host`` of the request."""
    return origin.partition("://")[2].lower() == host.lower() != ""


def _is_allowed(origin: str, allowed: Collection[str]) -> bool:
    return bool(origin) and request.path.startswith(_API) and (ANY in allowed or origin in allowed)


def _preflight() -> Response:
    return Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _SENT,
            "Access-Control-Max-Age": _SECONDS,
        },
    )
