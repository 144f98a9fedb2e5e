"""Training of a classifier: a small network on fused features, with a linear model beside it.

The network is two hidden layers with dropout (128 and 64 units), as for any fused features. Items
lose parts at random in training, so it also knows those that lack some. Groups of equal content are
never cut: the network is trained on some, stopped and calibrated on others (temperature scaling,
Guo et al., ICML 2017), and measured on the rest, as is a logistic regression, the yardstick.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.encoders.cards import Vectors
from triptych.fusion.classification import (
    Counts,
    Floats,
    Outcomes,
    accuracy,
    calibration_error,
    confusion_matrix,
    softmax,
)
from triptych.fusion.classifier import NAME, Classifier
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features
from triptych.fusion.models import FEATURES, OUTPUT, PRESENT, Model, ModelCard
from triptych.training.batches import Patterns
from triptych.training.checks import check_apart
from triptych.training.export import export, outputs
from triptych.training.libraries import libraries, versions

VERSION = 1
FEWEST = 10
"""Groups that a class needs."""
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Of the logistic regression; the best on validation items is taken."""
_TEMPERATURES = np.geomspace(0.1, 10, 81)


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """Sizes and rates."""

    layers: tuple[int, ...] = (128, 64)
    dropout: float = 0.5
    rate: float = 1e-3
    batch: int = 32
    epochs: int = 80
    patience: int = 10
    validation: float = 0.15
    test: float = 0.15


@dataclass(frozen=True, eq=False)
class Figures:
    """How good a classifier is on test items."""

    accuracy: float
    macro_f1: float
    calibration_error: float
    confusion: Counts
    """Rows are what items are, columns what they were taken for."""
    outcomes: Outcomes


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A model, its figures, and those of logistic regression on the same items."""

    model: Model
    network: Figures
    linear: Figures
    seconds: float


def train_classifier(
    examples: Examples,
    *,
    seed: int = 0,
    options: ClassifierOptions = ClassifierOptions(),  # frozen
    split: int | None = None,
    watch: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
) -> TrainedClassifier:
    """Train a classifier of labelled items; those without a label are left out.

    Args:
        examples: items with their labels.
        seed: of all that is drawn.
        options: sizes and rates.
        split: the seed that sets items aside, by default the same one. The first ``options.test``
            of ``Examples.places`` are measured with.
        watch: is told of each epoch its number and its figures; what it raises ends the training.

    Raises:
        InvalidInput: no labels, one class, or a class of too few groups.
        Unavailable: TensorFlow is not installed.
    """
    classes = check_labels(examples)
    libraries()
    begun = time.perf_counter()
    has = np.array([label is not None for label in examples.labels])
    labelled, places = examples.rows(has), examples.places(seed if split is None else split)[has]
    training, validation, test = _thirds(labelled, places, options)
    truth = {id(each): _numbers(each, classes) for each in (training, validation, test)}
    network, epochs = _fitted(
        (training, truth[id(training)]), (validation, truth[id(validation)]),
        len(classes), options, seed, watch=watch,
    )  # fmt: skip
    temperature = best_temperature(outputs(network, validation.features), truth[id(validation)])
    measured = figures(
        softmax(outputs(network, test.features), temperature), truth[id(test)], len(classes)
    )
    linear = _linear(training, validation, test, classes)
    card = _card(
        labelled,
        classes=classes,
        temperature=temperature,
        seed=seed,
        options=options,
        metrics={
            "accuracy": measured.accuracy,
            "macro F1": measured.macro_f1,
            "calibration error": measured.calibration_error,
            "accuracy, logistic": linear.accuracy,
            "macro F1, logistic": linear.macro_f1,
        },
        more={"chosen_epochs": epochs, "test_items": len(test)},
    )
    model = export(network, card, test.features)
    served = Classifier(model, examples.features.layout).probabilities(test.features)
    return TrainedClassifier(
        model,
        figures(served, truth[id(test)], len(classes)),
        linear,
        time.perf_counter() - begun,
    )


def check_labels(examples: Examples) -> tuple[str, ...]:
    """The classes in alphabetical order. Raises InvalidInput unless they can be learnt."""
    groups: dict[str, set[int]] = {}
    for label, group in zip(examples.labels, examples.groups.tolist(), strict=False):
        if label is not None:
            groups.setdefault(label, set()).add(group)
    if not groups:
        raise InvalidInput("no item has a label to learn")
    if len(groups) == 1:
        raise InvalidInput(
            f"all labelled items are {next(iter(groups))!r}: a second class is needed"
        )
    few = {label: len(members) for label, members in groups.items() if len(members) < FEWEST}
    if few:
        label = min(few)
        raise InvalidInput(
            f"class {label!r} has {few[label]} items that differ, and needs {FEWEST}"
            + (f"; so do {len(few) - 1} other classes" if len(few) > 1 else "")
        )
    return tuple(sorted(groups))


def figures(probabilities: Floats, truth: Counts, classes: int) -> Figures:
    """The figures of probabilities, (n, classes)."""
    confusion = confusion_matrix(truth, probabilities.argmax(axis=1), classes)
    outcomes = Outcomes.of(confusion)
    return Figures(
        accuracy(confusion),
        float(outcomes.f1.mean()),
        calibration_error(probabilities, truth),
        confusion,
        outcomes,
    )


def best_temperature(logits: Vectors, truth: Counts) -> float:
    """The temperature with which the truth is likeliest, of 81 between 0.1 and 10."""
    losses = [
        -np.log(softmax(logits, each)[np.arange(len(truth)), truth] + 1e-12).mean()
        for each in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _thirds(
    examples: Examples, places: Floats, options: ClassifierOptions
) -> tuple[Examples, Examples, Examples]:
    """Training, validation and test items, apart by group."""
    test = places < options.test
    validation = ~test & (places < options.test + options.validation)
    three = tuple(examples.rows(rows) for rows in (~test & ~validation, validation, test))
    for name, each in zip(("training", "validation", "test"), three, strict=True):
        missing = set(filter(None, examples.labels)) - set(filter(None, each.labels))
        if not len(each) or (name == "training" and missing):
            raise InvalidInput(f"the {name} items lack a class: {min(missing, default='all')!r}")
    check_apart(three[0], three[1])
    check_apart(three[0], three[2])
    return three[0], three[1], three[2]


def _numbers(examples: Examples, classes: tuple[str, ...]) -> Counts:
    number = {label: place for place, label in enumerate(classes)}
    return np.array([number[label] for label in examples.labels if label is not None], np.int64)


def _fitted(
    training: tuple[Examples, Counts],
    validation: tuple[Examples, Counts],
    classes: int,
    options: ClassifierOptions,
    seed: int,
    *,
    watch: Callable[[int, Mapping[str, float]], None],
) -> tuple[Any, int]:
    """The network with the least loss on validation items, and after how many epochs that was."""
    keras = libraries().keras
    keras.utils.set_random_seed(seed)
    layout = training[0].features.layout
    network = _network(layout.dims, len(layout.blocks), classes, options)
    network.compile(
        optimizer=keras.optimizers.Adam(options.rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    patterns = Patterns(training[0].features, np.random.default_rng(seed))
    rows = np.arange(len(training[0]))
    best, chosen, weights = np.inf, 0, network.get_weights()
    held, truth = validation
    for epoch in range(1, options.epochs + 1):
        seen = training[0].features.where(patterns.blocks(patterns.draw(rows)))
        whole = rows % 2 == epoch % 2  # every second item keeps all of its parts
        vectors = np.where(whole[:, None], training[0].features.vectors, seen.vectors)
        mixed = Features.of(vectors, layout)
        network.fit(
            [mixed.vectors, mixed.filled.astype(np.float32)], training[1],
            batch_size=options.batch, epochs=1, verbose=0,
        )  # fmt: skip
        likely = softmax(outputs(network, held.features))[np.arange(len(held)), truth]
        loss = float(-np.log(likely + 1e-12).mean())
        watch(epoch, {"loss": loss})
        if loss < best:
            best, chosen, weights = loss, epoch, network.get_weights()
        elif epoch - chosen >= options.patience:
            break
    network.set_weights(weights)
    return network, chosen


def _network(dims: int, blocks: int, classes: int, options: ClassifierOptions) -> Any:
    keras = libraries().keras
    layers = keras.layers
    features = keras.Input((dims,), name=FEATURES)
    present = keras.Input((blocks,), name=PRESENT)
    state = layers.Concatenate()([features, present])
    for units in options.layers:
        state = layers.Dropout(options.dropout)(layers.Dense(units, activation="relu")(state))
    logits = layers.Dense(classes, name=OUTPUT)(state)
    return keras.Model([features, present], logits, name=NAME)


def _linear(
    training: Examples, validation: Examples, test: Examples, classes: tuple[str, ...]
) -> Figures:
    """Logistic regression on the same features, of the strength that is best on validation."""
    from sklearn.linear_model import LogisticRegression

    def probabilities(model: Any, items: Examples) -> Floats:
        table = np.zeros((len(items), len(classes)))
        table[:, model.classes_] = model.predict_proba(_table(items))
        return table

    truth = {id(each): _numbers(each, classes) for each in (training, validation, test)}
    models = [
        LogisticRegression(C=strength, max_iter=2000).fit(_table(training), truth[id(training)])
        for strength in _STRENGTHS
    ]
    right = [
        accuracy(confusion_matrix(
            truth[id(validation)], probabilities(each, validation).argmax(axis=1), len(classes)))
        for each in models
    ]  # fmt: skip
    best = models[int(np.argmax(right))]
    return figures(probabilities(best, test), truth[id(test)], len(classes))


def _table(examples: Examples) -> Vectors:
    present = examples.features.filled.astype(np.float32)
    return np.concatenate([examples.features.vectors, present], axis=1)


def _card(
    examples: Examples,
    *,
    classes: tuple[str, ...],
    temperature: float,
    seed: int,
    options: ClassifierOptions,
    metrics: Mapping[str, float],
    more: Mapping[str, Any],
) -> ModelCard:
    layout = examples.features.layout
    members = Counter(label for label in examples.labels if label is not None)
    return ModelCard(
        kind="classifier",
        name=NAME,
        version=VERSION,
        dims=len(classes),
        layout=layout.fingerprint,
        blocks={block.name: (block.dims, block.card.fingerprint) for block in layout.blocks},
        data={**examples.summary(), "members": dict(sorted(members.items()))},
        metrics={name: round(value, 4) for name, value in metrics.items()},
        seed=seed,
        versions=versions(),
        parameters={**asdict(options), **more},
        classes=classes,
        temperature=temperature,
    )
