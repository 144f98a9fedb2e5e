"""Pages of other origins: which may use the API, and what proxies may say of a request."""

import pytest
from flask import request
from pydantic import ValidationError

from triptych.core.settings import Settings
from unit.seeded import document

KEY = "m" * 40
MASTER = {"Authorization": f"Bearer {KEY}"}
SHOP, EVIL = "https://shop.example", "https://evil.example"
SEARCH = "/v1/collections/c/search"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


@pytest.fixture
def make(make_client, index):
    """Makes clients of gateways with a key."""
    index.add(document("cat", text="a cat"))
    return lambda **settings: make_client(admin_key=KEY, **settings)


def test_a_page_that_is_named_may_search(make):
    """With a key; what it sends and sees is allowed by name, and cookies never are."""
    client = make(cors_origins=(SHOP,))
    asked = client.options(SEARCH, headers={"Origin": SHOP, **PREFLIGHT})
    assert asked.status_code == 204
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    for headers, status in ((MASTER, 200), ({}, 401)):
        answer = client.post(SEARCH, json={}, headers={"Origin": SHOP, **headers})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
    for one in (asked, answer):
        assert "Origin" in one.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in one.headers


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://shop.example", f"{SHOP}.evil.example", f"{SHOP}:81", "", "x"]
)
def test_no_other_page_may(make, origin):
    """Neither ask nor change; what it could read, its browser keeps from it."""
    client = make(cors_origins=(SHOP,))
    headers = {"Origin": origin, **MASTER}
    asked = client.options(SEARCH, headers={"Origin": origin, **PREFLIGHT})
    changed = client.post(SEARCH, json={}, headers=headers)
    read = client.get("/v1/collections/c", headers=headers)
    assert (changed.status_code, read.status_code) == (403, 200)
    for answer in (asked, changed, read):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert "Origin" in answer.headers["Vary"]


def test_without_the_setting_there_is_none(make):
    """As it always was: our own page changes things, others don't."""
    client = make()
    answer = client.get("/v1/collections/c", headers={"Origin": SHOP, **MASTER})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" not in answer.headers.get("Vary", "")
    own = {"Origin": "http://localhost", **MASTER}
    assert client.post(SEARCH, json={}, headers=own).status_code == 200


def test_any_page_may_where_that_is_set(make):
    """By a star, which allows no credentials; but no page has the session of a visitor."""
    client = make(cors_origins=("*",))
    answer = client.post(SEARCH, json={}, headers={"Origin": EVIL, **MASTER})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    client.post("/login", data={"key": KEY}, headers={"Origin": "http://localhost"})
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post(SEARCH, json={}, headers=ours).status_code == 200
    theirs = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    assert client.post(SEARCH, json={}, headers=theirs).status_code == 403
    older = {"Origin": EVIL}
    assert client.post(SEARCH, json={}, headers=older).status_code == 403


def test_the_page_is_not_the_api(make):
    """Another page neither reads it nor logs anybody in."""
    client = make(cors_origins=("*",))
    assert client.post("/login", data={"key": KEY}, headers={"Origin": EVIL}).status_code == 403
    answer = client.get("/login", headers={"Origin": EVIL})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["shop.example", f"{SHOP}/", "ftp://x", "https://*.example", "x"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin):
    """It would never match."""
    with pytest.raises(ValidationError, match="TRIPTYCH_CORS_ORIGINS"):
        Settings(cors_origins=origin)
    assert Settings(cors_origins=f"{SHOP}, http://localhost:3000").cors_origins == (
        SHOP, "http://localhost:3000",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address", "secure"),
    [
        (0, "192.0.2.1", "127.0.0.1", False),
        (1, "192.0.2.1", "192.0.2.1", True),
        (1, "192.0.2.66, 192.0.2.1", "192.0.2.1", True),
        (2, "192.0.2.66, 192.0.2.1, 192.0.2.2", "192.0.2.1", True),
    ],
)
def test_proxies_are_believed_as_far_as_they_are_ours(make, proxies, forwarded, address, secure):
    """What a stranger writes before them counts for nothing."""
    client = make(proxies=proxies)
    headers = {
        "X-Forwarded-For": forwarded,
        "X-Forwarded-Proto": "https" if proxies < 2 else "https, https",
        "X-Forwarded-Host": "evil.example",
        "Origin": "http://localhost",
    }
    seen = []
    client.application.after_request_funcs[None].append(
        lambda response: seen.append(request_address()) or response
    )
    answer = client.post("/login", data={"key": KEY}, headers=headers)
    assert seen == [address]
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure


def request_address() -> str | None:
    """Of the request at hand."""
    return request.remote_addr
