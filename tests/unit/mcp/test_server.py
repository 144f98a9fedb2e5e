"""The tools for agents, against a stand-in for the gateway."""

import asyncio
from typing import Any, ClassVar

import pytest
from mcp import Client as McpClient
from mcp.types import TextContent

from triptych.client import Client
from triptych.mcp import access
from triptych.mcp.access import Access
from triptych.mcp.server import make_server


class Gateway(Client):
    """Notes what is asked, and knows nothing."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def _call(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked.append((method, path))
        return {}


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    monkeypatch.setattr(access, "Client", Gateway)
    Gateway.asked.clear()
    return Gateway


def refusal(tool: str, **arguments: Any) -> str:
    """Why a tool refuses."""

    async def ask() -> str:
        async with McpClient(make_server(Access("http://gateway"))) as agent:
            result = await agent.call_tool(tool, arguments)
            (first,) = result.content
            assert result.is_error
            assert isinstance(first, TextContent)
            return first.text

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("search", {"collection": "zoo/rollback?x="}),
        ("describe_collection", {"collection": "Zoo"}),
        ("similar", {"collection": "..", "item": "a"}),
        ("get_item", {"collection": "", "item": "a"}),
        ("watch_batch", {"batch": "../collections/zoo"}),
        ("list_failures", {"batch": "b/retry?x="}),
    ],
)
def test_what_can_be_no_name_is_not_asked_for(gateway, tool, given):
    """Neither of a collection nor of a batch."""
    assert "pattern" in refusal(tool, **given)
    assert gateway.asked == []
