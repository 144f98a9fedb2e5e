"""The requests that the client makes, answered by a stand-in for the gateway."""

import base64
import inspect
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from triptych.client import Client, ClientError
from triptych.client.client import with_media

PICTURE = base64.b64encode(b"picture").decode()
SOUND = base64.b64encode(b"sound").decode()


def connected(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    """A client of a gateway that answers like this."""
    client = Client("http://gateway")
    client._http.close()
    client._http = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return client


@pytest.mark.parametrize(
    ("fields", "media", "expected"),
    [
        ({"text": "a"}, {}, {"text": "a"}),
        ({}, {"image": b"picture"}, {"image": PICTURE}),
        ({}, {"image": []}, {}),
        ({}, {"image": [b"picture", b"sound"]}, {"image": [PICTURE, SOUND]}),
        ({"image": "item:x"}, {"image": b"picture"}, {"image": ["item:x", PICTURE]}),
        ({"image": ["item:x"]}, {}, {"image": ["item:x"]}),
        (
            {"not": {"text": "b", "image": "item:x"}},
            {"not.image": [b"picture"], "not.audio": b"sound"},
            {"not": {"text": "b", "image": ["item:x", PICTURE], "audio": SOUND}},
        ),
        ({"limit": 3}, {"not.image": b"picture"}, {"limit": 3, "not": {"image": PICTURE}}),
    ],
)
def test_media_join_what_the_fields_say(fields, media, expected):
    """Bytes become base64 beside references, and the caller's own fields stay as they are."""
    before = json.dumps(fields)
    assert with_media(fields, media) == expected
    assert json.dumps(fields) == before


def test_pages_follow_the_cursor():
    """From the beginning to the answer that has none."""
    asked: list[dict[str, Any]] = []
    cursors = {"*": "one", "one": "two"}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        after = cursors.get(asked[-1]["cursor"])
        return httpx.Response(200, json={"hits": []} | ({"cursor": after} if after else {}))

    with connected(answer) as client:
        assert len(list(client.pages("c", {"text": "a", "limit": 2}))) == 3
        assert [request["cursor"] for request in asked] == ["*", "one", "two"]
        assert all(request["text"] == "a" for request in asked)
        assert len(list(client.pages("c", {"cursor": "two"}))) == 1


def test_collections_are_listed_and_described():
    """Each under its own path."""
    answers = {
        "/v1/collections": {"collections": [{"name": "a", "items": {"total": 1}}]},
        "/v1/collections/a": {"name": "a"},
    }
    with connected(lambda request: httpx.Response(200, json=answers[request.url.path])) as client:
        assert client.collections() == [{"name": "a", "items": {"total": 1}}]
        assert client.collection("a") == {"name": "a"}


def test_an_items_name_is_kept_whole_in_a_path():
    """Whatever characters it has."""
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(200, json={"hits": []})

    with connected(answer) as client:
        client.similar("c", "a/b c?d#e%f", {"limit": 1})
        client.item("c", "ü")
    assert seen == [
        b"/v1/collections/c/items/a/b%20c%3Fd%23e%25f/similar",
        b"/v1/collections/c/items/%C3%BC",
    ]


def test_an_error_has_the_gateways_words():
    """And its status; without a problem document, the status alone."""
    problem = httpx.Response(400, json={"detail": "metadata.year: there are legs, size"})
    with (
        connected(lambda _: problem) as client,
        pytest.raises(ClientError, match="there are legs") as error,
    ):
        client.search("c", {"text": "a"})
    assert error.value.status == 400
    with (
        connected(lambda _: httpx.Response(502, text="bad")) as client,
        pytest.raises(ClientError, match="HTTP 502"),
    ):
        client.search("c", {"text": "a"})


@pytest.mark.parametrize(
    ("wanted", "body"),
    [({}, b""), ({"shards": 2}, b'{"shards":2}'), ({"replicas": 0}, b'{"replicas":0}')],
)
def test_a_collection_is_asked_for_as_it_should_be(wanted: dict[str, int], body: bytes):
    """Only what was given is sent, zero too."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"name": "c"})

    with connected(answer) as client:
        assert client.create_collection("c", **wanted) == {"name": "c"}
    assert [(r.method, r.url.path, r.content) for r in asked] == [
        ("PUT", "/v1/collections/c", body)
    ]


def test_a_batch_without_an_answer_is_sent_again_under_its_key(monkeypatch, tmp_path):
    """From the beginning; another batch has another key."""
    monkeypatch.setattr("triptych.client.client._PAUSES", (0, 0))
    seen: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["idempotency-key"], request.read()))
        if len(seen) == 1:
            raise httpx.ReadError("gone")
        return httpx.Response(503 if len(seen) == 2 else 202, json={"batch": "b"})

    (tmp_path / "a.zip").write_bytes(b"PK")
    with connected(answer) as client:
        assert client.submit_archive("c", tmp_path / "a.zip") == {"batch": "b"}
        assert [body for _, body in seen] == [b"PK"] * 3
        assert len({key for key, _ in seen}) == 1
        client.submit_manifest("c", b"{}")
    assert len({key for key, _ in seen}) == 2


def test_what_is_no_archive_by_its_name_is_not_sent():
    """The endings that there are, are told."""
    with connected(lambda _: httpx.Response(500)) as client:
        for name in ("x.rar", "zip", "x"):
            with pytest.raises(ValueError, match=r"no archive by its name: \.zip, \.tar"):
                client.submit_archive("c", Path(name))


def test_a_batch_is_given_up_at_last(monkeypatch):
    """And not tried again where the gateway says no."""
    monkeypatch.setattr("triptych.client.client._PAUSES", (0, 0))
    seen: list[int] = []

    def answer(_: httpx.Request) -> httpx.Response:
        seen.append(1)
        raise httpx.ConnectError("nobody")

    with connected(answer) as client, pytest.raises(ClientError, match="nobody"):
        client.submit_manifest("c", b"{}")
    assert len(seen) == 3
    with (
        connected(lambda _: httpx.Response(400, json={"detail": "bad"})) as client,
        pytest.raises(ClientError, match="bad"),
    ):
        client.submit_manifest("c", b"{}")


def state(**changes: Any) -> dict[str, Any]:
    """What the gateway says of a batch."""
    return {
        "batch": "b", "collection": "c", "state": "running", "total": 3, "done": 1, "failed": 0,
        "rate": 1.0, "eta_seconds": 2.0, "accepted": 1.0, **changes,
    }  # fmt: skip


def events(*states: dict[str, Any]) -> httpx.Response:
    """These as Server-Sent Events, and a comment between."""
    parts = [f"event: state\ndata: {json.dumps(one)}\n\n" for one in states]
    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, text=": waiting\n\n".join(parts), headers=headers)


def test_a_batch_is_watched_by_its_events(monkeypatch):
    """To the end. A connection that was cut is made again; while none is to be had, it asks."""
    monkeypatch.setattr("triptych.client.client._PAUSES", (0, 0))
    answers = [
        events(state(), state(done=2)),
        httpx.ReadError("cut"),
        httpx.Response(429, json={"detail": "busy"}, headers={"retry-after": "0"}),
        httpx.Response(200, json=state(done=2, failed=1)),
        httpx.Response(503, json={"detail": "Redis does not answer"}),
        events(state(state="done", done=3, outcomes={"indexed": 3}), state(done=7)),
    ]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    with connected(answer) as client:
        seen = list(client.watch("b"))
    assert [(one.done, one.failed) for one in seen] == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert seen[-1].outcomes == {"indexed": 3}
    assert asked == ["/v1/batches/b/events"] * 3 + ["/v1/batches/b"] + ["/v1/batches/b/events"] * 2


@pytest.mark.parametrize(
    ("found", "tries"),
    [(httpx.ConnectError("nobody"), 3), (httpx.Response(404, json={"detail": "no batch"}), 1)],
)
def test_a_batch_that_can_not_be_watched_is_an_error(monkeypatch, found, tries):
    """At once, or after some tries where nobody answers."""
    monkeypatch.setattr("triptych.client.client._PAUSES", (0, 0))
    asked: list[int] = []

    def answer(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        if isinstance(found, Exception):
            raise found
        return found

    with connected(answer) as client, pytest.raises(ClientError, match="no"):
        list(client.watch("b"))
    assert len(asked) == tries


def test_failures_come_page_by_page():
    """As many at once as was asked for."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        more = {} if "after" in asked[-1] else {"after": "[1]"}
        return httpx.Response(200, json={"total": 2, "failures": [{"id": "a"}], **more})

    with connected(answer) as client:
        assert client.failures("b") == [{"id": "a"}] * 2
        assert [page["total"] for page in client.failure_pages("b", limit=1)] == [2, 2]
        assert len(list(client.failure_pages("b", after="x"))) == 1
    assert asked == ["", "after=%5B1%5D", "limit=1", "limit=1&after=%5B1%5D", "after=x"]


def test_dots_are_names_and_not_ways_up():
    """Else deleting an item or a model of that name would delete a collection."""
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(204)

    with connected(answer) as client:
        client.delete_item("c", "..")
        client.delete_model("c", "..")
        client.delete_item("c", "a/../é.png")
        client.delete_model("c", "x?y#z")
    collections = b"/v1/collections"
    assert asked == [
        collections + b"/c/items/%2E%2E",
        collections + b"/c/models/%2E%2E",
        collections + b"/c/items/a/%2E%2E/%C3%A9.png",
        collections + b"/c/models/x%3Fy%23z",
    ]


ODD = "zoo?x=#%2f .é"
"""A name that would lead elsewhere if it were not quoted."""
QUOTED = "zoo%3Fx%3D%23%252f%20.%C3%A9"
NAMED = {
    "collection": "v", "item": "v", "batch": "v", "upload": "v", "key": "v", "reference": "v",
    "modality": "text", "fields": {}, "change": {}, "contents": {}, "filter": {},
    "answer": {"hits": []}, "manifest": b"", "files": {}, "size": 1, "file": io.BytesIO(b"x"),
    "name": "n", "scopes": ["search"], "collections": ["*"],
}  # fmt: skip
"""Arguments of the client's methods."""
STEPS = {"collection", "item", "batch", "upload", "key", "reference"}
UNSENT = {"add_files", "gallery", "patiently", "submit_archive"}
"""Methods that send nothing by themselves, or are tested elsewhere."""


def calls() -> Iterator[tuple[str, str]]:
    """Methods of the client with each argument that becomes a step of their path."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_") and name not in UNSENT:
            for argument in inspect.signature(method).parameters.keys() & STEPS:
                if (name, argument) not in {("batches", "collection"), ("submit_upload", "upload")}:
                    yield name, argument


def first_of(client: Client, name: str, **given: Any) -> None:
    """Call a method, with what it needs, as far as its first request."""
    known = inspect.signature(getattr(Client, name)).parameters.values()
    needed = {one.name for one in known if one.default is inspect.Parameter.empty} - {"self"}
    arguments = {one: NAMED[one] for one in needed} | given
    with suppress(ClientError):
        found = getattr(client, name)(**arguments)
        if inspect.isgenerator(found):
            next(found)


@pytest.mark.parametrize(("name", "argument"), sorted(calls()))
def test_a_name_leads_nowhere_else(name: str, argument: str):
    """Whatever it has: each is one step of the path, and an item's as many as it has parts."""
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.partition(b"?")[0])
        return httpx.Response(418, json={"detail": "no"})

    with connected(answer) as client:
        for given in ("v", ODD, ".."):
            first_of(client, name, **{argument: given})
        plain, odd, dots = (path.decode().split("/") for path in asked)
        changed = [place for place, step in enumerate(plain) if step != odd[place]]
        assert [odd[place] for place in changed] == [QUOTED]
        assert [dots[place] for place in changed] == ["%2E%2E"]
        assert len(plain) == len(odd) == len(dots)
        if argument == "item":
            first_of(client, name, item="a/../b?")
            assert "/a/%2E%2E/b%3F" in asked[-1].decode()
        else:
            with pytest.raises(ValueError, match="it has a slash"):
                first_of(client, name, **{argument: "zoo/rollback"})
            assert len(asked) == 3


def test_a_key_is_sent_with_each_request(monkeypatch):
    """That of the environment, unless another is named; beside the headers that a proxy wants."""
    monkeypatch.delenv("TRIPTYCH_KEY", raising=False)
    monkeypatch.delenv("TRIPTYCH_URL", raising=False)
    with Client() as client:
        assert "authorization" not in client._http.headers
        assert client.url == "http://127.0.0.1:8080"
    monkeypatch.setenv("TRIPTYCH_KEY", "tk_environment")
    monkeypatch.setenv("TRIPTYCH_URL", "http://there")
    with Client() as client:
        assert (client.url, str(client._http.base_url)) == ("http://there", "http://there")
        assert client._http.headers["authorization"] == "Bearer tk_environment"
    with Client("http://here", key="tk_own", headers={"x-team": "zoo"}) as client:
        assert client._http.headers["authorization"] == "Bearer tk_own"
        assert client._http.headers["x-team"] == "zoo"
    with Client("http://here", key="") as client:
        assert "authorization" not in client._http.headers


def test_errors_say_what_to_do_next():
    """Where no gateway is, and where it wants a key."""

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/limits":
            return httpx.Response(401, json={"detail": "a key is needed"})
        raise httpx.ConnectError("refused")

    with connected(refuse) as client:
        with pytest.raises(ClientError, match=r"key is needed.*TRIPTYCH_KEY.*triptych keys create"):
            client.limits()
        with pytest.raises(ClientError, match=r"can't be reached.*triptych up.*TRIPTYCH_URL"):
            client.collections()


def test_a_gallery_has_pictures_where_there_are_any():
    """An item may have none; anything else that goes wrong is said."""
    status = {"owl": 200, "song": 404, "bad": 503}

    def answer(request: httpx.Request) -> httpx.Response:
        item = request.url.path.split("/")[-2]
        if status[item] == 200:
            return httpx.Response(200, content=b"RIFF")
        return httpx.Response(status[item], json={"detail": "why"})

    hits = [{"id": item, "score": 1.0, "item": {}} for item in status]
    with connected(answer) as client:
        found = {"hits": hits[:2], "total": {"value": 2, "relation": "eq"}}
        assert client.gallery("c", found)._repr_html_().count("<img") == 1
        with pytest.raises(ClientError, match="why"):
            client.gallery("c", {**found, "hits": hits})._repr_html_()
