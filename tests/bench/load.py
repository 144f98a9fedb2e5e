"""Eight clients at once: how many searches a second, and how long each takes."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from tests.bench.doors import Doors, Pair
from tests.bench.figures import Floats, emit, extremes, resampled, say
from tests.bench.queries import MIXES, make_queries
from tests.bench.setting import Setting

_CLIENTS = 8
_QUERIES = 96
_ROUNDS = 5
_MEASURED = ("text", "image", "audio", "text+image")

Client = TypeVar("Client")
Search = TypeVar("Search")


def run(setting: Setting) -> None:
    """Both doors in turns, round by round; the gateway has encoded these queries before."""
    collection = setting.stamps
    with ExitStack() as stack:
        clients = [stack.enter_context(Doors(setting, collection)) for _ in range(_CLIENTS)]
        for mix in _MEASURED:
            say(f"{mix}: {_CLIENTS} clients")
            pairs = clients[0].pairs(make_queries(setting, MIXES[mix], _QUERIES))
            for ask in (_gateway, _raw):
                together(clients, pairs, ask)
            rounds = [
                [together(clients, pairs, ask) for ask in (_gateway, _raw)] for _ in range(_ROUNDS)
            ]
            _report(f"load.{mix}", rounds)


def _gateway(doors: Doors, pair: Pair) -> float:
    seconds, answer = doors.gateway(pair.request)
    return seconds - float(answer["took_ms"]["encode"]) / 1000


def _raw(doors: Doors, pair: Pair) -> float:
    return doors.raw(pair.body)[0]


def together(
    clients: Sequence[Client], searches: Sequence[Search], ask: Callable[[Client, Search], float]
) -> tuple[float, Floats]:
    """Every search once, by whichever client is free; searches a second, the seconds of each."""
    waiting: SimpleQueue[Search | None] = SimpleQueue()
    for search in (*searches, *([None] * len(clients))):
        waiting.put(search)

    def work(client: Client) -> list[float]:
        return [ask(client, search) for search in iter(waiting.get, None)]

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        took = [seconds for some in pool.map(work, clients) for seconds in some]
    return len(searches) / (time.perf_counter() - started), np.array(took)


def _report(name: str, rounds: Sequence[Sequence[tuple[float, Floats]]]) -> None:
    rates = [(gateway[0], raw[0]) for gateway, raw in rounds]
    emit(extremes(f"{name}.rate", [gateway / raw for gateway, raw in rates], "×", "≥ 0.8"))
    emit(extremes(f"{name}.gateway_rate", [gateway for gateway, _ in rates], "searches/s"))
    emit(extremes(f"{name}.raw_rate", [raw for _, raw in rates], "searches/s"))
    gateway, raw = (np.concatenate([one[door][1] for one in rounds]) for door in (0, 1))
    for share in (50, 95):
        ratio = partial(_ratio, share)
        emit(resampled(f"{name}.p{share}_ratio", ratio, (gateway, raw), "×", "≤ 1.25"))


def _ratio(share: int, gateway: Floats, raw: Floats) -> float:
    return float(np.percentile(gateway, share) / np.percentile(raw, share))
