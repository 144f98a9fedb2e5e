"""Bulk writes to a server that is busy, or refuses what it gets: one of our own answers here."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from triptych.core.errors import IndexUnavailable
from triptych.index.elastic import bulk
from triptych.index.elastic.connection import connect
from triptych.index.model import Versioned

DOCUMENTS = [Versioned({"id": name}, 1) for name in "abcd"]

Answer = tuple[int, dict[str, Any]]


@contextmanager
def server(answer: Callable[[list[str]], Answer]) -> Iterator[str]:
    """Elasticsearch as far as bulk goes; ``answer`` gets the ids of a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            lines = self.rfile.read(int(self.headers["content-length"])).splitlines()
            ids = [json.loads(line)["index"]["_id"] for line in lines[::2]]
            status, body = answer(ids)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{served.server_port}"
        finally:
            served.shutdown()


def items(**statuses: int) -> Answer:
    """An answer with a status per id."""
    found = [
        {
            "index": {
                "_id": name,
                "status": status,
                **({"error": {"type": "x", "reason": "why"}} if status >= 400 else {}),
            }
        }
        for name, status in statuses.items()
    ]
    return 200, {"items": found}


def write(url: str, pauses: list[float]) -> list[str]:
    """Write the documents; what became of each."""
    with closing(connect(url, 1)) as client:
        outcomes = bulk.write(client, "p-c", DOCUMENTS, pauses.append)
        return [f"{outcome.id} {outcome.result}" for outcome in outcomes]


def test_what_a_busy_server_left_is_sent_again():
    """That alone, after a longer pause each time; outcomes stay in order."""
    asked, pauses = [], []

    def answer(ids: list[str]) -> Answer:
        asked.append(ids)
        return items(**{n: 429 if n in "bd" and len(asked) < 3 else 200 for n in ids})

    with server(answer) as url:
        found = write(url, pauses)
    assert found == ["a written", "b written", "c written", "d written"]
    assert asked == [["a", "b", "c", "d"], ["b", "d"], ["b", "d"]]
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_server_that_stays_busy_is_unavailable():
    """After some patience, so that the message is delivered again later."""
    pauses: list[float] = []
    with (
        server(lambda ids: items(**dict.fromkeys(ids, 429))) as url,
        pytest.raises(IndexUnavailable, match="4 documents"),
    ):
        write(url, pauses)
    assert 10 < sum(pauses) < 60


@pytest.mark.parametrize("status", [400, 413])
def test_what_spoils_a_request_is_refused_alone(status: int):
    """It is found by halves, and the others are written."""

    def answer(ids: list[str]) -> Answer:
        return (status, {"error": "too much"}) if "c" in ids else items(**dict.fromkeys(ids, 201))

    with server(answer) as url:
        assert write(url, []) == ["a written", "b written", "c refused", "d written"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "security_exception"),
        (403, "cluster_block_exception"),
        (408, "timeout_exception"),
        (404, "shard_not_found_exception"),
        (500, "exception"),
        (503, "unavailable_shards_exception"),
        (429, "es_rejected_execution_exception"),
        (400, "index_closed_exception"),
    ],
)
def test_what_a_document_has_not_caused_is_no_refusal(status: int, kind: str):
    """Of none of them, though others were written: the whole bulk is sent again later."""

    def answer(ids: list[str]) -> Answer:
        code, body = items(**{name: status if name == "c" else 201 for name in ids})
        for entry in body["items"]:
            if "error" in entry["index"]:
                entry["index"]["error"]["type"] = kind
        return code, body

    with server(answer) as url, pytest.raises(IndexUnavailable):
        write(url, [])


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_server_that_refuses_everything_is_unavailable(status: int):
    """Rather than each document is refused."""
    with server(lambda _: (status, {})) as url, pytest.raises(IndexUnavailable):
        write(url, [])
