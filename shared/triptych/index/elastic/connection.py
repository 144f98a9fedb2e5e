"""The connection to Elasticsearch, and its errors in terms of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import elastic_transport
from elasticsearch import (
    ApiError,
    BadRequestError,
    Elasticsearch,
    NotFoundError,
    UnsupportedProductError,
)
from elasticsearch.serializer import CompatibilityModeNdjsonSerializer, OrjsonSerializer

from triptych.core.errors import IndexUnavailable, InvalidInput, NotFound

BUSY = frozenset({429, 502, 503, 504})
"""Answers after which a bulk is worth sending again within seconds."""
_UNAVAILABLE = 503
_SERVER_ERROR = 500
_REFUSALS = frozenset({401, 403, 408, 429})
"""Rights that are missing, blocks against writing (as on a full disk), and too much work."""
_CLOSED = "index_closed_exception"
"""It comes with 400, as if the request were wrong."""


def connect(url: str, threads: int) -> Elasticsearch:
    """A client with a connection for each of so many threads."""
    return Elasticsearch(
        url,
        serializers={
            "application/vnd.elasticsearch+json": _Serializer(),
            "application/json": _Serializer(),
            _LinesSerializer.mimetype: _LinesSerializer(),
        },
        request_timeout=30,
        max_retries=0,
        connections_per_node=threads,
        http_compress=False,  # vectors hardly compress, and the network is near
    )


class _Serializer(OrjsonSerializer):
    """orjson writes numpy arrays straight from memory, without a list of Python floats."""

    mimetype = "application/vnd.elasticsearch+json"


class _LinesSerializer(CompatibilityModeNdjsonSerializer):
    """The same for bulk bodies: the client's own writes each number from a Python float."""

    json_dumps = OrjsonSerializer.json_dumps


def is_away(status: int, kind: str | None = None) -> bool:
    """Whether an error says something of the server, rather than of what was sent.

    Args:
        status: the HTTP status of a response, or of an item of a bulk.
        kind: the ``type`` of the error.
    """
    return status in _REFUSALS or status >= _SERVER_ERROR or kind == _CLOSED


@contextmanager
def translated(missing: str = "") -> Iterator[None]:
    """Translate the client's errors into ours; ``missing`` says what is not found."""
    try:
        yield
    except NotFoundError as error:
        raise NotFound(missing or str(error)) from error
    except ApiError as error:
        foreign = isinstance(error, UnsupportedProductError)  # such as the page of a proxy
        if foreign or is_away(error.meta.status, error.error):
            raise IndexUnavailable(f"Elasticsearch refuses for now: {error}") from error
        raise
    except elastic_transport.SerializationError as error:
        reasons = "; ".join(map(str, error.errors))  # its message has all that was sent
        raise InvalidInput(f"Elasticsearch can't be sent this: {reasons}") from error
    except elastic_transport.TransportError as error:
        raise IndexUnavailable(f"Elasticsearch does not answer: {error}") from error


def is_over(error: ApiError) -> bool:
    """Whether a search with a point in time failed because that is over, or never was one.

    One that was made up is refused in many ways, with 500 too.
    """
    if isinstance(error, BadRequestError):
        return error.error == "illegal_argument_exception" or "[pit]" in str(error)
    # The node that had it may be gone.
    gone = error.error == "search_phase_execution_exception"
    if error.meta.status == _UNAVAILABLE:
        return gone
    return error.meta.status == _SERVER_ERROR or not is_away(error.meta.status)
