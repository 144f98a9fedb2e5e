"""Self-supervised trials, and whether a strategy may take the place of another."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import Conflict, InvalidInput
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import ALL, check_gains, compare
from triptych.fusion.strategies.projected import Projected
from triptych.fusion.strategies.trials import losing, make_trials

GROUPS = np.arange(60)


def test_every_pair_of_parts_is_asked_for(items):
    """Queries have the one part only, items the other only."""
    trials = {trial.kind: trial for trial in make_trials(items, GROUPS)}
    assert set(trials) == {
        "text → image", "image → text", "text → audio", "audio → text", "image → audio",
        "audio → image", "changed text", "changed image", "changed audio", "changed, all parts",
    }  # fmt: skip
    trial = trials["text → image"]
    assert (trial.queries.parts, trial.items.parts) == (("text",), ("image",))
    assert trial.items.has("image").all()
    assert (trial.relevant.sum(axis=1) == 1).all()
    changed = trials["changed text"]
    assert 0.6 < np.sum(changed.queries.block("semantic")[0] * items.block("semantic")[0]) < 0.8


def test_items_of_a_group_answer_for_each_other(items):
    """Two of the same caption are both right."""
    (trial,) = [t for t in make_trials(items, GROUPS // 30) if t.kind == "changed text"]
    assert trial.relevant.sum(axis=1).tolist() == [30] * len(trial.queries)


def test_trials_are_the_same_for_a_seed(items):
    """And others for another."""
    first, again, other = (make_trials(items, GROUPS, seed=seed)[-1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.queries.vectors, again.queries.vectors)
    assert (first.queries.vectors != other.queries.vectors).any()


def test_too_few_items_are_refused(items):
    """Nothing can be tried on three."""
    with pytest.raises(InvalidInput, match="3 items are too few"):
        make_trials(items.rows(np.arange(3)), GROUPS[:3])
    with pytest.raises(InvalidInput, match="no items to try"):
        make_trials(items.rows(np.arange(0)), GROUPS[:0])


def test_items_that_lose_a_part_keep_another(items):
    """A share of those with several parts."""
    poorer = losing(items, 0.5, np.random.default_rng(0))
    lost = (items.filled & ~poorer.filled).any(axis=1)
    several = np.sum([items.has(part) for part in items.parts], axis=0) > 1
    assert lost.sum() == round(several.sum() / 2)
    assert poorer.filled.any(axis=1).all()


def test_a_strategy_that_is_surely_worse_is_refused(items):
    """By each kind in which it is; the way back gains."""
    trials = [t for t in make_trials(items, GROUPS) if t.kind.startswith("changed")]
    block = BlockFusion(layout())
    deaf = Projected(layout(), weights={**dict.fromkeys(layout().slices, 0.0), "visual": 1.0})
    gains = compare(block, deaf, trials)
    assert [gain.kind for gain in gains][-1] == ALL
    assert all(gain.low <= gain.gain <= gain.high for gain in gains)
    with pytest.raises(Conflict, match=r"weighted .*changed text \(.*not activated"):
        check_gains("weighted", gains)
    check_gains("block", compare(deaf, block, trials))


def test_an_equal_strategy_may_be_activated(items):
    """No gain is no loss."""
    block = BlockFusion(layout())
    gains = compare(block, block, make_trials(items, GROUPS))
    assert {(gain.gain, gain.low, gain.high) for gain in gains} == {(0.0, 0.0, 0.0)}
    check_gains("block", gains)
