"""EfficientNet-Lite0, written as ONNX from its published weights."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, load_from_string

from triptych.encoders.image.efficientnet import (
    FEATURES,
    POOLED,
    SIDE,
    cut_to_content,
    framed,
    has_vnni,
    load_weights,
    open_network,
)
from triptych.encoders.image.heads import class_names
from triptych.encoders.image.lite0_network import (
    FloatLayers,
    IntegerLayers,
    Tensor,
    build_network,
    fold_batch_norm,
)


@pytest.fixture(scope="module")
def weights():
    """The published weights."""
    return load_weights()


def small_weights(groups: int = 1) -> dict[str, np.ndarray]:
    """A convolution of 4 channels with its batch normalisation, values of no pattern."""
    draw = np.random.default_rng(1)
    return {
        "conv.weight": draw.normal(size=(4, 4 // groups, 3, 3)).astype(np.float32),
        "norm.running_mean": draw.normal(size=4).astype(np.float32),
        "norm.running_var": draw.uniform(0.5, 2, size=4).astype(np.float32),
        "norm.weight": draw.normal(size=4).astype(np.float32),
        "norm.bias": draw.normal(size=4).astype(np.float32),
    }


def naive_convolution(
    image: np.ndarray, kernel: np.ndarray, stride: int, groups: int
) -> np.ndarray:
    """'Same' padding as TensorFlow defines it, by the definition of a convolution."""
    channels, side, _ = image.shape
    output = -(-side // stride)
    total = max((output - 1) * stride + kernel.shape[-1] - side, 0)
    padded = np.pad(
        image, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2))
    )
    actual = np.zeros((len(kernel), output, output))
    width = channels // groups
    for out in range(len(kernel)):
        first = out // (len(kernel) // groups) * width
        for y in range(output):
            for x in range(output):
                window = padded[
                    first : first + width,
                    y * stride : y * stride + kernel.shape[-1],
                    x * stride : x * stride + kernel.shape[-1],
                ]
                actual[out, y, x] = (window * kernel[out]).sum()
    return actual


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("size", [7, 8])
def test_a_folded_convolution_is_the_two_steps(stride, groups, size):
    """Convolve, normalise, clip: against numpy by definition."""
    weights = small_weights(groups)
    image = np.random.default_rng(2).normal(size=(4, size, size)).astype(np.float32)
    graph = FloatLayers(weights)
    known = np.zeros(4, np.float32)
    last = graph.convolve(
        Tensor("image", size, known, known), "conv", "norm", stride=stride, groups=groups
    )
    actual = _run(graph, last.name, image)
    convolved = naive_convolution(image, weights["conv.weight"], stride, groups)
    mean, variance, gamma, beta = (
        weights[f"norm.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    expected = np.clip(gamma * (convolved - mean) / np.sqrt(variance + 1e-3) + beta, 0, 6)
    assert np.abs(actual - expected).max() < 1e-5


def _run(graph: FloatLayers, output: str, image: np.ndarray) -> np.ndarray:
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "test",
            [value("image", TensorProto.FLOAT, [1, *image.shape])],
            [value(output, TensorProto.FLOAT, None)],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image[None]})[0][0]


def test_folding_is_exact_where_it_is_known():
    """A normalisation that does nothing leaves the kernel alone."""
    weights = small_weights()
    weights |= {
        "norm.running_mean": np.zeros(4, np.float32),
        "norm.running_var": np.full(4, 1 - 1e-3, np.float32),
        "norm.weight": np.ones(4, np.float32),
        "norm.bias": np.full(4, 2, np.float32),
    }
    kernel, bias = fold_batch_norm(weights, "conv", "norm")
    assert np.allclose(kernel, weights["conv.weight"], atol=1e-6)
    assert (kernel.dtype, bias.dtype) == (np.float32, np.float32)
    assert np.allclose(bias, 2)


def test_the_graph_has_the_published_shape(weights):
    """Sixteen blocks, nine of them with a skip, and every convolution of the file is used."""
    graph = load_from_string(build_network(weights, FloatLayers)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == sum(value.ndim == 4 for value in weights.values()) == 49
    assert kinds.count("Add") == 9
    assert kinds.count("Clip") == 49 - 16


def test_a_kernel_of_another_size_is_refused(weights):
    """Weights of another network do not pass for this one."""
    name = "_blocks.3._depthwise_conv.weight"
    with pytest.raises(ValueError, match=r"_blocks\.3\._depthwise_conv is not a convolution of 5"):
        build_network({**weights, name: weights[name][..., 1:4, 1:4]})


def test_a_batch_is_the_same_as_one_by_one(efficientnet, clock):
    """In order, to the last bit."""
    batch = [clock, clock[:, ::-1].copy(), 255 - clock]
    together = efficientnet.encode(batch)
    alone = np.concatenate([efficientnet.encode([image]) for image in batch])
    assert together.shape == (3, POOLED)
    assert together.dtype == np.float32
    assert np.array_equal(together, alone)


def test_no_pictures_are_no_rows(efficientnet):
    """An empty batch has the width of any other."""
    assert efficientnet.encode([]).shape == (0, POOLED)


def test_the_golden_picture(efficientnet, clock):
    """Six activations within 2 %: sums are exact, only the steps between layers may round."""
    actual = efficientnet.encode([clock])[0]
    expected = {
        918: 2.94118,
        1243: 2.53061,
        1165: 2.27515,
        1409: 4.02353,
        3265: 3.97647,
        3962: 4.7431,
    }
    assert {i: pytest.approx(value, rel=0.02) for i, value in expected.items()} == {
        i: float(actual[i]) for i in expected
    }
    assert actual.min() >= 0


def test_whole_numbers_are_close_to_float32(weights, clock):
    """Layers pooled in int8 point where those in float32 do, and are a quarter of the weights."""
    whole, exact = build_network(weights), build_network(weights, FloatLayers)
    feed = {"image": framed(clock)[None]}
    a, b = (open_network(net, threads=1).run(None, feed)[0][0] for net in (whole, exact))
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.98
    assert len(whole) < 0.3 * len(exact)


@pytest.mark.skipif(not has_vnni(), reason="this processor has no VNNI")
def test_processors_agree(weights, clock, monkeypatch):
    """The way of a processor without VNNI gives the same numbers."""
    network, feed = build_network(weights), {"image": framed(clock)[None]}
    actual = []
    for answer in (True, False):
        monkeypatch.setattr("triptych.encoders.image.efficientnet.has_vnni", lambda a=answer: a)
        actual.append(open_network(network, threads=1).run(None, feed)[0])
    assert np.allclose(*actual, rtol=0.01, atol=0.01)


def test_the_network_is_the_same_bytes(weights):
    """Nothing is drawn and nothing is measured."""
    assert build_network(weights) == build_network(weights)


def test_weights_of_nothing_stay_finite():
    """A channel whose kernel is zero keeps its bias."""
    weights = small_weights() | {"conv.weight": np.zeros((4, 4, 3, 3), np.float32)}
    graph = IntegerLayers(weights)
    known = np.zeros(4, np.float32)
    entry = Tensor("image", 8, known, known, np.float32(1 / 128))
    last = graph.convolve(entry, "conv", "norm")
    actual = _run(graph, last.name, np.ones((4, 8, 8), np.float32))
    _, bias = fold_batch_norm(weights, "conv", "norm")
    assert np.abs(actual[:, 4, 4] - np.clip(bias, 0, 6)).max() <= 6 / 255


@pytest.mark.parametrize("background", [0, 128, 255])
def test_a_picture_is_cut_to_its_content(background):
    """Whatever the background, the box is that of what differs from it."""
    image = np.full((60, 80, 3), background, np.uint8)
    image[10:30, 20:70] = (200, 30, 60)
    assert cut_to_content(image).shape == (20, 50, 3)


def test_a_blank_picture_is_whole():
    """There is nothing to cut to."""
    blank = np.full((5, 9, 3), 77, np.uint8)
    assert cut_to_content(blank).shape == (5, 9, 3)
    assert framed(blank).shape == (SIDE, SIDE, 3)


def test_it_sees_what_is_there(efficientnet, clock):
    """The drawing of a clock is a clock."""
    weights, bias = efficientnet.classifier
    best = int((efficientnet.encode([clock])[0, :FEATURES] @ weights.T + bias).argmax())
    assert "clock" in class_names()[best]
