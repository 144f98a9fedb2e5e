"""The layers of Universal Sentence Encoder multilingual 3 as ONNX: token vectors to text vectors.

Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval (ACL 2020). Each token
is described by itself and by convolutions over two, three and five tokens. The mean of the
descriptions goes through a network with two residual layers.

The tokens of all texts of a run stand one below the other, with rows of zeros between the texts:
so no text sees another, and none is padded to the length of another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMS = 512
GAP = 2
"""Rows of zeros after each text: as far as a convolution looks."""
_WIDTHS = ((2, 0), (3, 1), (5, 2))
"""How many tokens a convolution looks at, and how many of them are before its own."""
_CHANNELS = 256

Weights = Mapping[str, NDArray[Any]]


class _Graph:
    """Nodes and constants of a graph as it grows. Every method returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def whole(self, *numbers: int) -> str:
        return self.constant(np.array(numbers, np.int64))

    def weight(self, *names: str) -> str:
        """Weights, side by side if they are several."""
        return self.constant(np.concatenate([self._weights[name] for name in names], axis=-1))

    def dense(self, entry: str, weight: str, bias: str) -> str:
        return self.node("Add", self.node("MatMul", entry, weight), bias)

    def normed(self, entry: str, scale: str, shift: str) -> str:
        epsilon = float(self._weights["eps"])
        return self.node("LayerNormalization", entry, scale, shift, axis=-1, epsilon=epsilon)

    def convolved(self, entry: str, mask: str, width: int, before: int, name: str) -> str:
        """ReLU of a convolution over rows, added to what it is of; zeros between texts."""
        pads = self.whole(before, 0, width - 1 - before, 0)
        padded = self.node("Pad", entry, pads)
        shifted = [
            self.node("Slice", padded, self.whole(k), self._end(width - 1 - k), self.whole(0))
            for k in range(width)
        ]
        window = self.node("Concat", *shifted, axis=1)
        summed = self.dense(
            window, self.weight(f"{name}_{width}"), self.weight(f"{name.replace('w', 'b')}_{width}")
        )
        residual = self.node("Add", self.node("Relu", summed), entry)
        return self.node("Mul", residual, mask)

    def _end(self, left_out: int) -> str:
        """Where a slice ends that leaves out some of the last rows."""
        return self.whole(-left_out if left_out else np.iinfo(np.int64).max)


def build_network(weights: Weights) -> bytes:
    """Write the network as ONNX.

    It takes ``vectors``, float32 (rows, 512), of the tokens, and ``members``, float32 (n, rows):
    one where a row is a token of a text. It gives ``texts``, unit vectors float32 (n, 512).
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    _add_texts(graph, _add_tokens(graph))
    value, number = helper.make_tensor_value_info, TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "use-multilingual",
            [
                value("vectors", number, ["rows", DIMS]),
                value("members", number, ["n", "rows"]),
            ],
            [value("texts", number, ["n", DIMS])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _add_tokens(graph: _Graph) -> str:
    """Add what describes each token, (rows, 1280)."""
    count = graph.node("ReduceSum", "members", graph.whole(0), keepdims=0)
    mask = graph.node("Unsqueeze", count, graph.whole(1))
    projected = graph.dense(
        "vectors", graph.weight("proj2", "proj3", "proj5"),
        graph.weight("proj_b2", "proj_b3", "proj_b5"),
    )  # fmt: skip
    branches = graph.node(
        "Mul",
        graph.normed(
            projected, graph.weight("ln_g2", "ln_g3", "ln_g5"),
            graph.weight("ln_b2", "ln_b3", "ln_b5"),
        ),
        mask,
    )  # fmt: skip
    described = ["vectors"]
    for place, (width, before) in enumerate(_WIDTHS):
        start, end = graph.whole(place * _CHANNELS), graph.whole((place + 1) * _CHANNELS)
        branch = graph.node("Slice", branches, start, end, graph.whole(1))
        for name in ("w1", "w2"):
            branch = graph.convolved(branch, mask, width, before, name)
        described.append(branch)
    every = graph.node("Concat", *described, axis=1)
    return graph.normed(every, graph.weight("ln_g"), graph.weight("ln_b"))


def _add_texts(graph: _Graph, tokens: str) -> None:
    """Add the sum over each text's tokens by the root of their number, and the layers behind it."""
    length = graph.node("ReduceSum", "members", graph.whole(1), keepdims=1)
    total = graph.dense(
        graph.node("MatMul", "members", tokens), graph.weight("cnn_W"),
        graph.node("Mul", length, graph.weight("cnn_b")),
    )  # fmt: skip
    mean = graph.node("Div", total, graph.node("Sqrt", length))

    def sums(*pairs: Sequence[str]) -> str:
        first, *others = (graph.node("MatMul", left, graph.weight(name)) for left, name in pairs)
        for other in others:
            first = graph.node("Add", first, other)
        return first

    hidden = graph.node("Relu", sums((mean, "d0")))
    middle = graph.node("Relu", sums((mean, "p1"), (hidden, "d1")))
    last = graph.node("Relu", sums((middle, "d2")))
    vectors = graph.node("Tanh", sums((middle, "p3"), (last, "d3")))
    graph.node("LpNormalization", vectors, output="texts", axis=-1, p=2)
