"""Search tokens: a part of a collection, for a while, and nothing beyond it."""

import base64
import json

import pytest

from triptych.gateway.signing import Signer
from unit.seeded import document

MASTER = {"Authorization": "Bearer " + "m" * 40}
VISIBLE, HIDDEN = ("cat", "cats/thumbnail"), ("dog", "secret/similar")


@pytest.fixture
def client(make_client, index):
    """A gateway over items of two owners."""
    for name in VISIBLE:
        index.add(document(name, text=f"a small {name} of mine", tags=["mine"], metadata={"n": 1}))
    for name in HIDDEN:
        index.add(document(name, text=f"a small {name} of theirs", tags=["theirs"]))
    index.add(document("cats", text="prefix", tags=["mine"]))
    return make_client(admin_key="m" * 40)


def minted(client, headers=MASTER, **wanted):
    """The answer to the wish for a token."""
    body = {"collections": ["c"], "filter": {"tags": "mine"}, **wanted}
    return client.post("/v1/tokens", json=body, headers=headers)


def header(client, **wanted) -> dict[str, str]:
    """The header of a token."""
    made = minted(client, **wanted)
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json['token']}"}


def key(client, *scopes: str, **wanted) -> dict[str, str]:
    """The header of a key."""
    body = {"name": "n", "scopes": scopes, "collections": ["c"], **wanted}
    return {
        "Authorization": f"Bearer {client.post('/v1/keys', json=body, headers=MASTER).json['key']}"
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "small"},
        {"text": "dog theirs"},
        {"filter": {"tags": "theirs"}},
        {"filter": {"or": [{"tags": "theirs"}, {"tags": "mine"}]}},
        {"filter": {"not": {"tags": "mine"}}},
        {"text": "small", "facets": ["tags", "status"], "exact_total": True},
        {"text": "small", "cursor": "*", "facets": ["tags"]},
        {"cursor": "*", "sort": ["id"]},
        {"like": ["cat"]},
        {"text": "item:cat"},
        {"not": {"text": "mine"}, "text": "small"},
    ],
)
def test_searches_find_what_the_filter_finds(client, body):
    """Nor do counts tell of more, whatever the search itself filters by."""
    token = header(client)
    path = "/v1/collections/c/search"
    everything = client.post(path, json=body, headers=MASTER).json
    answer = client.post(path, json=body, headers=token)
    assert answer.status_code == 200, answer.text
    ids = {hit["id"] for hit in answer.json["hits"]}
    expected = {hit["id"] for hit in everything["hits"]} - set(HIDDEN)
    assert ids == expected
    assert answer.json["total"]["value"] <= 3
    assert "theirs" not in answer.text
    for counts in answer.json.get("facets", {}).values():
        assert all(one["count"] <= 3 for one in counts)


@pytest.mark.parametrize(
    "body",
    [{"like": ["{}"]}, {"text": "item:{}"}, {"text": "a", "not": {"text": "item:{}"}}],
)
def test_what_is_hidden_is_not_there_to_search_by(client, body):
    """As one that never was, to the letter."""
    token, texts = header(client), set()
    for name in ("dog", "nil"):
        asked = json.loads(json.dumps(body).replace("{}", name))
        answer = client.post("/v1/collections/c/search", json=asked, headers=token)
        assert answer.status_code == 404, answer.text
        texts.add(answer.text.replace(name, "X"))
    assert len(texts) == 1


@pytest.mark.parametrize(
    "path", ["{}", "{}/media/text", "{}/thumbnail", "{}/waveform", "{}/similar", "{}?a=b"]
)
def test_what_is_hidden_is_not_there_to_look_at(client, path):
    """Neither as an item nor by a path that ends like another address."""
    token, texts = header(client), set()
    for name in ("dog", "nil"):
        answer = client.get(f"/v1/collections/c/items/{path.format(name)}", headers=token)
        assert answer.status_code == 404, answer.text
        texts.add(answer.text.replace(name, "X"))
    assert len(texts) == 1
    assert client.post("/v1/collections/c/items/dog/similar", headers=token).status_code == 404
    hidden = client.get("/v1/collections/c/items/secret/similar", headers=token)
    assert hidden.status_code == 404
    assert client.get("/v1/collections/c/items/cats/thumbnail", headers=token).status_code == 404


def test_what_is_shown_can_be_looked_at(client):
    """The document, its media, what is similar, and the list of ids."""
    token, base = header(client), "/v1/collections/c/items"
    assert client.get(f"{base}/cat", headers=token).json["tags"] == ["mine"]
    assert client.get(f"{base}/cat/media/text", headers=token).text.startswith("a small")
    similar = client.get(f"{base}/cat/similar", headers=token).json
    assert {hit["id"] for hit in similar["hits"]} == {"cats", "cats/thumbnail"}
    listed = client.get(base, headers=token).json["items"]
    assert [one["id"] for one in listed] == ["cat", "cats", "cats/thumbnail"]


def test_a_token_is_for_searches_alone(client):
    """Whatever its key may do; a key of one scope makes tokens of that scope."""
    token = header(client)
    for method, path in (
        ("GET", "/v1/collections"), ("GET", "/v1/collections/c"), ("DELETE", "/v1/collections/c"),
        ("GET", "/v1/batches"), ("GET", "/v1/keys"), ("POST", "/v1/tokens"), ("GET", "/metrics"),
        ("GET", "/v1/limits"), ("PATCH", "/v1/collections/c/items/cat"),
        ("DELETE", "/v1/collections/c/items/cat"), ("POST", "/v1/collections/c/items"),
        ("POST", "/v1/collections/c/items/known"), ("POST", "/v1/collections/d/search"),
    ):  # fmt: skip
        answer = client.open(path, method=method, headers=token, json={})
        assert answer.status_code == 403, (path, answer.text)
    searching = {"Authorization": f"Bearer {minted(client, key(client, 'search')).json['token']}"}
    assert client.post("/v1/collections/c/search", json={}, headers=searching).status_code == 200
    assert client.get("/v1/collections/c/items/cat", headers=searching).status_code == 403


def test_a_token_is_no_more_than_its_key(client):
    """Neither in other collections nor for longer; nor can it be made of other scopes."""
    own = key(client, "search", expires_in=60)
    assert minted(client, own, collections=["other"]).status_code == 403
    assert minted(client, own, collections=["*"]).status_code == 403
    assert minted(client, key(client, "read")).status_code == 403
    made = minted(client, own, expires_in=3600).json
    keys = client.application.extensions["triptych.keyring"]
    assert made["expires"] <= keys.clock() + 60


@pytest.mark.parametrize(
    "wanted",
    [
        {"filter": {"colour": "red"}},
        {"filter": {"metadata.n": {}}},
        {"filter": None},
        {"filter": {}},
        {"filter": {"tags": []}},
        {"filter": {"or": [{}, {"id": "cat"}]}},
        {"filter": {"not": {"not": {}}}},
        {"filter": {"tags": ["x" * 100] * 100}},
        {"collections": []},
        {"expires_in": 0},
        {"expires_in": 10**8},
        {"scopes": ["admin"]},
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(client, wanted):
    """The reason names the field."""
    answer = minted(client, **wanted)
    assert answer.status_code == 400
    assert answer.json["field"].partition(".")[0] in {*wanted, "scopes"}


def changed(token: str, **facts) -> str:
    """With other facts under the same signature."""
    body, _, mac = token.removeprefix("tt_").rpartition(".")
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    other = base64.urlsafe_b64encode(json.dumps({**found, **facts}).encode()).decode()
    return f"tt_{other.rstrip('=')}.{mac}"


def test_what_is_not_signed_here_is_nothing(client, make_client, monkeypatch):
    """A forged filter, another signature, another gateway, another purpose, a time that is over."""
    token = minted(client).json["token"]
    path = "/v1/collections/c/search"

    def status(presented: str) -> int:
        bearer = {"Authorization": f"Bearer {presented}"}
        return client.post(path, json={}, headers=bearer).status_code

    assert status(token) == 200
    signer = client.application.extensions["triptych.signer"]
    facts = signer.read("token", token.removeprefix("tt_"))
    forged = [
        changed(token, filter={}),
        changed(token, expires=9e9),
        changed(token, collections=["*"]),
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        f"{token}AA",
        token.rpartition(".")[0] + ".",
        token.rpartition(".")[0],
        "tt_",
        "tt_.",
        "tt_é.é",
        f"tt_{signer.sign('session', facts)}",
        minted(make_client(admin_key="m" * 40)).json["token"],
    ]
    assert {status(one) for one in forged} == {401}
    keys = client.application.extensions["triptych.keyring"]
    later = keys.clock() + 3601
    monkeypatch.setattr(keys, "clock", lambda: later)
    assert status(token) == 401


def test_a_token_dies_with_its_key(client):
    """At once, on the same gateway."""
    own = key(client, "search")
    bearer = {"Authorization": f"Bearer {minted(client, own).json['token']}"}
    path = "/v1/collections/c/search"
    assert client.post(path, json={}, headers=bearer).status_code == 200
    key_id = own["Authorization"].split("_")[1]
    assert client.delete(f"/v1/keys/{key_id}", headers=MASTER).status_code == 204
    assert client.post(path, json={}, headers=bearer).status_code == 401


def test_gateways_of_one_store_sign_alike(client):
    """Also those that begin at the same moment."""
    store = client.application.extensions["triptych"].engine.store
    one, other = Signer(store), Signer(store)
    assert other.read("token", one.sign("token", {"a": 1})) == {"a": 1}
    assert other.read("session", one.sign("token", {"a": 1})) is None


def test_a_gateway_without_keys_has_no_tokens(make_client):
    """Nobody needs one."""
    assert minted(make_client(), {}).status_code == 409
