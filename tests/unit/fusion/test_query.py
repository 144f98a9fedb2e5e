"""Queries in the space of the fused vector."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.core.item import MODALITIES
from triptych.encoders.cards import Card
from triptych.encoders.scales import Bounds
from triptych.fusion.blocks import Block, Layout
from triptych.fusion.query import fuse_query
from triptych.fusion.scores import score

PARTS = st.sets(st.sampled_from(MODALITIES), min_size=1)
WEIGHT = st.floats(0.01, 100)
WEIGHTS = st.fixed_dictionaries(dict.fromkeys(("keyword", "text", "image", "audio"), WEIGHT))


@given(parts=PARTS, weights=WEIGHTS, keyword=st.booleans())
def test_weights_sum_to_one(make_query, parts, weights, keyword):
    """Whatever was given."""
    query = make_query(parts, weights, keyword=keyword)
    total = sum(term.weight for term in query.terms) + query.keyword_weight
    assert total == pytest.approx(1, abs=1e-9)
    assert (query.keyword_weight > 0) == keyword


@pytest.mark.parametrize(
    ("parts", "expected"),
    [({"audio"}, 1), ({"image"}, 1), ({"text"}, 3), ({"text", "image"}, 3),
     ({"image", "audio"}, 3), ({"text", "audio"}, 7), ({"text", "image", "audio"}, 7)],
)  # fmt: skip
def test_there_is_a_class_for_every_set_of_parts(make_query, parts, expected):
    """One, three or seven; they are disjoint and cover every item that has any of the parts."""
    classes = make_query(parts).presence_classes()
    asked = {part for entry in classes for part in entry.present}
    assert len(classes) == expected == 2 ** len(asked) - 1
    assert len({entry.present for entry in classes}) == expected
    assert all(set(entry.present) | set(entry.absent) == asked for entry in classes)
    assert not any(set(entry.present) & set(entry.absent) for entry in classes)


def test_a_part_of_weight_zero_has_no_class(make_query):
    """The index is not asked in vain."""
    query = make_query({"image", "audio"}, {"audio": 0})
    assert [entry.present for entry in query.presence_classes()] == [("image",)]


@given(
    asked=PARTS, has=PARTS, weights=WEIGHTS, keyword=st.booleans(), alpha=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_the_index_ranks_by_the_places(  # noqa: PLR0917
    make_query, make_item, asked, has, weights, keyword, alpha, seed
):
    """⟨vector of its class, item⟩ is the scaled sum of its places, but for a constant."""
    query = make_query(asked, weights, keyword=keyword and "text" in asked, seed=seed, alpha=alpha)
    item = make_item("a", has, seed=seed + 1)
    fitting = [
        entry
        for entry in query.presence_classes()
        if has.issuperset(entry.present) and not has & set(entry.absent)
    ]
    assert len(fitting) <= 1
    product = float(fitting[0].vector @ item.features) if fitting else 0
    expected = sum(
        term.weight * term.bounds.slope
        * float(item.features[query.layout.slices[term.block]] @ term.vector)
        for term in query.terms
    )  # fmt: skip
    assert product == pytest.approx(query.scale(item.parts) * expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("part", MODALITIES)
def test_a_class_is_ranked_as_its_scores_are(make_query, make_item, part):
    """Where nothing is beyond its bounds, one comparison ranks as its score does."""
    query = make_query({part})
    term = query.terms[0]
    query = replace(query, terms=(replace(term, bounds=Bounds(-1, 1)),))
    items = [make_item(f"{seed}", {part}, seed=seed) for seed in range(30)]
    (entry,) = query.presence_classes()
    products = [float(entry.vector @ item.features) for item in items]
    ranked = sorted(range(30), key=lambda i: -products[i])
    assert [found.index for found in score(query, items, "linear")] == ranked


def test_a_whole_item_is_not_corrected(make_query):
    """It shares the weight of everything; one that shares nothing has no score."""
    query = make_query({"text", "image"}, keyword=True)
    whole = frozenset({"text", "image"})
    assert query.mass(whole) == pytest.approx(1)
    assert query.scale(whole) == pytest.approx(1)
    assert query.scale(frozenset({"audio"})) == 0


@given(asked=PARTS, negative=PARTS, weights=WEIGHTS, seed=st.integers(0, 99))
def test_what_to_be_unlike_divides_nothing(make_query, asked, negative, weights, seed):
    """It has negative weights, and changes neither the others nor the classes."""
    alone = make_query(asked, weights, seed=seed)
    query = make_query(asked, weights, seed=seed, negative=negative)
    assert [(t.signal, t.block, t.weight) for t in query.positive] == [
        (t.signal, t.block, t.weight) for t in alone.terms
    ]
    negated = query.terms[len(alone.terms) :]
    assert {term.signal for term in negated} == {f"not.{part}" for part in negative}
    assert all(term.weight < 0 for term in negated)
    assert query.mass(frozenset(MODALITIES)) == pytest.approx(1)
    assert [entry.present for entry in query.presence_classes()] == [
        entry.present for entry in alone.presence_classes()
    ]


@given(asked=PARTS, weights=WEIGHTS, factor=st.floats(0.01, 100))
def test_only_the_ratio_of_the_weights_counts(make_query, asked, weights, factor):
    """All of them times a number are the same query."""
    query = make_query(asked, weights, keyword=True)
    scaled = {name: weight * factor for name, weight in weights.items()}
    other = make_query(asked, scaled, keyword=True)
    assert other.keyword_weight == pytest.approx(query.keyword_weight)
    assert [t.weight for t in other.terms] == pytest.approx([t.weight for t in query.terms])


def test_alpha_chooses_between_sum_and_mean(make_query):
    """0 divides by nothing, 1 by the shared weight."""
    present = frozenset({"image"})
    for alpha, power in ((0.0, 0), (0.5, -0.5), (1.0, -1)):
        query = make_query({"image", "audio"}, alpha=alpha)
        assert query.scale(present) == pytest.approx(query.mass(present) ** power)


@pytest.mark.parametrize("keyword", [True, False])
def test_weights_that_are_all_zero_are_refused(make_query, keyword):
    """Those of what the query has."""
    zero = {"keyword": 0, "image": 0}
    with pytest.raises(ValueError, match="are zero"):
        make_query({"image"}, zero, keyword=keyword)


def test_words_alone_are_a_query(make_query):
    """Of weight one, with no class of vectors."""
    query = make_query(set(), keyword=True)
    assert query.keyword_weight == 1
    assert query.presence_classes() == []
    assert not np.any(query.vector())


@pytest.mark.parametrize("tiny", [1e-77, 1e-300, 5e-324])
def test_tiny_weights_do_no_harm(make_query, tiny):
    """A weight next to nothing is left out beside others, and is everything when alone."""
    beside = make_query({"image", "audio"}, {"image": 1, "audio": tiny})
    assert {term.signal for term in beside.terms} == {"image"}
    alone = make_query({"text"}, {"text": tiny})
    for query in (beside, alone):
        assert sum(term.weight for term in query.terms) == pytest.approx(1)
        assert all(np.isfinite(entry.vector).all() for entry in query.presence_classes())


def spoken_layout() -> Layout:
    """Texts, sounds, and the speech in sounds, of two numbers each."""
    facts = {"version": 1, "licence": "MIT", "source": "here", "dims": 2}
    text = Card(name="t", modality="text", **facts)
    sound = Card(name="s", modality="audio", **facts)
    return Layout(
        (
            Block("semantic", "text", "text", in_text_space=False, card=text),
            Block("acoustic", "audio", "audio", in_text_space=False, card=sound),
            Block("spoken", "audio", "speech", in_text_space=True, card=sound),
        )
    )


def test_speech_is_no_class_of_its_own_and_loses_nothing():
    """The index ranks as if it were for nothing, and by it alone where there is nothing else."""
    meaning, timbre = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    vectors = {"text": {"semantic": meaning}, "audio": {"acoustic": timbre}}
    weights = {"text": 1.0, "audio": 1.0}
    both = fuse_query(vectors, weights, spoken_layout())
    classes = {entry.present: entry.vector for entry in both.presence_classes()}
    assert set(classes) == {("audio", "text"), ("audio",), ("text",)}
    mass = both.mass(frozenset({"audio"}))
    assert both.mass(frozenset({"audio", "speech"})) > mass
    expected = both.vector() * np.float32(mass**-both.alpha)
    assert classes["audio",] == pytest.approx(expected)
    words = fuse_query({"text": vectors["text"]}, weights, spoken_layout())
    alone = {entry.present: entry.vector for entry in words.presence_classes()}
    scale = words.mass(frozenset({"speech"})) ** -words.alpha
    assert alone["audio",] == pytest.approx(words.vector() * np.float32(scale))


def test_what_was_not_found_in_the_query_is_not_compared():
    """A sound without speech asks for no speech."""
    nothing, timbre = np.zeros(2, np.float32), np.array([0, 1], np.float32)
    vectors = {"audio": {"acoustic": timbre, "spoken": nothing}}
    query = fuse_query(vectors, {"audio": 1.0}, spoken_layout())
    assert [term.block for term in query.terms] == ["acoustic"]


def test_a_query_that_compares_with_nothing_is_refused():
    """A part for which items have no block says so, instead of a score of nothing."""
    found = {"audio": {"heard": np.array([0, 1], np.float32)}}
    with pytest.raises(ValueError, match="compares"):
        fuse_query(found, {"audio": 1.0}, spoken_layout())
