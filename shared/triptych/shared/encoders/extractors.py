"""Extractors: from decoded media of one modality to the blocks that it fills."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triptych.shared.encoders.cards import Modality, Vectors
from triptych.shared.encoders.efficientnet import SIDE
from triptych.shared.media.audio import RATE, Samples

Blocks = dict[str, Vectors]
"""Block name to float32 unit vectors of shape (n, dims of the block)."""


class Extractor(Protocol):
    """Encodes a batch of one modality; row i of every block belongs to element i."""

    def __call__(self, batch: Sequence[Any], /) -> Blocks:
        """Return every block that this modality fills."""
        ...


class TextExtractor:
    """Texts to the semantic block."""

    def __init__(self, *, threads: int = 1) -> None:
        from triptych.shared.encoders.minilm import MiniLM

        self.encoder = MiniLM(threads=threads)

    def __call__(self, batch: Sequence[str], /) -> Blocks:
        """Encode clean texts."""
        return {"semantic": self.encoder.encode(batch)}


class ImageExtractor:
    """Pictures to the concept block and the visual block, by one pass through the network."""

    def __init__(self, *, threads: int = 1, cache: Path) -> None:
        from triptych.shared.encoders.efficientnet import FEATURES, EfficientNetLite0
        from triptych.shared.encoders.heads import (
            ConSE,
            VisualProjection,
            class_names,
            name_vectors,
        )
        from triptych.shared.encoders.minilm import MiniLM

        self.encoder = EfficientNetLite0(threads=threads)
        names = name_vectors(MiniLM(threads=threads), class_names(), cache)
        self.concept = ConSE(self.encoder.classifier, names)
        self.visual = VisualProjection(FEATURES)

    def __call__(self, batch: Sequence[NDArray[np.uint8]], /) -> Blocks:
        """Encode squares of 224 × 224 RGB."""
        pooled = self.encoder.encode(batch)
        return {"concept": self.concept(pooled), "visual": self.visual(pooled)}


class AudioExtractor:
    """Sounds to the acoustic block."""

    def __init__(self) -> None:
        from triptych.shared.encoders.mfcc import MFCCStatistics

        self.encoder = MFCCStatistics()

    def __call__(self, batch: Sequence[Samples], /) -> Blocks:
        """Encode mono samples at 22,050 Hz."""
        return {"acoustic": self.encoder.encode(batch)}


def load_extractor(modality: Modality, *, threads: int, cache: Path) -> Extractor:
    """Load the models of one modality and use them once, so that the first call is fast."""
    makers: dict[Modality, Callable[[], Extractor]] = {
        "image": lambda: ImageExtractor(threads=threads, cache=cache),
        "text": lambda: TextExtractor(threads=threads),
        "audio": AudioExtractor,
    }
    samples: dict[Modality, Any] = {
        "image": np.zeros((SIDE, SIDE, 3), np.uint8),
        "text": "warm",
        "audio": np.zeros(RATE, np.float32),
    }
    extractor = makers[modality]()
    extractor([samples[modality]])
    return extractor
