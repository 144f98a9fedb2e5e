"""musicnn: a sound to the 200 features of a network that predicts music tags.

Pons & Serra, musicnn: pre-trained convolutional neural networks for music audio tagging (ISMIR
2019, late-breaking), trained on MagnaTagATune. The graph is written as ONNX from the published
TensorFlow checkpoint, so serving needs no TensorFlow.

The package that carries the weights requires a NumPy of 2019 and TensorFlow. Neither is used here,
so install it without its dependencies: ``pip install --no-deps musicnn==0.1.0``.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.audio.mel import peak
from triptych.encoders.audio.tensor_bundle import read_bundle
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.onnx import open_session
from triptych.encoders.scales import Bounds, Scale
from triptych.encoders.weights import WeightsError, verified
from triptych.media.audio import RATE, Samples

DIMS = 200
FRAMES = 187
BANDS = 96
_RATE = 16_000
_FRAME = 512
_HOP = 256
_WINDOW = round(FRAMES * _HOP * RATE / _RATE)
"""Samples that make one input of the network, three seconds."""
_BN_EPSILON = 1e-3
_INDEX_SHA256 = "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57"
_DATA_SHA256 = "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab"

CARD = Card(
    name="musicnn",
    version=1,
    modality="audio",
    dims=DIMS,
    licence="ISC",
    source="PyPI musicnn 0.1.0, MTT_musicnn",
    weights=(_INDEX_SHA256, _DATA_SHA256),
    parameters=f"rate={_RATE} frame={_FRAME} hop={_HOP} bands={BANDS} frames={FRAMES} pooling=mean",
)


class Musicnn(Encoder[Samples]):
    """Samples to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        self._session = open_session(build_graph(load_weights()), threads=threads)

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 200).

        The vector is the mean over windows of three seconds; a shorter sound is padded with
        silence. Loudness does not matter; the row of a silent sound is zeros.
        """
        rows = np.zeros((len(batch), DIMS), np.float32)
        for row, samples in zip(rows, batch, strict=True):
            if loudest := peak(samples):
                row[:] = self._mean(samples, np.float32(1 / loudest))
        return unit_rows(rows)

    def _mean(self, samples: Samples, gain: np.float32) -> NDArray[np.float64]:
        # One window a run: measured as fast on one core as any batch.
        outputs = [
            self._session.run(None, {"spectra": spectrum(window * gain)[np.newaxis]})[0][0]
            for window in _windows(samples)
        ]
        mean: NDArray[np.float64] = np.mean(outputs, axis=0, dtype=np.float64)
        return mean


def spectrum(window: Samples) -> NDArray[np.float32]:
    """The input of the network for three seconds at 22,050 Hz, float32 (187, 96)."""
    import librosa
    import soxr

    resampled = soxr.resample(window, RATE, _RATE)
    frames = librosa.stft(resampled, n_fft=_FRAME, hop_length=_HOP)[:, :FRAMES]
    power = (frames.real**2 + frames.imag**2).T @ _filters()
    logarithm: NDArray[np.float32] = np.log10(np.float32(10_000) * power + np.float32(1))
    return logarithm


def _windows(samples: Samples) -> Iterator[Samples]:
    """Stretches of three seconds; the last ends with the sound, and may overlap the one before."""
    if len(samples) < _WINDOW:
        yield np.pad(samples, (0, _WINDOW - len(samples)))
        return
    for start in range(0, len(samples) - _WINDOW + 1, _WINDOW):
        yield samples[start : start + _WINDOW]
    if len(samples) % _WINDOW:
        yield samples[-_WINDOW:]


@cache
def _filters() -> NDArray[np.float32]:
    """Slaney's mel filters, float32 (257, 96)."""
    import librosa

    filters: NDArray[np.float32] = librosa.filters.mel(sr=_RATE, n_fft=_FRAME, n_mels=BANDS)
    return filters.T


def load_weights() -> dict[str, Vectors]:
    """Read the published weights by their TensorFlow names. Raises WeightsError."""
    package = find_spec("musicnn")
    if package is None or package.origin is None:
        raise WeightsError("no weights: pip install --no-deps musicnn==0.1.0")
    folder = Path(package.origin).parent / "MTT_musicnn"
    return read_bundle(
        verified(folder / ".index", _INDEX_SHA256),
        verified(folder / ".data-00000-of-00001", _DATA_SHA256),
    )


def build_graph(weights: Mapping[str, Vectors]) -> bytes:
    """Write the network as a serialised ONNX model: float32 (n, 187, 96) → float32 (n, 200)."""
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    entry = graph.normalise(graph.node("Unsqueeze", "spectra", np.array([1])), 0)
    # Front: two filters that see timbre, 7 frames wide, and three that see rhythm, one band high.
    front = graph.node("Concat", *(graph.highest_band(entry, layer) for layer in range(5)), axis=1)
    # Middle: dense layers over time. The last two add what comes before their normalisation.
    _, first = graph.convolve_time(front, 5)
    second = graph.node("Add", graph.convolve_time(first, 6)[0], first)
    third = graph.node("Add", graph.convolve_time(second, 7)[0], second)
    middle = graph.node("Concat", front, first, second, third, axis=1)
    # Back: maximum and mean over time side by side, and a dense layer.
    pooled = graph.node(
        "Concat",
        graph.node("ReduceMax", middle, axes=[2]),
        graph.node("ReduceMean", middle, axes=[2]),
        axis=2,
    )
    flat = graph.normalise(graph.node("Flatten", pooled), 9, (1, -1))
    dense = graph.node("Gemm", flat, weights["dense/kernel"], weights["dense/bias"])
    features = graph.normalise(graph.node("Relu", dense), 10, (1, -1))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            CARD.name,
            [helper.make_tensor_value_info("spectra", TensorProto.FLOAT, ["n", FRAMES, BANDS])],
            [helper.make_tensor_value_info(features, TensorProto.FLOAT, ["n", DIMS])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


class _Graph:
    """ONNX nodes in their order; an input is the name of an output, or an array."""

    def __init__(self, weights: Mapping[str, Vectors]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, kind: str, *inputs: str | NDArray[Any], **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        from onnx import helper

        names = [entry if isinstance(entry, str) else self._constant(entry) for entry in inputs]
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def normalise(self, entry: str, number: int, shape: tuple[int, ...] = (1, -1, 1, 1)) -> str:
        """Add a batch normalisation: γ(x − μ)/√(σ²+ε) + β."""
        gamma, beta, mean, variance = (
            self._of("batch_normalization", number, part).astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _BN_EPSILON)
        factor, shift = (
            values.reshape(shape).astype(np.float32) for values in (scale, beta - mean * scale)
        )
        return self.node("Add", self.node("Mul", entry, factor), shift)

    def highest_band(self, entry: str, layer: int) -> str:
        """Add a convolution over time and bands, (n, 1, 187, 96) → (n, filters, 187)."""
        kernel = self._of("conv2d", layer, "kernel").transpose(3, 2, 0, 1)
        before = (kernel.shape[2] - 1) // 2
        pads = [before, 0, kernel.shape[2] - 1 - before, 0]
        convolved = self.node("Conv", entry, kernel, self._of("conv2d", layer, "bias"), pads=pads)
        normalised = self.normalise(self.node("Relu", convolved), layer + 1)
        return self.node("ReduceMax", normalised, axes=[3], keepdims=0)

    def convolve_time(self, entry: str, layer: int) -> tuple[str, str]:
        """Add a convolution over time, (n, c, 187) → (n, 64, 187): as it is, and normalised."""
        kernel = self._of("conv2d", layer, "kernel")[:, :, 0].transpose(2, 1, 0)
        convolved = self.node("Conv", entry, kernel, self._of("conv2d", layer, "bias"), pads=[3, 3])
        active = self.node("Relu", convolved)
        return active, self.normalise(active, layer + 1, (1, -1, 1))

    def _of(self, layer: str, number: int, part: str) -> Vectors:
        return self._weights[f"{layer}_{number}/{part}" if number else f"{layer}/{part}"]

    def _constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


ENCODERS = (
    Ready(
        card=CARD,
        roles=("acoustic",),
        depends=Depends("audio", ("librosa", "onnx", "onnxruntime", "soxr")),
        scale=Scale(Bounds(0.8, 0.95)),
        make=Musicnn,
    ),
)
