"""Tools for agents: the official client asks ``triptych mcp``, which asks a real stack."""

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client as McpClient
from mcp import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ImageContent, TextContent

from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack
from triptych.local.ports import free_ports

MASTER = "master-0123456789abcdef0123456789abcdef"
READING = {
    "list_collections", "describe_collection", "search", "similar", "get_item", "list_batches",
    "watch_batch", "list_failures",
}  # fmt: skip
WRITING = {"add_item", "add_files", "change_item", "delete_item"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that wants a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("agents")))
        options = StackOptions(
            name="agents",
            port=0,
            index="embedded",
            image_workers=1,
            env={"TRIPTYCH_ADMIN_KEY": MASTER},
            keep=False,
        )
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="module")
def folder(stamps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two birds with captions; beside it a file that nobody may read."""
    made = tmp_path_factory.mktemp("files") / "birds"
    made.mkdir()
    for name, text in (("penguin", "A penguin on the ice."), ("drake", "A drake on a pond.")):
        shutil.copy(stamps / "animals" / "birds" / f"{name}.png", made)
        (made / f"{name}.txt").write_text(text)
    shutil.copy(made / "drake.png", made.parent / "secret.png")
    (made / "link.png").symlink_to(made.parent / "secret.png")
    return made


@pytest.fixture(scope="module")
def filled(keyed: Stack, folder: Path) -> Stack:
    """With the birds, through the tool that adds files."""

    async def fill() -> None:
        async with stdio(keyed, "--write", "--root", str(folder)) as agent:
            added = await call(agent, "add_files", collection="zoo", path=str(folder))
            assert (added["done"], added["failed"]) == (2, 0)

    (folder / "link.png").unlink()
    asyncio.run(fill())
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    with Client(keyed.gateway_url, key=MASTER) as client:
        client.collection("zoo")
    return keyed


@asynccontextmanager
async def stdio(stack: Stack, *options: str, key: str = MASTER) -> AsyncIterator[McpClient]:
    """An agent that has started the server itself."""
    arguments = ["-m", "triptych.cli.main", "mcp", "--url", stack.gateway_url, *options]
    env = {"TRIPTYCH_KEY": key, "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    async with McpClient(
        StdioServerParameters(command=sys.executable, args=arguments, env=env)
    ) as agent:
        yield agent


async def call(agent: McpClient, tool: str, **arguments: Any) -> Any:
    """What a tool answers, as JSON where it is; an AssertionError tells of an error."""
    result = await agent.call_tool(tool, arguments)
    (first, *_) = result.content
    assert isinstance(first, TextContent)
    assert not result.is_error, first.text
    return json.loads(first.text)


async def refusal(agent: McpClient, tool: str, **arguments: Any) -> str:
    """Why a tool refuses."""
    result = await agent.call_tool(tool, arguments)
    (first,) = result.content
    assert result.is_error
    assert isinstance(first, TextContent)
    return first.text


def test_it_reads_and_does_not_write(filled: Stack, folder: Path):
    """By words, by a picture of an allowed folder, by both; with reasons and pictures."""

    async def ask() -> None:
        async with stdio(filled, "--root", str(folder)) as agent:
            tools = (await agent.list_tools()).tools
            assert {tool.name for tool in tools} == READING
            assert all(tool.annotations.read_only_hint for tool in tools)
            assert all(tool.description for tool in tools)
            (zoo,) = await call(agent, "list_collections")
            assert (zoo["name"], zoo["items"]["total"]) == ("zoo", 2)
            described = await call(agent, "describe_collection", collection="zoo")
            assert described["facets"]["format"][0]["value"] == "png"
            found = await agent.call_tool(
                "search", {"collection": "zoo", "text": "ice", "image": str(folder / "penguin.png")}
            )
            text, caption, picture, *_ = found.content
            hits = json.loads(text.text)["hits"]
            assert hits[0]["id"].endswith("penguin")
            assert {"text", "image"} <= set(hits[0]["why"])
            assert caption.text.endswith("penguin:")
            assert isinstance(picture, ImageContent)
            assert picture.mime_type == "image/webp"
            assert base64.b64decode(picture.data).startswith(b"RIFF")
            encoded = base64.b64encode((folder / "drake.png").read_bytes()).decode()
            data = {"image": f"data:image/png;base64,{encoded}", "pictures": False, "limit": 1}
            (only,) = (await call(agent, "search", collection="zoo", **data))["hits"]
            assert only["id"].endswith("drake")
            item = hits[0]["id"]
            whole, _, picture = (
                await agent.call_tool("get_item", {"collection": "zoo", "item": item})
            ).content
            assert json.loads(whole.text)["text"] == "A penguin on the ice."
            similar = await call(agent, "similar", collection="zoo", item=item)
            assert [hit["id"] for hit in similar["hits"]] == [only["id"]]
            (batch,) = await call(agent, "list_batches")
            ended = await call(agent, "watch_batch", batch=batch["batch"], seconds=5)
            assert ended["state"] == "done"
            failures = await call(agent, "list_failures", batch=batch["batch"])
            assert failures == {"total": 0, "failures": []}

    asyncio.run(ask())


def test_it_says_what_is_wrong(filled: Stack, folder: Path):
    """Files elsewhere, by whatever way, are not read; the gateway's reasons are told."""

    async def ask() -> None:
        async with stdio(filled, "--root", str(folder)) as agent:
            for path in (
                folder.parent / "secret.png", folder / ".." / "secret.png", folder / "link.png",
            ):  # fmt: skip
                told = await refusal(agent, "search", collection="zoo", image=str(path))
                assert "not below a folder that may be read" in told
            told = await refusal(agent, "search", collection="none", text="x")
            assert "none" in told
            told = await refusal(agent, "search", collection="zoo", filter={"colour": 1})
            assert "colour" in told
            told = await refusal(agent, "search", collection="zoo", image="data:image/png,x")
            assert "base64" in told
            assert await refusal(agent, "get_item", collection="zoo", item="nobody")
        async with stdio(filled) as agent:
            told = await refusal(
                agent, "search", collection="zoo", image=str(folder / "penguin.png")
            )
            assert "--root" in told

    asyncio.run(ask())


def test_it_writes_where_it_may(filled: Stack, folder: Path):
    """Adds, changes and deletes; the key decides in the end."""
    with Client(filled.gateway_url, key=MASTER) as client:
        reader = client.create_key("reader", ["search", "read"], ["zoo"])["key"]

    async def write() -> None:
        async with stdio(filled, "--write", "--root", str(folder)) as agent:
            assert {tool.name for tool in (await agent.list_tools()).tools} == READING | WRITING
            picture = str(folder / "penguin.png")
            added = await call(
                agent, "add_item", collection="new", id="p", text="one", image=picture, tags=["a"]
            )
            assert added["modalities"] == ["image", "text"]
            changed = await call(
                agent, "change_item", collection="new", item="p", change={"tags": ["b"]}
            )
            assert changed["tags"] == ["b"]
            result = await agent.call_tool("delete_item", {"collection": "new", "item": "p"})
            assert not result.is_error
            assert await refusal(agent, "get_item", collection="new", item="p")
        async with stdio(filled, "--write", key=reader) as agent:
            assert (await call(agent, "search", collection="zoo", text="ice"))["hits"]
            told = await refusal(agent, "add_item", collection="zoo", text="two")
            assert "ingest" in told
            assert await refusal(agent, "search", collection="new", text="ice")

    asyncio.run(write())


@pytest.fixture
def served(filled: Stack) -> Iterator[str]:
    """The address of a server over HTTP, whose own key nobody gets."""
    (port,) = free_ports(1)
    arguments = ["-m", "triptych.cli.main", "mcp", "--url", filled.gateway_url, "--port", str(port)]
    env = {**os.environ, "TRIPTYCH_KEY": MASTER}
    process = subprocess.Popen([sys.executable, *arguments], env=env)
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_over_http_each_caller_has_a_key(filled: Stack, folder: Path, served: str):
    """Without one nothing is found; a page that points its name here gets nothing."""
    with Client(filled.gateway_url, key=MASTER) as client:
        key = client.create_key("caller", ["search", "read"], ["zoo"])["key"]

    async def ask() -> None:
        headers = {"authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            McpClient(streamable_http_client(served, http_client=http)) as agent,
        ):
            found = await call(agent, "search", collection="zoo", text="penguin")
            assert found["hits"][0]["id"].endswith("penguin")
            told = await refusal(agent, "search", collection="zoo", image=str(folder / "drake.png"))
            assert "may be read" in told
        async with McpClient(served) as agent:
            told = await refusal(agent, "search", collection="zoo", text="penguin")
            assert re.search("key", told)

    asyncio.run(ask())
    foreign = httpx.post(served, headers={"host": "evil.example"}, json={})
    assert foreign.status_code in {403, 421}
