"""Every error is a problem document."""

import io
import json
from dataclasses import replace
from typing import Never

import pytest
import structlog
from gunicorn.http.errors import InvalidChunkSize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import changed
from triptych.core import errors
from triptych.gateway.app import create_app


def problem(response) -> dict[str, object]:
    """The body of an answer that must be a problem."""
    assert response.content_type == "application/problem+json"
    body = json.loads(response.data)
    assert body["status"] == response.status_code
    assert body["type"].startswith("urn:triptych:problem:")
    assert body["title"]
    assert body["detail"]
    return body


def subclasses(kind: type) -> list[type]:
    """A class and all below it in the same module."""
    children = [child for child in kind.__subclasses__() if child.__module__ == kind.__module__]
    return [kind, *(found for child in children for found in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(errors.TriptychError))
def test_our_errors_keep_their_slug_status_and_field(http, nothing, kind):
    """Whatever part of the system they come from."""
    nothing.error = kind("the reason", field="a.b")
    response = http.put("/v1/collections/c")
    body = problem(response)
    assert body["type"] == f"urn:triptych:problem:{kind.slug}"
    assert (response.status_code, body["detail"], body["field"]) == (
        kind.status,
        "the reason",
        "a.b",
    )


def test_every_kind_of_error_has_its_own_slug():
    """It is what clients switch on."""
    slugs = [kind.slug for kind in subclasses(errors.TriptychError)]
    assert len(set(slugs)) == len(slugs)


def test_a_field_that_is_wrong_is_named(http):
    """By its path in the body."""
    body = problem(http.post("/v1/collections/c/search", json={"weights": {"text": "heavy"}}))
    assert body["status"] == 400
    assert body["field"] == "weights.text"
    assert "weights.text" in body["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"not": ["cat"]}, "not: an object is accepted"),
        ({"weights": 5}, "weights: an object is accepted"),
        ({"filter": "a"}, "filter: an object is accepted"),
        ({"fields": "a"}, "fields: a list is accepted"),
        ({"text": 5}, "text: a string, or a list of 1 to 8 strings, is accepted"),
        ({"sort": [5]}, 'sort.0: the name of a field, or an object with "field", is accepted'),
        ({"colour": 5}, "colour: unknown field"),
    ],
)
def test_errors_do_not_speak_of_python(http, body, detail):
    """But of JSON."""
    assert problem(http.post("/v1/collections/c/search", json=body))["detail"] == detail


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("POST", "/v1/collections/A/search", 400),
    ],
)
def test_errors_of_the_framework_are_problems_too(http, method, path, status):
    """And keep their headers."""
    response = http.open(path, method=method, json={"text": "x"})
    assert problem(response)["status"] == status
    if status == 405:
        assert "GET" in response.headers["Allow"]


def test_a_body_above_the_limit_is_too_large(http):
    """Whatever it holds."""
    response = http.post("/v1/collections/c/search", json={"text": "x" * 20_000})
    assert problem(response)["type"] == "urn:triptych:problem:too-large"
    assert response.status_code == 413


def test_a_defect_is_logged_and_not_shown(http, nothing):
    """The caller learns that it is not their fault, and nothing of the inside."""
    nothing.error = ZeroDivisionError("password=secret")
    with structlog.testing.capture_logs() as logs:
        body = problem(http.put("/v1/collections/c"))
    assert body["status"] == 500
    assert "secret" not in json.dumps(body)
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize("path", ["batches/x", "batches/" + "a" * 32 + ":done", "batches/a%0A",
                                  "batches/x/failures", "collections/c/items/a%00b",
                                  "collections/c/items/" + "x" * 513])  # fmt: skip
def test_a_path_that_can_name_nothing_is_not_found(http, path):
    """Neither Redis nor the index is asked."""
    assert problem(http.get(f"/v1/{path}"))["type"] == "urn:triptych:problem:not-found"


def test_a_broken_chunk_is_the_callers_mistake(http):
    """The server finds it while the body is read."""

    class Broken(io.RawIOBase):
        def readinto(self, _) -> Never:
            raise InvalidChunkSize(b"zz")

    response = http.post(
        "/v1/collections/c/search",
        content_type="application/json",
        environ_overrides={"wsgi.input": Broken(), "wsgi.input_terminated": True},
    )
    assert problem(response)["status"] == 400


def test_a_long_detail_is_cut(http, nothing):
    """And what no UTF-8 can hold is escaped."""
    nothing.error = errors.InvalidInput("\ud800" + "x" * 9000, field="\ud800")
    body = problem(http.put("/v1/collections/c"))
    assert len(body["detail"]) < 2100
    assert (body["detail"][:6], body["field"]) == ("\\ud800", "\\ud800")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://localhost:1"]
)
def test_another_origin_may_change_nothing(http, origin):
    """A page that the user has open must not send items, not even delete them."""
    for method in (http.post, http.put, http.delete):
        response = method("/v1/collections/c", headers={"Origin": origin})
        assert problem(response)["type"] == "urn:triptych:problem:cross-origin"
    assert http.get("/healthz", headers={"Origin": origin}).status_code == 200


def test_the_same_origin_may(http, nothing):
    """It gets as far as the index."""
    nothing.error = errors.NotFound("reached")
    headers = {"Origin": "http://Localhost:8080", "Host": "localhost:8080"}
    assert problem(http.delete("/v1/collections/c", headers=headers))["detail"] == "reached"


LOCAL = ("localhost", "LOCALHOST:80", "a.localhost:80", "127.0.0.1:8080", "10.1.2.3", "[::1]:80")


@pytest.mark.parametrize(
    ("trusted", "host", "status"),
    [
        *(((), host, 200) for host in LOCAL),
        ((), "evil.org", 403),
        ((), "evil.org:8080", 403),
        ((), "127.0.0.1.evil.org", 403),
        ((), "localhost.evil.org", 403),
        ((), "1.2.3", 403),
        ((), "[::1", 403),
        (("a.org",), "a.org:8080", 200),
        (("a.org",), "b.a.org", 403),
        ((".a.org",), "b.a.org", 200),
        (("a.org",), "localhost", 200),
        (("*",), "evil.org", 200),
    ],
)
def test_only_hosts_that_are_known_are_answered(app, trusted, host, status):
    """A name that a page points at this machine is none."""
    found = app.extensions["triptych"]
    settings = found.engine.settings.model_copy(update={"trusted_hosts": trusted})
    engine = changed(found.engine, settings=settings)
    http = create_app(replace(found, engine=engine)).test_client()
    response = http.get("/healthz", headers={"Host": host})
    assert response.status_code == status
    if status == 403:
        assert problem(response)["type"] == "urn:triptych:problem:unknown-host"
        assert "TRIPTYCH_TRUSTED_HOSTS" in problem(response)["detail"]


def test_nothing_to_search_for(http):
    """What is not wanted alone is no query."""
    body = problem(http.post("/v1/collections/c/search", json={"not": {"text": "cat"}}))
    assert (body["detail"], body["field"]) == (
        "the query has only negative parts: add others",
        "not",
    )


@pytest.mark.parametrize(
    ("fields", "field", "status"),
    [
        ({"text": " "}, "text", 422),
        ({"text": "a\0"}, "text", 422),
        ({"image": "AAAA"}, "image", 422),
        ({"audio": "AAAA"}, "audio", 422),
        ({"image": "?"}, "image", 400),
    ],
)
def test_the_part_of_a_query_that_is_wrong_is_named(http, fields, field, status):
    """Before any model or index is asked."""
    body = problem(http.post("/v1/collections/c/search", json=fields))
    assert (body["field"], body["status"]) == (field, status)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
)
FIELDS = st.sampled_from(
    ["image", "weights", "filter", "fusion", "limit", "text", "x", "not", "facets", "sort",
     "fields", "highlight", "explain", "verify", "cursor", "language", "syntax", "audio"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(FIELDS, JSON, min_size=1).filter(
        lambda body: not isinstance(body.get("text"), str)
    )
)
def test_no_body_is_a_defect(http, nothing, body):
    """Whatever the JSON, the caller is told what is wrong with it, or gets as far as the index."""
    nothing.error = errors.NotFound("reached")
    response = http.post("/v1/collections/c/search", json=json.loads(json.dumps(body)))
    assert problem(response)["status"] in {400, 404, 422}
