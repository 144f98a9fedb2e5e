"""Learned fusion: trained in Keras, served by ONNX Runtime, the same in every presence pattern."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.evaluation.joined import Joined
from triptych.fusion.features import Features
from triptych.fusion.models import Model
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import compare, found
from triptych.fusion.strategies.learned import NETWORKS, LearnedFusion
from triptych.fusion.strategies.trials import make_trials
from triptych.training.export import export, outputs
from triptych.training.fusion import Options, train_fusion
from triptych.training.networks import build, merged

BLOCKS = ("semantic", "concept", "visual", "acoustic")


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request, examples, options):
    """A trained model of each network."""
    return train_fusion(request.param, examples, options=options)


def patterns(items: Features) -> list[Features]:
    """Items with every set of blocks that there is, the empty one included."""
    return [
        items.where(np.array([[block in some for block in BLOCKS]]))
        for size in range(len(BLOCKS) + 1)
        for some in combinations(BLOCKS, size)
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_computes_what_keras_does(name, examples, make_card):
    """To 1e-5, in every presence pattern, with weights that are not those of the start."""
    layout = examples.features.layout
    network = build(name, layout, width=24, hidden=8, dropout=0.3)
    draw = np.random.default_rng(0)
    network.set_weights([draw.normal(0, 0.3, each.shape) for each in network.get_weights()])
    some = examples.features.rows(np.arange(40))
    served = build(name, layout, width=24, hidden=8, dropout=0.3, served=True)
    model = export(network, make_card(name), some, served=merged(network, served))
    strategy = LearnedFusion.of(model, layout)
    for pattern in patterns(some):
        fused = strategy.fuse(pattern)
        np.testing.assert_allclose(fused, outputs(network, pattern), atol=1e-5)
        lengths = np.linalg.norm(fused, axis=1)
        np.testing.assert_allclose(lengths, pattern.filled.any(axis=1), atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_absent_block_changes_nothing(name, examples):
    """Whatever numbers lie there: the mask alone decides."""
    layout = examples.features.layout
    network = build(name, layout, width=24, hidden=8, dropout=0.3)
    draw = np.random.default_rng(0)
    network.set_weights([draw.normal(0, 0.3, each.shape) for each in network.get_weights()])
    vectors = examples.features.vectors[:8]
    present = np.zeros((8, len(BLOCKS)), np.float32)
    present[:, 0] = 1
    other = vectors.copy()
    other[:, layout.slices["visual"]] += 7
    first, second = (np.asarray(network([each, present])) for each in (vectors, other))
    np.testing.assert_array_equal(first, second)


def test_training_finds_more_than_the_start(examples, options):
    """On items that it was not trained on."""
    training, held = examples.split(0.3, seed=1)
    trials = make_trials(held.features, held.groups)
    layout = examples.features.layout
    values = [
        found(LearnedFusion.of(train_fusion(
            "attention", training, validation=held, options=replace(options, epochs=epochs),
        ).model, layout), trials)
        for epochs in (0, 8)
    ]  # fmt: skip
    assert values[1] > values[0] + 0.01, values


def test_the_same_seed_gives_the_same_model(examples, options):
    """To the last bit, and another seed another model."""
    brief = replace(options, epochs=1)
    first, again, other = (
        train_fusion("recurrent", examples, options=brief, seed=seed, refit=False).model
        for seed in (0, 0, 1)
    )
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_the_card_says_what_the_model_is(trained, examples):
    """Blocks, data, metrics, seed, versions; and it survives the file."""
    card = trained.model.card
    assert card.layout == examples.features.layout.fingerprint
    assert tuple(card.blocks) == BLOCKS
    assert card.data["items"] == 240
    assert card.data["validation"]["items"] > 30
    assert {"MRR, all", "MRR, all, block", "MRR, text → image"} <= set(card.metrics)
    assert {"keras", "tensorflow", "tf2onnx", "numpy", "triptych"} == set(card.versions)
    assert Model.from_bytes(trained.model.data).card == card


def test_shares_of_the_parts_sum_to_the_score(trained, examples):
    """Alone and beside the blocks, for each pattern of the query."""
    layout = examples.features.layout
    items = examples.features.rows(np.arange(50))
    learned = LearnedFusion.of(trained.model, layout)
    for strategy in (learned, Joined(BlockFusion(layout), learned, 0.4)):
        for parts in (["text"], ["image"], ["text", "image"]):
            row = int(np.flatnonzero(items.has("text") & items.has("image"))[0])
            query = items.rows(np.array([row])).only(parts)
            explained = strategy.explain(query, items)
            summed = np.sum([*explained.shares.values()], axis=0)
            np.testing.assert_allclose(summed, explained.scores, atol=1e-9)
            np.testing.assert_allclose(
                explained.scores, strategy.scores(query, items)[0], atol=1e-6
            )
            for part, share in explained.shares.items():
                assert not share[~items.has(part)].any()


def test_the_gains_are_those_of_the_share_beside_the_blocks(trained):
    """Never surely worse than block fusion, since a share of zero is one of those tried."""
    assert trained.gains[-1].gain >= 0
    assert trained.seconds > 0


class TestWhatIsRefused:
    """Each with a reason."""

    def test_an_unknown_network(self, examples):
        """The valid names are listed."""
        with pytest.raises(InvalidInput, match="convolution, recurrent, attention"):
            train_fusion("perceptron", examples)

    def test_items_of_one_part(self, examples):
        """There is nothing to compare."""
        rows = np.flatnonzero(examples.features.has("text"))
        alone = replace(examples.rows(rows), features=examples.features.rows(rows).only(["text"]))
        with pytest.raises(InvalidInput, match=r"one each \(text\)"):
            train_fusion("attention", alone)

    def test_too_few_items(self, examples):
        """The number that is needed is told."""
        with pytest.raises(InvalidInput, match="needs 64 items"):
            train_fusion("attention", examples.rows(np.arange(30)))

    def test_validation_items_that_are_trained_on(self, examples):
        """Their content is named."""
        with pytest.raises(InvalidInput, match="same content as a training item: 'caption 5'"):
            train_fusion("attention", examples, validation=examples.rows(np.arange(5, 40)))


def test_a_comparison_refuses_nothing_that_is_equal(trained, examples):
    """A model beside blocks with the share that was chosen answers the trials of its card."""
    layout = examples.features.layout
    block = BlockFusion(layout)
    joined = Joined(block, LearnedFusion.of(trained.model, layout), 0.0)
    gains = compare(block, joined, make_trials(examples.features, examples.groups))
    assert {gain.gain for gain in gains} == {0.0}


def test_options_have_a_width_that_heads_divide():
    """Attention cuts its tokens into four heads."""
    with pytest.raises(InvalidInput, match="multiple of 4"):
        Options(hidden=10)
