"""Extractors: from decoded media of one modality to the blocks that it fills."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Protocol

import numpy as np

from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Encoders
from triptych.encoders.cards import Vectors
from triptych.encoders.encoder import Batch, Encoder
from triptych.encoders.passages import InPassages
from triptych.encoders.registry import card_of, entry_for, open_encoder
from triptych.encoders.roles import assigned
from triptych.encoders.weights import WeightsError
from triptych.media.audio import RATE
from triptych.media.store import MediaStore

_WARM: Mapping[Modality, Any] = {
    "image": np.zeros((224, 224, 3), np.uint8),
    "text": "warm",
    "audio": np.sin(np.arange(RATE, dtype=np.float32)),  # not silence, which no model sees
}


@dataclass(frozen=True)
class Extracted:
    """The output of a modality's encoders for a batch; row i and note i belong to element i."""

    blocks: Mapping[str, Vectors]
    """Block name to float32 unit vectors (n, dims of the block); zeros where there is nothing."""
    notes: Sequence[Mapping[str, Any]]
    """Fields of the item that are no vectors: keywords, a transcript, writing."""


class Extract(Protocol):
    """Encodes a batch of one modality."""

    def __call__(self, batch: Sequence[Any], /) -> Extracted:
        """Fill every block of the modality."""
        ...


class Keywords(Protocol):
    """Picks the words that characterise a text."""

    def keywords(self, text: str, /) -> Sequence[str]:
        """The best words of a text, best first."""
        ...


@dataclass(frozen=True)
class Extractor:
    """The encoders of one modality."""

    encoders: Mapping[str, Encoder[Any]]
    """By the block that each fills."""
    keywords: Keywords | None = None

    @property
    def side(self) -> int:
        """Pixels along the longer edge of a picture beyond which no encoder looks."""
        return max(encoder.side for encoder in self.encoders.values())

    def __call__(self, batch: Sequence[Any], /) -> Extracted:
        """Encode decoded media. A backbone that several encoders share runs once."""
        media = Batch(batch)
        described = {block: encoder.describe(media) for block, encoder in self.encoders.items()}
        notes: list[dict[str, Any]] = [{} for _ in batch]
        for description in described.values():
            if description.notes:
                for note, fields in zip(notes, description.notes, strict=True):
                    note.update(fields)
        if self.keywords is not None:
            for note, text in zip(notes, batch, strict=True):
                note["keywords"] = list(self.keywords.keywords(text))
        blocks = {block: description.vectors for block, description in described.items()}
        return Extracted(blocks, notes)


def load_extractor(
    modality: Modality, encoders: Encoders, *, threads: int, store: MediaStore
) -> Extractor:
    """Load the models of one modality and use them once, so that the first call is fast.

    Raises:
        InvalidInput, NotFound, WeightsError, StoreUnavailable: an encoder can't be loaded.
    """
    roles = [
        (role, reference) for role, reference in assigned(encoders) if role.modality == modality
    ]
    text = None
    if any(role.in_text_space for role, _ in roles):
        text = open_encoder(encoders.semantic, threads=threads, store=store)
    loaded = {}
    for role, reference in roles:
        space = text if role.in_text_space else None
        encoder = open_encoder(reference, threads=threads, store=store, text=space)
        if encoder.card != card_of(reference, store, text=space and space.card):
            raise WeightsError(f"the card of {reference} in the store is not that of the encoder")
        loaded[role.block] = InPassages(encoder) if modality == "text" else encoder
    keywords: Keywords | None = None
    if modality == "text" and encoders.keywords:
        entry_for("keywords", encoders.keywords)
        keywords = open_encoder(encoders.keywords, store=store)
    extractor = Extractor(loaded, keywords)
    extractor([_WARM[modality]])
    return extractor


class Extractors(Mapping[Modality, Extractor]):
    """The extractor of each modality, loaded on first use."""

    def __init__(self, encoders: Encoders, *, threads: int, store: MediaStore) -> None:
        self._load = partial(load_extractor, encoders=encoders, threads=threads, store=store)
        self._loaded: dict[Modality, Extractor] = {}
        self._lock = Lock()

    def __getitem__(self, modality: Modality) -> Extractor:
        with self._lock:
            if modality not in self._loaded:
                self._loaded[modality] = self._load(modality)
            return self._loaded[modality]

    def __iter__(self) -> Iterator[Modality]:
        return iter(MODALITIES)

    def __len__(self) -> int:
        return len(MODALITIES)
