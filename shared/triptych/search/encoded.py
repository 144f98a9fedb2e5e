"""What encoders make of a query: vectors per block, and words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.query import FusedQuery
from triptych.index.model import MAX_CLAUSES, Clause, Words


@dataclass(frozen=True)
class EncodedPart:
    """One text, image or sound."""

    key: str
    """Equal for what is the same, and only for that."""
    blocks: Mapping[str, Vectors]
    """Per block a float32 unit vector (dims of the block,), or zeros where nothing was found."""
    words: Words = field(default_factory=Words)

    @cached_property
    def has_vectors(self) -> bool:
        """Whether an encoder found anything."""
        return any(vector.any() for vector in self.blocks.values())

    @property
    def has_words(self) -> bool:
        """Whether there is anything to look up, or to leave out."""
        return bool(self.words.should or self.words.must_not)


@dataclass(frozen=True)
class EncodedQuery:
    """A query as the index and the scores need it."""

    fused: FusedQuery
    words: Words
    """What is looked up: without what only makes scores where words have no weight."""
    asked: Words
    """All words, for highlights."""
    keys: Mapping[str, Sequence[str]]
    """By the name of the part, the keys of what it was made of."""
    picture: bytes | None = None
    """The one image, where the hits are to be verified."""


def mean(parts: Sequence[EncodedPart]) -> Mapping[str, Vectors]:
    """Per block the mean of the unit vectors; zeros, which say nothing, do not count.

    The inner product with it is the mean of the cosines.
    """
    if len(parts) == 1:
        return parts[0].blocks
    found: dict[str, list[Vectors]] = {}
    for name, vector in chain.from_iterable(part.blocks.items() for part in parts):
        rows = found.setdefault(name, [])
        if vector.any():
            rows.append(vector)
    widths = {name: len(vector) for part in parts for name, vector in part.blocks.items()}
    return {
        name: np.mean(rows, axis=0) if rows else np.zeros(widths[name], np.float32)
        for name, rows in found.items()
    }


def all_words(parts: Sequence[EncodedPart]) -> Words:
    """The words of several texts, each once. Raises InvalidInput for too many operators."""
    if len(parts) == 1:
        return parts[0].words
    must = _distinct(part.words.must for part in parts)
    must_not = _distinct(part.words.must_not for part in parts)
    if max(len(must), len(must_not)) > MAX_CLAUSES:
        raise InvalidInput(f"more than {MAX_CLAUSES} words with + or with -", field="text")
    return Words(_distinct(part.words.should for part in parts)[:MAX_CLAUSES], must, must_not)


def _distinct(clauses: Iterable[Sequence[Clause]]) -> tuple[Clause, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(clauses)))


def vectors(
    parts: Mapping[Modality, Sequence[EncodedPart]],
) -> dict[Modality, Mapping[str, Vectors]]:
    """The mean of each part in which something was found; a text of operators alone has none."""
    return {
        name: mean(several)
        for name, several in parts.items()
        if any(part.has_vectors for part in several)
    }
