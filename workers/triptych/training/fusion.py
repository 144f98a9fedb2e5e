"""Training of a learned fusion: contrastive, with every presence pattern, and stopped in time.

The loss is supervised InfoNCE with several positives (van den Oord et al., 2018; Khosla et al.,
Supervised contrastive learning, NeurIPS 2020) between two views of each item, in both directions.
The network that finds most in the trials of validation items is kept; then the share of its score
beside block fusion is chosen on the same trials. The same examples, seed and libraries give the
same network.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.fusion.features import Features, joined
from triptych.fusion.measures import ranks
from triptych.fusion.models import Model, ModelCard
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import Gain, compare, found
from triptych.fusion.strategies.joined import Joined
from triptych.fusion.strategies.learned import NETWORKS, LearnedFusion
from triptych.fusion.strategies.strategy import Strategy
from triptych.fusion.strategies.trials import Trial, make_trials
from triptych.training.batches import Batch, Batches
from triptych.training.examples import Examples, check_apart, check_enough
from triptych.training.export import export, outputs
from triptych.training.libraries import libraries, versions
from triptych.training.networks import HEADS, build
from triptych.training.start import projections

VERSION = 1
_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
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
    labelled: float = 0.1
    """The weight of a positive by label beside 1 by content."""
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
    say: Callable[[str], None] = lambda _: None,
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
        say: is told how far it is, an epoch at a time.

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
    network, epochs = _fitted(name, training, options, seed, trials, say)
    block, learned = BlockFusion(examples.features.layout), _strategy(name, network, training)
    share = _share(block, learned, trials)
    gains = compare(block, Joined(block, learned, share), trials)
    if refit and validation is None:
        network, _ = _fitted(name, examples, options, seed, epochs, say)
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
        metrics={f"MRR, {gain.kind}": round(gain.new, 4) for gain in gains}
        | {f"MRR, {gain.kind}, block": round(gain.old, 4) for gain in gains},
        seed=seed,
        versions=versions(),
        parameters={**asdict(options), "chosen_epochs": epochs},
        share=share,
    )  # fmt: skip
    model = export(network, card, _sample(examples.features))
    return Trained(model, gains, time.perf_counter() - begun)


def _fitted(  # noqa: PLR0917
    name: str,
    examples: Examples,
    options: Options,
    seed: int,
    until: Sequence[Trial] | int,
    say: Callable[[str], None],
) -> tuple[Any, int]:
    """A network that was trained for some epochs, or as long as trials say; and how long."""
    keras = libraries().keras
    keras.utils.set_random_seed(seed)
    start = projections(examples.features, options.width)
    network = build(
        name,
        examples.features.layout,
        start,
        hidden=options.hidden,
        dropout=options.dropout,
    )
    step = _step(network, options)
    batches = Batches(examples, size=options.batch, labelled=options.labelled, seed=seed)
    trials = [] if isinstance(until, int) else until
    strategy = _strategy(name, network, examples)
    best, chosen, weights = found(strategy, trials) if trials else 0.0, 0, network.get_weights()
    for epoch in range(1, (until if isinstance(until, int) else options.epochs) + 1):
        loss = float(np.mean([step(batch) for batch in batches.epoch()]))
        if not trials:
            continue
        now = found(strategy, trials)
        say(f"{name}, epoch {epoch}: loss {loss:.3f}, mean reciprocal rank {now:.4f}")
        if now > best + _LEAST_GAIN:
            best, chosen, weights = now, epoch, network.get_weights()
        elif epoch - chosen >= options.patience:
            break
    if trials:
        network.set_weights(weights)
        return network, chosen
    return network, int(until) if isinstance(until, int) else chosen


def _step(network: Any, options: Options) -> Callable[[Batch], float]:
    """A step of gradient descent on a batch; its loss."""
    keras, tf = libraries()
    optimizer = keras.optimizers.AdamW(options.rate, weight_decay=options.decay)

    def descend(first: Any, second: Any, positive: Any) -> Any:
        with tf.GradientTape() as tape:
            views = [network(view, training=True) for view in (first, second)]
            logits = tf.matmul(*views, transpose_b=True) / options.temperature
            loss = (
                -sum(
                    tf.reduce_mean(tf.reduce_sum(positive * tf.nn.log_softmax(side), axis=1))
                    for side in (logits, tf.transpose(logits))
                )
                / 2
            )
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    compiled = tf.function(descend, reduce_retracing=True)

    def step(batch: Batch) -> float:
        first, second = (list(map(tf.constant, view)) for view in (batch.first, batch.second))
        return float(compiled(first, second, tf.constant(batch.positive)))

    return step


def _strategy(name: str, network: Any, examples: Examples) -> Strategy:
    layout = examples.features.layout
    dims = network.output.shape[1]
    return LearnedFusion(layout, name, dims, lambda items: outputs(network, items), "in training")


def _share(block: Strategy, learned: Strategy, trials: Sequence[Trial]) -> float:
    """The share of the learned score with which most is found; the smaller of nearly equal ones."""
    scores = [
        [each.scores(trial.queries, trial.items) for each in (block, learned)] for trial in trials
    ]
    best, reached = 0.0, -1.0
    for share in _SHARES:
        now = float(np.mean([
            np.mean(1 / ranks((1 - share) * a + share * b, trial.relevant))
            for (a, b), trial in zip(scores, trials, strict=True)
        ]))  # fmt: skip
        if now > reached + _LEAST_GAIN:
            best, reached = share, now
    return best


def _sample(features: Features) -> Features:
    """A few items in every pattern of their parts."""
    some = features.rows(np.arange(min(16, len(features))))
    patterns = [
        pattern for size in range(len(some.parts) + 1) for pattern in combinations(some.parts, size)
    ]
    return joined([some.only(pattern) for pattern in patterns])
