"""The whole search request over HTTP, on a real index with real pictures, sounds and texts."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import Lines, ids
from triptych.cli.variations import mirrored_crop
from triptych.client import Client
from unit.media.files import empty_png

Fill = Callable[..., dict[str, Any]]
Ask = Callable[..., dict[str, Any]]

YEARS = [
    {"id": "one", "text": "a red house", "tags": ["a"], "metadata": {"year": 1990, "own": True}},
    {"id": "two", "text": "a red boat", "tags": ["a", "b"], "metadata": {"year": 2000.5}},
    {"id": "three", "text": "a blue house", "tags": ["b"], "metadata": {"year": "unknown"}},
    {"id": "four", "text": "a green garden", "metadata": {"year": 2010, "own": False}},
    {"id": "five", "text": "nothing at all"},
]


@pytest.fixture
def ask(http: httpx.Client, stamp_collection: str) -> Ask:
    """Searches the stamps."""

    def search(status: int = 200, path: str = "search", **body: Any) -> dict[str, Any]:
        response = http.post(f"/v1/collections/{stamp_collection}/{path}", json=body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return search


@pytest.fixture
def years(fill: Fill, http: httpx.Client, collection: str) -> Ask:
    """Searches five texts with metadata."""
    fill(manifest="\n".join(map(json.dumps, YEARS)).encode())

    def search(status: int = 200, **body: Any) -> dict[str, Any]:
        response = http.post(f"/v1/collections/{collection}/search", json=body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return search


def picture(stamps: Path, name: str) -> str:
    """A stamp's picture, mirrored and cropped, as JSON has it."""
    return base64.b64encode(mirrored_crop((stamps / f"{name}.png").read_bytes())).decode()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"metadata.year": 1990}, "one"),
        ({"metadata.year": "unknown"}, "three"),
        ({"metadata.year": "1990"}, ""),
        ({"metadata.year": [1990, 2000.5, "unknown"]}, "one three two"),
        ({"metadata.year": {"gte": 1990, "lt": 2010}}, "one two"),
        ({"metadata.year": {"gte": "a"}}, "three"),
        ({"metadata.year": {"none": [1990, "unknown"]}}, "five four two"),
        ({"metadata.own": False}, "four"),
        ({"metadata.own": True, "tags": "a"}, "one"),
        ({"tags": ["a", "b"]}, "two"),
        ({"tags": {"any": ["a", "b"], "none": "b"}}, "one"),
        ({"id": {"any": ["one", "five", "six"]}}, "five one"),
        ({"modalities": "text", "status": ["failed", "indexed"], "id": "one"}, "one"),
        ({"added": {"gte": "2020-01-01"}, "tags": "b"}, "three two"),
        ({"added": {"lt": "2020-01-01"}}, ""),
    ],
)
def test_filters_list_and_search_alike(years: Ask, conditions: dict[str, Any], expected: str):
    """What a listing has is what a search has, in another order."""
    assert sorted(ids(years(filter=conditions))) == expected.split()
    assert sorted(ids(years(text="a red house", filter=conditions))) == expected.split()


def test_listings_are_sorted_and_counted(years: Ask):
    """By fields of the metadata, numbers before strings, what lacks it last; with facets."""
    answer = years(
        sort=[{"field": "metadata.year", "order": "desc"}],
        facets=["tags", {"field": "metadata.year", "ranges": [{"lt": 2000}, {"gte": 2000}]}],
    )
    assert ids(answer) == ["four", "two", "one", "three", "five"]
    assert answer["total"] == {"value": 5, "relation": "eq"}
    assert answer["facets"] == {
        "tags": [{"value": "a", "count": 2}, {"value": "b", "count": 2}],
        "metadata.year": [{"lt": 2000, "count": 1}, {"gte": 2000, "count": 2}],
    }
    assert ids(years(text="house", sort=["metadata.year"])) == [
        "one", "two", "four", "three", "five",
    ]  # fmt: skip


def test_a_slip_in_a_key_is_told(years: Ask):
    """With the keys that there are."""
    problem = years(400, filter={"metadata.yaer": 1990})
    assert problem["field"] == "filter.metadata.yaer"
    assert "there are own, year" in problem["detail"]


def test_operators(years: Ask):
    """Phrases, prefixes, fuzzy words, what is required and what is excluded; and literally."""
    assert ids(years(text="+house -blue")) == ["one"]
    assert set(ids(years(text='+"red house"'))) == {"one"}
    assert set(ids(years(text="+gard*"))) == {"four"}
    assert set(ids(years(text="+hoese~"))) == {"one", "three"}
    assert set(ids(years(text="+text:boat"))) == {"two"}
    assert len(years(text="+house -blue", syntax="none")["hits"]) == 5


def test_words_are_highlighted(years: Ask):
    """Where they stand."""
    hit = years(text="houses", limit=1, highlight=True, fields=["tags"])["hits"][0]
    (snippet,) = hit["highlights"]["text"]
    (start, end) = snippet["spans"][0]
    assert snippet["text"][start:end] == "house"
    assert set(hit["item"]) == {"tags"}


def test_facets_of_a_search_are_within_its_filter(ask: Ask, stamp_lines: Lines):
    """They count what the total counts."""
    answer = ask(text="bird", filter={"tags": "animals"}, facets=[{"field": "tags", "size": 50}])
    counts = {count["value"]: count["count"] for count in answer["facets"]["tags"]}
    assert counts["animals"] == answer["total"]["value"]
    listed = ask(filter={"tags": "animals"}, facets=["modalities"], fields=[], limit=1)
    animals = [line for line in stamp_lines if "animals" in line["tags"]]
    assert listed["total"]["value"] == len(animals)
    modalities = {count["value"]: count["count"] for count in listed["facets"]["modalities"]}
    assert modalities["audio"] == sum("audio" in line for line in animals)


def test_an_item_is_a_query(ask: Ask):
    """Its picture, sound or text finds itself, at once and exactly."""
    name = "animals/mammals/elephant"
    for part in ("image", "audio", "text"):
        answer = ask(**{part: f"item:{name}"}, limit=5)
        assert ids(answer)[0] == name
        assert answer["hits"][0]["why"][part]["raw"] == pytest.approx(1, abs=0.4)
        assert {"image", "audio", "text"} & set(answer["hits"][0]["why"]) == {part}


def test_similar_items(ask: Ask, http: httpx.Client, stamp_collection: str):
    """Are of the same kind, without the item itself; with any of the options."""
    name = "animals/mammals/elephant"
    path = f"items/{name}/similar"
    url = f"/v1/collections/{stamp_collection}/{path}"
    answer = http.get(url, params={"limit": 5, "fusion": "rrf"}).json()
    assert len(answer["hits"]) == 5
    assert name not in ids(answer)
    assert set(answer["hits"][0]["why"]) >= {"image", "text"}
    others = ask(path=path, filter={"tags": {"none": "animals"}}, fields=["tags"], limit=20)
    assert all("animals" not in hit["item"]["tags"] for hit in others["hits"])
    assert ask(404, f"items/{name}x/similar")["type"].endswith("not-found")


def test_several_pictures_meet_in_the_middle(ask: Ask, stamps: Path):
    """Both are found by their mean."""
    names = ["animals/birds/drake", "animals/mammals/elephant"]
    answer = ask(image=[picture(stamps, name) for name in names], limit=10)
    assert set(names) <= set(ids(answer))


def test_what_is_not_wanted_goes_down(ask: Ask, stamps: Path):
    """A picture that hits are to be unlike takes off their score, and says how much."""
    name = "animals/birds/drake"
    plain = ask(text="bird", limit=50)
    unlike = ask(text="bird", limit=50, **{"not": {"image": f"item:{name}"}})
    score = {hit["id"]: hit["score"] for hit in plain["hits"]}
    reasons = {hit["id"]: hit for hit in unlike["hits"]}
    assert all(
        hit["why"]["not.image"]["contribution"] <= 0
        for hit in unlike["hits"]
        if "not.image" in hit["why"]
    )
    if name in reasons:
        assert reasons[name]["score"] < score[name]
    for hit in unlike["hits"]:
        parts = sum(reason["contribution"] for reason in hit["why"].values())
        assert hit["score"] == pytest.approx(parts, abs=1e-9)


def test_the_python_client_sends_several(client: Client, stamp_collection: str, stamps: Path):
    """One file or a list of them."""
    one = (stamps / "animals/birds/drake.png").read_bytes()
    other = (stamps / "animals/mammals/elephant.png").read_bytes()
    answer = client.search(stamp_collection, {"limit": 10}, {"image": [one, other]})
    assert {"animals/birds/drake", "animals/mammals/elephant"} <= set(ids(answer))


def test_a_form_of_everything(http: httpx.Client, stamp_collection: str, stamps: Path):
    """Texts, files, what to be unlike, and JSON for the rest."""
    drake = (stamps / "animals/birds/drake.png").read_bytes()
    elephant = (stamps / "animals/mammals/elephant.png").read_bytes()
    response = http.post(
        f"/v1/collections/{stamp_collection}/search",
        data={"text": ["a bird", "a drake"], "limit": "3", "fields": '["tags"]',
              "filter": '{"tags": ["animals"]}', "weights": '{"not": 0.3}'},
        files=[("image", ("a.png", drake)), ("not.image", ("b.png", elephant))],
    )  # fmt: skip
    assert response.status_code == 200, response.text
    hits = response.json()["hits"]
    assert hits[0]["id"] == "animals/birds/drake"
    assert {"image", "text", "not.image"} <= set(hits[0]["why"])
    assert set(hits[0]["item"]) == {"tags"}


def test_an_answer_has_no_more_than_was_asked_for(ask: Ask):
    """Scores and order stay as they are."""
    whole = ask(text="a striped cat")
    bare = ask(text="a striped cat", explain=False, fields=[])
    assert [(hit["id"], hit["score"]) for hit in bare["hits"]] == [
        (hit["id"], hit["score"]) for hit in whole["hits"]
    ]
    assert all(set(hit) == {"id", "score", "item"} for hit in bare["hits"])
    assert all(hit["item"] == {} for hit in bare["hits"])


@pytest.mark.parametrize("fusion", ["auto", "linear", "product", "rrf", "dbsf"])
def test_every_fusion_sums_up(ask: Ask, stamps: Path, fusion: str):
    """The reasons are the score."""
    body = {"text": "a duck", "image": picture(stamps, "animals/birds/drake"), "fusion": fusion}
    for hit in ask(**body, limit=30)["hits"]:
        parts = sum(reason["contribution"] for reason in hit["why"].values())
        assert hit["score"] == pytest.approx(parts, abs=1e-9)


def test_collections_are_listed(http: httpx.Client, stamp_collection: str, stamp_lines: Lines):
    """With their counts."""
    listed = {one["name"]: one for one in http.get("/v1/collections").json()["collections"]}
    assert listed[stamp_collection]["items"]["total"] == len(stamp_lines)


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "a bomb": ({"image": base64.b64encode(empty_png(30_000, 30_000)).decode()}, 413, "image"),
    "10 MB of text": ({"text": "x" * 10_000_000}, 413, "text"),
    "an item that is not there": ({"image": "item:nobody"}, 404, "image"),
    "a URL": ({"image": "http://127.0.0.1/a.png"}, 400, "image"),
    "an unknown filter": ({"filter": {"colour": 1}}, 400, "filter.colour"),
    "a damaged cursor": ({"cursor": "AAAA"}, 400, "cursor"),
    "only excluded words": ({"text": "-cat"}, 400, "text"),
    "only what is not wanted": ({"not": {"text": "cat"}}, 400, "not"),
    "zero weights": ({"text": "a", "weights": {"text": 0, "keyword": 0}}, 400, "weights"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named(http: httpx.Client, stamp_collection: str, case: str):
    """A problem document with the field."""
    body, status, field = BAD[case]
    response = http.post(f"/v1/collections/{stamp_collection}/search", json=body)
    assert (response.status_code, response.json()["field"]) == (status, field), response.text


def test_an_item_without_the_part_is_no_query(ask: Ask, stamp_lines: Lines):
    """The part is named."""
    silent = next(line["id"] for line in stamp_lines if "audio" not in line)
    problem = ask(400, audio=f"item:{silent}")
    assert problem["field"] == "audio"
    assert "has no audio" in problem["detail"]
