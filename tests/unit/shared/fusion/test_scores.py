"""Scores and the reasons that sum to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.shared.fusion.scores import RRF_K, Candidate, score
from triptych.shared.item import MODALITIES

METHODS = ["linear", "rrf"]
every_method = pytest.mark.parametrize("method", METHODS)
PARTS = st.sets(st.sampled_from(MODALITIES), min_size=1)
ITEMS = st.lists(
    st.tuples(PARTS, st.one_of(st.none(), st.floats(0.01, 50))), min_size=1, max_size=8
)


def items_of(make_item, drawn) -> list[Candidate]:
    """Items of these parts and BM25 scores."""
    return [
        make_item(f"item-{i}", parts, keyword=keyword if "text" in parts else None, seed=i)
        for i, (parts, keyword) in enumerate(drawn)
    ]


@every_method
@given(asked=PARTS, drawn=ITEMS, keyword=st.booleans(), seed=st.integers(0, 99))
def test_the_reasons_sum_to_the_score(  # noqa: PLR0917
    make_query, make_item, method, asked, drawn, keyword, seed
):
    """Exactly, each being weight times normalised; best first; every item once."""
    query = make_query(asked, keyword=keyword, seed=seed)
    items = items_of(make_item, drawn)
    found = score(query, items, method)
    assert sorted(entry.index for entry in found) == list(range(len(items)))
    assert [entry.score for entry in found] == sorted((e.score for e in found), reverse=True)
    for entry in found:
        total = sum(reason.contribution for reason in entry.why.values())
        assert total == pytest.approx(entry.score, abs=1e-9)
        for reason in entry.why.values():
            assert reason.weight * reason.normalised == pytest.approx(reason.contribution, abs=1e-9)
            assert 1 <= reason.rank <= len(items)
        assert np.isfinite(entry.score)


@given(asked=PARTS, drawn=ITEMS, seed=st.integers(0, 99))
def test_a_reason_is_there_only_for_parts_that_are(make_query, make_item, asked, drawn, seed):
    """An item without sound has no reason of sound, and its cosines are those of its blocks."""
    query = make_query(asked, seed=seed)
    items = items_of(make_item, drawn)
    for entry in score(query, items, "linear"):
        item = items[entry.index]
        expected = {t.signal for t in query.terms if query.layout.parts[t.block] in item.parts}
        assert set(entry.why) == expected
        for term in query.terms:
            if term.signal in entry.why:
                cosine = float(item.features[query.layout.slices[term.block]] @ term.vector)
                assert entry.why[term.signal].blocks[term.block] == pytest.approx(cosine, abs=1e-6)


@every_method
def test_no_candidates_are_no_scores(make_query, method):
    """Nothing found."""
    assert score(make_query({"text"}), [], method) == []


@every_method
def test_ties_are_broken_by_id(make_query, make_item, method):
    """So that pages are stable, whatever order the index answers in."""
    item = make_item("a", {"image"})
    items = [replace(item, id=name) for name in ("c", "a", "b")]
    found = score(make_query({"image"}), items, method)
    assert [items[entry.index].id for entry in found] == ["a", "b", "c"]
    assert len({entry.score for entry in found}) == 1
    nothing = [replace(i, parts=frozenset({"audio"})) for i in items]
    found = score(make_query({"image"}), nothing, method)
    assert [nothing[entry.index].id for entry in found] == ["a", "b", "c"]
    assert [entry.score for entry in found] == [0, 0, 0]


def test_reciprocal_ranks_are_at_most_one(make_query, make_item):
    """First everywhere is 1, whoever else is a candidate, and a poorer item never has more."""
    query = make_query({"text", "image"}, keyword=True)
    whole = replace(make_item("whole", {"text", "image"}), keyword=5.0)
    others = [make_item(f"{n}", {"text"}, seed=n) for n in range(1, 5)]
    for candidates in ([whole], [whole, *others]):
        assert all(entry.score <= 1 + 1e-12 for entry in score(query, candidates, "rrf"))
    assert score(query, [whole], "rrf")[0].score == pytest.approx(1)


@every_method
def test_a_limit_only_cuts(make_query, make_item, method):
    """The best few are the same, with the same reasons, as without a limit."""
    items = [make_item(f"{n}", {"image", "audio"}, seed=n) for n in range(9)]
    query = make_query({"image", "audio"})
    assert score(query, items, method, 4) == score(query, items, method)[:4]


def test_a_signal_of_more_weight_counts_more(make_query, make_item):
    """The share of the image in the score of the item that it likes grows with its weight."""
    items = [make_item(f"{i}", {"image", "audio"}, seed=i) for i in range(5)]
    contributions = []
    for weight in (0.1, 0.5, 1, 2, 10):
        found = score(make_query({"image", "audio"}, {"image": weight}), items, "linear")
        best = max(found, key=lambda entry: entry.why["image"].raw)
        contributions.append(best.why["image"].contribution)
    assert contributions == sorted(contributions)
    assert len(set(contributions)) == 5


@every_method
@pytest.mark.parametrize("extra", ["text", "audio"])
def test_what_was_not_asked_for_changes_nothing(make_query, make_item, method, extra):
    """An item that gains a part keeps its score: it is neither rewarded nor punished."""
    query = make_query({"image"})
    others = [make_item(f"{i}", {"image"}, seed=i) for i in range(1, 4)]
    before = score(query, [make_item("a", {"image"}), *others], method)
    after = score(query, [make_item("a", {"image", extra}), *others], method)
    assert [(e.index, e.score) for e in after] == [(e.index, e.score) for e in before]


def test_words_are_divided_by_the_best(make_query, make_item):
    """BM25 has no upper bound; the best of the candidates is 1, one without a match has none."""
    items = [
        make_item("a", {"text"}, keyword=8.0),
        make_item("b", {"text"}, keyword=2.0),
        make_item("c", {"text"}),
    ]
    found = {
        items[e.index].id: e.why for e in score(make_query({"text"}, keyword=True), items, "linear")
    }
    assert found["a"]["keyword"].normalised == pytest.approx(1)
    assert found["b"]["keyword"].normalised == pytest.approx(0.25)
    assert (found["b"]["keyword"].raw, found["b"]["keyword"].rank) == (2, 2)
    assert "keyword" not in found["c"]


def test_words_that_score_nothing_are_no_division_by_zero(make_query, make_item):
    """BM25 of 0 for every candidate."""
    items = [make_item("a", {"text"}, keyword=0.0)]
    assert score(make_query(set(), keyword=True), items, "linear")[0].score == 0


def test_first_everywhere_is_one(make_query, make_item):
    """Reciprocal ranks are scaled; the second of one signal has 61/62 of its weight."""
    items = [make_item(f"{i}", {"audio"}, seed=i) for i in range(3)]
    found = score(make_query({"audio"}), items, "rrf")
    expected = [(RRF_K + 1) / (RRF_K + rank) for rank in (1, 2, 3)]
    assert [entry.score for entry in found] == pytest.approx(expected)
    assert [entry.why["audio"].rank for entry in found] == [1, 2, 3]
    cosines = [entry.why["audio"].raw for entry in found]
    assert cosines == sorted(cosines, reverse=True)


def test_candidates_are_not_changed(make_query, make_item):
    """Scoring only reads."""
    items = [make_item(f"{i}", {"text", "image"}, keyword=1.0, seed=i) for i in range(3)]
    before = [item.features.copy() for item in items]
    score(make_query({"text"}, keyword=True), items, "rrf")
    assert all(np.array_equal(a, item.features) for a, item in zip(before, items, strict=True))
