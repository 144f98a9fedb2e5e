"""From a request to checked values."""

import base64
import io
import json
from dataclasses import replace

import pytest
from flask import Flask, request

from support import changed
from triptych.core.errors import Busy, InvalidInput, TooLarge
from triptych.gateway.requests import (
    collection_name,
    read_body,
    read_item,
    read_search,
    refuse_when_busy,
)
from triptych.search.request import SearchRequest


def read(app: Flask, **options):
    """What is read of a request: fields and files."""
    with app.test_request_context("/", method="POST", **options):
        upload = read_item(request)
        return upload.fields, upload.files


def form(**fields) -> dict[str, object]:
    """A multipart body; bytes are files."""
    data = {
        name: (io.BytesIO(value), f"{name}.bin") if isinstance(value, bytes) else value
        for name, value in fields.items()
    }
    return {"data": data, "content_type": "multipart/form-data"}


def test_json_with_media(app):
    """Base64 becomes bytes."""
    body = {"text": "x", "image": base64.b64encode(b"pixels").decode(), "tags": ["a"]}
    fields, media = read(app, json=body)
    assert (fields.text, fields.tags) == ("x", ["a"])
    assert media == {"image": b"pixels"}


def test_a_form_with_files(app):
    """Strings are strings, whatever they look like; everything else is JSON."""
    options = form(text="5", id="null", tags='["a","b"]', metadata='{"n":1}', image=b"pixels")
    fields, media = read(app, **options)
    assert (fields.text, fields.id, fields.tags, fields.metadata) == (
        "5",
        "null",
        ["a", "b"],
        {"n": 1},
    )
    assert media == {"image": b"pixels"}


def test_a_form_of_a_search(app):
    """Weights, filter and the like are JSON; texts are strings, whatever they look like."""
    options = form(
        weights='{"text":2}', filter='{"tags":["a"]}', limit="3", fusion="rrf", text="5",
        image=b"x", sort='["id"]', facets='["tags"]', fields="[]", explain="false",
    )  # fmt: skip
    with app.test_request_context("/", method="POST", **options):
        found = read_search(request)
    assert (found.weights.text, found.filter.given(), found.limit, found.fusion, found.text) == (
        2,
        {"tags": ["a"]},
        3,
        "rrf",
        ("5",),
    )
    assert (found.image, found.fields, found.explain) == ((b"x",), [], False)
    assert [sort.field for sort in found.sort] == ["id"]
    assert [facet.field for facet in found.facets] == ["tags"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"data": b"{", "content_type": "application/json"}, "body is not JSON"),
        ({"data": b"", "content_type": "application/json"}, "body is not JSON"),
        ({"data": b"[" * 5000, "content_type": "application/json"}, "body is not JSON"),
        ({"data": b"[]", "content_type": "application/json"}, "body is not a JSON object"),
        ({"data": b'"\xff"', "content_type": "application/json"}, "not UTF-8: byte 1"),
        ({"data": b"x", "content_type": "text/plain"}, "content type 'text/plain'"),
        ({"json": {"image": "!"}}, "image is not base64"),
        (form(image="words"), "image must be a file"),
        (form(video=b"x"), "file field 'video' is unknown; image, text, audio are accepted"),
    ],
)
def test_what_can_not_be_read_is_refused(app, options, reason):
    """With what would be accepted."""
    with pytest.raises(InvalidInput, match=reason):
        read(app, **options)


def test_files_have_the_names_that_their_uploader_gave_them(app):
    """And may have none."""
    with app.test_request_context("/", method="POST", **form(image=b"pixels", text="a")):
        assert read_item(request).names == {"image": "image.bin"}


def test_a_search_without_a_body_has_every_default(app):
    """But an empty text is no JSON."""
    with app.test_request_context("/", method="POST"):
        assert read_search(request) == SearchRequest()
    with (
        app.test_request_context("/", method="POST", content_type="application/json"),
        pytest.raises(InvalidInput, match="body is not JSON"),
    ):
        read_search(request)


def test_what_is_given_twice_is_refused(app):
    """As two files, or as a file and a field."""
    twice = {"image": [(io.BytesIO(b"1"), "a"), (io.BytesIO(b"2"), "b")]}
    with pytest.raises(InvalidInput, match="file 'image' is given twice"):
        read(app, data=twice, content_type="multipart/form-data")
    both = {"text": ["words", (io.BytesIO(b"1"), "a.txt")]}
    with pytest.raises(InvalidInput, match="text is given twice, as a file and as a field"):
        read(app, data=both, content_type="multipart/form-data")


def test_fields_are_taken_literally(app):
    """An id that looks like JSON is what was typed; only tags and the like are JSON."""
    for value in ("42", "null", '"x"', "[1]"):
        fields, _ = read(app, **form(id=value, text=value, source=value))
        assert (fields.id, fields.text, fields.source) == (value, value, value)


def test_a_field_given_twice_is_refused(app):
    """As a file given twice is."""
    twice = {"data": {"id": ["a", "b"]}, "content_type": "multipart/form-data"}
    with pytest.raises(InvalidInput, match="field 'id' is given twice") as caught:
        read(app, **twice)
    assert caught.value.field == "id"


def test_files_are_bounded(app):
    """In a form and in JSON; exactly the limit is fine."""
    limit = app.extensions["triptych"].engine.settings.limits.file_bytes
    assert read(app, **form(image=b"x" * limit))[1] == {"image": b"x" * limit}
    with pytest.raises(TooLarge) as caught:
        read(app, **form(image=b"x" * (limit + 1)))
    assert caught.value.field == "image"
    with pytest.raises(TooLarge):
        read(app, json={"image": base64.b64encode(b"x" * (limit + 1)).decode()})


def test_bodies_in_pieces_are_bounded(app):
    """They say no length before; a longer one is refused, not cut."""
    limit = app.extensions["triptych"].engine.settings.limits.body_bytes
    for size in (limit, limit + 1, 2 * limit):
        with app.test_request_context(
            "/",
            method="POST",
            input_stream=io.BytesIO(b"x" * size),
            headers={"transfer-encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        ):
            if size <= limit:
                assert read_body(request, limit) == b"x" * size
                continue
            with pytest.raises(TooLarge, match=f"more than {limit} bytes"):
                read_body(request, limit)


def test_json_is_bounded(app):
    """Below other bodies, and with a way out."""
    found = app.extensions["triptych"]
    limits = found.engine.settings.limits.model_copy(update={"json_bytes": 100})
    settings = found.engine.settings.model_copy(update={"limits": limits})
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, settings=settings))
    with pytest.raises(TooLarge, match="more than 100 bytes; larger media are accepted as files"):
        read(app, json={"text": "x" * 100})
    assert read(app, json={"text": "x" * 80})[0].text == "x" * 80


@pytest.mark.parametrize("name", ["photos", "a", "0-9_x", "a" * 64])
def test_names_of_collections(name):
    """Lower-case letters, digits, dash and underscore."""
    assert collection_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "_a", "a" * 65, "a b", "a\n", "é", "*", "a,b", ".."]
)
def test_other_names_are_refused(name):
    """They would mean something to the index."""
    with pytest.raises(InvalidInput) as caught:
        collection_name(name)
    assert caught.value.field == "collection"


def test_a_full_queue_is_busy(app, lists):
    """From the bound on, and not below."""
    with app.app_context():
        lists.waiting = 9
        refuse_when_busy()
        lists.waiting = 10
        with pytest.raises(Busy, match="10 chunks wait, the bound is 10"):
            refuse_when_busy()


def test_a_busy_gateway_does_not_read_the_body(http, lists):
    """429 with the time to wait, for items and batches."""
    lists.waiting = 99
    for resource in ("items", "batches"):
        response = http.post(f"/v1/collections/c/{resource}", data=b"{", content_type="text/plain")
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 0
        assert json.loads(response.data)["type"] == "urn:triptych:problem:busy"
