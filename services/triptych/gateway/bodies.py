"""Bodies of requests: on disk while they come, and in memory within a budget of all requests."""

from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Flask, Request, g
from werkzeug.datastructures import FileStorage

from triptych.gateway.services import engine, services

_SMALL = 2**19
"""Bytes that are not worth a file, nor a place in the budget."""
_BLOCK = 2**18
_SECONDS = 10.0
_HELD = "triptych_held"


def register(app: Flask) -> None:
    """Give the memory of each request back when it is over."""
    app.teardown_request(_give_back)


def hold(size: int) -> None:
    """Hold memory until the request is over. Raises Busy where others have it for ten seconds."""
    if size > _SMALL:
        held: ExitStack = g.setdefault(_HELD, ExitStack())
        total = engine().settings.body_memory
        held.enter_context(services().bodies.held(size, of=total, seconds=_SECONDS))


def size_of(upload: FileStorage) -> int:
    """Bytes of an uploaded file, which is on disk."""
    size = upload.stream.seek(0, 2)
    upload.stream.seek(0)
    return size


def whole_body(request: Request, limit: int, *, copies: int) -> bytes | None:
    """The body, once all of it is there; None if it has more bytes than the limit.

    Args:
        request: whose.
        limit: of its bytes.
        copies: how many times as much memory it takes until it is dealt with.
    """
    # Of a body in pieces, which says no length before, Werkzeug takes what the limit lets in.
    request.max_content_length = limit + 1
    with SpooledTemporaryFile(_SMALL) as spool:
        while (missing := limit + 1 - spool.tell()) > 0:
            block = request.stream.read(min(_BLOCK, missing))
            if not block:
                break
            spool.write(block)
        return _contents(spool, limit, copies)


def _contents(spool: IO[bytes], limit: int, copies: int) -> bytes | None:
    size = spool.tell()
    if size > limit:
        return None
    hold(copies * size)
    spool.seek(0)
    return spool.read()


def _give_back(_: BaseException | None) -> None:
    held: ExitStack | None = g.pop(_HELD, None)
    if held is not None:
        held.close()
