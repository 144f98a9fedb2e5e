"""The frozen card of an encoder: what it is, where it comes from, and its fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import Modality

Vectors = NDArray[np.float32]
_SHA256_DIGITS = 64


@dataclass(frozen=True, kw_only=True)
class Card:
    """Facts of one encoder or head. Two vectors compare only if their fingerprints are equal."""

    name: str
    version: int
    modality: Modality | None
    """What it describes; None: whatever an item has, by the blocks of other encoders."""
    dims: int
    licence: str
    source: str
    needs_fit: bool = False
    """Whether it is fitted on a corpus first; a fitted one has its artefact among its weights."""
    weights: tuple[str, ...] = ()
    """sha256 of every weight file, in the order of use."""
    parameters: str = ""
    """Whatever else changes the numbers: sizes, constants, seeds."""
    built_on: tuple[str, ...] = ()
    """Fingerprints of the encoders whose vectors it works with."""

    def __post_init__(self) -> None:
        if self.dims < 1 or self.version < 1:
            raise ValueError(f"card {self.name}: dims and version start at 1")
        if any(len(digest) != _SHA256_DIGITS for digest in self.weights):
            raise ValueError(f"card {self.name}: weights are sha256 hex digests")

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over every field."""
        return fingerprint(asdict(self))

    @property
    def label(self) -> str:
        """Its name as in settings, with the version of what it learnt, for people."""
        learnt = f"@{self.weights[-1][:16]}" if self.needs_fit and self.weights else ""
        return f"{self.name}{learnt} ({self.fingerprint[:6]})"

    def in_space_of(self, text: "Card") -> "Card":
        """The card of this one when its vectors are to compare with those of a text encoder."""
        return replace(self, dims=text.dims, built_on=(*self.built_on, text.fingerprint))


def fingerprint(value: Any) -> str:
    """Sixteen hex digits of the sha256 of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unit_rows(vectors: NDArray[Any]) -> Vectors:
    """L2-normalise each row; a row of zeros stays zeros."""
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Vectors = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return normalised
