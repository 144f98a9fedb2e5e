"""A line in the log for each write, and for each request that was refused at the door.

It says who, what and with what outcome, and never a secret: neither headers nor bodies nor the
query of the address are in it, nor what a key has behind its id where a whole
one is put into the path. What comes from outside is made printable, so nobody forges a line.
"""

import re
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, request

from triptych.core.names import printable
from triptych.gateway import access
from triptych.gateway.cors import SAFE

_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
_CHARS = 200
_SECRET = re.compile(r"(tk_[0-9a-f]+_)\w+")

log = structlog.get_logger("audit")


def register(app: Flask) -> None:
    """Tell of the requests of an application."""
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    refused = response.status_code in _REFUSED
    if refused or (request.method not in SAFE and access.is_write()):
        tell = log.warning if refused else log.info
        tell("refused" if refused else "write", **_facts(response))
    return response


def _facts(response: Response) -> dict[str, str | int]:
    named = {name: _safe(str(value)) for name, value in (request.view_args or {}).items()}
    made = response.headers.get("Location")
    return {
        "who": g.caller.name if "caller" in g else "nobody",
        "way": g.caller.way if "caller" in g else "none",
        "operation": _safe(request.endpoint or request.path),
        "method": _safe(request.method),
        **named,
        **({"made": _safe(made)} if made else {}),
        "status": response.status_code,
        "address": _safe(request.remote_addr or ""),
    }


def _safe(text: str) -> str:
    return printable(_SECRET.sub(r"\1…", text), _CHARS)
