"""Small models of hand-made weights, as files: what a collection could have learnt."""

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.models import FEATURES, OUTPUT, PRESENT, Model, ModelCard

DIMS = 16


def fusion(layout: Layout, *, share: float = 0.4, seed: int = 0) -> Model:
    """A matrix of random numbers, and its product with the features at length one."""
    matrix = np.random.default_rng(seed).normal(size=(layout.dims, DIMS)).astype(np.float32)
    nodes = [
        helper.make_node("Mul", ["sum", "sum"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axes"], ["square"], keepdims=1),
        helper.make_node("Sqrt", ["square"], ["root"]),
        helper.make_node("Max", ["root", "least"], ["length"]),
        helper.make_node("Div", ["sum", "length"], [OUTPUT]),
    ]
    further = {"axes": np.array([1]), "least": np.array([1e-6], np.float32)}
    card = {"kind": "fusion", "name": "attention", "dims": DIMS, "share": share}
    return _model(layout, card, matrix, nodes, further)


def classifier(layout: Layout, examples: Mapping[str, Vectors]) -> Model:
    """The class whose example, the features of an item, an item is most like."""
    matrix = 20 * np.stack(list(examples.values()), axis=1).astype(np.float32)
    card = {"kind": "classifier", "name": "classifier", "dims": len(examples),
            "classes": tuple(examples)}  # fmt: skip
    return _model(layout, card, matrix, [helper.make_node("Identity", ["sum"], [OUTPUT])], {})


def _model(
    layout: Layout,
    card: Mapping[str, object],
    matrix: Vectors,
    nodes: Sequence[object],
    further: Mapping[str, object],
) -> Model:
    value, blocks, dims = helper.make_tensor_value_info, len(layout.blocks), matrix.shape[1]
    arrays = {"matrix": matrix, "zeros": np.zeros((blocks, dims), np.float32), **further}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [FEATURES, "matrix"], ["first"]),
            helper.make_node("MatMul", [PRESENT, "zeros"], ["second"]),
            helper.make_node("Add", ["first", "second"], ["sum"]),
            *nodes,
        ],
        "product",
        [
            value(FEATURES, TensorProto.FLOAT, ["n", layout.dims]),
            value(PRESENT, TensorProto.FLOAT, ["n", blocks]),
        ],
        [value(OUTPUT, TensorProto.FLOAT, ["n", dims])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    parsed = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    facts = ModelCard(
        version=1,
        layout=layout.fingerprint,
        blocks={block.name: (block.dims, block.card.fingerprint) for block in layout.blocks},
        data={"items": 3},
        metrics={},
        seed=0,
        versions={},
        **card,
    )
    return Model.of(facts, parsed.SerializeToString())
