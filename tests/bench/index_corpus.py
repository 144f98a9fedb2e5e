"""The documents and queries that index designs are compared with, and what is right for each.

Nothing here goes through the product's index or its scores: a query is blocks and weights.
Documents are drawn in groups, each from its own seed, so that a collection of any size streams
and every design gets the same one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.bench.documents import PRESENCE, Documents, synthetic
from tests.bench.figures import Floats
from tests.support import layout

from triptych.cli.variations import mirrored_crop, second_half
from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Settings
from triptych.corpora import tuxpaint
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.fusion.blocks import fuse
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.store import MediaStore

GROUP = 1000
TOP = 10
TIE = 1e-5
"""Scores that are nearer than this are equal: float32 sums in another order differ."""
ALPHA = 0.5
"""The exponent of the mass that an item shares with the query; 0.5 is the product's."""

MIXES: Mapping[str, Mapping[Modality, float]] = {
    "text": {"text": 1},
    "image": {"image": 1},
    "audio": {"audio": 1},
    "text+image": {"text": 1, "image": 1},
    "text+audio": {"text": 1, "audio": 1},
    "image+audio": {"image": 1, "audio": 1},
    "text+image+audio": {"text": 1, "image": 1, "audio": 1},
    "text*10+image": {"text": 10, "image": 1},
    "text+image*10": {"text": 1, "image": 10},
    "text+image+audio*0.1": {"text": 1, "image": 1, "audio": 0.1},
}
"""Every set of parts that a query can have, and uneven weights."""

_COMPARED: Mapping[Modality, Mapping[str, tuple[str, float]]] = {
    "text": {"semantic": ("semantic", 1.0), "concept": ("semantic", 0.3)},
    "image": {"visual": ("visual", 1.0), "concept": ("concept", 0.2)},
    "audio": {"acoustic": ("acoustic", 1.0)},
}
"""Block of the items to (block of the query part, share): the product's default blocks."""

_AUDIBLE = 1e-3
_NO_LIMIT = 10**9


@dataclass(frozen=True)
class Term:
    """``weight`` · cos(``vector``, the item's ``block``)."""

    block: str
    weight: float
    vector: Vectors


@dataclass(frozen=True)
class PresenceClass:
    """Items with all of ``present`` and none of ``absent``; their sums are multiplied by scale."""

    present: tuple[Modality, ...]
    absent: tuple[Modality, ...]
    mass: float

    @property
    def scale(self) -> float:
        """An item that lacks parts is divided by less."""
        return float(self.mass**-ALPHA)


@dataclass(frozen=True)
class Query:
    """What is asked: Σ w · cos over the terms that an item has, times the scale of its class."""

    mix: str
    terms: tuple[Term, ...]

    @cached_property
    def vector(self) -> Vectors:
        """The terms in fused space, float32 (layout.dims,)."""
        fused = np.zeros(layout().dims, np.float32)
        for term in self.terms:
            fused[layout().slices[term.block]] += np.float32(term.weight) * term.vector
        return fused

    @cached_property
    def classes(self) -> list[PresenceClass]:
        """One per set of parts that an item can share with the query: 1, 3 or 7."""
        modality = layout().modalities
        asked = [m for m in MODALITIES if any(modality[t.block] == m for t in self.terms)]
        return [
            PresenceClass(
                present,
                tuple(m for m in asked if m not in present),
                sum(term.weight for term in self.terms if modality[term.block] in present),
            )
            for size in range(len(asked), 0, -1)
            for present in combinations(asked, size)
        ]

    def scores(self, documents: Documents) -> Floats:
        """Exact scores, float64 (n,); minus infinity for those that share nothing."""
        return _scaled(documents.features @ self.vector, self.scales(documents))

    def scales(self, documents: Documents) -> Floats:
        """What the sum of each document is multiplied by, (n,); zero if it shares nothing."""
        scales = np.zeros(len(documents.ids))
        for entry in self.classes:
            members = np.ones(len(documents.ids), bool)
            for part in (*entry.present, *entry.absent):
                members &= documents.has[part] == (part in entry.present)
            scales[members] = entry.scale
        return scales


def _scaled(sums: Vectors, scales: Floats) -> Floats:
    scores: Floats = np.where(scales > 0, sums * scales, -np.inf)
    return scores


class Stamps:
    """The real media, encoded by the product's own encoders in this process."""

    def __init__(self) -> None:
        self._root = tuxpaint.fetch()
        self._lines = list(tuxpaint.lines(self._root))
        settings = Settings()
        store = MediaStore(settings.media_url)
        self._extractors = {
            modality: load_extractor(modality, settings.encoders, threads=1, store=store)
            for modality in MODALITIES
        }

    @cached_property
    def documents(self) -> Documents:
        """All stamps."""
        blocks: list[dict[str, Vectors]] = [{} for _ in self._lines]
        for modality in MODALITIES:
            for row, line in enumerate(self._lines):
                if modality in line:
                    found = self._extractors[modality]([self._decode(modality, line)]).blocks
                    blocks[row] |= {name: vectors[0] for name, vectors in found.items()}
        fused = fuse(blocks, layout())
        return Documents(
            [line["id"] for line in self._lines],
            fused.astype(np.float16).astype(np.float32),
            {m: np.array([m in line for line in self._lines]) for m in MODALITIES},
        )

    def queries(self, count: int, *, unlike: int = 0) -> list[Query]:
        """For every mix so many queries: captions, mirrored crops, second halves of sounds.

        ``unlike``: none of those that so many queries a mix would be.
        """
        return [query for mix in MIXES for query in self._queries(mix, count, unlike)]

    def _queries(self, mix: str, count: int, unlike: int) -> list[Query]:
        able = [line for line in self._lines if all(part in line for part in MIXES[mix])]
        if "audio" in MIXES[mix]:  # silence would find nothing
            able = [line for line in able if _varied_sound(self._root / line["audio"]).any()]
        other = [line for line in able if line not in _evenly(able, unlike)]
        return [self._query(mix, line) for line in _evenly(other, count)]

    def _query(self, mix: str, line: Mapping[str, Any]) -> Query:
        terms = []
        for part, weight in MIXES[mix].items():
            found = self._extractors[part]([self._varied(part, line)]).blocks
            for block, (asked, share) in _COMPARED[part].items():
                vector = found[asked][0].astype(np.float16).astype(np.float32)
                terms.append(Term(block, weight * share, vector))
        total = sum(term.weight for term in terms)
        return Query(mix, tuple(Term(t.block, t.weight / total, t.vector) for t in terms))

    def _decode(self, modality: Modality, line: Mapping[str, Any]) -> Any:
        if modality == "text":
            return line["text"]
        data = (self._root / line[modality]).read_bytes()
        return _picture(data, self._extractors) if modality == "image" else _sound(data)

    def _varied(self, part: Modality, line: Mapping[str, Any]) -> Any:
        if part == "text":
            return line["text"]
        if part == "audio":
            return _varied_sound(self._root / line["audio"])
        return _picture(mirrored_crop((self._root / line["image"]).read_bytes()), self._extractors)


def _evenly(lines: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    return [lines[i * len(lines) // count] for i in range(count)]


def _picture(data: bytes, extractors: Mapping[Modality, Extractor]) -> Any:
    return decode_image(data, side=extractors["image"].side, max_pixels=_NO_LIMIT)


def _sound(data: bytes) -> Any:
    return decode_audio(data, max_seconds=_NO_LIMIT)


def _varied_sound(path: Path) -> Any:
    """The second half; zeros where it can't be heard."""
    samples = _sound(second_half(path.read_bytes()))
    return samples * (samples.max(initial=0) > _AUDIBLE)


def groups(
    real: Documents, count: int, likely: Mapping[Modality, float] = PRESENCE
) -> Iterator[Documents]:
    """The collection of ``count`` documents; one of 20,000 is the beginning of any larger one."""
    for start in range(0, count, GROUP):
        drawn = synthetic(real, GROUP, seed=start, likely=likely)
        size = min(GROUP, count - start)
        yield Documents(
            [f"s{start + row}" for row in range(size)],
            drawn.features[:size],
            {part: has[:size] for part, has in drawn.has.items()},
        )


def tenth_best(real: Documents, count: int, queries: Sequence[Query]) -> Floats:
    """The exact score of the tenth best of the whole collection for each query, (queries,)."""
    best: Floats = np.full((len(queries), TOP), -np.inf)
    vectors = np.stack([query.vector for query in queries])
    for group in groups(real, count):
        scales = np.stack([query.scales(group) for query in queries])
        scores = _scaled(vectors @ group.features.T, scales)
        best = np.partition(np.concatenate([best, scores], axis=1), -TOP, axis=1)[:, -TOP:]
    tenth: Floats = best.min(axis=1)
    return tenth


def presence(documents: Documents, row: int) -> list[Modality]:
    """The parts that a document has."""
    return [part for part in MODALITIES if documents.has[part][row]]


def as_documents(
    ids: Sequence[str], features: NDArray[np.float16], parts: Sequence[Sequence[str]]
) -> Documents:
    """Documents as an index returned them, features (n, layout.dims)."""
    return Documents(
        list(ids),
        features.astype(np.float32),
        {m: np.array([m in found for found in parts], bool) for m in MODALITIES},
    )
