"""An answer as a person reads it."""

import io

import pytest
from rich.console import Console

from triptych.cli import answers, show

WHY = {
    "keyword": {
        "weight": 0.5,
        "contribution": 0.25,
        "rank": 1,
        "words": {"a": 0.1, "swim": 2.5, "bird": 3.0},
    },
    "not.text": {"weight": -0.3, "contribution": -0.1, "rank": 2},
}
ITEM = {"text": "A bird [that] swims", "transcript": {"text": "quack"}, "keywords": ["bird"]}
SEARCH = {
    "hits": [
        {
            "id": "birds/[drake]",
            "score": 0.5,
            "item": ITEM,
            "why": WHY,
            "highlights": {"text": [{"text": "[that] swims", "spans": [[7, 12]]}]},
        },
        {"id": "other", "score": 0.25, "item": {}, "why": {}},
    ],
    "total": {"value": 7, "relation": "gte"},
    "facets": {
        "tags": [{"value": "animals", "count": 4}, {"value": True, "count": 1}],
        "metadata.year": [{"lt": 2000, "count": 3}, {"gte": 2000, "lt": 2010, "count": 2}],
    },
    "cursor": "abc",
    "took_ms": {"encode": 1.2, "search": 2.0, "total": 3.4},
}
LISTING = {
    "hits": [{"id": "x", "score": None, "item": {}}],
    "total": {"value": 1, "relation": "eq"},
    "took_ms": {"search": 1.0, "total": 1.0},
}


@pytest.fixture
def printed(monkeypatch):
    """What is printed, on a console of a known width."""
    console = Console(width=120, record=True, file=io.StringIO())
    monkeypatch.setattr(answers, "console", console)
    return lambda styles=False: console.export_text(styles=styles, clear=False)


def test_each_hit_says_why(printed):
    """The contribution and rank of each signal, and the words that matched, the rarest first."""
    answers.print_answer(SEARCH)
    text = printed()
    assert "keyword (of 0.50)" in text
    assert "not.text (of -0.30)" in text
    assert "0.250 #1" in text
    assert "bird, swim, a" in text
    assert "-0.100 #2" in text
    assert "birds/[drake]" in text


def test_words_are_marked_where_they_were_found(printed):
    """The snippet takes the place of the text; brackets in it are no markup."""
    answers.print_answer(SEARCH)
    assert "[that] swims" in printed()
    assert "A bird" not in printed()
    assert "“quack”" in printed()
    assert "\x1b[1;33mswims\x1b[0m" in printed(styles=True)


def test_long_texts_are_cut(printed):
    """One item does not fill the screen; the number of inliers is shown where there is one."""
    hit = {"id": "x", "score": 0.5, "item": {"text": "word " * 500}, "inliers": 31}
    answers.print_answer({**LISTING, "hits": [hit]})
    assert len(printed().splitlines()) < 20
    assert "word…" in printed() or "wor…" in printed() or "wo…" in printed()
    assert "inliers" in printed()
    assert "31" in printed()


def test_counts_are_shown(printed):
    """Values with their numbers, ranges by their bounds."""
    answers.print_answer(SEARCH)
    assert "tags  animals 4 · True 1" in printed()
    assert "metadata.year  <2000 3 · ≥2000 <2010 2" in printed()
    assert "at least 7 found, 3 ms: encode 1, search 2" in printed()


def test_the_rest_is_pointed_at(printed):
    """By the cursor, unless all pages are printed; later pages go on counting."""
    answers.print_answer(SEARCH, after=10, more=False)
    assert "cursor" not in printed()
    assert "\n11 │" in printed()
    answers.print_answer(SEARCH)
    assert "more: --cursor abc" in printed()


def test_a_listing_has_no_scores(printed):
    """Nor reasons."""
    answers.print_answer(LISTING)
    assert "score" not in printed()
    assert "1 found" in printed()


def test_nothing_found_is_an_answer(printed):
    """An empty table and a zero."""
    answers.print_answer(LISTING | {"hits": [], "total": {"value": 0, "relation": "eq"}})
    assert "0 found" in printed()


def test_nobody_reads_on():
    """That is no error to tell of, to nobody."""
    with pytest.raises(BrokenPipeError):
        show.failure(BrokenPipeError())
