"""Queries for long texts, and how ways to encode them are compared, without a corpus."""

import numpy as np

from triptych.corpora.manuals import Manual
from triptych.encoders.cards import unit_rows
from triptych.evaluation.long_texts import PAGES, Encoded, Query, queries, results, ways

WORDS = ("walks", "sleeps", "drinks", "sings", "waits", "reads")


def manual(number: int) -> Manual:
    """Long enough for three pages; each sentence is its own."""
    lines = [
        f"The animal of manual {chr(97 + number)} {word} near house {'x' * (line + 9)} all day."
        for line in range(60)
        for word in WORDS
    ]
    common = "This sentence is in every manual and so says nothing of any of them."
    return Manual(str(number), " ".join([common, *lines, common]))


def test_each_page_has_sentences_of_its_own():
    """Of where they are, and of no other manual; the same each time."""
    gallery = [manual(number) for number in range(4)]
    found = queries(gallery)
    assert found == queries(gallery)
    for number, one in enumerate(gallery):
        for page in PAGES:
            asked = [query.text for query in found if (query.page, query.manual) == (page, number)]
            assert len(set(asked)) == 3
            for text in asked:
                assert [other.text for other in gallery if text in other.text] == [one.text]
                place = one.text.index(text) / len(one.text)
                assert place // (1 / 3) == PAGES.index(page)


def test_ways_are_told_apart_by_what_they_find():
    """A manual whose end alone is about the query is not found by its beginning."""
    first, second, other = np.eye(3, dtype=np.float32)
    right = Encoded(first, np.stack([first, second, second]), np.ones(3, np.float32))
    near = unit_rows((2 * other + second)[None])[0]
    wrong = Encoded(near, np.stack([other] * 3), np.ones(3, np.float32))
    scores = ways(np.stack([second] * 3), [right, wrong])
    assert {"beginning", "mean-8", "weighted-8", "lead-8", "best-8"} <= set(scores)
    found = {
        one.encoder: one.value
        for one in results(scores, [Query("second", page, 0) for page in PAGES])
        if (one.corpus, one.metric) == ("manuals-all", "R@1")
    }
    assert found.pop("beginning") == 0
    assert set(found.values()) == {1}
