"""Strategies on drawn stamps, without those that need TensorFlow."""

import numpy as np
import pytest

from support import layout
from triptych.encoders.cards import unit_rows
from triptych.evaluation import strategies
from triptych.evaluation.galleries import losing
from triptych.evaluation.strategies import Stamps, features_of
from triptych.fusion.examples import Examples
from triptych.training.classifier import FEWEST


@pytest.fixture(scope="module")
def stamps(gallery) -> Stamps:
    """Forty items; queries are noisy copies of the texts and pictures of those that have both."""
    features = features_of(gallery)
    both = np.flatnonzero(features.has("text") & features.has("image"))
    asked = features.rows(both).only(["text", "image"])
    vectors = asked.vectors + 0.001 * np.random.default_rng(0).normal(size=asked.vectors.shape)
    for where in layout().slices.values():
        vectors[:, where] = unit_rows(vectors[:, where])
    contents = [[f"caption {row // 2}"] for row in range(40)]
    folders = ["animals"] * (2 * FEWEST) + ["food"] * (40 - 2 * FEWEST - 1) + ["rare"]
    queries = type(features).of(vectors * np.repeat(asked.present, _widths(), axis=1), layout())
    return Stamps(gallery, contents, folders, both, queries, np.eye(40, dtype=np.bool_)[both])


def _widths() -> list[int]:
    return [block.dims for block in layout().blocks]


def test_every_task_has_a_figure_of_every_query(stamps):
    """Each query is asked once, by what was fitted on other folds."""
    names = ("block", "mean", "weighted")
    results = list(strategies.run(stamps, names, (0.0, 0.6)))
    assert len(results) == 3 * 3 * 2
    for result in results:
        assert 0 <= result.low <= result.value <= result.high <= 1
        assert result.queries == len(stamps.pictured)
    found = {(result.encoder, result.metric): result.value for result in results[:9]}
    assert found["block", "R@10, image → text"] == 0, "block fusion compares no picture with texts"
    assert found["block", "R@10, text + image"] == 1


def test_nothing_of_a_fold_is_fitted_on(stamps, monkeypatch):
    """Captions of the fold that is asked for are not among those of the training items."""
    seen = []

    def note(name: str, training: Examples, seed: int):
        seen.append({key for content in training.contents for key in content})
        yield strategies.BlockFusion(training.features.layout)

    asked = []
    whole = strategies._asked
    monkeypatch.setattr(strategies, "fitted", note)
    monkeypatch.setattr(
        strategies, "_asked",
        lambda stamps, examples, held, strategy: (
            asked.append({key for row in np.flatnonzero(held) for key in examples.contents[row]}),
            *whole(stamps, examples, held, strategy),
        )[1:],
    )  # fmt: skip
    list(strategies.run(stamps, ("block",), (0.0,)))
    assert len(seen) == len(asked) == 5
    for training, held in zip(seen, asked, strict=True):
        assert not training & held
        assert training | held == {f"caption {row}" for row in range(20)}


def test_examples_lose_parts_and_have_labels_of_large_folders(stamps):
    """As the gallery does; a folder with a single stamp is no class."""
    poorer = stamps.examples(0.6)
    expected = features_of(losing(stamps.gallery, 0.6))
    np.testing.assert_array_equal(poorer.features.vectors, expected.vectors)
    assert set(poorer.labels) == {"animals", None}


def test_costs_stand_beside_numpy(stamps):
    """Seconds of fitting, µs, and the bytes of a vector."""
    results = {(one.encoder, one.metric): one.value for one in strategies.costs(stamps, ("mean",))}
    assert results["mean", "bytes an item"] == 4 * 384
    assert min(results["NumPy matmul", "µs an item"], results["mean", "µs a query"]) > 0
