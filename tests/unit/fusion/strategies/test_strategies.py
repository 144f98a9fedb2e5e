"""Block, mean and weighted fusion: vectors, scores, and reasons that add up."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import InvalidInput
from triptych.encoders.cards import unit_rows
from triptych.evaluation.joined import Joined
from triptych.fusion.blocks import fuse
from triptych.fusion.features import Features
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.projected import Projected, fit_weights, projection
from triptych.fusion.strategies.trials import make_trials

STRATEGIES = (
    BlockFusion(layout()),
    Projected(layout()),
    Projected(layout(), weights={"semantic": 2, "concept": 1, "visual": 0.5, "acoustic": 0}),
    Joined(BlockFusion(layout()), Projected(layout()), 0.4),
)
each = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


def query_of(items: Features, row: int, parts: set[str]) -> Features:
    """One item as a query."""
    return items.rows(np.array([row])).only(parts)


@each
def test_vectors_are_as_wide_as_said(strategy, items):
    """Float32, and of length one unless they are blocks or nothing."""
    fused = strategy.fuse(items)
    assert (fused.dtype, fused.shape) == (np.float32, (len(items), strategy.dims))
    if strategy.name == "mean":
        np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-6)
    nothing = strategy.fuse(items.where(np.zeros_like(items.present)))
    assert not nothing.any()


@each
@pytest.mark.parametrize("parts", [{"text"}, {"image"}, {"text", "image"}, {"text", "audio"}])
def test_shares_of_the_parts_sum_to_the_score(strategy, items, parts):
    """Each item's, and a part that an item lacks has none."""
    query = query_of(items, 6, parts)
    explained = strategy.explain(query, items)
    np.testing.assert_allclose(explained.scores, strategy.scores(query, items)[0], atol=1e-6)
    np.testing.assert_allclose(sum(explained.shares.values()), explained.scores, atol=1e-9)
    for part, share in explained.shares.items():
        assert not share[~items.has(part)].any()
        assert share.any() or strategy.name != "mean"


@each
def test_an_item_is_first_when_asked_for_by_all_of_its_parts(strategy, items):
    """Every pattern of parts, without the sound where it has no weight."""
    for row in range(7):
        query = items.rows(np.array([row]))
        if strategy.name != "weighted" or query.only(["text", "image"]).filled.any():
            scores = strategy.scores(query.only(["text", "image", "audio"]), items)
            assert scores.argmax() == row


@each
def test_a_query_without_a_part_is_refused(strategy, items):
    """So is one whose parts have no weight."""
    with pytest.raises(InvalidInput, match="query 0"):
        strategy.fuse_query(items.rows(np.array([0])).only([]))
    with pytest.raises(InvalidInput, match="no part with a weight"):
        strategy.fuse_query(query_of(items, 0, {"text"}), {**WEIGHTS, "text": 0.0})


@each
def test_negative_parts_push_away(strategy, items):
    """An item that is like them loses; block fusion leaves that to the exact scores."""
    query, against = query_of(items, 6, {"text"}), query_of(items, 2, {"text"})
    plain, pushed = (
        strategy.fuse_query(query, negative=negative)[0] @ strategy.fuse(against)[0]
        for negative in (None, against)
    )
    assert pushed == plain if strategy.name == "block" else pushed < plain


def test_block_fusion_scores_as_search_does(items):
    """``fusion.scores`` itself, over every presence pattern of items."""
    block = BlockFusion(layout())
    np.testing.assert_array_equal(
        block.fuse(items),
        fuse([{name: items.block(name)[row] for name in layout().slices} for row in range(60)],
             layout()),
    )  # fmt: skip
    candidates = [
        Candidate(f"{row:02}", frozenset(p for p in items.parts if items.has(p)[row]), None, {},
                  items.vectors[row])
        for row in range(len(items))
    ]  # fmt: skip
    vectors = {
        "text": {"semantic": items.block("semantic")[6]},
        "image": {name: items.block(name)[6] for name in ("concept", "visual")},
    }
    query = fuse_query(vectors, WEIGHTS, layout())
    expected = np.zeros(len(items))
    for scored in score(query, candidates, "linear"):
        expected[scored.index] = scored.score
    ours = block.scores(query_of(items, 6, {"text", "image"}), items)[0]
    np.testing.assert_allclose(ours, expected, atol=1e-7)
    np.testing.assert_allclose(
        block.fuse_query(query_of(items, 6, {"text", "image"}))[0], query.vector(), atol=1e-6
    )


def test_block_fusion_finds_nothing_where_nothing_compares(items):
    """A sound among texts: every score is zero, so none is found by chance."""
    texts = items.only(["text"])
    assert not BlockFusion(layout()).scores(query_of(items, 6, {"audio"}), texts).any()


def test_projections_keep_cosines():
    """Exactly, unless the result is narrower; vectors of other spaces become orthogonal."""
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(50, 256)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    wide, narrow = (rows @ projection("visual", 256, width) for width in (384, 128))
    np.testing.assert_allclose(wide @ wide.T, rows @ rows.T, atol=1e-5)
    assert np.abs(narrow @ narrow.T - rows @ rows.T).mean() < 0.07
    other = rows @ projection("audio", 256, 384)
    assert np.abs(np.sum(wide * other, axis=1)).mean() < 0.06


def test_the_space_of_texts_is_one(items):
    """A text compares with the concepts of a picture as before."""
    mean = Projected(layout())
    text, concept = items.only(["text"]), items.where(
        np.array([[block.name == "concept" for block in layout().blocks]])
    )  # fmt: skip
    both = items.has("text") & items.has("image")
    expected = np.sum(items.block("semantic") * items.block("concept"), axis=1)
    ours = np.sum(mean.fuse(text) * mean.fuse(concept), axis=1)
    np.testing.assert_allclose(ours[both], expected[both], atol=1e-5)


def test_fingerprints_tell_strategies_apart():
    """Weights and width change vectors."""
    prints = {strategy.fingerprint for strategy in STRATEGIES}
    prints.add(Projected(layout(), width=256).fingerprint)
    assert len(prints) == 5


NAMES = list(layout().slices)


@pytest.mark.parametrize(
    "weights",
    [{"semantic": 1}, dict.fromkeys(NAMES, 0.0), {**dict.fromkeys(NAMES, 1.0), "visual": -1.0}],
)
def test_weights_that_can_not_be_are_refused(weights):
    """Of a block missing, all zero, negative."""
    with pytest.raises(InvalidInput, match="weight"):
        Projected(layout(), weights=weights)


def test_fitted_weights_leave_out_what_misleads(items):
    """The visual block is made noise, and concepts are faint: its weight falls below theirs."""
    noisy = items.vectors.copy()
    draw = np.random.default_rng(3)
    for name, level in (("visual", 100.0), ("concept", 3.0)):
        where = layout().slices[name]
        noise = unit_rows(draw.normal(size=noisy[:, where].shape))
        noisy[:, where] = unit_rows(noisy[:, where] + level * noise) * items.has("image")[:, None]
    trials = make_trials(Features.of(noisy, layout()), np.arange(60))
    fitted = fit_weights(layout(), [one for one in trials if one.kind == "text → image"])
    assert fitted.name == "weighted"
    assert fitted.weights["visual"] < fitted.weights["concept"]


def test_joined_scores_are_mixed_by_the_share(items):
    """And so are the vectors, which lie side by side."""
    block, mean = BlockFusion(layout()), Projected(layout())
    query = query_of(items, 6, {"text", "image"})
    for share in (0.0, 0.3, 1.0):
        joined = Joined(block, mean, share)
        mixed = (1 - share) * block.scores(query, items) + share * mean.scores(query, items)
        np.testing.assert_allclose(joined.scores(query, items), mixed)
        assert joined.fuse(items).shape == (60, block.dims + mean.dims)
        product = joined.fuse_query(query)[0] @ joined.fuse(items)[6]
        parts = [(1 - share, block), (share, mean)]
        expected = sum(
            each * (one.fuse_query(query)[0] @ one.fuse(items)[6]) for each, one in parts
        )
        assert product == pytest.approx(expected, abs=1e-5)
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        Joined(block, mean, 1.5)
