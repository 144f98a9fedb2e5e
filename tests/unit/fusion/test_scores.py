"""Scores and the reasons that sum to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.item import MODALITIES
from triptych.encoders.cards import unit_rows
from triptych.fusion.scores import RRF_K, score
from triptych.fusion.signals import Candidate

METHODS = ["auto", "linear", "product", "rrf", "dbsf"]
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
    """Exactly; in a sum each is weight times normalised; best first; every item once."""
    query = make_query(asked, keyword=keyword, seed=seed)
    items = items_of(make_item, drawn)
    found = score(query, items, method)
    assert sorted(entry.index for entry in found) == list(range(len(items)))
    assert [entry.score for entry in found] == sorted((e.score for e in found), reverse=True)
    for entry in found:
        total = sum(reason.contribution for reason in entry.why.values())
        assert total == pytest.approx(entry.score, abs=1e-9)
        for reason in entry.why.values():
            if entry.fused != "product":
                product = reason.weight * reason.normalised
                assert product == pytest.approx(reason.contribution, abs=1e-9)
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


@every_method
@given(asked=PARTS, drawn=ITEMS, keyword=st.booleans(), seed=st.integers(0, 99))
def test_scores_are_between_nothing_and_everything(  # noqa: PLR0917
    make_query, make_item, method, asked, drawn, keyword, seed
):
    """From 0 to 1, so that they compare across queries."""
    query = make_query(asked, keyword=keyword, seed=seed)
    for entry in score(query, items_of(make_item, drawn), method):
        assert -1e-9 <= entry.score <= 1 + 1e-9


@every_method
@given(asked=PARTS, unlike=PARTS, drawn=ITEMS, seed=st.integers(0, 99))
def test_what_to_be_unlike_only_lowers(  # noqa: PLR0917
    make_query, make_item, method, asked, unlike, drawn, seed
):
    """The items with those parts, by what the reasons say; no reason to be like it changes."""
    items = items_of(make_item, drawn)
    plain = score(make_query(asked, keyword=True, seed=seed), items, method)
    before = {entry.index: entry for entry in plain}
    query = make_query(asked, keyword=True, seed=seed, negative=unlike)
    for entry in score(query, items, method):
        was = before[entry.index]
        assert entry.score <= was.score + 1e-9
        taken = {name for name in entry.why if name.startswith("not.")}
        shares = query.mass(items[entry.index].parts) > 0
        assert taken <= {f"not.{part}" for part in unlike}
        assert taken or not (shares and unlike & items[entry.index].parts)
        assert all(entry.why[name].contribution <= 0 for name in taken)
        assert {n: r.contribution for n, r in entry.why.items() if n not in taken} == (
            pytest.approx({n: r.contribution for n, r in was.why.items()}, abs=1e-9)
        )


@every_method
@given(asked=PARTS, unlike=PARTS, drawn=ITEMS, seed=st.integers(0, 99))
def test_scores_are_the_same_without_reasons(  # noqa: PLR0917
    make_query, make_item, method, asked, unlike, drawn, seed
):
    """To the last bit."""
    query = make_query(asked, keyword=True, seed=seed, negative=unlike)
    items = items_of(make_item, drawn)
    explained = score(query, items, method)
    bare = score(query, items, method, explain=False)
    assert [(e.index, e.score) for e in bare] == [(e.index, e.score) for e in explained]
    assert not any(e.why for e in bare)


@given(asked=PARTS, drawn=ITEMS, seed=st.integers(0, 99), nearer=st.floats(0.01, 2))
def test_more_alike_is_no_worse(  # noqa: PLR0917
    make_query, make_item, asked, drawn, seed, nearer
):
    """In any one block, by however much."""
    query = make_query(asked, keyword=True, seed=seed)
    items = items_of(make_item, drawn)
    before = {entry.index: entry.score for entry in score(query, items, "linear")}
    for term in query.terms:
        where = query.layout.slices[term.block]
        moved = []
        for item in items:
            features = item.features.copy()
            if query.layout.parts[term.block] in item.parts:
                features[where] = unit_rows([features[where] + nearer * term.vector])[0]
            moved.append(replace(item, features=features))
        for entry in score(query, moved, "linear"):
            assert entry.score >= before[entry.index] - 1e-6  # float32


@every_method
@given(asked=PARTS, drawn=ITEMS, seed=st.integers(0, 99), factor=st.floats(0.01, 100))
def test_only_the_ratio_of_the_weights_counts(  # noqa: PLR0917
    make_query, make_item, method, asked, drawn, seed, factor
):
    """All weights times a number give the same scores."""
    weights = {"keyword": 0.5, "text": 1.0, "image": 0.7, "audio": 2.0}
    scaled = {name: weight * factor for name, weight in weights.items()}
    items = items_of(make_item, drawn)
    one, other = (
        score(make_query(asked, given, keyword=True, seed=seed), items, method)
        for given in (weights, scaled)
    )
    scores = {entry.index: entry.score for entry in one}
    assert {entry.index: entry.score for entry in other} == pytest.approx(scores, abs=1e-9)


@every_method
@pytest.mark.parametrize("part", ["text", "audio"])
def test_to_lose_what_was_not_asked_for_changes_nothing(make_query, make_item, method, part):
    """Whoever has it, or had it."""
    query = make_query({"image"})
    items = [make_item(f"{i}", {"image", part}, seed=i) for i in range(4)]
    poorer = [replace(item, parts=item.parts - {part}) for item in items]
    for some in (poorer, [*items[:2], *poorer[2:]]):
        assert [(e.index, e.score) for e in score(query, some, method)] == [
            (e.index, e.score) for e in score(query, items, method)
        ]


def test_a_cosine_is_placed_between_its_bounds(make_query, make_item):
    """What a signal says is its place on the scale of its encoders."""
    query = make_query({"audio"})
    (term,) = query.terms
    where = query.layout.slices[term.block]
    across = unit_rows([np.eye(1, term.vector.size)[0] - term.vector[0] * term.vector])[0]
    floor, ceiling = term.bounds.floor, term.bounds.ceiling
    expectations = {floor: 0.05, (floor + ceiling) / 2: 0.5, ceiling: 0.95, 1.0: 1.0, -1.0: 0.0}
    for cosine, place in expectations.items():
        item = make_item("a", {"audio"})
        features = item.features.copy()
        features[where] = cosine * term.vector + np.sqrt(1 - cosine**2) * across
        (found,) = score(query, [replace(item, features=features)], "linear")
        assert found.score == pytest.approx(place, abs=1e-5)
        assert found.why["audio"].raw == pytest.approx(cosine, abs=1e-5)


def test_silence_sounds_like_nothing(make_query, make_item):
    """Not even like what is unlike it."""
    query, item = make_query({"audio"}), make_item("a", {"audio"})
    (term,) = query.terms
    unlike = item.features.copy()
    unlike[query.layout.slices[term.block]] = -0.9 * term.vector
    silent = replace(item, id="0", features=np.zeros_like(unlike))
    found = score(query, [silent, replace(item, features=unlike)], "linear")
    assert [entry.index for entry in found] == [1, 0]
    assert found[0].score > found[1].score == 0


def test_words_that_are_nowhere_count(make_query, make_item):
    """The best match of one of two words is half a match."""
    query = replace(make_query(set(), keyword=True), words=("red", "kangaroo"))
    both = make_item("both", {"text"}, keyword=8.0)
    items = [both, make_item("less", {"text"}, keyword=4.0)]
    assert [entry.score for entry in score(query, items, "linear")] == [0.5, 0.25]
    items[0] = replace(both, words={"red": 3.0, "kangaroo": 5.0})
    assert [entry.score for entry in score(query, items, "linear")] == [1.0, 0.5]


def test_reasons_of_words_say_which(make_query, make_item):
    """Each word that matched, and what it adds."""
    (found,) = score(
        make_query({"text"}, keyword=True), [make_item("a", {"text"}, keyword=2.5)], "linear"
    )
    assert found.why["keyword"].words == {"red": 2.5}
    assert not found.why["text"].words
