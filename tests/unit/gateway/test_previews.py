"""Thumbnails and waveforms over HTTP."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from support import changed
from triptych.core.errors import NotFound
from triptych.media.audio import RATE
from unit.gateway.test_media import Index, png
from unit.media.sounds import tone, write

ITEM = "/v1/collections/c/items/a/b"


@pytest.fixture
def held(app, http):
    """Puts an item with these media; its client and their digests."""

    def put(**media: bytes):
        found = app.extensions["triptych"]
        digests = {part: found.engine.store.put(data) for part, data in media.items()}
        engine = changed(found.engine, index=Index(media=digests))
        app.extensions["triptych"] = replace(found, engine=engine)
        return http, digests

    return put


@pytest.mark.parametrize(("asked", "size"), [("", 256), ("?size=1", 64), ("?size=65", 128)])
def test_a_thumbnail_is_a_webp(held, asked, size):
    """Of the next size, and as safe as the picture itself."""
    http, _ = held(image=png())  # of 256 × 256
    response = http.get(f"{ITEM}/thumbnail{asked}")
    assert (response.status_code, response.content_type) == (200, "image/webp")
    assert Image.open(io.BytesIO(response.data)).size == (size, size)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["thumbnail", "waveform"])
def test_what_did_not_change_is_not_sent_again(held, path):
    """Its tag is that of the picture or sound, the size and how it was made."""
    http, _ = held(image=png(), audio=write(tone(RATE), RATE))
    first = http.get(f"{ITEM}/{path}")
    assert first.headers["ETag"].startswith('"')
    again = http.get(f"{ITEM}/{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_sizes_have_tags_of_their_own(held):
    """And so has another picture of the same item."""
    http, _ = held(image=png())
    tags = {http.get(f"{ITEM}/thumbnail?size={size}").headers["ETag"] for size in (64, 128)}
    other = io.BytesIO()
    Image.new("RGB", (9, 9)).save(other, "PNG")
    http, _ = held(image=other.getvalue())
    assert len({http.get(f"{ITEM}/thumbnail?size=64").headers["ETag"], *tags}) == 3


def test_an_address_with_the_digest_may_be_kept_for_ever(held):
    """While it is the digest of the item; one that was sent again is shown as it is now."""
    http, digests = held(image=png(), audio=write(tone(RATE), RATE))
    for path, part in (("thumbnail", "image"), ("waveform", "audio")):
        right = http.get(f"{ITEM}/{path}?digest={digests[part]}").headers["Cache-Control"]
        assert right == "private, max-age=31536000, immutable"
        other = http.get(f"{ITEM}/{path}?digest={'0' * 64}")
        assert (other.status_code, other.headers["Cache-Control"]) == (200, "private, no-cache")


@pytest.mark.parametrize("asked", ["size=0", "size=1025", "size=x", "digest=1", "colour=red"])
def test_what_is_no_size(held, asked):
    """Is refused."""
    http, _ = held(image=png())
    assert http.get(f"{ITEM}/thumbnail?{asked}").status_code == 400


def test_a_waveform_can_be_drawn(held):
    """By libraries for the format of audiowaveform; it tells the duration."""
    http, _ = held(audio=write(tone(RATE, 2), RATE))
    found = http.get(f"{ITEM}/waveform")
    assert found.content_type == "application/json"
    assert (found.json["version"], found.json["bits"], found.json["duration"]) == (2, 8, 2.0)
    assert len(found.json["data"]) == 2 * found.json["length"]
    assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_an_item_without_it(held):
    """Is a problem that says so; what is no picture says what it is."""
    http, _ = held(audio=b"no sound")
    response = http.get(f"{ITEM}/thumbnail")
    assert (response.status_code, response.json["detail"]) == (404, "item a/b has no image")
    http, _ = held(image=b"no picture")
    response = http.get(f"{ITEM}/waveform")
    assert (response.status_code, response.json["detail"]) == (404, "item a/b has no audio")
    response = http.get(f"{ITEM}/thumbnail")
    assert response.status_code == 422
    assert response.json["type"].endswith(":unusable-media")


def test_the_end_of_a_path_may_be_a_part_of_an_id(app, http):
    """Where no item has a picture, the document of one that is called so is meant."""

    class One:
        def get(self, _: str, item: str):
            if item != "x/thumbnail":
                raise NotFound(f"no item {item}")
            return {"id": item, "media": {}}

    found = app.extensions["triptych"]
    app.extensions["triptych"] = replace(found, engine=changed(found.engine, index=One()))
    assert http.get("/v1/collections/c/items/x/thumbnail").json["id"] == "x/thumbnail"
    assert http.get("/v1/collections/c/items/y/thumbnail").json["detail"] == "no item y"
