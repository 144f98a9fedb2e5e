"""What cells say, recomputed with plain NumPy."""

import numpy as np
import pytest

from triptych.evaluation import cells
from triptych.evaluation.patterns import AUTO, PATTERNS, SUM, WORDS, Ranks, Way

COUNT = 60


def ranks(draw: np.random.Generator, lowest: int, highest: int) -> np.ndarray:
    """Drawn ranks of sixty stamps, of which half have a sound."""
    values = draw.integers(lowest, highest, (COUNT, 7, 7)).astype(np.float64)
    sounding = np.arange(COUNT) % 2 == 0
    for query, pattern in enumerate(PATTERNS):
        for item, left in enumerate(PATTERNS):
            if "audio" in {*pattern, *left}:
                values[~sounding, query, item] = np.nan
    return values


@pytest.fixture(scope="module")
def found() -> list[Ranks]:
    """The sum finds most, ``mean`` as much but for one cell, in which it finds nothing."""
    draw = np.random.default_rng(0)
    good, words = ranks(draw, 1, 4), ranks(draw, 1, 20)
    worse = good.copy()
    worse[:, 3, 1] = np.where(np.isnan(good[:, 3, 1]), np.nan, 50)
    worded = good.copy()
    worded[:, [1, 2, 5]] = np.nan
    return [
        Ranks(Way(SUM), 0.0, good),
        Ranks(Way("mean"), 0.0, worse),
        Ranks(Way(SUM, worded=True), 0.0, worded),
        Ranks(Way(AUTO, worded=True), 0.0, worded),
        Ranks(Way(WORDS, worded=True), 0.0, words),
    ]


@pytest.fixture(scope="module")
def summary(found) -> dict:
    return cells.summary(found)


def test_a_cell_is_the_mean_of_its_queries(found, summary):
    """nDCG@10, recall@10 and MRR of one right item; intervals as any bootstrap has them."""
    place = 3 * 7 + 4  # text and image, for an item of text and sound
    (figure,) = [one for one in summary["ways"] if (one["way"], one["words"]) == (SUM, False)]
    some = found[0].values[::2, 3, 4]
    gains = np.array([1 / np.log2(rank + 1) if rank <= 10 else 0.0 for rank in some])
    assert summary["queries"][place] == len(some) == 30
    assert summary["queries"][0] == COUNT
    assert figure["ndcg"][place] == pytest.approx(gains.mean(), abs=6e-4)
    assert figure["recall"][place] == 1
    assert figure["mrr"][place] == pytest.approx((1 / some).mean(), abs=6e-4)
    picked = np.random.default_rng(5).integers(0, 30, (4000, 30))
    low, high = np.percentile(gains[picked].mean(axis=1), [2.5, 97.5])
    assert figure["low"][place] == pytest.approx(low, abs=0.02)
    assert figure["high"][place] == pytest.approx(high, abs=0.02)


def test_only_what_differs_is_sure(summary):
    """The one cell in which nothing is found; everything else is equal."""
    (figure,) = [one for one in summary["ways"] if one["way"] == "mean"]
    sure = [cell for cell, p in enumerate(figure["p"]) if p is not None and p < 0.05]
    assert sure == [3 * 7 + 1]
    assert figure["gain"][22] < -0.4
    group = {one["cells"]: one for one in summary["groups"] if one["way"] == "mean"}
    assert [group[name]["count"] for name in group] == [19, 18, 12, 49]
    assert group["some parts"]["p"] < 0.05 < group["all parts"]["p"]
    assert group["every cell"]["gain"] == pytest.approx(figure["gain"][22] / 49, abs=6e-4)


def test_a_group_is_the_mean_of_its_cells(found, summary):
    """Each of the same weight."""
    wanted = {"way": SUM, "words": False, "cells": "all parts"}
    (group,) = [one for one in summary["groups"] if wanted.items() <= one.items()]
    means = [
        np.nanmean(cells.ndcg(found[0].values[:, query, item]))
        for query, pattern in enumerate(PATTERNS)
        for item, left in enumerate(PATTERNS)
        if set(pattern) <= set(left)
    ]
    assert len(means) == 19
    assert group["ndcg"] == pytest.approx(np.mean(means), abs=6e-4)
    assert group["low"] < group["ndcg"] < group["high"]


def test_fusion_hurts_where_a_single_signal_is_better(summary):
    """Text and picture of ``mean``, for a picture: the picture alone finds it."""
    cases = {(one["way"], one["words"]): one for one in summary["hurts"]}
    assert set(cases) == {(SUM, False), ("mean", False), (SUM, True), (AUTO, True)}
    (case,) = cases["mean", False]["cases"]
    assert (case["query"], case["item"]) == (3, 1)
    assert case["single"] in {"text", "image"}
    assert case["loss"] < -0.4
    assert case["high"] < 0
    assert case["p"] < 0.05
    assert cases["mean", False]["tried"] == 28
    assert cases[AUTO, True]["tried"] == 21
    assert not cases[SUM, False]["cases"]


def test_few_queries_have_no_figure(found):
    """A dash instead, and no part in any mean."""
    few = [Ranks(one.way, one.loss, one.values[: 2 * cells.FEWEST - 2]) for one in found]
    summary = cells.summary(few)
    figure = summary["ways"][0]
    assert figure["ndcg"][0] is not None
    assert figure["ndcg"][2] is figure["high"][2] is None
    assert {one["count"] for one in summary["groups"] if not one["words"]} == {5, 2, 9}
