"""The layers of EfficientNet-Lite0 as ONNX: in float32, and in whole numbers without calibration.

Tan & Le, EfficientNet (ICML 2019), in its Lite0 form: no squeeze-and-excitation, ReLU6, stem and
head not scaled. Batch normalisation is folded into the convolutions.

In whole numbers (Jacob et al., CVPR 2018) weights are int8 by output channel, activations uint8
by layer. Their ranges need no pictures (Nagel et al., Data-free quantization, ICCV 2019): batch
normalisation knows the mean and the spread of each channel, and ReLU6 ends at 6.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors

SIDE = 224
WIDTHS: Mapping[str, int] = {"head": 1280, "15": 1152, "12": 1152, "8": 480}
"""Channels of what is pooled: the head, and the depthwise layers of blocks 15, 12 and 8."""
_BN_EPSILON = 1e-3
_SPREAD = 6
"""Standard deviations that a layer without ReLU6 has room for on either side."""
_LEVELS = 255
_WEIGHT = 127

# (repeats, kernel, stride of the first, expansion, output channels) of the seven stages.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Tensor:
    """A value of the graph, with what is known of its numbers."""

    name: str
    side: int
    mean: Vectors
    variance: Vectors
    scale: np.float32 | None = None
    """The step between two whole numbers."""


class FloatLayers:
    """Layers in float32: the reference that whole numbers are held against."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def picture(self, name: str) -> Tensor:
        """uint8 (n, side, side, 3) to (x − 127) / 128, channels first."""
        first = self.node("Transpose", [name], perm=[0, 3, 1, 2])
        centred = self.node(
            "Sub",
            [
                self.node("Cast", [first], to=1),  # TensorProto.FLOAT
                self.constant(np.float32(127)),
            ],
        )
        scaled = self.node("Mul", [centred, self.constant(np.float32(1 / 128))])
        return Tensor(scaled, SIDE, np.zeros(3, np.float32), np.ones(3, np.float32))

    def convolve(
        self,
        entry: Tensor,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        groups: int = 1,
        activate: bool = True,
    ) -> Tensor:
        """Add a convolution with 'same' padding, its batch normalisation folded in, and ReLU6."""
        kernel, bias = fold_batch_norm(self._weights, name, norm)
        side = kernel.shape[-1]
        output = math.ceil(entry.side / stride)
        padding = max((output - 1) * stride + side - entry.side, 0)
        before, after = padding // 2, padding - padding // 2
        convolved = self.node(
            "Conv",
            [entry.name, *self.parameters(kernel, bias, entry)],
            kernel_shape=[side, side],
            strides=[stride, stride],
            group=groups,
            pads=[before, before, after, after],
        )
        spread = self._weights[f"{norm}.weight"].astype(np.float32) ** 2
        mean = self._weights[f"{norm}.bias"].astype(np.float32)
        return self.rounded(Tensor(convolved, output, mean, spread), activate=activate)

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        """Add the skip of a block."""
        name = self.node("Add", [left.name, right.name])
        mean, variance = left.mean + right.mean, left.variance + right.variance
        return self.rounded(Tensor(name, left.side, mean, variance), activate=False)

    def pooled(self, entry: Tensor) -> str:
        """The mean over the picture, (n, channels)."""
        return self.node("Flatten", [self.node("GlobalAveragePool", [entry.name])])

    def parameters(self, kernel: Vectors, bias: Vectors, entry: Tensor) -> list[str]:
        """The names of a convolution's kernel and bias; ``entry`` is what it is applied to."""
        del entry  # its scale matters to whole numbers only
        return [self.constant(kernel), self.constant(bias)]

    def rounded(self, entry: Tensor, *, activate: bool) -> Tensor:
        """What a layer hands on: through ReLU6, or as it is."""
        if not activate:
            return entry
        limits = [self.constant(np.float32(0)), self.constant(np.float32(6))]
        name = self.node("Clip", [entry.name, *limits])
        return Tensor(name, entry.side, entry.mean, entry.variance)


class IntegerLayers(FloatLayers):
    """The same layers in whole numbers, in the pairs of nodes that runtimes fuse (QDQ)."""

    def picture(self, name: str) -> Tensor:
        """The pixels are whole numbers already: their step is 1/128, their zero 127."""
        first = self.node("Transpose", [name], perm=[0, 3, 1, 2])
        scale = np.float32(1 / 128)
        pixels = self._restored(first, scale, np.uint8(127))
        return Tensor(pixels, SIDE, np.zeros(3, np.float32), np.ones(3, np.float32), scale)

    def parameters(self, kernel: Vectors, bias: Vectors, entry: Tensor) -> list[str]:
        """Weights of int8 with a step for each output channel, and a bias of int32."""
        assert entry.scale is not None  # noqa: S101  # every layer here has one
        steps = np.abs(kernel).max(axis=(1, 2, 3)) / _WEIGHT
        # A channel of next to nothing keeps a step in which its bias is a number of int32.
        steps = np.maximum(steps, np.abs(bias) / (entry.scale * 2**30)).astype(np.float32)
        steps = np.maximum(steps, np.finfo(np.float32).tiny)
        whole = np.rint(kernel / steps[:, None, None, None]).astype(np.int8)
        scales = steps * entry.scale
        return [
            self._restored(self.constant(whole), steps, np.zeros(len(steps), np.int8), axis=0),
            self._restored(
                self.constant(np.rint(bias / scales).astype(np.int32)),
                scales,
                np.zeros(len(steps), np.int32),
                axis=0,
            ),
        ]

    def rounded(self, entry: Tensor, *, activate: bool) -> Tensor:
        """To uint8 and back; its ends are ReLU6 where there is one."""
        low, high = np.float32(0), np.float32(6)
        if not activate:
            room = _SPREAD * np.sqrt(entry.variance)
            low = min(low, (entry.mean - room).min())
            high = max(np.float32(0), (entry.mean + room).max())
        scale = np.float32((high - low) / _LEVELS)
        zero = np.uint8(np.rint(-low / scale))
        whole = self.node("QuantizeLinear", [entry.name, *map(self.constant, (scale, zero))])
        name = self._restored(whole, scale, zero)
        return Tensor(name, entry.side, entry.mean, entry.variance, scale)

    def _restored(self, name: str, scale: Any, zero: Any, **attributes: Any) -> str:
        inputs = [name, self.constant(scale), self.constant(zero)]
        return self.node("DequantizeLinear", inputs, **attributes)


def build_network(weights: Weights, layers: type[FloatLayers] = IntegerLayers) -> bytes:
    """Write the network as ONNX: uint8 (n, 224, 224, 3) → float32 (n, sum of ``WIDTHS``)."""
    from onnx import TensorProto, checker, helper

    graph = layers(weights)
    pooled = _add_layers(graph, weights)
    graph.node("Concat", pooled, "features", axis=1)
    value, width = helper.make_tensor_value_info, sum(WIDTHS.values())
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [value("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [value("features", TensorProto.FLOAT, ["n", width])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _add_layers(graph: FloatLayers, weights: Weights) -> list[str]:
    """Add stem, blocks and head; return the names of what is pooled, in the order of WIDTHS."""
    pooled = {}
    last = graph.convolve(graph.picture("image"), "_conv_stem", "_bn0", stride=2)
    block, channels = 0, 32
    for repeats, kernel, first_stride, expansion, output in _STAGES:
        for repeat in range(repeats):
            prefix, stride = f"_blocks.{block}.", first_stride if repeat == 0 else 1
            _check_kernel(weights, f"{prefix}_depthwise_conv", kernel)
            entry, groups = last, channels * expansion
            if expansion != 1:
                last = graph.convolve(last, f"{prefix}_expand_conv", f"{prefix}_bn0")
            depthwise = f"{prefix}_depthwise_conv"
            last = graph.convolve(last, depthwise, f"{prefix}_bn1", stride=stride, groups=groups)
            if str(block) in WIDTHS:
                pooled[str(block)] = graph.pooled(last)
            project = f"{prefix}_project_conv"
            last = graph.convolve(last, project, f"{prefix}_bn2", activate=False)
            if stride == 1 and channels == output:
                last = graph.add(last, entry)
            channels = output
            block += 1
    pooled["head"] = graph.pooled(graph.convolve(last, "_conv_head", "_bn1"))
    return [pooled[name] for name in WIDTHS]


def _check_kernel(weights: Weights, name: str, kernel: int) -> None:
    if weights[f"{name}.weight"].shape[-1] != kernel:
        raise ValueError(f"{name} is not a convolution of {kernel} × {kernel}")


def fold_batch_norm(weights: Weights, name: str, norm: str) -> tuple[Vectors, Vectors]:
    """Fold a batch normalisation into the convolution before it: y = γ(Wx − μ)/√(σ²+ε) + β.

    Returns:
        The kernel, float32 (out, in, k, k), and the bias, float32 (out,).
    """
    mean, variance, gamma, beta = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gamma / np.sqrt(variance + _BN_EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    return kernel.astype(np.float32), (beta - mean * scale).astype(np.float32)
