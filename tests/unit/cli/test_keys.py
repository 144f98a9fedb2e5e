"""The commands about keys, against a stand-in for the gateway."""

from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner, Result

from triptych.cli import keys
from triptych.cli.main import app
from triptych.client import Client


class Gateway(Client):
    """Has no key that is stored, and notes which are made."""

    made: ClassVar[list[dict[str, Any]]] = []

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        assert path == "/v1/keys"
        if method == "GET":
            return {"keys": []}
        self.made.append(arguments["json"])
        return {"id": "3f9c2a1b77d0", "key": "tk_3f9c2a1b77d0_secret", **arguments["json"]}


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    monkeypatch.setattr(keys, "Client", Gateway)
    monkeypatch.delenv("TRIPTYCH_KEY", raising=False)
    Gateway.made.clear()
    return Gateway


def run(*arguments: str) -> Result:
    """Run ``triptych``."""
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("sent", "options", "scopes"),
    [
        ("", [], ["admin"]),
        ("master", [], ["search", "read"]),
        ("master", ["--scope", "train"], ["train"]),
        ("", ["--scope", "train"], ["train"]),
    ],
)
def test_only_a_key_that_is_made_without_one_may_do_everything(
    gateway, monkeypatch, sent, options, scopes
):
    """That of the settings is not in the list, so an empty one says nothing."""
    monkeypatch.setenv("TRIPTYCH_KEY", sent)
    result = run("keys", "create", "website", *options)
    assert result.stdout == "tk_3f9c2a1b77d0_secret\n"
    assert [one["scopes"] for one in gateway.made] == [scopes]


def test_a_list_without_keys_says_no_more_than_it_knows():
    """There may be one in the settings."""
    result = run("keys", "list")
    assert (result.stdout, result.stderr) == ("", "no keys are stored\n")
