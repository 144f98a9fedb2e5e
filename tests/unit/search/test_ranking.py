"""The order of hits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import layout
from triptych.fusion.query import WEIGHTS, PresenceClass, fuse_query
from triptych.fusion.scores import Scored
from triptych.fusion.signals import Candidate
from triptych.index.model import IndexQuery, Match, Sort, Words
from triptych.search.encoding import Query
from triptych.search.paging import Ranked, Ranking
from triptych.search.planning import Plan
from triptych.search.ranking import index_query, listed, sort_hits

DOCUMENTS = {
    "a": {"metadata": {"year": 3}, "sequence": 5},
    "b": {"metadata": {"year": 1.5}, "sequence": 5},
    "c": {"metadata": {"year": "x"}, "sequence": 7},
    "d": {"metadata": {"year": True}},
    "e": {},
    "f": {"metadata": {"year": 3, "other": 1}, "sequence": 2},
    "g": {"metadata": {"year": "a"}, "sequence": 1},
}
DATED = {
    "a": "2025-01-01T00:30:00+02:00", "b": "2024-12-31T23:30:00Z", "c": "2025-01-01",
    "d": 2**53 + 1, "e": 2**53, "f": "soon", "g": "2025-01-01T00:00Z",
}  # fmt: skip
for _name, _when in DATED.items():
    DOCUMENTS[_name].setdefault("metadata", {})["when"] = _when
SCORES = {"a": 0.1, "b": 0.9, "c": 0.5, "d": 0.5, "e": 0.7, "f": 0.2, "g": 0.3}


def order(*sorts: Sort) -> str:
    """The ids of the hits, which come in no order."""
    names = "ecgabfd"
    found = [
        Match(Candidate(name, frozenset(), None, {}, np.zeros(1)), {"id": name, **DOCUMENTS[name]})
        for name in names
    ]
    scored = [Scored(place, SCORES[name], {}) for place, name in enumerate(names)]
    scored.sort(key=lambda hit: -hit.score)
    return "".join(found[hit.index].candidate.id for hit in sort_hits(scored, found, sorts))


@pytest.mark.parametrize(
    ("sorts", "expected"),
    [
        ([Sort("id")], "abcdefg"),
        ([Sort("id", descending=True)], "gfedcba"),
        ([Sort("added")], "gfabcde"),
        ([Sort("added", descending=True)], "cabfgde"),
        ([Sort("metadata.year")], "bafgcde"),
        ([Sort("metadata.year", descending=True)], "afbcgde"),
        ([Sort("metadata.year"), Sort("id", descending=True)], "bfagcde"),
        ([Sort("metadata.when")], "edabcgf"),
        ([Sort("metadata.when", descending=True)], "decgbaf"),
        ([Sort("metadata.nothing"), Sort("score", descending=True)], "becdgfa"),
        ([Sort("score", descending=True)], "becdgfa"),
        ([Sort("score")], "afgcdeb"),
        ([Sort("added"), Sort("score", descending=True)], "gfbaced"),
    ],
)
def test_orders(sorts, expected):
    """Numbers, dates, strings, booleans, and last what has no value; equals by id."""
    assert order(*sorts) == expected


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=3), max_size=4), st.data())
def test_a_digest_tells_orders_apart(ids, data):
    """Equal for the same ids in the same order alone."""
    ids = [name.replace("\n", "") for name in ids]
    other = data.draw(st.permutations(ids))
    one, two = (
        Ranking([Ranked(name, 0.5, None) for name in names], 0, total_is_exact=True)
        for names in (ids, other)
    )
    assert (one.digest == two.digest) == (ids == other)


def test_what_an_index_returns_beyond_its_lists_is_left_out():
    """Ranks and spreads would depend on how it seeks."""
    parts = {"a": "text", "b": "text", "c": "text image", "d": "image", "e": "text"}
    rows = {"a": (3, 0), "b": (2, 0), "c": (1, 1), "d": (0, 5), "e": (0, 0)}
    keywords = {"b": 2.0, "c": 3.0, "e": 1.0}
    matches = [
        Match(
            Candidate(
                name, frozenset(parts[name].split()), keywords.get(name), {}, np.array(rows[name])
            ),
            {"id": name},
        )
        for name in "edcba"
    ]
    vector = np.array([1, 1], np.float32)
    classes = [PresenceClass(("text",), ("image",), vector), PresenceClass(("image",), (), vector)]
    kept = listed(IndexQuery(classes=classes, candidates=1), matches)
    assert "".join(match.candidate.id for match in kept) == "dca"
    assert listed(IndexQuery(classes=classes, candidates=5), matches) == matches
    assert listed(IndexQuery(candidates=5), []) == []


@pytest.mark.parametrize(
    ("vectors", "alone"),
    [
        ({"text": ["semantic"]}, True),
        ({"image": ["visual", "concept"]}, True),
        ({"text": ["semantic"], "audio": ["acoustic"]}, False),
    ],
)
def test_an_index_is_told_whether_a_query_has_one_part(vectors, alone):
    """However many blocks the part is compared with."""
    widths = {block.name: block.dims for block in layout().blocks}
    parts = {
        part: {name: np.eye(1, widths[name], dtype=np.float32)[0] for name in names}
        for part, names in vectors.items()
    }
    query = Query(fuse_query(parts, WEIGHTS, layout()), Words())
    assert index_query(query, Plan(), 20).of_one_part is alone
