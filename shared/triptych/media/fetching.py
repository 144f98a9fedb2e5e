"""Fetch media by URL, of queries and of manifest lines.

Disabled by default, because a server that fetches URLs can be made to reach internal services.
Operators list the allowed hosts in TRIPTYCH_FETCH_HOSTS. No other host is contacted, redirects are
not followed, and neither credentials nor proxy settings of the environment are used.
"""

import time
from collections.abc import Collection

import httpx

from triptych.core.errors import InvalidInput, TooLarge
from triptych.core.names import printable
from triptych.core.outgoing import asked

SCHEMES = ("http://", "https://")
_SECONDS = 10.0
_WHOLE_SECONDS = 30.0
"""A server that sends very slowly occupies a thread for at most this long."""
_LATE = "it takes more than {:g} s"
_SHOWN_CHARS = 200


def is_url(value: str) -> bool:
    """Whether a value looks like a URL."""
    return value[:8].lower().startswith(SCHEMES)


def fetch(value: str, field: str, *, hosts: Collection[str], max_bytes: int) -> bytes:
    """Fetch the bytes at a URL.

    Args:
        value: the URL.
        field: where in the request it is, for errors.
        hosts: the allowed hosts, with the port (``example.org:8000``) if it is not the default
            of the scheme.
        max_bytes: the most to read.

    Raises:
        InvalidInput: the host is not allowed, or does not send the media.
        TooLarge: it sends more.
    """
    url = _checked(value, field, hosts)
    shown = printable(value, _SHOWN_CHARS)
    deadline = time.monotonic() + _WHOLE_SECONDS
    try:
        with asked("GET", url, seconds=_SECONDS, whole_seconds=_WHOLE_SECONDS) as response:
            if response.status_code != httpx.codes.OK:
                raise InvalidInput(
                    f"{shown} returned HTTP {response.status_code}; redirects are not followed",
                    field=field,
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise InvalidInput(f"{shown} is sent compressed", field=field)
            return _read(response, shown, field, max_bytes)
    except (httpx.HTTPError, OSError) as error:
        late = time.monotonic() > deadline
        reason = _LATE.format(_WHOLE_SECONDS) if late else str(error) or type(error).__name__
        raise InvalidInput(f"{shown} can't be fetched: {reason}", field=field) from error


def _checked(value: str, field: str, hosts: Collection[str]) -> httpx.URL:
    try:
        url = httpx.URL(value)
    except (httpx.InvalidURL, ValueError) as error:  # a lone surrogate is the latter
        raise InvalidInput(f"{field} is not a valid URL: {error}", field=field) from error
    if url.userinfo:
        raise InvalidInput(f"{field}: a URL with credentials is not accepted", field=field)
    host = url.host if url.port is None else f"{url.host}:{url.port}"
    if not host or host not in hosts:
        allowed = ", ".join(sorted(hosts)) or "none"
        raise InvalidInput(
            f"{field}: host {printable(host)!r} is not allowed; TRIPTYCH_FETCH_HOSTS allows "
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
