"""Scores that mean "and", when they are chosen, and what each signal has of them."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.fusion.product import Product
from triptych.fusion.query import FusedQuery
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate, measure


def alike(query: FusedQuery, name: str, *, words: float | None = None, **parts: float) -> Candidate:
    """An item whose parts have these cosines with those of the query."""
    features = np.zeros(query.layout.dims, np.float32)
    draw = np.random.default_rng(0)
    for term in query.terms:
        cosine = parts.get(query.layout.modalities[term.block])
        if cosine is not None and term.signal == query.layout.modalities[term.block]:
            other = draw.normal(size=term.vector.size)
            other -= (other @ term.vector) * term.vector
            other /= np.linalg.norm(other)
            vector = cosine * term.vector + np.sqrt(1 - cosine**2) * other
            features[query.layout.slices[term.block]] = vector
    matched = {} if words is None else {"red": words}
    return Candidate(name, frozenset(parts), words, matched, features)


@pytest.fixture
def query(make_query) -> FusedQuery:
    """A picture and a word."""
    return make_query({"text", "image"}, keyword=True)


def names(query: FusedQuery, items: list[Candidate], method: str) -> list[str]:
    """Of the items, best first."""
    return [items[entry.index].id for entry in score(query, items, method)]


def test_a_match_of_the_words_does_not_buy_off_the_picture(query: FusedQuery):
    """What is good by both parts comes before what is perfect by one."""
    items = [
        alike(query, "words", text=1.0, image=0.1, words=9.0),
        alike(query, "picture", text=0.1, image=1.0),
        alike(query, "both", text=0.45, image=0.6, words=4.0),
    ]
    assert names(query, items, "linear")[0] == "words"
    assert names(query, items, "product")[0] == "both"


def test_parts_that_find_different_items_are_multiplied(query: FusedQuery):
    """What the picture finds lacks the word, and what the word finds is another picture."""
    different = [
        alike(query, "words", text=0.9, image=0.1, words=9.0),
        alike(query, "picture", text=0.1, image=0.95),
        alike(query, "both", text=0.45, image=0.6, words=4.0),
    ]
    assert {entry.fused for entry in score(query, different, "auto")} == {"product"}
    assert names(query, different, "auto") == names(query, different, "product")
    same = [*different, alike(query, "that", text=0.9, image=0.95, words=9.0)]
    assert {entry.fused for entry in score(query, same, "auto")} == {"linear"}


def test_what_the_words_find_may_lack_its_picture(query: FusedQuery):
    """Then nobody knows that the parts disagree, and they are added."""
    others = [
        alike(query, "picture", text=0.1, image=0.95),
        alike(query, "other", text=0.5, image=0.1, words=5.0),
    ]
    assert {entry.fused for entry in score(query, others, "auto")} == {"product"}
    first = alike(query, "words", text=0.9, words=9.0)
    assert {entry.fused for entry in score(query, [first, *others], "auto")} == {"linear"}
    assert {entry.fused for entry in score(query, [first], "auto")} == {"linear"}


def test_a_perfect_item_has_one(query: FusedQuery):
    """By words and meaning, which count once, and by the picture."""
    items = [alike(query, "perfect", text=1.0, image=1.0, words=9.0)]
    assert score(query, items, "product")[0].score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("words", [("red", "kangaroo"), ("red", "green", "blue")])
def test_words_that_no_item_has_together_are_added(query: FusedQuery, words: tuple[str, ...]):
    """They are no sure sign of what is meant."""
    items = [
        alike(query, "words", text=0.9, image=0.1, words=9.0),
        alike(query, "picture", text=0.1, image=0.95),
    ]
    assert {entry.fused for entry in score(query, items, "auto")} == {"product"}
    unsure = replace(query, words=words)
    assert {entry.fused for entry in score(unsure, items, "auto")} == {"linear"}


@pytest.mark.parametrize("parts", [{"text"}, {"image"}, {"audio"}])
def test_one_part_is_no_product(make_query, make_item, parts: set[str]):
    """It is scored as in a sum, and the answer says so."""
    query = make_query(parts, keyword="text" in parts)
    items = [make_item(f"{n}", parts, keyword=float(n + 1), seed=n) for n in range(4)]
    for method in ("auto", "product"):
        assert score(query, items, method) == score(query, items, "linear")


@given(seed=st.integers(0, 99), keyword=st.booleans(), count=st.integers(1, 6))
def test_shares_are_means_over_all_orders(make_query, make_item, seed: int, keyword, count: int):
    """Against the definition: what a signal adds, in each order in which signals can be added."""
    parts = ("text", "image", "audio")
    query = make_query(set(parts), keyword=keyword, seed=seed)
    items = [
        make_item(f"{n}", set(parts[n % 3 :]), keyword=float(n) if n % 2 else None, seed=n)
        for n in range(count)
    ]
    product = Product(query, items, measure(query, items))
    expected = {name: np.zeros(count) for name in product.values}
    orders = list(permutations(product.values))
    for order in orders:
        known: frozenset[str] = frozenset()
        for name in order:
            added = product.score_by(known | {name}) - product.score_by(known)
            expected[name] += added / len(orders)
            known |= {name}
    for name, share in product.contributions().items():
        assert share == pytest.approx(expected[name], abs=1e-12)


@given(seed=st.integers(0, 99), better=st.floats(0, 1))
def test_a_better_part_never_lowers_the_score(make_query, seed: int, better: float):
    """Neither does a word more."""
    query = make_query({"text", "image"}, keyword=True, seed=seed)
    low = alike(query, "item", text=0.3, image=0.3)
    others = [alike(query, "other", text=0.5, image=0.5, words=5.0)]

    def of(item: Candidate) -> float:
        scored = score(query, [item, *others], "product")
        return next(entry.score for entry in scored if entry.index == 0)

    before = of(low)
    nearer = 0.3 + 0.7 * better
    assert of(alike(query, "item", text=0.3, image=nearer)) >= before - 1e-6
    assert of(alike(query, "item", text=nearer, image=0.3)) >= before - 1e-6
    assert of(alike(query, "item", text=0.3, image=0.3, words=1.0)) >= before - 1e-6


def test_a_poorer_item_competes_on_what_it_has(query: FusedQuery):
    """It is between the one that is as good by the other part, and the one that is bad by it."""
    items = [
        alike(query, "whole", text=0.8, image=0.8, words=5.0),
        alike(query, "poorer", image=0.8),
        alike(query, "bad", text=-0.5, image=0.8),
    ]
    assert names(query, items, "product") == ["whole", "poorer", "bad"]
