"""Media by URL: off unless the keeper names hosts, for a server that fetches is a door inwards.

Only these hosts are asked, no redirect leads away from them, and nothing is sent along: neither
credentials nor what the environment says of proxies.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import httpx

from triptych.core.errors import InvalidInput, TooLarge
from triptych.core.names import printable

SCHEMES = ("http://", "https://")
_SECONDS = 10.0
_WHOLE_SECONDS = 30.0
"""A server that sends a byte now and then keeps no thread for longer."""
_LATE = "it takes more than {:g} s"
_SHOWN_CHARS = 200


def is_url(value: str) -> bool:
    """Whether a value is meant as a URL."""
    return value[:8].lower().startswith(SCHEMES)


def fetch(value: str, field: str, *, hosts: Collection[str], max_bytes: int) -> bytes:
    """The bytes behind a URL.

    Args:
        value: the URL.
        field: the place in the request, for errors.
        hosts: those that may be asked, each with its port (``example.org:8000``) where that is
            not the one of the scheme.
        max_bytes: what is read at most.

    Raises:
        InvalidInput: a host that is not allowed, or one that does not send what was asked for.
        TooLarge: it sends more than that.
    """
    url = _checked(value, field, hosts)
    shown = printable(value, _SHOWN_CHARS)
    deadline = time.monotonic() + _WHOLE_SECONDS
    try:
        with _asked(url) as response:
            if response.status_code != httpx.codes.OK:
                raise InvalidInput(
                    f"{shown} is answered with HTTP {response.status_code}; redirects are not "
                    "followed",
                    field=field,
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise InvalidInput(f"{shown} is sent compressed, unasked", field=field)
            return _read(response, shown, field, max_bytes)
    except (httpx.HTTPError, OSError) as error:
        late = time.monotonic() > deadline
        reason = _LATE.format(_WHOLE_SECONDS) if late else str(error) or type(error).__name__
        raise InvalidInput(f"{shown} can't be fetched: {reason}", field=field) from error


def _checked(value: str, field: str, hosts: Collection[str]) -> httpx.URL:
    try:
        url = httpx.URL(value)
    except (httpx.InvalidURL, ValueError) as error:  # a lone surrogate is the latter
        raise InvalidInput(f"{field} is no URL: {error}", field=field) from error
    if url.userinfo:
        raise InvalidInput(f"{field}: a URL with credentials is not accepted", field=field)
    host = url.host if url.port is None else f"{url.host}:{url.port}"
    if not host or host not in hosts:
        allowed = ", ".join(sorted(hosts)) or "none"
        raise InvalidInput(
            f"{field}: nothing is fetched from {printable(host)!r}; TRIPTYCH_FETCH_HOSTS allows "
            f"{allowed}",
            field=field,
        )
    return url


def _read(response: httpx.Response, shown: str, field: str, max_bytes: int) -> bytes:
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > max_bytes:
            raise TooLarge(f"{shown} has more than {max_bytes} bytes", field=field)
    return bytes(data)


@contextmanager
def _asked(url: httpx.URL) -> Iterator[httpx.Response]:
    """The answer to a request, before its body is read.

    When the time is over the client is closed, so that what is being read fails: the client's own
    timeouts are of each read, and begin anew with every byte, also of the headers.
    """
    with httpx.Client(
        timeout=_SECONDS,
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity", "user-agent": "triptych"},
    ) as client:
        timer = threading.Timer(_WHOLE_SECONDS, client.close)
        timer.daemon = True
        timer.start()
        try:
            with client.stream("GET", url) as response:
                yield response
        finally:
            timer.cancel()
