"""Recognition: media to the text that is in it, which is searched as text is.

A recogniser makes no vectors. Speech and writing become fields of their own, and a text encoder
turns them into vectors, which compare with those of every other text.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Batch, Description, Encoder, Media, Media_contra
from triptych.encoders.passages import InPassages

Corner = tuple[float, float]
"""Fractions of the picture's width and height, so that it holds at any size of the picture."""
Box = tuple[Corner, Corner, Corner, Corner]
"""Clockwise from the corner where reading begins."""


@dataclass(frozen=True)
class Segment:
    """A stretch of speech, in seconds from the start of the sound."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """The speech in a sound."""

    field: ClassVar[str] = "transcript"
    language: str | None
    """ISO 639-1, or 639-3 where there is no shorter code."""
    segments: tuple[Segment, ...]
    others: tuple[str, ...] = ()
    """What a short sound may say as well, likelier ones first. No part of the field."""

    @cached_property
    def text(self) -> str:
        """The segments' texts, with a space between them."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def readings(self) -> tuple[str, ...]:
        """The texts whose mean is searched."""
        return (self.text, *self.others)

    def to_note(self) -> dict[str, Any]:
        """The field as JSON has it."""
        segments = [asdict(segment) for segment in self.segments]
        return {"text": self.text, "language": self.language, "segments": segments}


@dataclass(frozen=True)
class Line:
    """A line of writing."""

    text: str
    box: Box
    confidence: float
    """0 to 1: the mean over the characters."""


@dataclass(frozen=True)
class Writing:
    """The writing in a picture, in the order of reading."""

    field: ClassVar[str] = "writing"
    lines: tuple[Line, ...]

    @cached_property
    def text(self) -> str:
        """The lines, each on a line of its own."""
        return "\n".join(line.text for line in self.lines)

    @property
    def readings(self) -> tuple[str, ...]:
        """The texts whose mean is searched."""
        return (self.text,)

    def to_note(self) -> dict[str, Any]:
        """The field as JSON has it."""
        return {"text": self.text, "lines": [asdict(line) for line in self.lines]}


Recognised = Transcript | Writing


class Recogniser(Protocol[Media_contra]):
    """A model that finds text in a batch of one kind of media."""

    card: Card
    """Its ``dims`` are those of the default text encoder, until it is in the space of one."""
    side: int
    """Pixels along the longer edge of a picture beyond which it sees no more; 0 for sounds."""

    def recognise(self, batch: Sequence[Media_contra], /) -> Sequence[Recognised | None]:
        """Return the text in each element, in the order of the batch; None where there is none.

        The text of an element depends on that element only.
        """
        ...


class Embedded(Encoder[Media]):
    """A recogniser and a text encoder as one encoder: media to the vectors of their text."""

    def __init__(self, recogniser: Recogniser[Media], text: Encoder[str]) -> None:
        self.card = recogniser.card.in_space_of(text.card)
        self._recogniser = recogniser
        self._text = InPassages(text)

    @property
    def side(self) -> int:
        """Pixels along the longer edge of a picture beyond which the recogniser sees no more."""
        return self._recogniser.side

    def encode(self, batch: Sequence[Media], /) -> Vectors:
        """Encode media to float32 (n, card.dims); zeros where there is no text."""
        return self.embed(self._recogniser.recognise(batch))

    def describe(self, batch: Batch[Media], /) -> Description:
        """Encode media, and note what was recognised in the field of its kind."""
        texts = self._recogniser.recognise(batch.media)
        notes = [{} if text is None else {text.field: text.to_note()} for text in texts]
        return Description(self.embed(texts), notes)

    def embed(self, texts: Sequence[Recognised | None]) -> Vectors:
        """Encode what was recognised to float32 (n, card.dims); zeros for None.

        Where there are several readings it is their mean.
        """
        readings = [
            (row, reading)
            for row, recognised in enumerate(texts)
            if recognised is not None
            for reading in recognised.readings
        ]
        vectors = np.zeros((len(texts), self.card.dims), np.float32)
        encoded = self._text.encode([reading for _, reading in readings])
        np.add.at(vectors, np.array([row for row, _ in readings], np.intp), encoded)
        return unit_rows(vectors)
