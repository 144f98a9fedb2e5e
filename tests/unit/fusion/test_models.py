"""Model files: what may be run, and what is refused before ONNX Runtime sees it."""

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support import layout
from triptych.core.errors import FingerprintMismatch, InvalidInput, NotFound
from triptych.core.settings import Encoders
from triptych.encoders.weights import WeightsError
from triptych.fusion import models
from triptych.fusion.features import Features
from triptych.fusion.layout import make_layout
from triptych.fusion.models import FEATURES, OUTPUT, PRESENT, Model, ModelCard
from triptych.fusion.strategies.learned import LearnedFusion

DIMS = 5
CARD = ModelCard(
    kind="fusion", name="attention", version=1, dims=DIMS, layout=layout().fingerprint,
    blocks={block.name: (block.dims, block.card.fingerprint) for block in layout().blocks},
    data={"items": 3}, metrics={"MRR, all": 0.5}, seed=0, versions={"keras": "3"}, share=0.4,
)  # fmt: skip
MATRIX = np.random.default_rng(0).normal(size=(layout().dims, DIMS)).astype(np.float32)
Change = Callable[[onnx.ModelProto], object]


def graph(change: Change = lambda _: None, *, width: int = layout().dims) -> bytes:
    """Features times a matrix, plus nothing of the presence."""
    blocks = len(layout().blocks)
    value = helper.make_tensor_value_info
    mask = numpy_helper.from_array(np.zeros((blocks, DIMS), np.float32), "zeros")
    parsed = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("MatMul", [FEATURES, "matrix"], ["first"]),
                helper.make_node("MatMul", [PRESENT, "zeros"], ["second"]),
                helper.make_node("Add", ["first", "second"], [OUTPUT]),
            ],
            "product",
            [
                value(FEATURES, TensorProto.FLOAT, ["n", width]),
                value(PRESENT, TensorProto.FLOAT, ["n", blocks]),
            ],
            [value(OUTPUT, TensorProto.FLOAT, ["n", DIMS])],
            [numpy_helper.from_array(MATRIX[:width], "matrix"), mask],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    change(parsed)
    data: bytes = parsed.SerializeToString()
    return data


def made() -> Model:
    """A model that is in order."""
    return Model.of(CARD, graph())


def items() -> Features:
    """Three items of any parts."""
    vectors = np.zeros((3, layout().dims), np.float32)
    vectors[0, 0] = vectors[1, -1] = 1
    return Features.of(vectors, layout())


def test_a_model_is_saved_and_found(store):
    """With its card, by its reference, and computes."""
    model = made()
    models.save(store, model)
    loaded = models.load(store, model.reference)
    assert loaded == model
    assert loaded.card == CARD
    strategy = LearnedFusion.of(loaded, layout())
    np.testing.assert_allclose(strategy.fuse(items()), items().vectors @ MATRIX, atol=1e-6)
    assert strategy.fuse(items().rows(np.array([], np.int64))).shape == (0, DIMS)


def test_the_fingerprint_is_over_card_and_weights():
    """Either changes it."""
    other = Model.of(replace(CARD, share=0.2), graph())
    weights = Model.of(CARD, graph(lambda parsed: parsed.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(MATRIX + 1, "matrix"))))  # fmt: skip
    assert len({made().fingerprint, other.fingerprint, weights.fingerprint}) == 3


def test_a_model_that_is_not_there_is_not_found(store):
    """And a name that is no reference is invalid."""
    with pytest.raises(NotFound, match="attention@0123456789abcdef"):
        models.load(store, "attention@0123456789abcdef")
    with pytest.raises(InvalidInput, match="name@fingerprint"):
        models.load(store, "../attention")


def test_a_changed_file_is_refused(store):
    """By its digest, before it is read."""
    model = made()
    damaged = bytearray(model.data)
    damaged[-40] ^= 1
    name = f"attention-{model.fingerprint}.onnx"
    store.write_document(models.FOLDER, name, bytes(damaged))
    with pytest.raises(WeightsError, match="was changed"):
        models.load(store, model.reference)


def test_a_model_under_another_name_is_refused(store):
    """A classifier in place of a strategy, say."""
    model = made()
    store.write_document(models.FOLDER, f"recurrent-{model.fingerprint}.onnx", model.data)
    with pytest.raises(WeightsError, match="is of attention"):
        models.load(store, f"recurrent@{model.fingerprint}")


def test_features_of_another_layout_are_refused():
    """The blocks that differ are named."""
    other = make_layout(Encoders(visual="hsv-histogram"), None)
    with pytest.raises(FingerprintMismatch, match=r"visual differ.*train it anew"):
        made().open(other)


def test_a_classifier_is_no_strategy():
    """Its output is no vector."""
    model = Model.of(replace(CARD, kind="classifier"), graph())
    with pytest.raises(InvalidInput, match="no fusion strategy but a classifier"):
        LearnedFusion.of(model, layout())


def node(kind: str, **attributes: object) -> Change:
    """Put another operator in front of the output."""

    def change(parsed: onnx.ModelProto) -> None:
        parsed.graph.node[-1].output[0] = "last"
        parsed.graph.node.append(helper.make_node(kind, ["last"], [OUTPUT], **attributes))

    return change


def external(parsed: onnx.ModelProto) -> None:
    """Keep the weights in another file."""
    onnx.external_data_helper.set_external_data(parsed.graph.initializer[0], os.devnull)
    parsed.graph.initializer[0].ClearField("raw_data")


def blown_up(parsed: onnx.ModelProto) -> None:
    """A product of two vectors of the graph, of 2^34 numbers."""
    long = numpy_helper.from_array(np.zeros((1, 2**17), np.float32), "long")
    parsed.graph.initializer.append(long)
    parsed.graph.node.insert(0, helper.make_node("Transpose", ["long"], ["tall"], perm=[1, 0]))
    parsed.graph.node.insert(1, helper.make_node("MatMul", ["tall", "long"], ["huge"]))


def unknown_size(parsed: onnx.ModelProto) -> None:
    """Every item with every other: the size is the square of a number that is not known."""
    parsed.graph.node.insert(0, helper.make_node("Transpose", [FEATURES], ["across"]))
    parsed.graph.node.insert(1, helper.make_node("MatMul", [FEATURES, "across"], ["square"]))


def function(parsed: onnx.ModelProto) -> None:
    """An operator of its own."""
    opset = helper.make_opsetid("", 17)
    body = [helper.make_node("Identity", ["x"], ["y"])]
    parsed.functions.append(helper.make_function("own", "F", ["x"], ["y"], body, [opset]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (node("Erf"), "Erf, which is not allowed"),
        (node("Loop", body=helper.make_graph([], "body", [], [])), "Loop, which is not allowed"),
        (node("Relu", domain="com.microsoft"), "Relu, which is not allowed"),
        (lambda parsed: parsed.opset_import.append(helper.make_opsetid("own", 1)), "ONNX's own"),
        (function, "more than a graph"),
        (external, "data outside"),
        (blown_up, "without a bounded size: huge"),
        (unknown_size, "without a bounded size: square"),
        (lambda parsed: parsed.graph.node[0].input.__setitem__(1, "nowhere"), "no valid graph"),
        (lambda parsed: parsed.graph.output[0].type.tensor_type.shape.dim[1].__setattr__(
            "dim_value", 7), "no valid graph|its card"),
    ],
)  # fmt: skip
def test_what_may_not_be_run_is_refused(change, reason):
    """Before there is a session."""
    with pytest.raises(WeightsError, match=reason):
        Model.of(CARD, graph(change))


def test_a_graph_of_another_width_is_refused():
    """The card says how wide its input is."""
    with pytest.raises(WeightsError, match="its card"):
        Model.of(CARD, graph(width=7))


@pytest.mark.parametrize("data", [b"", b"no model", graph()])
def test_what_is_no_model_is_refused(data):
    """Nothing, noise, and a graph without a card."""
    with pytest.raises(WeightsError, match="can't be read"):
        Model.from_bytes(data)


def test_a_file_that_is_too_large_is_refused(monkeypatch):
    """Without reading it."""
    data = made().data
    monkeypatch.setattr(models, "MAX_BYTES", len(data) - 1)
    with pytest.raises(WeightsError, match="are allowed"):
        Model.from_bytes(data)
