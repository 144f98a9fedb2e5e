"""The media of items over HTTP: as they were sent, in parts, and never run."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from support import changed
from triptych.core.errors import NotFound

PATH = "/v1/collections/c/items/a/b/media"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
PAGE = b"<!doctype html><script>alert(1)</script>"


def png() -> bytes:
    """A picture."""
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    return file.getvalue()


class Index:
    """One item."""

    def __init__(self, **fields) -> None:
        self.fields = fields

    def get(self, _: str, item: str):
        """The document."""
        if item != "a/b":
            raise NotFound(f"no item {item}")
        return {"id": item, **self.fields}


@pytest.fixture
def held(app, http):
    """Puts an item with this image; its client."""

    def put(image: bytes | None = None, **fields):
        found = app.extensions["triptych"]
        media = {} if image is None else {"image": found.engine.store.put(image)}
        engine = changed(found.engine, index=Index(media=media, **fields))
        app.extensions["triptych"] = replace(found, engine=engine)
        return http

    return put


def test_an_image_is_returned_as_it_was_sent(held):
    """With its type, and the digest of its content as its tag."""
    response = held(png()).get(f"{PATH}/image")
    assert (response.status_code, response.data) == (200, png())
    assert response.content_type == "image/png"
    assert response.content_length == len(png())
    assert not response.headers["ETag"].startswith("W/")
    assert "private" in response.headers["Cache-Control"]


def test_what_did_not_change_is_not_sent_again(held):
    """Nor is the body sent for HEAD."""
    http = held(png())
    tag = http.get(f"{PATH}/image").headers["ETag"]
    again = http.get(f"{PATH}/image", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    part = http.get(f"{PATH}/image", headers={"If-None-Match": tag, "Range": "bytes=0-9"})
    assert part.status_code == 304
    head = http.head(f"{PATH}/image")
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(png()))


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-9", 0, 10), ("5-", 5, None), ("-7", -7, None)]
)
def test_a_part_of_it(held, asked, start, end):
    """As players ask for, to go to a place in a sound."""
    response = held(png()).get(f"{PATH}/image", headers={"Range": f"bytes={asked}"})
    assert (response.status_code, response.data) == (206, png()[start:end])
    assert response.headers["Content-Range"].endswith(f"/{len(png())}")


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "items=0-1", "bytes=-99999", "nonsense"])
def test_what_is_no_part_is_the_whole(held, asked):
    """As a server may answer; HEAD is about the whole, too."""
    http = held(png())
    response = http.get(f"{PATH}/image", headers={"Range": asked})
    assert (response.status_code, response.data) == (200, png())
    head = http.head(f"{PATH}/image", headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content_length) == (200, len(png()))


def test_a_part_that_there_is_not(held):
    """Is a problem that says how much there is."""
    response = held(png()).get(f"{PATH}/image", headers={"Range": "bytes=999999-"})
    assert (response.status_code, response.content_type) == (416, "application/problem+json")
    assert response.headers["Content-Range"] == f"bytes */{len(png())}"


@pytest.mark.parametrize(
    ("data", "content_type", "is_attached"),
    [
        (SVG, "image/svg+xml", False),
        (PAGE, "application/octet-stream", True),
        (b"GIF89a" + PAGE, "image/gif", False),
        (b"MZ", "application/octet-stream", True),
    ],
)
def test_a_file_of_a_stranger_is_never_run(held, data, content_type, is_attached):
    """The browser takes it for what we say that it is, and in a sandbox."""
    response = held(data).get(f"{PATH}/image")
    assert response.content_type == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert ("Content-Disposition" in response.headers) is is_attached


def test_a_text_is_a_plain_text(held):
    """Whatever is in it."""
    response = held(text="<script>ä</script>").get(f"{PATH}/text")
    assert response.data.decode() == "<script>ä</script>"
    assert response.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize("modality", ["image", "text", "audio"])
def test_a_part_that_the_item_lacks(held, modality):
    """Is not found, by its name."""
    response = held().get(f"{PATH}/{modality}")
    assert (response.status_code, response.json["detail"]) == (404, f"item a/b has no {modality}")


def test_media_that_are_gone(held, app):
    """A document may outlive them, where the store lost a file."""
    http = held(png())
    engine = app.extensions["triptych"].engine
    (stored,) = engine.store.media()
    assert engine.store.collect_media(stored.name, 2**40)
    assert http.get(f"{PATH}/image").status_code == 404


def test_the_end_of_a_path_may_be_a_part_of_an_id(app, http):
    """Where no item has such a part, the document of one that is called so is meant."""

    class One:
        def get(self, _: str, item: str):
            if item != "x/media/image":
                raise NotFound(f"no item {item}")
            return {"id": item, "media": {}}

    found = app.extensions["triptych"]
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, index=One()))
    assert http.get("/v1/collections/c/items/x/media/image").json["id"] == "x/media/image"
    missing = http.get("/v1/collections/c/items/y/media/image")
    assert (missing.status_code, missing.json["detail"]) == (404, "no item y")
