"""The client for programs with an event loop."""

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from triptych.client import AsyncClient, Client, ClientError

INTERNAL = {"patiently"}
"""What only the client itself calls."""


@pytest.fixture
def answers(monkeypatch) -> dict[str, Any]:
    """What the gateway answers, by path; a function is called for it."""
    known: dict[str, Any] = {}

    def call(_: Client, method: str, path: str, **arguments: Any) -> Any:
        found = known[path]
        found = found(arguments) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Client, "_call", call)
    return known


def test_it_can_do_whatever_the_other_can():
    """Each public method is there, and iterates where the other does."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if name.startswith("_") or name in INTERNAL:
            continue
        mine = getattr(AsyncClient, name)
        assert inspect.signature(mine) == inspect.signature(method), name
        iterates = inspect.isgeneratorfunction(method)
        assert inspect.isasyncgenfunction(mine) is iterates, name
        assert inspect.iscoroutinefunction(mine) is not iterates, name


def test_requests_are_under_way_together(answers):
    """Each waits until the other is there, too."""
    both = threading.Barrier(2, timeout=10)

    def meet(_: Any) -> dict[str, Any]:
        both.wait()
        return {"hits": []}

    answers["/v1/collections/c/search"] = meet

    async def ask() -> list[Any]:
        async with AsyncClient("http://gateway") as client:
            return await asyncio.gather(*(client.search("c", {"text": t}) for t in "ab"))

    assert asyncio.run(ask()) == [{"hits": []}] * 2


def test_pages_and_errors(answers):
    """Pages come one by one; an error is the gateway's."""
    pages = [{"hits": [1], "cursor": "x"}, {"hits": [2]}]
    answers["/v1/collections/c/search"] = lambda _: pages.pop(0)
    answers["/v1/collections/c"] = ClientError("no collection c", 404)

    async def ask() -> list[Any]:
        async with AsyncClient("http://gateway") as client:
            found = [page["hits"] async for page in client.pages("c", {})]
            with pytest.raises(ClientError, match="no collection c"):
                await client.collection("c")
            return found

    assert asyncio.run(ask()) == [[1], [2]]


def test_who_is_cancelled_waits_no_longer(answers):
    """Though the request is not answered yet."""
    answered = threading.Event()
    answers["/v1/limits"] = lambda _: {"waited": answered.wait(10)}

    async def ask() -> None:
        async with AsyncClient("http://gateway") as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.limits(), 0.05)
            assert not answered.is_set()
            answered.set()

    asyncio.run(ask())


@pytest.mark.parametrize("way", ["failures", "failure_pages"])
def test_who_is_cancelled_asks_no_more(way: str):
    """The request that was under way is answered; the one that would follow is not sent."""
    asked, answer = threading.Event(), threading.Event()
    requests: list[str] = []

    def page(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.query.decode())
        asked.set()
        assert answer.wait(60)
        more = {"after": str(len(requests))} if len(requests) < 3 else {}
        return httpx.Response(200, json={"total": 3, "failures": [], **more})

    async def read(client: AsyncClient) -> None:
        if way == "failures":
            await client.failures("b")
        else:
            async for _ in client.failure_pages("b"):
                pass

    async def ask() -> None:
        async with AsyncClient("http://gateway") as client:
            transport = httpx.MockTransport(page)
            client.client._http = httpx.Client(base_url="http://gateway", transport=transport)
            task = asyncio.create_task(read(client))
            assert await asyncio.to_thread(asked.wait, 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            answer.set()
            await asyncio.to_thread(client._threads.shutdown)

    asyncio.run(ask())
    assert requests == [""]


def test_what_is_no_archive_is_said():
    """As the other client says it."""

    async def ask() -> None:
        async with AsyncClient("http://gateway") as client:
            with pytest.raises(ValueError, match="no archive"):
                await asyncio.wait_for(client.submit_archive("c", Path("x.rar")), 60)

    asyncio.run(ask())
