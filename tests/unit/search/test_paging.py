"""Pages of a collection that changes: nothing twice, nothing lost."""

from dataclasses import replace
from itertools import count

import pytest

from triptych.core.errors import CursorExpired, InvalidInput
from triptych.search.paging import Cursor
from triptych.search.request import SearchRequest
from unit.seeded import document, numbered


@pytest.fixture(autouse=True)
def cats(index):
    """Sixty texts that a query finds."""
    index.add(*numbered(60))


@pytest.fixture
def change(index):
    """Writes, overwrites and deletes what the pages to come are about."""
    numbers = count(1000)

    def now() -> None:
        index.remove(*index.ids()[::7])
        index.add(*(document(name, text="a dog") for name in index.ids()[::3]))
        new = [f"i{next(numbers)}" for _ in range(5)]
        index.add(*(document(name, text="cat cat cat number1") for name in new))

    return now


def walk(search, body, after=lambda: None) -> list:
    """Every hit of every page."""
    hits, cursor = [], "*"
    while cursor:
        answer = search(**body, cursor=cursor)
        hits += answer.hits
        assert len(answer.hits) <= body["limit"]
        cursor = answer.cursor
        after()
    return hits


@pytest.mark.parametrize(
    "body", [{"text": "cat number1"}, {}, {"text": "cat", "sort": ["id"], "explain": False}]
)
@pytest.mark.parametrize("limit", [7, 20, 100])
def test_pages_are_those_of_the_beginning(search, change, body, limit):
    """A search and a listing, while items come, change and go between the pages."""
    whole = search(**body, limit=100).hits
    assert len(whole) == 60
    assert walk(search, {**body, "limit": limit}, change) == whole


def test_pages_of_several_processes_fit(make_engine, change, index):
    """Each ranks the snapshot once, and all rank it alike."""
    engines = [make_engine() for _ in range(3)]
    request = SearchRequest(text="cat number1", limit=100)
    whole = engines[0].search("c", request).hits
    index.queries.clear()
    hits, cursor = [], "*"
    for turn in range(9):
        page = request.model_copy(update={"limit": 7, "cursor": cursor})
        answer = engines[turn % 3].search("c", page)
        hits += answer.hits
        cursor = answer.cursor
        change()
    assert cursor is None
    assert hits == whole
    assert len(index.queries) == 3
    assert {query.candidates for query in index.queries} == {1000}
    assert {tuple(query.fields) for query in index.queries} == {()}


def begin(search, **fields) -> str:
    """The cursor of the second page."""
    return search(limit=5, cursor="*", **fields).cursor


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
        ({"text": "cat"}, {"text": "cat", "like": ["i001"]}),
        ({"text": "cat"}, {}),
        ({}, {"text": "cat"}),
        ({}, {"filter": {"tags": "all"}}),
        ({}, {"sort": ["id"]}),
    ],
)
def test_a_cursor_of_another_query_is_refused(search, first, then):
    """Whatever would change which hits come in which order."""
    cursor = begin(search, **first)
    with pytest.raises(InvalidInput, match="another query") as caught:
        search(**then, cursor=cursor)
    assert caught.value.field == "cursor"


@pytest.mark.parametrize("body", [{"text": "cat"}, {}])
def test_what_is_shown_may_change_between_pages(search, body):
    """How many hits, which fields, whether with reasons."""
    cursor = begin(search, **body)
    changes = {"limit": 3, "fields": [], "explain": False, "highlight": True, "facets": ["tags"]}
    answer = search(**body, **changes, cursor=cursor)
    assert [hit.item for hit in answer.hits] == [{}] * 3
    assert "tags" in answer.facets


def test_reasons_may_be_requested_later(search):
    """Though the ranking was made without, and the other way round."""
    for first in (False, True):
        cursor = begin(search, text="cat", explain=first)
        hits = search(text="cat", cursor=cursor, explain=not first).hits
        assert {hit.why is not None for hit in hits} == {not first}


@pytest.mark.parametrize("body", [{"text": "cat"}, {}])
def test_a_snapshot_that_is_over_is_gone(search, index, body):
    """As where the collection was made anew."""
    cursor = begin(search, **body)
    index.drop("c")
    index.ensure("c")
    with pytest.raises(CursorExpired) as caught:
        search(**body, cursor=cursor)
    assert caught.value.field == "cursor"


def test_a_ranking_that_can_not_be_made_again_is_gone(make_engine, index, monkeypatch):
    """Approximate search need not find the same twice: an end is better than a hit twice."""

    def forgetful(collection, query, *, snapshot=None):
        results = whole(collection, query, snapshot=snapshot)
        return replace(results, matches=results.matches[1:])

    request = SearchRequest(text="cat", limit=5, cursor="*")
    cursor = make_engine().search("c", request).cursor
    whole = index.search
    monkeypatch.setattr(index, "search", forgetful)
    with pytest.raises(CursorExpired) as caught:
        make_engine().search("c", request.model_copy(update={"cursor": cursor}))
    assert caught.value.field == "cursor"


def test_a_cursor_of_the_other_kind_is_refused(search):
    """A position in a listing is none in a search, whatever its query says."""
    for body, position in (({"text": "cat"}, ["i001"]), ({}, 5)):
        cursor = begin(search, **body)
        with pytest.MonkeyPatch.context() as patch:
            forged = Cursor("snapshot", "query", position)
            patch.setattr("triptych.search.searching.read_cursor", lambda *_, one=forged: one)
            with pytest.raises(InvalidInput, match="belongs to a"):
                search(**body, cursor=cursor)


def test_an_item_that_changed_is_another_query(search, index):
    """The pages after it would be those of something else."""
    cursor = begin(search, text="item:i005")
    index.add(document("i005", text="cat otherwise"))
    with pytest.raises(InvalidInput, match="another query"):
        search(text="item:i005", cursor=cursor)


def test_the_last_page_has_no_cursor(search):
    """Also where it is full, or empty."""
    for body in ({"text": "cat"}, {}):
        assert search(**body, cursor="*", limit=60).cursor is None
        answer = search(**body, filter={"tags": "none"}, cursor="*")
        assert (answer.hits, answer.total.value, answer.cursor) == ([], 0, None)
        assert search(**body).cursor is None


def test_reasons_are_those_of_the_search(search):
    """Though they were kept as JSON meanwhile."""
    plain = search(text="cat number1", limit=50).hits
    paged = walk(search, {"text": "cat number1", "limit": 25})[:50]
    assert paged == plain
    assert [dict(hit.why) for hit in paged] == [hit.why for hit in plain]
