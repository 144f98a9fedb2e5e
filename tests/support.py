"""Small helpers that several test modules share."""

import time
from typing import Any

import httpx

from triptych.client import BatchStatus, Client

Lines = list[dict[str, Any]]


def ids(answer: dict[str, Any]) -> list[str]:
    """The ids of a search answer, best first."""
    return [hit["id"] for hit in answer["hits"]]


def wait_for(client: Client, batch: str, seconds: float = 120) -> BatchStatus:
    """The last status of a batch; fails when it does not finish."""
    deadline = time.monotonic() + seconds
    for status in client.watch(batch):
        if status.state == "done":
            return status
        assert time.monotonic() < deadline, f"batch does not finish: {status}"
    raise AssertionError("watch ended early")


def settle(http: httpx.Client, name: str) -> dict[str, int]:
    """Counts of a collection; asking refreshes the index, so that searches see every write."""
    response = http.get(f"/v1/collections/{name}")
    assert response.status_code == 200, response.text
    counts: dict[str, int] = response.json()["items"]
    return counts
