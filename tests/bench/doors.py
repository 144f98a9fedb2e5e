"""Two ways to the same answer: the gateway, and the bare request to Elasticsearch inside it."""

import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import orjson
from elasticsearch import Elasticsearch
from tests.bench.queries import Query
from tests.bench.setting import Setting, connect
from tests.support import layout

from triptych.index.elastic.queries import search_body

Request = tuple[bytes, dict[str, str]]
"""Body and headers."""


@dataclass(frozen=True)
class Pair:
    """A request to the gateway, and the body of *another* query to the server.

    The second of two equal requests would find every cache warm.
    """

    request: Request
    body: Mapping[str, Any]


class Doors:
    """One client: a kept-alive connection to each, requests written before the clock starts."""

    def __init__(self, setting: Setting, collection: str) -> None:
        self._url = httpx.URL(setting.stack.gateway_url).join(
            f"/v1/collections/{collection}/search"
        )
        self._path = self._url.raw_path.decode()
        self._gateway = http.client.HTTPConnection(self._url.host, self._url.port or 80)
        self._elastic: Elasticsearch = connect(setting.stack.index_url)
        self._alias = setting.alias(collection)
        self._setting, self._collection = setting, collection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.close()
        self._elastic.close()

    def prepare(self, query: Query) -> Request:
        """The body and headers of a request: JSON, or a form where there is media."""
        if query.media:
            fields = {
                name: value if isinstance(value, str) else orjson.dumps(value).decode()
                for name, value in query.fields.items()
            }
            request = httpx.Request("POST", self._url, data=fields, files=dict(query.media))
        else:
            request = httpx.Request("POST", self._url, json=dict(query.fields))
        return request.read(), {"content-type": request.headers["content-type"]}

    def pairs(self, queries: Sequence[Query]) -> list[Pair]:
        """Each request with the body of a query half a list away."""
        half = len(queries) // 2
        asked = [query.asked(self._setting, self._collection) for query in queries]
        bodies = [search_body(one, layout()) for one in asked]
        return [
            Pair(self.prepare(query), body)
            for query, body in zip(queries, bodies[half:] + bodies[:half], strict=True)
        ]

    def gateway(self, request: Request) -> tuple[float, dict[str, Any]]:
        """Send a request; seconds, and the answer, read."""
        started = time.perf_counter()
        self._gateway.request("POST", self._path, *request)
        response = self._gateway.getresponse()
        data = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"HTTP {response.status}: {data[:500]!r}")
        answer: dict[str, Any] = orjson.loads(data)
        return time.perf_counter() - started, answer

    def raw(self, body: Mapping[str, Any]) -> tuple[float, int]:
        """The same by the official client; seconds, and the milliseconds that the server says."""
        started = time.perf_counter()
        answer = self._elastic.search(
            index=self._alias, body=dict(body), include_named_queries_score=True
        )
        return time.perf_counter() - started, int(answer["took"])
