"""Tables of cosines and words, and what is tuned on them."""

from dataclasses import replace

import numpy as np
import pytest

from support import layout
from triptych.encoders.scales import Bounds
from triptych.evaluation import tuning
from triptych.evaluation.galleries import fill, losing
from triptych.evaluation.queries import retrieve, weights_of
from triptych.evaluation.ranking import ndcg
from triptych.evaluation.table import Group, groups, scores
from triptych.evaluation.table import ndcg as ndcg_of_rows
from triptych.search.ranking import rank

GRADES = {f"q{number}": {"03": 2, f"{number + 10}": 1} for number in range(12)}


@pytest.fixture
def tables(gallery, queries, empty):
    """The groups of a gallery of which some lost a part."""
    poorer = losing(gallery, 0.6)
    fill(empty, poorer)
    return list(groups("whole", poorer, queries, GRADES, empty.index))


def test_the_scores_are_those_of_search(tables, queries, empty):
    """Of every query and item, by everything and by its text alone."""
    kinds = {group.kind: group for group in tables}
    assert list(kinds) == ["text", "image", "text + image", "text + image + audio"]
    for kind, group in kinds.items():
        for signals in (group.signals, ("keyword", "text")):
            if not set(signals) <= set(group.signals):
                continue
            actual = scores(group, tuning.present(layout()), signals)
            for row, query in enumerate(q for q in queries if q.query.kind == kind):
                weighted = query.encoded.weighted(weights_of(signals))
                results = retrieve(empty.index, weighted, candidates=40).matches
                for entry in rank(weighted, results, "linear", explain=False):
                    column = int(results[entry.index].candidate.id)
                    assert actual[row, column] == pytest.approx(entry.score, abs=1e-5)


def test_rows_are_measured_as_rankings_are():
    """nDCG@10 of each; equals are in the order of the items."""
    draw = np.random.default_rng(0)
    grades = draw.integers(0, 3, (20, 30))
    scored = draw.integers(0, 12, (20, 30)).astype(np.float64)
    group = Group("k", "whole", {}, {}, None, grades, layout())
    expected = [
        ndcg([row[i] for i in sorted(range(30), key=lambda i: (-line[i], i))], row.tolist())
        for row, line in zip(grades, scored, strict=True)
    ]
    assert ndcg_of_rows(group, scored) == pytest.approx(expected)


def test_quantiles_are_of_related_and_unrelated_pairs(tables):
    """Of the queries of one part; those of mixes say nothing new."""
    quantiles = {each.comparison: each for each in tuning.quantiles(tables)}
    assert set(quantiles) == {
        ("text", "semantic", "semantic"),
        ("text", "semantic", "concept"),
        ("image", "visual", "visual"),
        ("image", "concept", "concept"),
    }
    for each in quantiles.values():
        assert list(each.unrelated) == sorted(each.unrelated)
        assert 0.3 < each.unrelated[1] < 0.7


def planted(count: int = 40) -> Group:
    """Queries that only their text finds; what the pictures say is noise, and loud."""
    draw = np.random.default_rng(0)
    grades = 2 * np.eye(count, dtype=np.int64)
    text = draw.uniform(0.2, 0.6, (count, count)) + 0.3 * (grades > 0)
    image = draw.uniform(-0.2, 1.0, (count, count))
    cosines = {
        ("text", "semantic", "semantic"): text.astype(np.float32),
        ("image", "visual", "visual"): image.astype(np.float32),
    }
    whole = dict.fromkeys(("text", "image"), np.ones(count, np.bool_))
    return Group("text + image", "whole", whole, cosines, None, grades, layout())


def test_tuning_finds_what_is_noise():
    """It lowers the weight of what finds nothing, and never makes anything worse."""
    group = planted()
    now, tuned = tuning.present(layout()), tuning.tune([group])
    assert tuned.weights["image"] < now.weights["image"]
    best = tuning.singles([group], now)
    before, after = (tuning.objective([group], each, best) for each in (now, tuned))
    assert after > before + 0.02
    assert any(
        line.startswith("WEIGHTS, image: 1.0 →") for line in tuning.changes(now, tuned, layout())
    )


def test_the_best_single_is_the_text():
    """Of the whole query, held against each of its signals."""
    group = planted()
    text = ndcg_of_rows(group, scores(group, tuning.present(layout()), ("text",)))
    best = tuning.singles([group], tuning.present(layout()))
    assert best == {("whole", "text + image"): pytest.approx(text.mean())}


def test_nothing_changed_is_nothing_to_set():
    """And a change has its name in the code."""
    now = tuning.present(layout())
    assert not list(tuning.changes(now, now, layout()))
    key = ("image", "concept", "concept")
    other = replace(
        now,
        alpha=0.9,
        shares={**now.shares, key: 0.7},
        bounds={**now.bounds, ("semantic", "concept"): Bounds(0, 0.5)},
    )
    alpha, share, bound = tuning.changes(now, other, layout())
    assert alpha.endswith("→ 0.9")
    assert share.startswith("COMPARISONS, image, concept with concept:")
    assert bound.startswith("scale of minilm with conse:")
