"""Texts of any length: a long one is encoded in passages, and has one vector of them all.

A text encoder reads the beginning of a text only. So a longer text is cut into passages, each as
long as the encoder reads, where sentences end. Passages have their places in the text, so that one
day they can be found one by one. ``docs/decisions/0022-passages.md`` says how the numbers here were
chosen.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from triptych.encoders.cards import Vectors, unit_rows
from triptych.encoders.encoder import Encoder

Reach = Callable[[str], int]
"""How many characters of a text, from its beginning, an encoder reads: at least one."""
Span = tuple[int, int]
"""Beginning and end in a text, in code points."""

MOST = 16
"""Passages of a text that are encoded; of a longer text so many, spread over it evenly."""
LEAD = 0.3
"""The share of the first passage, which says what a text is about; all have the rest alike."""
_WINDOW = 4096
"""Characters that an encoder is asked about first: most read less."""
_FULL = 0.5
"""A passage ends early, where something ends, if at least so much of it is full."""

_ENDS = tuple(
    re.compile(pattern)
    for pattern in (r"\n\s*\n", r"(?<=[.!?…])[\"'”’»)\]]*\s|(?<=[。！？])", r"\n", r"\s")
)
"""What ends a passage, best first: a paragraph, a sentence, a line, a word."""


class InPassages(Encoder[str]):
    """A text encoder for texts of any length: each has one vector of its passages.

    A text that the encoder reads as a whole has the vector that the encoder gives it. All vectors
    are in the space of the encoder and compare with its others, so the card is the same.
    """

    def __init__(self, encoder: Encoder[str], most: int = MOST) -> None:
        self.card = encoder.card
        self._encoder = encoder
        self._most = most

    def encode(self, batch: Sequence[str], /) -> Vectors:
        """Encode texts to float32 unit vectors (n, card.dims)."""
        cut = [passages(text, self._encoder.reach, most=self._most) for text in batch]
        vectors = self._encoder.encode(
            [text[slice(*span)] for text, spans in zip(batch, cut, strict=True) for span in spans]
        )
        ends = np.cumsum([len(spans) for spans in cut], dtype=np.intp)
        found = vectors[ends - 1]
        for row, (end, spans) in enumerate(zip(ends, cut, strict=True)):
            if len(spans) > 1:
                found[row] = pooled(vectors[end - len(spans) : end])
        return found


def pooled(parts: Vectors) -> Vectors:
    """One unit vector (dims,) of those of the passages of a text, float32 (passages, dims)."""
    mean = unit_rows(parts.mean(axis=0, keepdims=True))
    vector: Vectors = unit_rows(LEAD * parts[:1] + (1 - LEAD) * mean)[0]
    return vector


def passages(text: str, reach: Reach, *, most: int = MOST) -> list[Span]:
    """Where the passages of a text are, in order; one that is read as a whole is one.

    The work is bounded, however long the text is.
    """
    spans = list(islice(_follow(text, reach), most + 1))
    if len(spans) <= most:
        return spans
    length = spans[-1][1] // len(spans)
    starts = np.linspace(0, len(text) - length, most).astype(int).tolist()
    return [_passage(text, _begin(text, start, length), reach) for start in starts]


def kept_by(tokenizer: Any, text: str) -> int:
    """How many characters a tokenizer of the package tokenizers keeps of a text, if it cuts it."""
    encoding = tokenizer.encode(text)
    if not encoding.overflowing:
        return len(text)
    ends: Iterator[int] = (end for _, end in encoding.offsets)
    return max(1, *ends)


def _follow(text: str, reach: Reach) -> Iterator[Span]:
    """Passages one after the other; at least one."""
    start, end = _passage(text, 0, reach)
    yield start, end
    while (start := _after_spaces(text, end)) < len(text):
        start, end = _passage(text, start, reach)
        yield start, end


def _passage(text: str, start: int, reach: Reach) -> Span:
    """The passage that begins here."""
    size = _WINDOW
    while (length := reach(window := text[start : start + size])) == size:
        size *= 2
    if start + length < len(text):
        length = _last_end(window, int(length * _FULL), length)
    return start, start + length


def _last_end(window: str, least: int, most: int) -> int:
    for pattern in _ENDS:
        ends = [match.end() for match in pattern.finditer(window, least, most)]
        if ends and ends[-1]:
            return ends[-1]
    return most


def _begin(text: str, start: int, length: int) -> int:
    """The first place from here on where something begins, if there is one nearby."""
    if start:
        for pattern in _ENDS:
            if match := pattern.search(text, start, start + length // 2):
                return match.end()
    return start


def _after_spaces(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
