"""Classifiers: trained in Keras, served by ONNX Runtime, and refused labels."""

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.fusion.classification import softmax
from triptych.fusion.classifier import Classifier
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features
from triptych.training import classifier
from triptych.training.classifier import (
    ClassifierOptions,
    best_temperature,
    check_labels,
    train_classifier,
)
from triptych.training.export import export, outputs

BRIEF = ClassifierOptions(epochs=15, patience=15)


@pytest.fixture(scope="module")
def trained(labelled):
    """Three classes, learnt."""
    return train_classifier(labelled, options=BRIEF)


def test_most_items_are_found_with_a_part_alone(trained, labelled):
    """The figures are of test items; a text or a picture alone says nearly as much."""
    assert trained.network.accuracy > 0.8
    assert trained.network.macro_f1 > 0.8
    assert trained.linear.accuracy > 0.8
    classifier = Classifier(trained.model, labelled.features.layout)
    names = np.array(classifier.classes)
    for part in ("text", "image"):
        has = labelled.features.has(part)
        alone = classifier.probabilities(labelled.features.rows(has).only([part]))
        right = names[alone.argmax(axis=1)] == np.array(labelled.labels)[has]
        assert right.mean() > 0.7, part


def test_predictions_are_plain_types(trained, labelled):
    """Probabilities sum to one, the likeliest first; an item without anything has none."""
    classifier = Classifier(trained.model, labelled.features.layout)
    nothing = labelled.features.only([]).rows(np.array([0]))
    first, second = classifier.predict(labelled.features.rows(np.array([0, 1])))
    assert classifier.predict(nothing) == [None]
    assert (type(first.label), type(first.probability)) == (str, float)
    assert list(first.probabilities.values()) == sorted(first.probabilities.values(), reverse=True)
    assert set(second.probabilities) == {"class 0", "class 1", "class 2"}
    assert sum(second.probabilities.values()) == pytest.approx(1)


def test_the_card_tells_classes_and_figures(trained):
    """Beside those of the linear model."""
    card = trained.model.card
    assert (card.kind, card.classes) == ("classifier", ("class 0", "class 1", "class 2"))
    assert card.metrics["accuracy"] == pytest.approx(trained.network.accuracy, abs=0.01)
    assert {"accuracy, logistic", "macro F1", "calibration error"} <= set(card.metrics)
    assert card.temperature > 0


def test_the_temperature_undoes_overconfidence():
    """Logits that are three times too large."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(4000, 5)).astype(np.float32)
    shares = softmax(logits).cumsum(axis=1)
    truth = (draw.random((4000, 1)) > shares).sum(axis=1).clip(0, 4)
    assert best_temperature(logits, truth) == pytest.approx(1, rel=0.2)
    assert best_temperature(3 * logits, truth) == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "no item has a label"),
        ([None] * 40, "no item has a label"),
        (["a"] * 40, "all labelled items are 'a'"),
        (["a"] * 37 + ["b"] * 3, "class 'b' has 3 items that differ, and needs 10"),
        (["a"] * 35 + ["b"] * 3 + ["c"] * 2, "class 'b' has 3 .* so do 1 other"),
    ],
)
def test_labels_that_teach_nothing_are_refused(labelled, labels, reason):
    """None, one class, a class that is too small."""
    rows = labelled.rows(np.arange(40))
    with pytest.raises(InvalidInput, match=reason):
        check_labels(Examples(rows.features, rows.contents, labels))


def test_copies_do_not_make_a_class_larger(labelled):
    """Ten items of one caption are one."""
    features = labelled.features.rows(np.arange(40))
    contents = [[f"{row}"] if row < 30 else ["same"] for row in range(40)]
    labels = ["a"] * 30 + ["b"] * 10
    with pytest.raises(InvalidInput, match="class 'b' has 1 items that differ"):
        check_labels(Examples(Features.of(features.vectors, features.layout), contents, labels))


def test_large_logits_are_compared_by_their_size(labelled, make_card):
    """Of thousands of items some are that sure; float32 has seven digits of each."""
    layout = labelled.features.layout
    options = ClassifierOptions(layers=(1024, 512))
    network = classifier._network(layout.dims, len(layout.blocks), 3, options)
    draw = np.random.default_rng(0)
    network.set_weights([draw.normal(0, 1, each.shape) for each in network.get_weights()])
    card = make_card("classifier", kind="classifier", dims=3, classes=("a", "b", "c"))
    expected = outputs(network, labelled.features)
    assert np.abs(expected).max() > 1000
    model = export(network, card, labelled.features)
    found = model.open(layout)(labelled.features)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
