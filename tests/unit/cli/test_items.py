"""The commands about single items, against a stand-in for the gateway."""

import base64
import json
from typing import Any, ClassVar

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from triptych.cli import items, pictures, search
from triptych.cli.items import change_of
from triptych.cli.main import app
from triptych.client import Client, ClientError

DOCUMENT = {
    "id": "owl", "status": "indexed", "text": "An owl.", "tags": ["night", "bird"],
    "metadata": {"year": 2024}, "width": 320,
}  # fmt: skip


class Gateway(Client):
    """Answers by method and path, and notes what is asked."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    answers: ClassVar[dict[tuple[str, str], Any]] = {}

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        known = method, path.removeprefix("/v1/collections/")
        self.asked.append((*known, arguments.get("json") or arguments.get("params")))
        found = self.answers[known]
        if isinstance(found, ClientError):
            raise found
        return found.pop(0) if isinstance(found, list) else found

    def thumbnail(self, _: str, item: str, size: int = 256) -> bytes:
        """Of every item but two."""
        if item == "text":
            raise ClientError("item text has no image", 404)
        if item == "broken":
            raise ClientError("the image of broken can't be decoded", 422)
        return f"{item} {size}".encode()


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    for module in (items, search):
        monkeypatch.setattr(module, "Client", Gateway)
    Gateway.asked.clear()
    Gateway.answers.clear()
    return Gateway


def run(*arguments: str, given: str | None = None) -> Result:
    """Run ``triptych``."""
    return CliRunner().invoke(app, arguments, input=given)


@pytest.fixture
def terminal(monkeypatch) -> None:
    """One that shows pictures."""
    monkeypatch.setattr(pictures, "console", Console(force_terminal=True, width=80))
    monkeypatch.setenv("TERM_PROGRAM", "WezTerm")


def test_items_are_listed(gateway):
    """All pages; a cell for each file."""
    path = ("GET", "zoo/items")
    pages = [
        {
            "items": [{"id": "a/owl", "names": {"image": "owl.png", "audio": "owl.ogg"}}],
            "after": "a",
        },
        {"items": [{"id": "b"}]},
    ]
    gateway.answers[path] = pages
    result = run("items", "a/", "-c", "zoo")
    assert result.stdout.splitlines() == ["a/owl\towl.png\t\towl.ogg", "b\t\t\t"]
    assert gateway.asked[0][2]["prefix"] == "a/"


def test_an_item_is_shown(gateway):
    """Field by field, and key by key; or as JSON."""
    gateway.answers["GET", "zoo/items/owl"] = DOCUMENT
    lines = run("show", "owl", "-c", "zoo").stdout.splitlines()
    assert "tags\tnight, bird" in lines
    assert "metadata.year\t2024" in lines
    assert json.loads(run("show", "owl", "-c", "zoo", "--json").stdout) == DOCUMENT


def test_a_picture_is_shown_where_it_can_be(gateway, terminal):
    """By the escape sequence of iTerm2."""
    gateway.answers["GET", "zoo/items/owl"] = DOCUMENT
    shown = run("show", "owl", "-c", "zoo", "--picture").stdout
    assert f":{base64.b64encode(b'owl 512').decode()}\x07" in shown


def test_an_item_without_a_picture_is_shown_all_the_same(gateway, terminal):
    """And that there is none is said."""
    gateway.answers["GET", "zoo/items/text"] = DOCUMENT
    result = run("show", "text", "-c", "zoo", "--picture")
    assert "An owl." in result.stdout
    assert (result.exit_code, result.stderr) == (2, "error: item text has no image\n")


def test_where_no_picture_can_be_shown_that_is_said(gateway):
    """Not a picture, nor garbage."""
    gateway.answers["GET", "zoo/items/owl"] = DOCUMENT
    result = run("show", "owl", "-c", "zoo", "--picture")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "this terminal shows no pictures" in result.stderr
    assert run("search", "owl", "--pictures").exit_code == 2


def test_pictures_of_hits(gateway, terminal):
    """But for those that have none, or one that can't be shown."""
    hits = [{"id": name, "score": 1.0, "item": {}} for name in ("text", "broken", "owl")]
    answer = {"hits": hits, "total": {"value": 2, "relation": "eq"}, "took_ms": {"total": 1.0}}
    gateway.answers["POST", "zoo/search"] = answer
    shown = run("search", "owl", "-c", "zoo", "--pictures").stdout
    assert shown.count("\x1b]1337;File=") == 1
    assert base64.b64encode(b"owl 256").decode() in shown


def test_a_change():
    """Values are JSON where they can be, else strings; keys go into their field."""
    fields = ["title=Dusk", "metadata.year=2024", 'metadata.code="7"', "tags=[]"]
    assert change_of("new", ["a", "b"], fields, ["source", "metadata.old"]) == {
        "text": "new",
        "tags": [],
        "title": "Dusk",
        "source": None,
        "metadata": {"year": 2024, "code": "7", "old": None},
    }
    for wrong, reason in (
        ((None, None, [], []), "nothing"),
        ((None, None, ["x"], []), "not like"),
        ((None, None, ["metadata=1", "metadata.year=2"], []), "both metadata and a key"),
        ((None, None, ["metadata.year=2", 'metadata={"a": 1}'], []), "both metadata and a key"),
        ((None, None, ["metadata.year=2"], ["metadata"]), "both metadata and a key"),
        (("new", None, ["text.year=2"], []), "both text and a key"),
    ):
        with pytest.raises(ValueError, match=reason):
            change_of(*wrong)
    both = change_of(None, None, ["title=a", "title=b"], ["title"])
    assert both == {"title": "b"}


def test_a_change_is_sent(gateway):
    """And the new document is shown, or that it is waited for."""
    gateway.answers["PATCH", "zoo/items/owl"] = [DOCUMENT, {"id": "owl", "status_url": "/…"}]
    result = run("change", "owl", "-c", "zoo", "--tag", "night")
    assert gateway.asked == [("PATCH", "zoo/items/owl", {"tags": ["night"]})]
    assert "text\tAn owl." in result.stdout
    result = run("change", "owl", "-c", "zoo", "--unset", "source")
    assert "waits for a worker" in result.stderr


def test_items_are_deleted_by_id(gateway):
    """Each of them."""
    for name in "ab":
        gateway.answers["DELETE", f"zoo/items/{name}"] = {}
    assert run("delete", "a", "b", "-c", "zoo").stdout == "2 deleted\n"


def test_by_a_filter_after_a_question(gateway):
    """That tells how many there are; a no deletes nothing."""
    count = {"total": {"value": 1200}}
    gateway.answers["POST", "zoo/search"] = count
    wanted = ("delete", "-c", "zoo", "--filter", "tags=old")
    result = run(*wanted, given="n\n")
    assert (result.exit_code, "Delete 1200 items of zoo?" in result.stderr) == (1, True)
    assert [path for _, path, _ in gateway.asked] == ["zoo/search"]
    pages = [{"deleted": 1000, "more": True}, {"deleted": 200, "more": False}]
    gateway.answers["POST", "zoo/items/delete"] = list(pages)
    assert run(*wanted, given="y\n").stdout.endswith("1200 deleted\n")
    asked = gateway.asked[-1][2]
    assert asked == {"filter": {"tags": {"all": ["old"]}}}
    gateway.answers["POST", "zoo/items/delete"] = list(pages)
    assert run(*wanted, "--yes").stdout == "1200 deleted\n"
    assert run("delete", "-c", "zoo").exit_code == 2
    assert run(*wanted, "a").exit_code == 2


def test_a_collection_is_dropped_by_its_name(gateway):
    """Typed once more."""
    gateway.answers["GET", "zoo"] = {"items": {"total": 7}}
    result = run("drop", "zoo", given="zo\n")
    assert (result.exit_code, len(gateway.asked)) == (2, 1)
    gateway.answers["DELETE", "zoo"] = {}
    assert "with 7 items" in run("drop", "zoo", given="zoo\n").stderr
    assert gateway.asked[-1][:2] == ("DELETE", "zoo")
