"""Time of a search through the gateway, over the bare request to Elasticsearch inside it."""

import http.client
import time
from collections.abc import Mapping
from typing import Any, Self

import httpx
import numpy as np
import orjson
from tests.bench.figures import Floats, emit, extremes, resampled, say
from tests.bench.queries import MIXES, Query, make_queries
from tests.bench.setting import Setting

from triptych.gateway.searching import index_query
from triptych.shared.index.queries import search_body

_QUERIES = 40
"""Different queries per mix, each asked ``_TURNS`` times, through both doors in turn."""
_TURNS = 3
_WARM = 480
_STARTS = 5
_MEASURED = ("text", "image", "audio", "text+image")
_FIRST = 16

Request = tuple[bytes, dict[str, str]]
"""Body and headers."""
Pair = tuple[Request, dict[str, Any]]
Row = tuple[float, ...]


def run(setting: Setting) -> None:
    """Warm everything, then measure each mix, then the first queries after a start."""
    collection = setting.stamps
    queries = {mix: make_queries(setting, MIXES[mix], _QUERIES) for mix in _MEASURED}
    with _Door(setting.stack.gateway_url, collection) as door:
        _warm(setting, collection, door, queries)
        asked = {mix: _prepare(setting, door, queries[mix]) for mix in _MEASURED}
        rows: dict[str, list[Row]] = {mix: [] for mix in _MEASURED}
        for turn in range(_TURNS):
            say(f"turn {turn + 1} of {_TURNS}")
            for number in range(_QUERIES):
                for mix in _MEASURED:  # in turn too, so that none meets a warmer server
                    rows[mix].append(_ask_both(setting, collection, door, asked[mix][number]))
    for mix in _MEASURED:
        _report(f"search.{mix}", rows[mix])
    _first_queries(setting, collection)


class _Door:
    """One kept-alive connection to the gateway, its requests written before the clock starts."""

    def __init__(self, url: str, collection: str) -> None:
        self._url = httpx.URL(url).join(f"/v1/collections/{collection}/search")
        self._connection = http.client.HTTPConnection(self._url.host, self._url.port or 80)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def prepare(self, query: Query) -> Request:
        """The body and headers of a request: JSON, or a form where there is media."""
        if query.media:
            request = httpx.Request(
                "POST", self._url, data=dict(query.fields), files=dict(query.media)
            )
        else:
            request = httpx.Request("POST", self._url, json=dict(query.fields))
        return request.read(), {"content-type": request.headers["content-type"]}

    def ask(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a prepared request; the answer, read."""
        self._connection.request("POST", self._url.raw_path.decode(), body, dict(headers))
        response = self._connection.getresponse()
        data = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"HTTP {response.status}: {data[:500]!r}")
        answer: dict[str, Any] = orjson.loads(data)
        return answer


def _raw_body(setting: Setting, query: Query) -> dict[str, Any]:
    return search_body(index_query(query.encoded(setting), query.request()))


def _ask_raw(setting: Setting, collection: str, body: dict[str, Any]) -> int:
    """The same request straight to the server; the milliseconds that the server says."""
    answer = setting.elastic.search(
        index=setting.alias(collection), body=body, include_named_queries_score=True
    )
    return int(answer["took"])


def _warm(
    setting: Setting, collection: str, door: _Door, queries: Mapping[str, list[Query]]
) -> None:
    say(f"warming with {2 * _WARM} searches")
    several = [query for row in zip(*queries.values(), strict=True) for query in row]
    for query in (several * (_WARM // len(several) + 1))[:_WARM]:
        door.ask(*door.prepare(query))
        _ask_raw(setting, collection, _raw_body(setting, query))


def _prepare(setting: Setting, door: _Door, queries: list[Query]) -> list[Pair]:
    """Per turn a request to the gateway and the body of *another* query to the server.

    The second of two equal requests would find every cache warm.
    """
    shifted = queries[len(queries) // 2 :] + queries[: len(queries) // 2]
    return [
        (door.prepare(query), _raw_body(setting, other))
        for query, other in zip(queries, shifted, strict=True)
    ]


def _ask_both(setting: Setting, collection: str, door: _Door, pair: Pair) -> Row:
    """Milliseconds: gateway, raw; the gateway's encode, search, fuse; the server's own."""
    request, body = pair
    started = time.perf_counter()
    took = door.ask(*request)["took_ms"]
    between = time.perf_counter()
    server = _ask_raw(setting, collection, body)
    finished = time.perf_counter()
    whole, raw = 1000 * (between - started), 1000 * (finished - between)
    return whole, raw, took["encode"], took["search"], took["fuse"], server


def _report(name: str, rows: list[Row]) -> None:
    gateway, raw, encode, inner, fuse, server = np.array(rows).T
    emit(resampled(f"{name}.ratio", _ratio, (gateway, encode, raw), "×", "≤ 1.5"))
    for part, values in {
        "gateway_p50": gateway,
        "raw_p50": raw,
        "encode_p50": encode,
        "index_p50": inner,
        "fuse_p50": fuse,
        "http_p50": gateway - encode - inner - fuse,
        "raw_server_p50": server,
    }.items():
        emit(resampled(f"{name}.{part}", np.median, (values,), "ms"))


def _ratio(gateway: Floats, encode: Floats, raw: Floats) -> float:
    return float(np.median(gateway - encode) / np.median(raw))


def _first_queries(setting: Setting, collection: str) -> None:
    """Start the gateway anew a few times: is its first query as fast as its tenth?"""
    say(f"starting the gateway {_STARTS} times")
    queries = make_queries(setting, MIXES["text"], _STARTS * _FIRST)
    ratios: list[float] = []
    for start in range(_STARTS):
        setting.stack.stop("gateway")
        setting.stack.start("gateway")
        with _Door(setting.stack.gateway_url, collection) as door:
            times: list[float] = []
            for query in queries[start * _FIRST : (start + 1) * _FIRST]:
                request = door.prepare(query)
                started = time.perf_counter()
                door.ask(*request)
                times.append(time.perf_counter() - started)
        say(
            f"first {1000 * times[0]:.1f} ms, then "
            + " ".join(f"{1000 * t:.1f}" for t in times[1:])
        )
        ratios.append(times[0] / float(np.median(times[5:])))  # around the tenth
    emit(extremes("search.first_over_tenth", ratios, "×", "≤ 1.5"))
