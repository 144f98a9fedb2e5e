"""Requests to other servers, each bounded as a whole.

No redirect is followed, and neither credentials nor proxy settings of the environment are used.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx


@contextmanager
def asked(
    method: str,
    url: httpx.URL | str,
    *,
    seconds: float,
    whole_seconds: float,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Iterator[httpx.Response]:
    """The response to a request, before its body is read.

    httpx's own timeouts are per read and start again with every byte, also of the headers. So when
    the whole time is over, the client is closed, and the read fails.

    Args:
        method: as ``GET``.
        url: where.
        seconds: in which the connection is made, and each read has something.
        whole_seconds: in which all of it is over.
        headers: beside those that say who asks, and that nothing compressed is wanted.
        content: the body.

    Raises:
        httpx.HTTPError, httpx.InvalidURL, OSError: there is no response, or it stops.
    """
    with httpx.Client(
        timeout=seconds,
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity", "user-agent": "triptych", **(headers or {})},
    ) as client:
        timer = threading.Timer(whole_seconds, client.close)
        timer.daemon = True
        timer.start()
        try:
            with client.stream(method, url, content=content) as response:
                yield response
        finally:
            timer.cancel()
