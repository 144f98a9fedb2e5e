"""Time of a search through the gateway, over the bare request to Elasticsearch inside it."""

from collections.abc import Sequence

import numpy as np
from tests.bench.doors import Doors, Pair
from tests.bench.figures import Floats, emit, extremes, resampled, say
from tests.bench.queries import MIXES, Query, make_queries
from tests.bench.setting import Setting

_QUERIES = 120
"""Different queries per mix, each asked once through both doors: none is in a memory."""
_WARM = 60
"""Others before them."""
_STARTS = 5
_MEASURED = ("text", "image", "audio", "text+image")
_FIRST = 16
_EXPLAINED = 60

Row = tuple[float, ...]


def run(setting: Setting) -> None:
    """Warm everything, then measure each mix, the cost of reasons, and the first queries."""
    collection = setting.stamps
    with Doors(setting, collection) as doors:
        for mix in _MEASURED:
            queries = _different(setting, MIXES[mix], _WARM + _QUERIES)
            say(f"{mix}: warming")
            for pair in doors.pairs(queries[:_WARM]):
                _ask_both(doors, pair)
            say(f"{mix}: measuring")
            pairs = doors.pairs(queries[_WARM:])
            _report(f"search.{mix}", [_ask_both(doors, pair) for pair in pairs])
        _cost_of_reasons(setting, doors)
    _first_queries(setting, collection)


def _different(setting: Setting, parts: Sequence[str], count: int) -> list[Query]:
    """Queries of which no two give the gateway's memory of encoded parts the same."""
    mix = "+".join(parts)
    queries = make_queries(setting, parts, count)
    return [
        Query(
            {
                **query.fields,
                **({"text": f"{query.fields['text']} {mix} {number}"} if "text" in parts else {}),
            },
            query.media,
        )
        for number, query in enumerate(queries)
    ]


def _ask_both(doors: Doors, pair: Pair) -> Row:
    """Milliseconds: gateway, raw; the gateway's encode, search, fuse; the server's own."""
    whole, answer = doors.gateway(pair.request)
    took = answer["took_ms"]
    raw, server = doors.raw(pair.body)
    return 1000 * whole, 1000 * raw, took["encode"], took["search"], took["fuse"], server


def _report(name: str, rows: list[Row]) -> None:
    gateway, raw, encode, inner, fuse, server = np.array(rows).T
    emit(resampled(f"{name}.ratio", _ratio, (gateway, encode, raw), "×", "≤ 1.25"))
    emit(resampled(f"{name}.ratio_p95", _ratio_p95, (gateway, encode, raw), "×", "≤ 1.25"))
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
    for part, values in {"gateway_p95": gateway, "raw_p95": raw}.items():
        emit(resampled(f"{name}.{part}", _p95, (values,), "ms"))


def _ratio(gateway: Floats, encode: Floats, raw: Floats) -> float:
    return float(np.median(gateway - encode) / np.median(raw))


def _ratio_p95(gateway: Floats, encode: Floats, raw: Floats) -> float:
    return _p95(gateway - encode) / _p95(raw)


def _p95(values: Floats) -> float:
    return float(np.percentile(values, 95))


def _cost_of_reasons(setting: Setting, doors: Doors) -> None:
    """The same queries with and without reasons, in turns, their parts encoded before."""
    say("the cost of reasons")
    queries = make_queries(setting, MIXES["text+image"], _EXPLAINED)
    requests = [
        [
            doors.prepare(Query({**query.fields, "explain": explain}, query.media))
            for explain in (True, False)
        ]
        for query in queries
    ]
    for explained, _ in requests:
        doors.gateway(explained)
    rows = [
        [doors.gateway(request)[0] for request in pair]
        for turn in range(4)
        for pair in (requests if turn % 2 else [pair[::-1] for pair in requests])
    ]
    times = np.array(rows)
    order = np.arange(len(rows)) // len(requests) % 2 == 1
    with_reasons = np.where(order, times[:, 0], times[:, 1])
    without = np.where(order, times[:, 1], times[:, 0])
    emit(resampled("search.explain", _of_medians, (with_reasons, without), "×", "≤ 1.05"))


def _of_medians(one: Floats, other: Floats) -> float:
    return float(np.median(one) / np.median(other))


def _first_queries(setting: Setting, collection: str) -> None:
    """Start the gateway anew a few times: is its first query as fast as its tenth?"""
    say(f"starting the gateway {_STARTS} times")
    queries = make_queries(setting, MIXES["text"], _STARTS * _FIRST)
    ratios: list[float] = []
    for start in range(_STARTS):
        setting.stack.stop("gateway")
        setting.stack.start("gateway")
        with Doors(setting, collection) as doors:
            requests = [
                doors.prepare(query) for query in queries[start * _FIRST : (start + 1) * _FIRST]
            ]
            times = [doors.gateway(request)[0] for request in requests]
        say(
            f"first {1000 * times[0]:.1f} ms, then "
            + " ".join(f"{1000 * t:.1f}" for t in times[1:])
        )
        ratios.append(times[0] / float(np.median(times[5:])))  # around the tenth
    emit(extremes("search.first_over_tenth", ratios, "×", "≤ 1.5"))
