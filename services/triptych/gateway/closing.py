"""A refused upload: its connection is closed so that the client gets to read the reason.

What the client goes on sending is read and thrown away for a while. If the connection were closed
at once, the kernel would reset it, and the client might see nothing but that.
"""

import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request

_SMALL = 2**16
"""Bytes of a body that the server itself reads to the end."""
_SECONDS = 10
_BLOCK = 2**16
_CLOSE = "triptych.close"


def register(app: Flask) -> None:
    """Close the connection after every error whose request may have a body that was not read."""
    inner = app.wsgi_app

    def with_close(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Gunicorn ignores a header "Connection" of the application: its response has a method.
        server = getattr(start_response, "__self__", None)
        environ[_CLOSE] = getattr(server, "force_close", None)
        return inner(environ, start_response)

    app.wsgi_app = with_close  # type: ignore[method-assign]
    app.after_request(_close_unread)


def _close_unread(response: Response) -> Response:
    length = request.content_length
    in_pieces = length is None and "Transfer-Encoding" in request.headers
    if response.status_code >= HTTPStatus.BAD_REQUEST and (in_pieces or (length or 0) > _SMALL):
        response.headers["Connection"] = "close"
        close: Callable[[], None] | None = request.environ.get(_CLOSE)
        connection: socket.socket | None = request.environ.get("gunicorn.socket")
        if close is not None and connection is not None:
            close()
            response.call_on_close(partial(linger, connection))
    return response


def linger(connection: socket.socket, seconds: float = _SECONDS) -> None:
    """Say that nothing more is sent, and read until the client has closed, or the time is over."""
    deadline = time.monotonic() + seconds
    try:
        connection.shutdown(socket.SHUT_WR)
        while (remaining := deadline - time.monotonic()) > 0:
            connection.settimeout(remaining)
            if not connection.recv(_BLOCK):
                return
    except OSError:  # the client has gone, or takes too long
        return
