"""The commands about indexes of collections, against a stand-in for the gateway."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner, Result

from triptych.cli import rebuild
from triptych.cli.main import app
from triptych.client import Client, ClientError

BUILT = {"fingerprint": "f" * 16, "encoders": {"semantic": "minilm"}}


class Gateway(Client):
    """Answers by method and path, and notes what is asked."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    answers: ClassVar[dict[str, Any]] = {}

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((method, path.removeprefix("/v1/collections"), arguments.get("json")))
        found = self.answers.get(f"{method} {path.removeprefix('/v1/collections')}", {})
        found = next(found) if isinstance(found, Iterator) else found
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    monkeypatch.setattr(rebuild, "Client", Gateway)
    monkeypatch.setattr(rebuild, "_SECONDS", 0.01)
    Gateway.asked.clear()
    Gateway.answers.clear()
    return Gateway


def run(*arguments: str) -> Result:
    """Run ``triptych``."""
    return CliRunner().invoke(app, arguments)


def index(state: str, **more: Any) -> dict[str, Any]:
    """A collection whose index is like this."""
    return {"name": "zoo", "index": {"state": state, **BUILT, **more}}


def test_collections_are_listed_with_their_states(gateway):
    """One that can't be used says why."""
    gateway.answers["GET "] = {
        "collections": [
            {"name": "zoo", "items": {"total": 3}, "state": "outdated"},
            {"name": "old", "problem": "another version"},
        ]
    }
    assert run("collections").stdout == "zoo\t3\toutdated\nold\t\tanother version\n"
    assert len(json.loads(run("collections", "--json").stdout)["collections"]) == 2


def test_a_rebuild_begins(gateway):
    """And says how far it is."""
    gateway.answers["GET /zoo"] = index("rebuilding", done=1, total=2000)
    result = run("rebuild", "zoo")
    assert (result.exit_code, result.stdout) == (0, "zoo: rebuilding, 1 of 2,000 items\n")
    assert gateway.asked[0] == ("POST", "/zoo/rebuild", {})
    run("rebuild", "zoo", "--no-swap")
    assert ("POST", "/zoo/rebuild", {"swap": False}) in gateway.asked


def test_a_rebuild_is_followed_to_its_end(gateway):
    """One that stops is a failure."""
    states = [index("rebuilding", done=n, total=2) for n in range(3)]
    gateway.answers["GET /zoo"] = iter([*states, index("current")])
    result = run("rebuild", "zoo", "--wait", "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (0, "current")
    gateway.answers["GET /zoo"] = index(
        "stopped", done=2, total=2, problem="item 'a' has another tags"
    )
    result = run("rebuild", "zoo", "--wait")
    assert result.exit_code == 1
    assert "another tags" in result.stdout


def test_what_the_gateway_refuses_is_told(gateway):
    """With its reason."""
    gateway.answers["POST /zoo/rebuild"] = ClientError("there is nothing to do", 409)
    result = run("rebuild", "zoo")
    assert (result.exit_code, result.stderr) == (2, "error: there is nothing to do\n")


def test_a_rebuild_is_given_up(gateway):
    """The collection stays."""
    assert run("rebuild", "zoo", "--cancel").exit_code == 0
    assert gateway.asked == [("DELETE", "/zoo/rebuild", None)]


def test_a_rollback_or_its_end(gateway):
    """Back, or never again."""
    gateway.answers["GET /zoo"] = index("current", previous=BUILT)
    assert run("rollback", "zoo", "--wait").stdout == "zoo: current\n"
    assert run("rollback", "zoo", "--drop").exit_code == 0
    assert [one[:2] for one in gateway.asked if one[0] != "GET"] == [
        ("POST", "/zoo/rollback"),
        ("DELETE", "/zoo/previous"),
    ]


def test_an_interrupted_command_leaves_the_rebuild_alone(gateway, monkeypatch):
    """And says how to look at it."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    gateway.answers["GET /zoo"] = index("rebuilding", done=1, total=2)
    monkeypatch.setattr(rebuild, "_follow", interrupt)
    result = run("rebuild", "zoo", "--wait")
    assert result.exit_code == 130
    assert "triptych collections" in result.stderr
