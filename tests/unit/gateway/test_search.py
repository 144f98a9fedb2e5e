"""What HTTP alone does with searches: forms, URLs, status codes, problem documents."""

import base64
import io
import json
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from triptych.cli.variations import wav
from unit.seeded import cats_and_others, document


@pytest.fixture(autouse=True)
def cats(index):
    """Thirty texts, and items with other parts."""
    index.add(*cats_and_others())


def png(value: int) -> bytes:
    """A picture."""
    return cv2.imencode(".png", np.full((8, 8, 3), value, np.uint8))[1].tobytes()


def encoded(data: bytes) -> str:
    """As JSON has it."""
    return base64.b64encode(data).decode()


def tone() -> bytes:
    """A sound."""
    return wav(np.sin(np.arange(22_050) / 20).astype(np.float32))


def test_an_answer_is_json(searching):
    """Without what it does not have."""
    answer = searching({"text": "cat number3", "limit": 2})
    assert set(answer) == {"hits", "total", "took_ms", "fusion"}
    assert answer["hits"][0]["id"] == "i003"
    assert set(answer["hits"][0]) == {"id", "score", "item", "why"}
    assert "blocks" not in answer["hits"][0]["why"]["keyword"]
    page = searching({"text": "cat", "limit": 2, "cursor": "*", "facets": ["tags"]})
    assert set(page) == {"hits", "total", "took_ms", "facets", "cursor", "fusion"}
    assert page["hits"][0]["why"]["text"]["blocks"]
    listing = searching({"limit": 2, "highlight": True})
    assert [set(hit) for hit in listing["hits"]] == [{"id", "score", "item"}] * 2
    assert [hit["score"] for hit in listing["hits"]] == [None, None]


def test_an_id_may_end_like_the_path_of_similar_items(make_client, index):
    """Such an item is shown, unless there is one whose id is the rest."""
    index.add(document("photos/similar", text="a"))
    path = "/v1/collections/c/items/photos/similar"
    client = make_client()
    assert client.get(path).json["id"] == "photos/similar"
    assert client.post(path, json={}).status_code == 404
    assert "'nobody'" in client.get("/v1/collections/c/items/nobody/similar").json["detail"]


def test_similar_items(searching, make_client):
    """By POST with every option, by GET with some."""
    client = make_client()
    short = client.get("/v1/collections/c/items/all/similar?limit=2&fusion=rrf&explain=false").json
    assert len(short["hits"]) == 2
    assert "why" not in short["hits"][0]
    for query in ("limit=0", "colour=red", "explain=perhaps", "limit=1&limit=2", "fusion=no"):
        wrong = client.get(f"/v1/collections/c/items/all/similar?{query}")
        assert (wrong.status_code, wrong.json["field"]) == (400, query.partition("=")[0])
    assert searching({}, 400, "items/none/similar")["field"] == "item"
    assert searching({}, 404, "items/nobody/similar")["detail"].endswith(
        "no item 'nobody' in collection 'c'"
    )
    for more in ({"text": "x"}, {"cursor": "*"}, {"image": "item:all"}, {"like": ["all"]}):
        assert searching(more, 400, "items/all/similar")["field"] == next(iter(more))


def test_a_form_has_the_same_parts(make_client, seeded):
    """Files beside texts, each one or several, with what to be unlike."""
    data = {
        "text": ["cat number1", "number2"],
        "image": [(io.BytesIO(png(3)), "a.png"), (io.BytesIO(png(4)), "b.png"), "item:all"],
        "audio": (io.BytesIO(tone()), "a.wav"),
        "not": '{"text": "whole"}',
        "not.image": [(io.BytesIO(png(5)), "c.png"), (io.BytesIO(png(6)), "d.png")],
        "explain": "true",
        "sort": '["id"]',
        "fields": "[]",
        "limit": "100",
        "like": '["i001"]',
    }
    response = make_client().post("/v1/collections/c/search", data=data)
    assert response.status_code == 200, response.text
    signals = {name for hit in response.json["hits"] for name in hit["why"]}
    assert signals == {"keyword", "text", "image", "audio", "not.text", "not.image"}
    assert seeded["text"].seen == ["cat number1", "number2", "whole"]
    assert [int(seen.max()) for seen in seeded["image"].seen] == [3, 4, 5, 6]


def test_a_busy_encoder_is_429(make_client):
    """With the time to wait."""
    client = make_client()
    engine = client.application.extensions["triptych"].engine
    taken = {**engine.searcher.slots, "image": threading.Semaphore(0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "searcher", replace(engine.searcher, slots=taken))
        patch.setattr("triptych.search.searcher._SLOT_SECONDS", 0.01)
        response = client.post("/v1/collections/c/search", json={"image": encoded(png(7))})
    assert response.status_code == 429
    assert response.headers["retry-after"]


def test_an_expired_cursor_is_410(make_client, index):
    """With the field."""
    client = make_client()
    cursor = client.post("/v1/collections/c/search", json={"cursor": "*", "limit": 5}).json[
        "cursor"
    ]
    index.drop("c")
    index.ensure("c")
    answer = client.post("/v1/collections/c/search", json={"cursor": cursor})
    assert (answer.status_code, answer.json["field"]) == (410, "cursor")
    assert answer.json["type"] == "urn:triptych:problem:cursor-expired"


def test_a_collection_that_is_not_there(make_client):
    """Is a 404, for whatever is requested."""
    client = make_client()
    for body in (
        {"text": "cat"}, {}, {"image": "item:x"}, {"text": "cat", "cursor": "*"}, {"like": ["x"]},
    ):  # fmt: skip
        assert client.post("/v1/collections/other/search", json=body).status_code == 404


def test_collections_are_listed(make_client, index, monkeypatch):
    """With their items; one that was deleted meanwhile is left out; advice if there is some."""
    client = make_client()
    with monkeypatch.context() as patch:
        patch.setattr(index, "collections", lambda: ["c", "gone"])
        assert client.get("/v1/collections").json == {
            "collections": [
                {
                    "name": "c",
                    "items": {"total": 33, "indexed": 32, "failed": 1},
                    "state": "current",
                }
            ]
        }
    assert "advice" not in client.get("/v1/collections/c").json
    monkeypatch.setattr(index, "advice", lambda _: "move house")
    assert client.get("/v1/collections/c").json["advice"] == "move house"


GOOD = {"text": "cat"}
DEEP: dict = {}
for _ in range(200):
    DEEP = {"a": DEEP}

BAD = {
    "text is a number": ({"text": 5}, "text"),
    "text is an object": ({"text": {"a": 1}}, "text"),
    "texts are none": ({"text": []}, "text"),
    "a text is a number": ({"text": ["a", 5]}, "text"),
    "too many texts": ({"text": ["a"] * 9}, "text"),
    "text is blank": ({"text": ["cat", " "]}, "text.1"),
    "text is a surrogate": ({"text": "\ud800"}, "text"),
    "text has NUL": ({"text": "a\0"}, "text"),
    "text is 10 MB": ({"text": "x" * 10_000_000}, "text"),
    "only what is not wanted": ({"text": "-cat"}, "text"),
    "only not": ({"not": {"text": "cat"}}, "not"),
    "not is a list": ({**GOOD, "not": ["cat"]}, "not"),
    "not has a colour": ({**GOOD, "not": {"colour": "red"}}, "not.colour"),
    "not finds nothing": ({**GOOD, "not": {"text": "-cat"}}, "not.text"),
    "not is no picture": ({**GOOD, "not": {"image": "aGVsbG8="}}, "not.image"),
    "image is no base64": ({"image": "elephant.png"}, "image"),
    "image is a surrogate": ({"image": "\ud800"}, "image"),
    "image is no picture": ({"image": ["item:seen", "aGVsbG8="]}, "image.1"),
    "image of an unknown item": ({"image": "item:nobody"}, "image"),
    "image of no item": ({"image": "item:"}, "image"),
    "image of an item without": ({"image": "item:i001"}, "image"),
    "image of a failure": ({"image": "item:none"}, "image"),
    "image by URL": ({"image": "https://example.org/a.png"}, "image"),
    "image is a file URL": ({"image": "file:///etc/passwd"}, "image"),
    "text of an unknown item": ({"text": ["a", "item:nobody"]}, "text.1"),
    "text of an item without": ({"text": "item:seen"}, "text"),
    "audio is silence": ({"audio": encoded(wav(np.zeros(22_050, np.float32)))}, "audio"),
    "audio is a picture": ({"audio": encoded(png(5))}, "audio"),
    "like is a number": ({"like": [5]}, "like.0"),
    "like nobody": ({"like": ["nobody"]}, "like"),
    "like a failure": ({**GOOD, "like": ["none"]}, "like"),
    "like many": ({"like": ["all"] * 9}, "like"),
    "language": ({**GOOD, "language": "English"}, "language"),
    "syntax": ({**GOOD, "syntax": "lucene"}, "syntax"),
    "weight is a string": ({**GOOD, "weights": {"text": "1"}}, "weights.text"),
    "weight is true": ({**GOOD, "weights": {"text": True}}, "weights.text"),
    "weight is NaN": ({**GOOD, "weights": {"text": float("nan")}}, "weights.text"),
    "weight is infinite": ({**GOOD, "weights": {"keyword": float("inf")}}, "weights.keyword"),
    "weight is huge": ({**GOOD, "weights": {"keyword": 10**400}}, "weights.keyword"),
    "weight is negative": ({**GOOD, "weights": {"not": -0.1}}, "weights.not"),
    "weight of nothing": ({**GOOD, "weights": {"smell": 1}}, "weights.smell"),
    "weight of against": ({**GOOD, "weights": {"against": 1}}, "weights.against"),
    "weights are zero": ({**GOOD, "weights": {"text": 0, "keyword": 0}}, "weights"),
    "weights are a list": ({**GOOD, "weights": [1]}, "weights"),
    "fusion": ({**GOOD, "fusion": "magic"}, "fusion"),
    "limit is a fraction": ({**GOOD, "limit": 1.5}, "limit"),
    "limit is a string": ({**GOOD, "limit": "5"}, "limit"),
    "limit is true": ({**GOOD, "limit": True}, "limit"),
    "limit is huge": ({**GOOD, "limit": 10**30}, "limit"),
    "limit is none": ({**GOOD, "limit": None}, "limit"),
    "min_score is a string": ({**GOOD, "min_score": "0.5"}, "min_score"),
    "min_score is no number": ({**GOOD, "min_score": float("nan")}, "min_score"),
    "min_score of a listing": ({"min_score": 0.5}, "min_score"),
    "exact_total": ({**GOOD, "exact_total": 1}, "exact_total"),
    "a group is no list": ({"filter": {"or": {"tags": "a"}}}, "filter.or"),
    "a group has nothing": ({"filter": {"not": {"or": [{"x": 1}]}}}, "filter.not.or.0.x"),
    "a box is upside down": (
        {"filter": {"or": [{"place": {"north": 1, "south": 2, "west": 0, "east": 1}}]}},
        "filter.or.0.place",
    ),
    "a latitude is too large": (
        {"filter": {"place": {"latitude": 91, "longitude": 0, "within": 5}}},
        "filter.place.latitude",
    ),
    "explain": ({**GOOD, "explain": "yes"}, "explain"),
    "highlight": ({**GOOD, "highlight": 1}, "highlight"),
    "verify without image": ({**GOOD, "verify": True}, "verify"),
    "verify of two": ({"image": ["item:seen", "item:all"], "verify": True}, "verify"),
    "verify a listing": ({"verify": True}, "verify"),
    "verify sorted": ({"image": "item:seen", "verify": True, "sort": ["id"]}, "verify"),
    "verify paged": ({"image": "item:seen", "verify": True, "cursor": "*"}, "verify"),
    "fields are unknown": ({**GOOD, "fields": ["text", "colour"]}, "fields.1"),
    "fields are hidden": ({**GOOD, "fields": ["features"]}, "fields.0"),
    "fields are numbers": ({**GOOD, "fields": [1]}, "fields.0"),
    "fields are a string": ({**GOOD, "fields": "text"}, "fields"),
    "filter is a list": ({**GOOD, "filter": ["tags"]}, "filter"),
    "filter is deep": ({**GOOD, "filter": {"tags": DEEP}}, "filter.tags"),
    "sort of nothing": ({"sort": ["colour"]}, "sort.0.field"),
    "sort is a number": ({**GOOD, "sort": ["id", 5]}, "sort.1"),
    "sort has an order": ({**GOOD, "sort": [{"field": "id", "order": "up"}]}, "sort.0.order"),
    "sort a listing by score": ({"sort": ["score"]}, "sort.0"),
    "sorts are many": ({**GOOD, "sort": ["id"] * 5}, "sort"),
    "facet of nothing": ({"facets": ["text"]}, "facets.0.field"),
    "facets are many": ({"facets": ["tags"] * 17}, "facets"),
    "facet twice": ({"facets": ["tags", {"field": "tags"}]}, "facets.1"),
    "facet is large": ({"facets": [{"field": "tags", "size": 101}]}, "facets.0.size"),
    "facet of dates": ({"facets": ["added"]}, "facets.0"),
    "cursor is a number": ({**GOOD, "cursor": 5}, "cursor"),
    "cursor is empty": ({**GOOD, "cursor": ""}, "cursor"),
    "cursor is noise": ({**GOOD, "cursor": "abcd"}, "cursor"),
    "cursor is a surrogate": ({"cursor": "\ud800"}, "cursor"),
    "cursor is long": ({**GOOD, "cursor": "a" * 10_000}, "cursor"),
    "an unknown field": ({**GOOD, "colour": "red"}, "colour"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named(make_client, case):
    """A 4xx with the field, never a defect."""
    body, field = BAD[case]
    response = make_client().post(
        "/v1/collections/c/search", data=json.dumps(body), content_type="application/json"
    )
    assert 400 <= response.status_code < 500, response.text
    assert response.content_type == "application/problem+json"
    assert response.json["field"] == field, response.text


@pytest.mark.parametrize(
    ("data", "kind", "field"),
    [
        (b'{"text": "a", "text": "b"}', "application/json", "text"),
        (b'{"weights": {"text": 1, "text": 2}}', "application/json", "text"),
        (b'{"text": "\xff"}', "application/json", "body"),
        (b"[" * 100_000, "application/json", "body"),
        (b'{"a":' * 100_000, "application/json", "body"),
        (b'{"limit": ' + b"9" * 5000 + b"}", "application/json", "body"),
        (b'["text"]', "application/json", "body"),
        (b"", "application/json", "body"),
        (b"text=cat", "application/x-www-form-urlencoded", "content-type"),
        (b"cat", "text/plain", "content-type"),
    ],
)
def test_what_can_not_be_read_is_named(make_client, data, kind, field):
    """Whatever the bytes."""
    response = make_client().post("/v1/collections/c/search", data=data, content_type=kind)
    assert (response.status_code, response.json["field"]) == (400, field)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"limit": "many"}, "limit"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"filter": "{tags"}, "filter"),
        ({"not": "[1]", "not.image": (io.BytesIO(b"x"), "a.png")}, "not"),
        ({"not": '{"image": 5}', "not.image": (io.BytesIO(b"x"), "a.png")}, "not.image"),
        ({"video": (io.BytesIO(b"x"), "a.mp4")}, "video"),
        ({"image": "elephant.png"}, "image"),
        ({"weights": '{"text": NaN}', "text": "cat"}, "weights.text"),
        ({"weights": '{"text": 1, "text": 2}', "text": "cat"}, "text"),
    ],
)
def test_a_form_that_is_wrong(make_client, data, field):
    """Is refused as JSON is."""
    response = make_client().post(
        "/v1/collections/c/search", data=data, content_type="multipart/form-data"
    )
    assert (response.status_code, response.json["field"]) == (400, field), response.text


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"--x\r\n", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nca',
            "multipart/form-data; boundary=x",
        ),
        (b"--y\r\n", "multipart/form-data; boundary=x"),
    ],
    ids=["no boundary", "cut", "another boundary"],
)
def test_a_form_that_can_not_be_read(make_client, data, kind):
    """Is no empty form, which would list the collection."""
    response = make_client().post("/v1/collections/c/search", data=data, content_type=kind)
    assert (response.status_code, response.json["field"]) == (400, "body"), response.text
