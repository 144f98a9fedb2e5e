"""Training of a learned fusion: contrastive, with every presence pattern, and stopped in time.

The loss is supervised InfoNCE with several positives (van den Oord et al., 2018; Khosla et al.,
Supervised contrastive learning, NeurIPS 2020) between two views of each item, in both directions.
The network that finds most in the trials of validation items is kept; then the share of its score
beside the blocks is chosen on the same trials, by the scores that search will serve. The same
examples, seed and libraries give the same network.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.fusion.blocks import Layout
from triptych.fusion.examples import Examples
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features, joined
from triptych.fusion.models import Model, ModelCard
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import Gain, compare, found
from triptych.fusion.strategies.learned import NETWORKS, LearnedFusion
from triptych.fusion.strategies.strategy import Strategy
from triptych.fusion.strategies.trials import Trial, make_trials
from triptych.training.batches import Batches
from triptych.training.checks import check_apart, check_enough
from triptych.training.export import export, outputs
from triptych.training.libraries import libraries, versions
from triptych.training.networks import HEADS, build, merged, set_start
from triptych.training.start import projections

VERSION = 1
_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_ASKED = 100
"""Queries of a kind that choose the share."""
_LEAST_GAIN = 0.002
"""A smaller gain of the mean reciprocal rank is no reason to go on, or to take a larger share."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and rates. The defaults were chosen by folds over the Tux Paint stamps."""

    width: int = 384
    hidden: int = 64
    dropout: float = 0.3
    rate: float = 5e-4
    decay: float = 0.01
    temperature: float = 0.15
    batch: int = 256
    epochs: int = 40
    patience: int = 6
    labelled: float = 0.0
    """The weight of a positive by label beside 1 by content. Folders as labels blur captions."""
    validation: float = 0.15
    """The share of the items that are validated with."""

    def __post_init__(self) -> None:
        if self.hidden % HEADS:
            raise InvalidInput(f"hidden is a multiple of {HEADS}, not {self.hidden}")


@dataclass(frozen=True)
class Trained:
    """A model, and what the strategy that it makes gains over block fusion."""

    model: Model
    gains: Sequence[Gain]
    """On the validation items, by the network that was not trained on them."""
    seconds: float


def train_fusion(  # one step after the other
    name: str,
    examples: Examples,
    *,
    seed: int = 0,
    options: Options = Options(),  # frozen
    validation: Examples | None = None,
    refit: bool = True,
    watch: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
) -> Trained:
    """Train a network by its name, choose its share, and make a model of it.

    Args:
        name: convolution, recurrent or attention.
        examples: the items; some are set aside for validation unless these are given.
        seed: of all that is drawn.
        options: sizes and rates.
        validation: items to validate with, which share no content with the others.
        refit: train a second time on all items, for as many epochs as were best, once everything
            is chosen and measured.
        watch: is told of each epoch its number and its figures; what it raises ends the training.

    Raises:
        InvalidInput: no such network; too few items, or all of one part; contents on both sides.
        Unavailable: TensorFlow is not installed.
    """
    if name not in NETWORKS:
        raise InvalidInput(f"no learned strategy {name!r}; there are: {', '.join(NETWORKS)}")
    check_enough(examples, name)
    libraries()
    begun = time.perf_counter()
    training, held = (
        examples.split(options.validation, seed=seed)
        if validation is None
        else (examples, validation)
    )
    check_apart(training, held)
    trials = make_trials(held.features, held.groups, seed=seed)
    descent = _Descent(name, examples.features.layout, options, seed)
    epochs = descent.until_best(training, trials, watch)
    card = ModelCard(
        kind="fusion",
        name=name,
        version=VERSION,
        dims=options.width,
        layout=examples.features.layout.fingerprint,
        blocks={
            block.name: (block.dims, block.card.fingerprint)
            for block in examples.features.layout.blocks
        },
        data={**examples.summary(), "validation": held.summary(), "refitted": refit},
        metrics={},  # and the share: they are measured with the model
        seed=seed,
        versions=versions(),
        parameters={**asdict(options), "chosen_epochs": epochs},
    )  # fmt: skip
    sample = _sample(examples.features)
    model = export(descent.network, card, sample, served=descent.served())
    share = _share(model, examples.features.layout, trials)
    gains = compare(
        BlockFusion(examples.features.layout),
        _served(model, examples.features.layout, share),
        trials,
    )
    if refit and validation is None:
        descent.for_epochs(examples, epochs)
        model = export(descent.network, card, sample, served=descent.served())
    metrics = {f"MRR, {gain.kind}": round(gain.new, 4) for gain in gains}
    metrics |= {f"MRR, {gain.kind}, block": round(gain.old, 4) for gain in gains}
    model = Model.of(replace(card, share=share, metrics=metrics), model.data)
    return Trained(model, gains, time.perf_counter() - begun)


class _Descent:
    """Gradient descent of one network, compiled once; it can begin anew with other examples."""

    def __init__(self, name: str, layout: Layout, options: Options, seed: int) -> None:
        keras, tf = libraries()
        keras.utils.set_random_seed(seed)
        self._build = partial(
            build, name, layout,
            width=options.width, hidden=options.hidden, dropout=options.dropout,
        )  # fmt: skip
        self.network = self._build()
        self.strategy: Strategy = LearnedFusion(
            layout, name, options.width, lambda items: outputs(self.network, items), "in training"
        )
        self._options, self._seed = options, seed
        self._optimizer = keras.optimizers.AdamW(options.rate, weight_decay=options.decay)
        self._optimizer.build(self.network.trainable_variables)
        self._variables = [*self.network.variables, *self._optimizer.variables]
        self._values = [each.value.numpy() for each in self._variables]
        self._tensorflow = tf
        self._compiled = tf.function(self._descend, reduce_retracing=True, autograph=False)

    def until_best(
        self,
        examples: Examples,
        trials: Sequence[Trial],
        watch: Callable[[int, Mapping[str, float]], None],
    ) -> int:
        """Train until trials find no more, and keep what found most; after how many epochs."""
        batches = self._begun(examples)
        best, chosen, weights = found(self.strategy, trials), 0, self.network.get_weights()
        for epoch in range(1, self._options.epochs + 1):
            loss = self._epoch(batches)
            now = found(self.strategy, trials)
            watch(epoch, {"loss": loss, "MRR": now})
            if now > best + _LEAST_GAIN:
                best, chosen, weights = now, epoch, self.network.get_weights()
            elif epoch - chosen >= self._options.patience:
                break
        self.network.set_weights(weights)
        return chosen

    def for_epochs(self, examples: Examples, epochs: int) -> None:
        """Train for so long."""
        batches = self._begun(examples)
        for _ in range(epochs):
            self._epoch(batches)

    def served(self) -> Any:
        """The network as it is exported."""
        return merged(self.network, self._build(served=True))

    def _begun(self, examples: Examples) -> Batches:
        """The batches of a new beginning: all variables are as they were at first."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        set_start(self.network, projections(examples.features, self._options.width))
        size, labelled = self._options.batch, self._options.labelled
        return Batches(examples, size=size, labelled=labelled, seed=self._seed)

    def _epoch(self, batches: Batches) -> float:
        """The mean loss of an epoch."""
        tf, losses = self._tensorflow, []
        for batch in batches.epoch():
            views = [list(map(tf.constant, view)) for view in (batch.first, batch.second)]
            losses.append(float(self._compiled(*views, tf.constant(batch.positive))))
        return float(np.mean(losses))

    def _descend(self, first: Any, second: Any, positive: Any) -> Any:
        """One step; the loss before it."""
        tf = self._tensorflow
        with tf.GradientTape() as tape:
            views = [self.network(view, training=True) for view in (first, second)]
            logits = tf.matmul(*views, transpose_b=True) / self._options.temperature
            likely = [
                tf.reduce_mean(tf.reduce_sum(positive * tf.nn.log_softmax(side), axis=1))
                for side in (logits, tf.transpose(logits))
            ]
            loss = -(likely[0] + likely[1]) / 2
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss


def _share(model: Model, layout: Layout, trials: Sequence[Trial]) -> float:
    """The share of the learned score with which most is found; the smaller of nearly equal ones."""
    asked = [
        replace(one, queries=one.queries.rows(np.arange(few)), relevant=one.relevant[:few])
        for one in trials
        for few in (min(_ASKED, len(one.queries)),)
    ]
    best, reached = 0.0, -1.0
    for share in _SHARES:
        now = found(_served(model, layout, share), asked)
        if now > reached + _LEAST_GAIN:
            best, reached = share, now
    return best


def _served(model: Model, layout: Layout, share: float) -> Strategy:
    """What search does with a model that has this share of the score."""
    if not share:
        return BlockFusion(layout)
    learnt = Learnt.of(layout, [Model.of(replace(model.card, share=share), model.data)])
    return BlockFusion(learnt.layout, learnt)


def _sample(features: Features) -> Features:
    """A few items in every pattern of their parts."""
    some = features.rows(np.arange(min(16, len(features))))
    patterns = [
        pattern for size in range(len(some.parts) + 1) for pattern in combinations(some.parts, size)
    ]
    return joined([some.only(pattern) for pattern in patterns])
