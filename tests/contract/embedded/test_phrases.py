"""Phrases are looked for in texts that are read once for all of them."""

import pytest

from contract.documents import make, phrase, write
from triptych.index.embedded import postings
from triptych.index.embedded.index import EmbeddedIndex
from triptych.index.embedded.view import View
from triptych.index.model import Clause, IndexQuery, Words

TEXTS = {"ab": "a b x", "bc": "b c a", "abc": "a b c a b", "ca": "c a b", "none": "b a c b"}


def matched(index: EmbeddedIndex, *clauses: Clause) -> dict[str, dict[str, float]]:
    """What each phrase adds to each item that has one."""
    found = index.search("c", IndexQuery(words=Words(clauses))).matches
    return {entry.candidate.id: dict(entry.candidate.words) for entry in found}


@pytest.mark.parametrize("room", [0, 8, 1000])
def test_each_phrase_is_found_as_if_alone(
    index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch, room: int
):
    """However many of the texts are kept between two phrases."""
    monkeypatch.setattr(postings, "_KEPT_CHARS", room)
    write(index, "c", [make(name, text=text) for name, text in TEXTS.items()])
    clauses = [phrase("a b"), phrase("b c"), phrase("c a")]
    expected: dict[str, dict[str, float]] = {}
    for clause in clauses:
        for item, words in matched(index, clause).items():
            expected[item] = expected.get(item, {}) | words
    assert set(expected) == set(TEXTS) - {"none"}
    assert set(expected["bc"]) == {"b c", "c a"}
    assert matched(index, *clauses) == expected


def test_texts_are_read_once(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch):
    """Not once for each phrase."""
    write(index, "c", [make(name, text=text) for name, text in TEXTS.items()])
    read: list[int] = []
    hidden = View.hidden

    def counted(view, rows):
        read.extend(rows.tolist())
        return hidden(view, rows)

    monkeypatch.setattr(View, "hidden", counted)
    matched(index, *[phrase("a b", fields=("text",))] * 20, phrase("b c", fields=("text",)))
    assert len(read) == len(set(read)) > 0
