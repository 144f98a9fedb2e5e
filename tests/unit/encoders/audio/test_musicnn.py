"""musicnn: the network as it was published, and how sounds are brought to it."""

import numpy as np
import onnxruntime as ort
import pytest
from scipy.signal import correlate

from triptych.encoders.audio import musicnn
from triptych.encoders.audio.musicnn import BANDS, FRAMES, Musicnn, build_graph, load_weights
from triptych.encoders.weights import WeightsError
from triptych.media.audio import RATE

WINDOW = 65_974


@pytest.fixture(scope="module")
def encoder():
    """The encoder."""
    return Musicnn()


@pytest.fixture(scope="module")
def weights():
    """The published weights."""
    return load_weights()


def noise(seconds: float) -> np.ndarray:
    """White noise, the same every time."""
    return np.random.default_rng(0).normal(0, 0.2, int(RATE * seconds)).astype(np.float32)


def normalise(values: np.ndarray, weights, number: int) -> np.ndarray:
    """Batch normalisation over the last axis."""
    name = f"batch_normalization_{number}" if number else "batch_normalization"
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (values - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def convolve(values: np.ndarray, weights, layer: int, before: int, after: int) -> np.ndarray:
    """Convolve (frames, width), with silence before and after it: (frames, positions, filters)."""
    name = f"conv2d_{layer}" if layer else "conv2d"
    kernel, bias = weights[f"{name}/kernel"][:, :, 0], weights[f"{name}/bias"]
    padded = np.pad(values, ((before, after), (0, 0)))
    maps = [correlate(padded, kernel[..., k], "valid", "fft") for k in range(kernel.shape[-1])]
    return np.maximum(np.stack(maps, -1) + bias, 0)


def forward(spectrum: np.ndarray, weights) -> np.ndarray:
    """The network as the paper draws it, in plain NumPy: (187, 96) to 200 features."""
    entry = normalise(spectrum[..., np.newaxis], weights, 0)[..., 0]
    sizes = [(3, 3), (3, 3), (63, 64), (31, 32), (15, 16)]
    front = np.hstack(
        [
            normalise(convolve(entry, weights, layer, *size), weights, layer + 1).max(axis=1)
            for layer, size in enumerate(sizes)
        ]
    )
    first = normalise(convolve(front, weights, 5, 3, 3)[:, 0], weights, 6)
    second = convolve(first, weights, 6, 3, 3)[:, 0] + first
    third = convolve(second, weights, 7, 3, 3)[:, 0] + second
    middle = np.hstack([front, first, second, third])
    pooled = np.stack([middle.max(axis=0), middle.mean(axis=0)], axis=1).ravel()
    dense = normalise(pooled, weights, 9) @ weights["dense/kernel"] + weights["dense/bias"]
    return normalise(np.maximum(dense, 0), weights, 10)


def test_the_graph_is_the_network(weights):
    """Within 0.001 of the same in plain NumPy."""
    spectrum = np.random.default_rng(1).random((FRAMES, BANDS)).astype(np.float32) * 3
    session = ort.InferenceSession(build_graph(weights), providers=["CPUExecutionProvider"])
    actual = session.run(None, {"spectra": spectrum[np.newaxis]})[0][0]
    assert actual == pytest.approx(forward(spectrum, weights), abs=1e-3)


def test_a_long_sound_is_the_mean_of_its_windows(encoder):
    """Of which the last ends with the sound."""
    sound = np.concatenate([noise(3), np.sin(np.arange(2 * RATE) / 9).astype(np.float32)])
    sound /= np.abs(sound).max()
    outputs = [
        encoder._session.run(None, {"spectra": musicnn.spectrum(part)[np.newaxis]})[0][0]
        for part in (sound[:WINDOW], sound[-WINDOW:])
    ]
    mean = np.mean(outputs, axis=0)
    assert encoder.encode([sound])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_two_whole_windows_are_two(encoder):
    """No third one that repeats."""
    windows = list(musicnn._windows(noise(7)[: 2 * WINDOW]))
    assert [len(window) for window in windows] == [WINDOW, WINDOW]
    assert not np.array_equal(*windows)


def test_other_weights_are_refused(monkeypatch):
    """Or none, with the way to have them."""
    monkeypatch.setattr(musicnn, "_DATA_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="expected 0000"):
        load_weights()
    monkeypatch.setattr(musicnn, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"pip install --no-deps musicnn==0\.1\.0"):
        load_weights()
