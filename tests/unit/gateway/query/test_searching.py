"""Answers to searches and listings, over an index in memory and encoders without models."""

import base64
import io
import json
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from support import layout
from triptych.cli.variations import wav
from unit.gateway.shelf import document, numbered, vector


@pytest.fixture(autouse=True)
def cats(shelf):
    """Thirty texts, and two items with other parts."""
    shelf.documents |= {one["id"]: one for one in numbered(30)}
    shelf.documents["seen"] = document("seen", blocks={"visual": vector("seen", 256)})
    shelf.documents["all"] = document(
        "all",
        text="cat whole",
        language="en",
        metadata={"year": 1999, "place": "Brno"},
        blocks={"visual": vector("all", 256), "acoustic": vector("all", 120)},
    )
    shelf.documents["none"] = document(
        "none", status="failed", errors={"image": "cut"}, modalities=[]
    )


def png(value: int) -> bytes:
    """A picture."""
    return cv2.imencode(".png", np.full((8, 8, 3), value, np.uint8))[1].tobytes()


def encoded(data: bytes) -> str:
    """As JSON has it."""
    return base64.b64encode(data).decode()


def tone() -> bytes:
    """A sound."""
    return wav(np.sin(np.arange(22_050) / 20).astype(np.float32))


def ids(answer) -> list[str]:
    """Best first."""
    return [hit["id"] for hit in answer["hits"]]


def test_a_hit_says_what_was_asked_for(searching):
    """Its score, its item and why; nothing else."""
    answer = searching({"text": "cat number3", "limit": 2})
    assert ids(answer)[0] == "i003"
    assert set(answer) == {"hits", "total", "took_ms"}
    assert set(answer["took_ms"]) == {"encode", "search", "fuse", "total"}
    (hit, _) = answer["hits"]
    assert set(hit) == {"id", "score", "item", "why"}
    assert "features" not in hit["item"]
    assert hit["score"] == pytest.approx(sum(r["contribution"] for r in hit["why"].values()))
    assert "blocks" not in hit["why"]["keyword"]
    bare = searching({"text": "cat number3", "limit": 2, "explain": False})
    assert [set(hit) for hit in bare["hits"]] == [{"id", "score", "item"}] * 2
    assert [hit["score"] for hit in bare["hits"]] == [hit["score"] for hit in answer["hits"]]


def test_fields_are_chosen(searching, shelf):
    """The index is asked for no more, and none is none."""
    asked = ["text", "metadata.year", "metadata.nothing", "writing"]
    answer = searching({"text": "cat whole", "limit": 1, "fields": asked})
    assert answer["hits"][0]["item"] == {"text": "cat whole", "metadata": {"year": 1999}}
    assert shelf.queries[-1].fields == ("id", "metadata", "text", "writing")
    assert searching({"text": "cat", "fields": []})["hits"][0]["item"] == {}
    whole = searching({"text": "cat whole", "limit": 1, "fields": ["metadata", "metadata.year"]})
    assert whole["hits"][0]["item"]["metadata"] == {"year": 1999, "place": "Brno"}


def test_words_are_highlighted(searching):
    """Also where the field itself was not asked for."""
    answer = searching({"text": "number7", "limit": 1, "highlight": True, "fields": ["tags"]})
    (hit,) = answer["hits"]
    assert hit["highlights"]["text"] == [{"text": "cat number7", "spans": [[4, 11]]}]
    assert hit["item"] == {"tags": ["all"]}


def test_facets_are_answered_as_asked(searching, shelf):
    """Dates of ranges as the request had them, whatever the index counts in."""
    facets = ["tags", {"field": "added", "ranges": [{"gte": "2026-01-31"}]}]
    for body in ({"text": "cat"}, {}, {"text": "cat", "cursor": "*"}):
        found = searching({**body, "facets": facets})["facets"]
        assert found["tags"][0]["value"] == "all"
        assert found["added"] == [{"gte": "2026-01-31", "count": 1}]
    assert shelf.queries[0].facets[1].ranges[0].gte == 1_769_817_600_000_000


def test_a_listing_has_neither_scores_nor_reasons(searching, shelf):
    """Everything, failures too, by the filter."""
    answer = searching({"limit": 100})
    assert len(answer["hits"]) == answer["total"]["value"] == 33
    assert "none" in ids(answer)
    assert {hit["score"] for hit in answer["hits"]} == {None}
    assert all(set(hit) == {"id", "score", "item"} for hit in answer["hits"])
    assert ids(searching({"filter": {"tags": "all", "id": ["i001", "i002", "all"]}})) == [
        "i001",
        "i002",
    ]
    assert shelf.queries == []


def test_a_search_is_sorted_by_fields(searching, shelf):
    """The best thousand of each list, what lacks the field last."""
    for number, item in enumerate(("i004", "i009", "i002")):
        shelf.documents[item]["metadata"] = {"year": 1990 + number}
    answer = searching({"text": "cat", "sort": [{"field": "metadata.year", "order": "desc"}]})
    assert ids(answer)[:4] == ["all", "i002", "i009", "i004"]
    assert ids(answer)[4:] == sorted(ids(answer)[4:])
    assert shelf.queries[-1].candidates == 1000
    by_score = searching({"text": "cat number3", "sort": [{"field": "score", "order": "desc"}]})
    assert ids(by_score) == ids(searching({"text": "cat number3"}))
    assert shelf.queries[-1].candidates == 20


def test_an_item_is_a_query(searching, seeded):
    """By the parts that are named; nothing is decoded or encoded."""
    for seen in seeded.values():
        seen.seen.clear()
    answer = searching({"image": "item:seen"})
    assert ids(answer)[0] == "seen"
    assert answer["hits"][0]["why"]["image"]["raw"] == pytest.approx(1, abs=1e-3)
    assert set(answer["hits"][0]["why"]) == {"image"}
    words = searching({"text": "item:i005"})
    assert ids(words)[0] == "i005"
    assert words["hits"][0]["why"]["keyword"]["raw"] == 2
    assert all(encoder.seen == [] for encoder in seeded.values())


def test_a_quoted_reference_is_words(searching, seeded):
    """What looks like one can be looked up."""
    answer = searching({"text": '"item:i005"', "limit": 1})
    assert seeded["text"].seen[-1] == "item:i005"
    assert answer["hits"]


def test_an_id_may_end_like_the_path_of_similar_items(make_client, shelf):
    """Such an item is shown, unless there is one whose id is the rest."""
    shelf.documents["photos/similar"] = {"id": "photos/similar", "status": "indexed"}
    path = "/v1/collections/c/items/photos/similar"
    client = make_client()
    assert client.get(path).json["id"] == "photos/similar"
    assert client.post(path, json={}).status_code == 404
    assert "'nobody'" in client.get("/v1/collections/c/items/nobody/similar").json["detail"]


def test_nothing_is_similar_to_silence(make_client, shelf):
    """An item without features has no vectors to search by."""
    shelf.documents["silence"] = {
        "id": "silence",
        "status": "indexed",
        "modalities": ["audio"],
        "fingerprint": layout().fingerprint,
    }
    response = make_client().get("/v1/collections/c/items/silence/similar")
    assert response.status_code == 400, response.text
    assert "item 'silence' has nothing to search by" in response.json["detail"]
    shelf.documents["night"] = document("night", text="quiet", modalities=["audio", "text"])
    hits = make_client().get("/v1/collections/c/items/night/similar").json["hits"]
    assert set(hits[0]["why"]) == {"text"}


def test_similar_items(searching, make_client):
    """By every part that an item has; it is not among them."""
    answer = searching({"limit": 100}, path="items/all/similar")
    assert "all" not in ids(answer)
    assert {name for hit in answer["hits"] for name in hit["why"]} >= {"text", "image", "keyword"}
    options = {"filter": {"id": {"none": "seen"}}, "weights": {"image": 1, "text": 0, "keyword": 0},
               "not": {"image": "item:seen"}, "fields": []}  # fmt: skip
    without = searching(options, path="items/all/similar")
    assert {"all", "seen"}.isdisjoint(ids(without))
    client = make_client()
    short = client.get("/v1/collections/c/items/all/similar?limit=2&fusion=rrf&explain=false").json
    assert len(short["hits"]) == 2
    assert "why" not in short["hits"][0]
    for query in ("limit=0", "colour=red", "explain=perhaps", "limit=1&limit=2", "fusion=no"):
        wrong = client.get(f"/v1/collections/c/items/all/similar?{query}")
        assert (wrong.status_code, wrong.json["field"]) == (400, query.partition("=")[0])
    assert searching({}, 400, "items/none/similar")["detail"].startswith("item 'none'")
    assert searching({}, 404, "items/nobody/similar")
    for more in ({"text": "x"}, {"cursor": "*"}, {"image": "item:all"}):
        assert searching(more, 400, "items/all/similar")["field"] == next(iter(more))


def test_several_of_one_kind(searching):
    """The middle between them, and the words of all."""
    answer = searching({"text": ["cat number3", "cat number8"], "limit": 2})
    assert sorted(ids(answer)) == ["i003", "i008"]
    mixed = searching({"image": ["item:seen", encoded(png(9))]})
    reason = mixed["hits"][0]["why"]["image"]
    assert mixed["hits"][0]["id"] == "seen"
    assert reason["blocks"]["visual"] == pytest.approx(0.5, abs=0.2)


def test_what_hits_are_to_be_unlike(searching):
    """Takes off, and says so."""
    plain = searching({"text": "cat", "limit": 100})
    unlike = searching({"text": "cat", "not": {"text": "number3"}, "limit": 100})
    assert ids(unlike).index("i003") > ids(plain).index("i003")
    (hit,) = [hit for hit in unlike["hits"] if hit["id"] == "i003"]
    assert hit["why"]["not.text"]["contribution"] < 0


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
    }
    response = make_client().post("/v1/collections/c/search", data=data)
    assert response.status_code == 200, response.text
    signals = {name for hit in response.json["hits"] for name in hit["why"]}
    assert signals == {"keyword", "text", "image", "audio", "not.text", "not.image"}
    assert seeded["text"].seen == ["cat number1", "number2", "whole"]
    assert [int(seen.max()) for seen in seeded["image"].seen] == [3, 4, 5, 6]


def test_verification_takes_the_picture_of_an_item(make_client, shelf):
    """From the media store, without a word about where it comes from."""
    client = make_client()
    engine = client.application.extensions["triptych"].engine
    digest = engine.store.put(png(7))
    shelf.documents["seen"]["media"] = {"image": digest}
    body = {"image": "item:seen", "verify": True, "fields": [], "limit": 1}
    answer = client.post("/v1/collections/c/search", json=body).json
    assert (ids(answer), answer["hits"][0]["item"]) == (["seen"], {})
    assert "inliers" in answer["hits"][0]
    assert "verify" in answer["took_ms"]
    taken = {**engine.searcher.slots, "image": threading.Semaphore(0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "searcher", replace(engine.searcher, slots=taken))
        patch.setattr("triptych.search.searcher._PATIENCE_SECONDS", 0.01)
        response = client.post("/v1/collections/c/search", json=body)
    assert response.status_code == 429
    assert response.headers["retry-after"]


def test_text_without_vectors_is_words(searching):
    """Where only an operator's word is left out nothing is embedded."""
    assert "seen" in ids(searching({"text": "-cat", "image": "item:seen"}))
    found = searching({"text": "cat -number4", "limit": 1})
    assert "why" in found["hits"][0]


def test_words_can_be_literal(searching, shelf):
    """Without a syntax the sign is no operator."""
    searching({"text": "cat -number4", "syntax": "none"})
    assert not shelf.queries[-1].words.must_not
    searching({"text": "cat -number4"})
    assert shelf.queries[-1].words.must_not


def test_words_without_weight_still_exclude(searching, shelf):
    """They make no score, but what is required stays required."""
    answer = searching({"text": "+cat -number4", "weights": {"keyword": 0}})
    words = shelf.queries[-1].words
    assert (len(words.should), len(words.must), len(words.must_not)) == (0, 1, 1)
    assert "keyword" not in answer["hits"][0]["why"]


def test_metadata_keys_are_asked_for_rarely(searching, shelf):
    """Once for many requests; again before a key is refused, so a new one is found."""
    for _ in range(3):
        searching({"filter": {"metadata.year": 1999}})
    assert shelf.keys_asked == 1
    shelf.documents["i001"]["metadata"] = {"colour": "red"}
    assert ids(searching({"filter": {"metadata.colour": "red"}})) == ["i001"]
    assert shelf.keys_asked == 2
    problem = searching({"sort": ["metadata.size"]}, 400)
    assert problem["field"] == "sort.0"
    assert "there are colour, place, year" in problem["detail"]
    shelf.documents.clear()
    assert shelf.keys_asked == 3


def test_an_empty_collection_has_no_wrong_keys(searching, shelf):
    """Nothing is found."""
    shelf.documents.clear()
    assert searching({"filter": {"metadata.anything": 1}})["hits"] == []
    assert searching({"text": "cat", "facets": ["metadata.anything"]})["hits"] == []


def test_a_collection_that_is_not_there(make_client):
    """Is a 404, for whatever is asked."""
    client = make_client()
    for body in ({"text": "cat"}, {}, {"image": "item:x"}, {"text": "cat", "cursor": "*"}):
        assert client.post("/v1/collections/other/search", json=body).status_code == 404


def test_collections_are_listed(make_client, shelf):
    """With their items; one that was deleted meanwhile is left out; advice if there is some."""
    client = make_client()
    assert client.get("/v1/collections").json == {
        "collections": [{"name": "c", "items": {"total": 33, "indexed": 33}}]
    }
    assert "advice" not in client.get("/v1/collections/c").json
    shelf.documents |= {one["id"]: one for one in numbered(101)}
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
    "explain": ({**GOOD, "explain": "yes"}, "explain"),
    "highlight": ({**GOOD, "highlight": 1}, "highlight"),
    "verify without image": ({**GOOD, "verify": True}, "verify"),
    "verify of two": ({"image": ["item:seen", "item:all"], "verify": True}, "verify"),
    "verify a listing": ({"verify": True}, "verify"),
    "verify sorted": ({"image": "item:seen", "verify": True, "sort": ["id"]}, "verify"),
    "verify paged": ({"image": "item:seen", "verify": True, "cursor": "*"}, "verify"),
    "verify without a picture": ({"image": "item:seen", "verify": True}, "image"),
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
