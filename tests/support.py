"""Small helpers that several test modules share."""

import time
from dataclasses import fields
from functools import cache
from typing import Any

import httpx
import psutil

from triptych.client import BatchStatus, Client
from triptych.core.item import Item
from triptych.core.settings import Encoders
from triptych.engine import Engine
from triptych.fusion.blocks import Layout
from triptych.fusion.layout import make_layout
from triptych.media.store import MediaStore

Lines = list[dict[str, Any]]


@cache
def layout() -> Layout:
    """The layout of the default encoders."""
    return make_layout(Encoders(), MediaStore("memory://layout"))


def make_item(item_id: str, **values: Any) -> Item:
    """An item; what is no attribute of it is one of its fields, lists as JSON has them.

    Among the attributes may be ``fields``, for one that is called like another attribute.
    """
    own = {field.name for field in fields(Item)}
    others = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in own
    }
    attributes = {name: value for name, value in values.items() if name in own}
    return Item(item_id, **{**attributes, "fields": {**others, **attributes.get("fields", {})}})


def changed(engine: Engine, **parts: Any) -> Engine:
    """An engine with other parts, which remembers nothing."""
    names = ("store", "layout", "index", "extractors")
    same = {name: getattr(engine, name) for name in names}
    return Engine(parts.pop("settings", engine.settings), **{**same, **parts})


def ids(answer: dict[str, Any]) -> list[str]:
    """The ids of a search answer, best first."""
    return [hit["id"] for hit in answer["hits"]]


def wait_for(client: Client, batch: str, seconds: float = 240) -> BatchStatus:
    """The last status of a batch; fails when it does not finish."""
    deadline = time.monotonic() + seconds
    while (status := client.batch(batch)).state != "done":
        assert time.monotonic() < deadline, f"batch does not finish: {status}"
        time.sleep(0.2)
    return status


def wait_while_killing(client: Client, batch: str, parent: int) -> BatchStatus:
    """The last status of a batch, whose worker loses its processes to ``kill -9`` on the way.

    The first time at once, then after every 40 items more, so that it also happens where a
    batch takes less than the client's pause between two looks.
    """
    killed = _kill_children(parent)
    assert killed
    deadline = time.monotonic() + 240
    while (status := client.batch(batch)).state != "done":
        assert time.monotonic() < deadline, f"batch does not finish: {status}"
        if status.done > 40 * (len(killed) - 1) and len(killed) < 3:
            killed |= _kill_children(parent)
        time.sleep(0.01)
    return status


def _kill_children(parent: int) -> set[int]:
    """Kill the children of a process; return their pids."""
    children = psutil.Process(parent).children()
    for child in children:
        child.kill()
    return {child.pid for child in children}


def settle(http: httpx.Client, name: str) -> dict[str, int]:
    """Counts of a collection; asking refreshes the index, so that searches see every write."""
    response = http.get(f"/v1/collections/{name}")
    assert response.status_code == 200, response.text
    counts: dict[str, int] = response.json()["items"]
    return counts
