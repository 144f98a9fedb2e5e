"""With Elasticsearch or Redis away nothing is half accepted, and what was accepted arrives."""

import json

import httpx
import pytest
import redis

from support import settle, wait_for
from triptych.client import Client
from triptych.local import Stack


def manifest(count: int) -> bytes:
    """Lines of text items."""
    return "\n".join(json.dumps({"id": str(i), "text": f"item {i}"}) for i in range(count)).encode()


def test_index_away(stack: Stack, http: httpx.Client, client: Client, collection: str):
    """503 with a reason while Elasticsearch is away; afterwards all works, nothing was kept."""
    http.put(f"/v1/collections/{collection}").raise_for_status()
    base = f"/v1/collections/{collection}"
    stack.stop("elasticsearch")
    try:
        answers = [
            http.post(f"{base}/search", json={"text": "a"}),
            http.post(f"{base}/items", json={"id": "x", "text": "a"}),
            http.post(
                f"{base}/batches",
                content=manifest(3),
                headers={"content-type": "application/x-ndjson"},
            ),
            http.get("/readyz"),
        ]
    finally:
        stack.start("elasticsearch")
    assert [answer.status_code for answer in answers] == [503] * 4
    assert all("Elasticsearch does not answer" in answer.text for answer in answers)
    assert settle(http, collection)["total"] == 0
    assert wait_for(client, client.submit_manifest(collection, manifest(3))["batch"]).done == 3
    assert settle(http, collection)["indexed"] == 3


def test_index_away_during_a_batch(
    stack: Stack, http: httpx.Client, client: Client, collection: str
):
    """A batch that was accepted waits for Elasticsearch and is indexed when it is back."""
    batch = client.submit_manifest(collection, manifest(400))["batch"]
    stack.stop("elasticsearch")
    stack.start("elasticsearch")
    assert wait_for(client, batch).done == 400
    assert settle(http, collection)["indexed"] == 400


def test_redis_away(stack: Stack, http: httpx.Client, client: Client, collection: str):
    """503 with a reason while Redis is away; searches go on; afterwards all works."""
    base = f"/v1/collections/{collection}"
    client.submit_manifest(collection, manifest(1))
    stack.stop("valkey")
    try:
        item = http.post(f"{base}/items", json={"id": "x", "text": "a"})
        batch = http.post(
            f"{base}/batches",
            content=manifest(3),
            headers={"content-type": "application/x-ndjson"},
        )
        search = http.post(f"{base}/search", json={"text": "item"})
        ready = http.get("/readyz")
    finally:
        stack.start("valkey")
    assert [item.status_code, batch.status_code, ready.status_code] == [503] * 3
    assert all("Redis" in answer.text for answer in (item, batch))
    assert search.status_code == 200
    assert http.get(f"{base}/items/x").status_code == 404
    assert wait_for(client, client.submit_manifest(collection, manifest(3))["batch"]).done == 3


def test_redis_full(stack: Stack, http: httpx.Client, client: Client, collection: str):
    """Uploads are refused with a reason; searches go on; afterwards all works, nothing was kept."""
    base = f"/v1/collections/{collection}"
    client.submit_manifest(collection, manifest(1))
    server = redis.Redis.from_url(stack.redis_url)
    server.config_set("maxmemory", 2**20)
    try:
        item = http.post(f"{base}/items", json={"id": "x", "text": "a"})
        batch = http.post(
            f"{base}/batches",
            content=manifest(3),
            headers={"content-type": "application/x-ndjson"},
        )
        search = http.post(f"{base}/search", json={"text": "item"})
        ready = http.get("/readyz")
    finally:
        server.config_set("maxmemory", 0)
    assert [item.status_code, batch.status_code, ready.status_code] == [503] * 3
    assert all("Redis is full" in answer.text for answer in (item, batch, ready))
    assert search.status_code == 200
    assert http.get(f"{base}/items/x").status_code == 404
    assert wait_for(client, client.submit_manifest(collection, manifest(3))["batch"]).done == 3


def test_workers_away(stack: Stack, http: httpx.Client):
    """The gateway is of use, but says which kind is missing, and counts none of it."""
    stack.stop("worker-audio")
    try:
        ready = http.get("/readyz")
        figures = http.get("/metrics").text
    finally:
        stack.start("worker-audio")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["parts"]["workers"] == "no worker for audio"
    assert 'triptych_workers{kind="audio"} 0' in figures
    assert 'triptych_workers{kind="image"} 1' in figures


@pytest.fixture(autouse=True)
def all_parts_back(stack: Stack, http: httpx.Client):
    """Leave the stack as it was found, whatever a test did."""
    yield
    stack.check()
    assert http.get("/readyz").status_code == 200
