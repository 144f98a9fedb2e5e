"""Sessions of the page: a cookie that dies with its key, and that no other page can use."""

import html
import re

import pytest

from unit.seeded import document

KEY = "m" * 40
MASTER = {"Authorization": f"Bearer {KEY}"}
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client(make_client, index):
    """A gateway with a key."""
    index.add(document("cat", text="a cat"))
    return make_client(admin_key=KEY)


def log_in(client, key: str = KEY, target: str = "/collections"):
    """Send the form."""
    return client.post("/login", data={"key": key, "next": target}, headers=OURS)


def test_a_page_leads_to_the_form_and_back(client):
    """With the address that was asked for; the key itself is in no cookie."""
    away = client.get("/c/c?q=cat")
    assert away.status_code == 302
    form = client.get(away.headers["Location"])
    assert form.status_code == 200
    assert "default-src 'none'" in form.headers["Content-Security-Policy"]
    (target,) = re.findall(r'name="next" value="([^"]*)"', form.text)
    assert target == "/c/c?q=cat"
    assert '<label for="key">' in form.text
    wrong = log_in(client, "tk_wrong", target)
    assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (401, False)
    assert 'role="alert"' in wrong.text
    there = log_in(client, target=target)
    assert (there.status_code, there.headers["Location"]) == (303, target)
    cookie = there.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert KEY not in cookie
    page = client.get(target)
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert client.post("/v1/collections/c/search", json={}, headers=OURS).status_code == 200
    assert client.post("/logout", headers=OURS).status_code == 303
    assert client.get(target).status_code == 302


@pytest.mark.parametrize(
    "target", ["/c/c/items/caf%C3%A9%20x", "/c/c/items/a%3Fb?q=%C3%A9&not=x+y", "/c/c?q=%FF"]
)
def test_any_address_is_come_back_to(client, target):
    """As it was: with letters, spaces and signs of any kind."""
    form = client.get(client.get(target).headers["Location"])
    (back,) = re.findall(r'name="next" value="([^"]*)"', form.text)
    assert log_in(client, target=html.unescape(back)).headers["Location"] == target


def test_over_tls_the_cookie_is_for_tls_alone(client):
    """Else the browser would send it in the clear."""
    form = {"data": {"key": KEY}, "base_url": "https://localhost"}
    headers = {**OURS, "Origin": "https://localhost"}
    assert "Secure" in client.post("/login", headers=headers, **form).headers["Set-Cookie"]


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "", "/a\r\nb"],
)
def test_nobody_is_sent_elsewhere(client, target):
    """The address comes from a link, which anybody may have made."""
    assert log_in(client, target=target).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", OURS, 200),
        ("POST", {"Origin": "http://localhost"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "none"}, 403),
        ("POST", {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://evil.example"}, 403),
        ("POST", {"Origin": "http://localhost:81"}, 403),
        ("GET", {}, 200),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
    ],
)
def test_a_cookie_counts_for_our_own_page(client, method, headers, status):
    """A request that another page has sent changes nothing, and tells it nothing."""
    log_in(client)
    path = "/v1/collections/c/search" if method == "POST" else "/v1/collections/c"
    body = {"json": {}} if method == "POST" else {}
    answer = client.open(path, method=method, headers=headers, **body)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json["type"] == "urn:triptych:problem:cross-origin"
    # A key of its own needs no such proof.
    if "Origin" not in headers:
        again = client.open(path, method=method, headers={**headers, **MASTER}, **body)
        assert again.status_code == 200


def test_a_session_dies_with_its_key(client, monkeypatch):
    """When it is revoked, when it expires, and after some hours."""
    made = {"name": "n", "scopes": ["read"], "collections": ["c"], "expires_in": 3600}
    key = client.post("/v1/keys", json=made, headers=MASTER).json
    keys = client.application.extensions["triptych.keyring"]
    now = keys.clock()

    def status() -> int:
        return client.get("/v1/collections/c").status_code

    cookie = log_in(client, key["key"]).headers["Set-Cookie"]
    assert re.search(r"Max-Age=(3600|359\d);", cookie)
    assert status() == 200
    with monkeypatch.context() as patch:
        patch.setattr(keys, "clock", lambda: now + 3601)
        assert status() == 401
    client.delete(f"/v1/keys/{key['id']}", headers=MASTER)
    assert status() == 401
    log_in(client)
    assert status() == 200
    monkeypatch.setattr(keys, "clock", lambda: now + 12 * 3600 + 60)
    assert status() == 401


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "é", "tt_x.y"])
def test_a_forged_cookie_is_none(client, cookie):
    """As is one that was changed."""
    client.set_cookie("triptych_session", cookie)
    assert client.get("/v1/collections/c").status_code == 401
    log_in(client)
    signed = client.get_cookie("triptych_session").value
    client.set_cookie("triptych_session", f"{signed[:5]}x{signed[6:]}")
    assert client.get("/v1/collections/c").status_code == 401


def test_a_gateway_without_keys_asks_for_none(make_client):
    """Its form leads to the page."""
    client = make_client()
    assert client.get("/login").headers["Location"] == "/"
    assert client.get("/collections").status_code == 200


def test_a_long_form_is_refused(client):
    """Before it is read."""
    answer = client.post("/login", data={"key": "x" * 20_000}, headers=OURS)
    assert answer.status_code == 413
