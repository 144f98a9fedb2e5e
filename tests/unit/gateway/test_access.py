"""The door: who is let in, to what, and what is told of those who are not."""

import json

import pytest
from structlog.testing import capture_logs

from triptych.core.errors import NotFound
from triptych.gateway import access

FAR = {"REMOTE_ADDR": "192.0.2.7"}
ADMIN_KEY = "0123456789abcdef" * 2


def bearer(key: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def master(http) -> dict[str, str]:
    """The header of the first key."""
    made = http.post("/v1/keys", json={"name": "first", "scopes": ["admin"]})
    assert made.status_code == 201, made.text
    assert made.headers["Cache-Control"] == "no-store"
    return bearer(made.json["key"])


@pytest.fixture
def make(http, master):
    """Makes keys; the header of each."""

    def make(*scopes: str, collections=("zoo",), **options) -> dict[str, str]:
        wanted = {"name": "n", "scopes": scopes, "collections": collections, **options}
        made = http.post("/v1/keys", json=wanted, headers=master)
        assert made.status_code == 201, made.text
        return bearer(made.json["key"])

    return make


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "127.8.9.1"}, {}, 200),
        (FAR, {}, 403),
        ({"REMOTE_ADDR": "::ffff:192.0.2.7"}, {}, 403),
        ({"REMOTE_ADDR": ""}, {}, 403),
        ({}, {"X-Forwarded-For": "192.0.2.7"}, 403),
        ({}, {"Forwarded": "for=127.0.0.1"}, 403),
        (FAR, {"X-Forwarded-For": "127.0.0.1"}, 403),
        (FAR, {"Authorization": "Bearer x"}, 403),
    ],
)
def test_without_a_key_only_this_machine_is_answered(http, environ, headers, status):
    """Not those behind a proxy on it either; the answer says how to let others in."""
    answer = http.get("/v1/limits", environ_overrides=environ, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json["type"] == "urn:triptych:problem:forbidden"
        assert "triptych keys create" in answer.json["detail"]
    for path in ("/healthz", "/openapi.json"):
        assert http.get(path, environ_overrides=environ, headers=headers).status_code == 200


def test_a_gateway_may_be_open_on_purpose(make_client):
    """By a setting of its own, while it has no key."""
    http = make_client(open=True)
    assert http.get("/v1/limits", environ_overrides=FAR).status_code == 200
    http = make_client(open=True, admin_key=ADMIN_KEY)
    assert http.get("/v1/limits", environ_overrides=FAR).status_code == 401
    key = bearer(ADMIN_KEY)
    assert http.get("/v1/limits", environ_overrides=FAR, headers=key).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dGs6eA=="},
        bearer("tk_000000000000_" + "0" * 48),
        bearer("tk_000000000000_" + "0" * 47 + "\xff"),
        bearer("x" * 5000),
    ],
)
def test_who_has_no_key_is_told_that_one_is_needed(http, master, headers):
    """From the first key on, also on this machine."""
    answer = http.get("/v1/limits", headers=headers)
    assert (answer.status_code, answer.json["type"]) == (401, "urn:triptych:problem:unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert http.get("/v1/limits", headers=master).status_code == 200
    assert http.get("/healthz", headers=headers).status_code == 200


def test_a_key_that_has_expired_says_so(http, make, monkeypatch):
    """Only who has it hears that."""
    key = make("read", expires_in=60)
    assert http.get("/v1/limits", headers=key).status_code == 200
    keys = http.application.extensions["triptych.keyring"]
    monkeypatch.setattr(keys, "clock", lambda: 2e9 * 10)
    answer = http.get("/v1/limits", headers=key)
    assert (answer.status_code, "expired" in answer.json["detail"]) == (401, True)


def test_a_collection_that_is_not_theirs_is_like_one_that_is_not_there(http, make, app):
    """The answer is the same to the letter, and the index is not even asked."""
    key = make("search", "read", "ingest", "train")
    texts = set()
    for name in ("other", "nothere"):
        answer = http.get(f"/v1/collections/{name}", headers=key)
        assert (answer.status_code, answer.json["type"]) == (403, "urn:triptych:problem:forbidden")
        texts.add(answer.text.replace(name, "X"))
    assert len(texts) == 1


def test_a_key_sees_its_own_keys(http, make):
    """One who looks after some collections neither sees nor revokes the keys of others."""
    make("read", collections=["other"])
    own = make("admin", collections=["zoo", "team-*"])
    made = http.post(
        "/v1/keys", headers=own, json={"name": "x", "scopes": ["read"], "collections": ["team-a"]}
    )
    assert made.status_code == 201
    shown = http.get("/v1/keys", headers=own).json["keys"]
    assert [one["collections"] for one in shown] == [["team-a"], ["team-*", "zoo"]]
    beyond = {"name": "x", "scopes": ["read"], "collections": ["*"]}
    assert http.post("/v1/keys", headers=own, json=beyond).status_code == 403
    for key in ("0" * 12, "../store", "bootstrap"):
        assert http.delete(f"/v1/keys/{key}", headers=own).status_code == 404


def test_the_deployment_is_for_keys_of_all_collections(http, make):
    """Figures of the queues, and the sweep."""
    assert http.get("/metrics", headers=make("admin")).status_code == 403
    assert http.post("/v1/reconcile", headers=make("admin")).status_code == 403
    assert http.get("/metrics", headers=make("search", collections=["*"])).status_code == 403


def test_a_view_that_declares_nothing_is_for_keys_that_may_do_everything(app, master, make):
    """Who forgets it opens nothing. What is declared is kept."""
    app._got_first_request = False
    app.add_url_rule("/forgotten", view_func=lambda: "x", endpoint="forgotten")
    app.add_url_rule("/open", view_func=access.declare(access.PUBLIC)(lambda: "x"), endpoint="open")
    http = app.test_client()
    assert http.get("/forgotten").status_code == 401
    assert http.get("/forgotten", headers=make("admin")).status_code == 403
    assert http.get("/forgotten", headers=master).status_code == 200
    assert http.get("/open").status_code == 200


@pytest.mark.parametrize("path", ["/v1/batches/{}", "/v1/batches/{}/events"])
def test_batches_of_others_are_not_there(http, make, app, path):
    """As one that never was."""
    key = make("read", "ingest")
    engine = app.extensions["triptych"].engine
    manifest = {"batch": "a" * 32}
    assert http.get(path.format("b" * 32), headers=key).status_code == 404
    engine.store.write_document("batches", f"{'a' * 32}.jsonl", json.dumps(manifest).encode())
    with app.test_request_context(headers=key):

        class Ledger:
            """Knows one batch."""

            def manifest(self, batch: str):
                """Of another collection."""
                if batch != "a" * 32:
                    raise NotFound("another text")
                return type("M", (), {"collection": "other"})

        engine.__dict__["ledger"] = Ledger()
        for batch in ("a" * 32, "b" * 32):
            with pytest.raises(NotFound, match=f"^no batch '{batch}'$"):
                access.check_batch(batch)


def test_uploads_are_for_who_may_fill_the_same(http, make, master):
    """Neither their size nor their name is told to others; who may more may go on with them."""
    own, other = make("ingest"), make("ingest", collections=["other"])
    both = make("ingest", collections=["zoo", "other"])
    created = http.post("/v1/uploads", headers={**own, "Upload-Length": "5"})
    assert created.status_code == 201, created.text
    url = created.headers["Location"]
    statuses = [http.head(url, headers=key).status_code for key in (own, both, master, other)]
    assert statuses == [200, 200, 200, 404]
    part = {"data": b"hello", "content_type": "application/offset+octet-stream"}
    assert http.patch(url, headers={**other, "Upload-Offset": "0"}, **part).status_code == 404
    assert http.delete(url, headers=other).status_code == 404
    assert http.delete(url, headers=own).status_code == 204


def test_writes_and_refusals_are_told(http, make, master):
    """Who, what and with what outcome; no secret, and nothing that forges a line."""
    key, searching = make("read"), make("search")
    with capture_logs() as logs:
        http.get("/v1/keys", headers=master)
        http.post(
            "/v1/keys?secret=hidden", headers=master, json={"name": "hidden", "scopes": ["read"]}
        )
        http.get("/v1/collections/a%0ab%1b[31m", headers=key)
        http.get("/v1/limits", headers=bearer("tk_hidden_hidden"))
        http.delete("/v1/keys/tk_0123456789ab_hidden", headers=master)
        http.post("/v1/tokens", headers=searching, json={"collections": ["zoo"]})
        http.post("/v1/nowhere", headers=master)
    told = [(one["event"], one["operation"], one["status"]) for one in logs]
    assert told == [
        ("write", "keys.create", 201),
        ("refused", "collections.describe", 403),
        ("refused", "holdings.limits", 401),
        ("write", "keys.revoke", 404),
        ("write", "keys.create_token", 201),
    ]
    assert [len(one["who"]) for one in logs] == [12, 12, 6, 12, 12]
    assert logs[0]["address"] == "127.0.0.1"
    assert "hidden" not in str(logs)
    assert all(one.isprintable() for line in logs for one in line.values() if isinstance(one, str))
