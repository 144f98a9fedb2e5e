"""Pages of a collection that changes: nothing twice, nothing lost."""

from itertools import count

import orjson
import pytest

from unit.gateway.shelf import document, numbered

COLLECTION = "/v1/collections/c/search"


@pytest.fixture(autouse=True)
def cats(shelf):
    """Sixty texts that a query finds."""
    shelf.documents |= {one["id"]: one for one in numbered(60)}


@pytest.fixture
def change(shelf):
    """Writes, overwrites and deletes what the pages to come are about."""
    numbers = count(1000)

    def now() -> None:
        for name in sorted(shelf.documents)[::7]:
            del shelf.documents[name]
        for name in sorted(shelf.documents)[::3]:
            shelf.documents[name] = document(name, text="a dog")
        for _ in range(5):
            number = next(numbers)
            shelf.documents[f"i{number}"] = document(f"i{number}", text="cat cat cat number1")

    return now


def walk(client, body, after=lambda: None) -> list[dict]:
    """Every hit of every page."""
    hits, cursor = [], "*"
    while cursor:
        answer = client.post(COLLECTION, json={**body, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        hits += answer.json["hits"]
        assert len(answer.json["hits"]) <= body["limit"]
        cursor = answer.json.get("cursor")
        after()
    return hits


@pytest.mark.parametrize(
    "body", [{"text": "cat number1"}, {}, {"text": "cat", "sort": ["id"], "explain": False}]
)
@pytest.mark.parametrize("limit", [7, 20, 100])
def test_pages_are_those_of_the_beginning(make_client, change, body, limit):
    """A search and a listing, while items come, change and go between the pages."""
    client = make_client()
    whole = client.post(COLLECTION, json={**body, "limit": 100}).json["hits"]
    assert len(whole) == 60
    assert walk(client, {**body, "limit": limit}, change) == whole


def test_pages_of_several_processes_fit(make_client, change, shelf):
    """Each ranks the snapshot once, and all rank it alike."""
    clients = [make_client() for _ in range(3)]
    whole = clients[0].post(COLLECTION, json={"text": "cat number1", "limit": 100}).json["hits"]
    shelf.queries.clear()
    hits, cursor = [], "*"
    for turn in range(9):
        body = {"text": "cat number1", "limit": 7, "cursor": cursor}
        answer = clients[turn % 3].post(COLLECTION, json=body).json
        hits += answer["hits"]
        cursor = answer.get("cursor")
        change()
    assert cursor is None
    assert hits == whole
    assert len(shelf.queries) == 3
    assert {query.candidates for query in shelf.queries} == {1000}
    assert {tuple(query.fields) for query in shelf.queries} == {("id",)}


def begin(client, body) -> str:
    """The cursor of the second page."""
    answer = client.post(COLLECTION, json={"limit": 5, "cursor": "*", **body})
    assert answer.status_code == 200, answer.text
    cursor: str = answer.json["cursor"]
    return cursor


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"text": "cat"}, {"text": "cats"}),
        ({"text": "cat"}, {"text": "cat", "filter": {"tags": "all"}}),
        ({"text": "cat"}, {"text": "cat", "weights": {"keyword": 0.1}}),
        ({"text": "cat"}, {"text": "cat", "fusion": "rrf"}),
        ({"text": "cat"}, {"text": "cat", "sort": ["id"]}),
        ({"text": "cat"}, {"text": "cat", "syntax": "none"}),
        ({"text": "cat"}, {"text": "cat", "language": "de"}),
        ({"text": "cat"}, {"text": ["cat", "cat"]}),
        ({"text": "cat"}, {"text": "cat", "not": {"text": "dog"}}),
        ({"text": "cat"}, {}),
        ({}, {"text": "cat"}),
        ({}, {"filter": {"tags": "all"}}),
        ({}, {"sort": ["id"]}),
    ],
)
def test_a_cursor_of_another_query_is_refused(make_client, first, then):
    """Whatever would change what comes in which order."""
    client = make_client()
    answer = client.post(COLLECTION, json={**then, "cursor": begin(client, first)})
    assert (answer.status_code, answer.json["field"]) == (400, "cursor")
    assert "another query" in answer.json["detail"]


@pytest.mark.parametrize("body", [{"text": "cat"}, {}])
def test_what_is_shown_may_change_between_pages(make_client, body):
    """How many, which fields, whether with reasons."""
    client = make_client()
    cursor = begin(client, body)
    changes = {"limit": 3, "fields": [], "explain": False, "highlight": True, "facets": ["tags"]}
    answer = client.post(COLLECTION, json={**body, **changes, "cursor": cursor}).json
    assert [hit["item"] for hit in answer["hits"]] == [{}] * 3
    assert "tags" in answer["facets"]


def test_reasons_may_be_asked_for_later(make_client):
    """Though the ranking was made without, and the other way round."""
    client = make_client()
    for first in (False, True):
        cursor = begin(client, {"text": "cat", "explain": first})
        body = {"text": "cat", "cursor": cursor, "explain": not first}
        hits = client.post(COLLECTION, json=body).json["hits"]
        assert {"why" in hit for hit in hits} == {not first}


@pytest.mark.parametrize("body", [{"text": "cat"}, {}])
def test_a_snapshot_that_is_over_is_gone(make_client, shelf, body):
    """410 with the field; a new paging begins anew."""
    client = make_client()
    cursor = begin(client, body)
    shelf.snapshots.clear()
    answer = client.post(COLLECTION, json={**body, "cursor": cursor})
    assert (answer.status_code, answer.json["field"]) == (410, "cursor")
    assert answer.json["type"] == "urn:triptych:problem:cursor-expired"


def test_a_ranking_that_can_not_be_made_again_is_gone(make_client, shelf):
    """Approximate search need not find the same twice: an end is better than a hit twice."""
    cursor = begin(make_client(), {"text": "cat"})
    (kept,) = shelf.snapshots.values()
    del kept["i030"]
    answer = make_client().post(COLLECTION, json={"text": "cat", "cursor": cursor})
    assert (answer.status_code, answer.json["field"]) == (410, "cursor")


def test_an_item_that_changed_is_another_query(make_client, shelf):
    """The pages after it would be those of something else."""
    client = make_client()
    cursor = begin(client, {"text": "item:i005"})
    shelf.documents["i005"] = document("i005", text="cat otherwise")
    answer = client.post(COLLECTION, json={"text": "item:i005", "cursor": cursor})
    assert (answer.status_code, answer.json["field"]) == (400, "cursor")


def test_the_last_page_has_no_cursor(make_client):
    """Also where it is full, or empty."""
    client = make_client()
    for body in ({"text": "cat"}, {}):
        answer = client.post(COLLECTION, json={**body, "cursor": "*", "limit": 60}).json
        assert "cursor" not in answer
        nothing = {"filter": {"tags": "none"}, "cursor": "*"}
        answer = client.post(COLLECTION, json={**body, **nothing}).json
        assert (answer["hits"], answer["total"]["value"]) == ([], 0)
        assert "cursor" not in answer
        assert "cursor" not in client.post(COLLECTION, json=body).json


def test_reasons_are_those_of_the_search(make_client):
    """Though they were kept as JSON meanwhile."""
    client = make_client()
    plain = client.post(COLLECTION, json={"text": "cat number1", "limit": 50}).json["hits"]
    paged = walk(client, {"text": "cat number1", "limit": 25})[:50]
    assert orjson.loads(orjson.dumps(plain)) == paged
