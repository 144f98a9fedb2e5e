"""A model of a collection: learnt from what its index keeps of its items, measured, and kept."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.engine import Engine
from triptych.engine.learning import LearntModel
from triptych.fusion.classifier import NAME as CLASSIFIER
from triptych.fusion.examples import Examples
from triptych.fusion.models import Model
from triptych.ingest.collection_models import Entry
from triptych.ingest.examples import HELD, SPLIT, Study, study
from triptych.ingest.trainings import Note, Result, Training, check_strategy
from triptych.training.classifier import FEWEST, ClassifierOptions, check_labels, train_classifier
from triptych.training.fusion import train_fusion
from triptych.training.libraries import libraries

_TOLD = 100
"""Labels that a card names of those that were left out: titles, say, would be thousands."""


def train(
    engine: Engine,
    collection: str,
    strategy: str = "",
    *,
    labels: str = "",
    seed: int = 0,
    progress: bool | Callable[[int, Any], None] = True,
) -> LearntModel:
    """Train a model of a collection in this process; ``engine.activate`` lets it serve.

    Args:
        engine: whose collection.
        collection: its name.
        strategy: attention, convolution or recurrent; or classifier. By default attention, or with
            ``labels`` a classifier.
        labels: the field that has the labels of a classifier: ``tags``, ``metadata.KEY``, …
        seed: of all that is drawn.
        progress: whether to show each epoch; or a function, called with its number and figures.

    Raises:
        NotFound: no collection of that name.
        InvalidInput: no such strategy; too few items, of one part only, or of one class.
        Conflict: other encoders built the collection.
        Unavailable: TensorFlow is not installed.
    """
    strategy = strategy or (CLASSIFIER if labels else "attention")
    check_strategy(strategy, labels)
    if callable(progress):
        showing: Any = nullcontext(progress)
    else:
        from triptych.core.bar import status

        showing = status(f"{collection}: training", quiet=not progress)
    with showing as note:
        entry = learn(engine, collection, strategy, labels=labels, seed=seed, note=note)
    return engine.model(collection, entry.reference)


def work(engine: Engine, asked: Training, note: Note) -> Result:
    """Train what was asked for. Raises as ``train``, and what ``note`` raises."""
    entry = learn(
        engine, asked.collection, asked.strategy, labels=asked.labels, seed=asked.seed, note=note
    )
    return entry.reference, entry.card.metrics


def learn(
    engine: Engine, collection: str, strategy: str, *, labels: str, seed: int, note: Note
) -> Entry:
    """Read, train, measure, and keep the model and its entry. Raises as ``work``."""
    libraries()  # where they are missing, nothing is read
    begun, identity = time.time(), engine.index.identity(collection)
    most = engine.settings.train_items
    read = study(engine.index, collection, engine.layout, most=most, labels=labels)
    epochs = [0]

    def watch(epoch: int, figures: Any) -> None:
        epochs[0] = epoch
        note(epoch, figures)

    made = _classifier if strategy == CLASSIFIER else _fusion
    model = made(strategy, read, seed, watch)
    about: dict[str, Any] = {"collection_items": read.total, "split": SPLIT}
    if labels:
        about["labels_of"] = labels
    model = Model.of(replace(model.card, data={**model.card.data, **about}), model.data)
    note(epochs[0], model.card.metrics)  # or nobody wants it any more
    seconds = time.time() - begun
    return engine.learnt_models.add(
        collection, model, trained=time.time(), seconds=seconds, identity=identity
    )


def _fusion(strategy: str, read: Study, seed: int, watch: Note) -> Model:
    """A fusion that is served as it was measured: it never learns from what was set aside."""
    training, held = read.examples.split(HELD, seed=SPLIT)
    if not len(held):
        raise InvalidInput(f"{strategy}: the {len(read.examples)} items are too few to measure it")
    trained = train_fusion(strategy, training, validation=held, refit=False, seed=seed, watch=watch)
    return trained.model


def _classifier(_: str, read: Study, seed: int, watch: Note) -> Model:
    """A classifier of the labels that enough items have."""
    examples, left = _frequent(read.examples)
    options = ClassifierOptions(test=HELD)
    model = train_classifier(examples, seed=seed, options=options, split=SPLIT, watch=watch).model
    told = dict(sorted(left.items(), key=lambda one: (-one[1], one[0]))[:_TOLD])
    about = {"left_out": told, "labels_left_out": len(left)}
    return Model.of(replace(model.card, data={**model.card.data, **about}), model.data)


def _frequent(examples: Examples) -> tuple[Examples, dict[str, int]]:
    """Without the labels of too few items that differ, and how many these are of each.

    Raises InvalidInput if fewer than two labels stay.
    """
    groups: dict[str, set[int]] = {}
    for label, group in zip(examples.labels, examples.groups.tolist(), strict=True):
        if label is not None:
            groups.setdefault(label, set()).add(group)
    rare = {label: len(members) for label, members in groups.items() if len(members) < FEWEST}
    if len(groups) - len(rare) < 2:  # noqa: PLR2004  # one class is nothing to tell apart
        check_labels(examples)
    labels = [None if label in rare else label for label in examples.labels]
    return Examples(examples.features, examples.contents, labels), rare
