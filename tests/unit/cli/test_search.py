"""What ``triptych search`` and ``triptych similar`` send."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from triptych.cli.search import query_of, search, similar
from triptych.client import Client

app = typer.Typer()
app.command()(search)
app.command()(similar)


def test_files_are_read_and_references_are_not(tmp_path):
    """An item or an address goes to the gateway by name, beside the bytes of a file."""
    picture, sound = tmp_path / "a.png", tmp_path / "b.ogg"
    picture.write_bytes(b"picture")
    sound.write_bytes(b"sound")
    fields, media = query_of(
        {
            "text": ["one", "item:x"],
            "image": [str(picture), "item:x", "https://example.org/a.png"],
            "audio": [],
            "not.text": ["two"],
            "not.image": ["item:y"],
            "not.audio": [str(sound), str(sound)],
        }
    )
    assert fields == {
        "text": ["one", "item:x"],
        "image": ["item:x", "https://example.org/a.png"],
        "not": {"text": "two", "image": "item:y"},
    }
    assert media == {"image": [b"picture"], "not.audio": [b"sound", b"sound"]}


def test_nothing_asked_is_a_listing():
    """Then the request says only how to list."""
    assert query_of({"text": [], "image": [], "not.text": []}) == ({}, {})


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    """Which the command tells by its name."""
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        query_of({"image": [str(tmp_path / "gone.png")]})


class Gateway(Client):
    """Notes the requests, and answers each with nothing."""

    calls: ClassVar[list[tuple[str, str, dict[str, Any]]]] = []

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append((method, path, arguments["json"]))
        return {"hits": [], "total": {"value": 0, "relation": "eq"}, "took_ms": {"total": 1.0}}


@pytest.fixture
def sent(monkeypatch) -> Callable[..., tuple[str, str, dict[str, Any]]]:
    """Runs a command, and returns the one request that it makes."""
    monkeypatch.setattr("triptych.cli.search.Client", Gateway)

    def run(*arguments: str) -> tuple[str, str, dict[str, Any]]:
        Gateway.calls.clear()
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        (call,) = Gateway.calls
        return call

    return run


def test_search_leaves_the_parts_of_an_item_to_the_gateway(sent):
    """One rule says by which parts of an item is searched: that of the library."""
    _, path, body = sent("search", "winter", "--like", "owl", "--like", "bat", "-c", "zoo")
    assert path == "/v1/collections/zoo/search"
    assert (body["text"], body["like"]) == ("winter", ["owl", "bat"])
    assert "filter" not in body


def test_both_commands_have_the_same_options(sent, tmp_path):
    """And send the same for them."""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"picture")
    options = [
        "--verify", "--sort", "id", "--highlight", "--language", "en", "--syntax", "none",
        "--not-text", "dog", "--not-image", str(picture), "--not-audio", "item:x",
        "--filter", "tags=a", "--weight", "text=2", "--facet", "tags", "--fields", "id",
        "--fusion", "rrf", "-n", "3", "--no-explain",
    ]  # fmt: skip
    _, path, similar = sent("similar", "owl", *options)
    _, _, search = sent("search", *options)
    assert path == "/v1/collections/default/items/owl/similar"
    assert similar == search
    assert similar["not"] == {"text": "dog", "image": "cGljdHVyZQ==", "audio": "item:x"}
    assert (similar["verify"], similar["highlight"], similar["explain"]) == (True, True, False)
    assert (similar["sort"], similar["language"], similar["syntax"]) == (["id"], "en", "none")


def test_a_file_that_is_not_there_ends_the_command(tmp_path):
    """With exit code 2, whichever command."""
    missing = str(tmp_path / "gone.png")
    for command in (["search"], ["similar", "owl"]):
        result = CliRunner().invoke(app, [*command, "--not-image", missing])
        assert result.exit_code == 2
