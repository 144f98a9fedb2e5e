"""Items and queries of a judged set, encoded once as workers and gateway do, kept in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import MODALITIES, Item, Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extractor
from triptych.engine import Engine
from triptych.evaluation.judged import Query
from triptych.fusion.blocks import Layout, fuse
from triptych.index.model import Words
from triptych.ingest.chunk import Chunk
from triptych.ingest.manifest import ItemLine
from triptych.ingest.steps import Step
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.text import clean_text
from triptych.search.syntax import Parsed, parse
from triptych.text.languages import detect

_TOGETHER = 32


@dataclass(frozen=True)
class Gallery:
    """Items and their fused vectors, float32 (items, layout.dims)."""

    items: Sequence[Item]
    fused: Vectors
    layout: Layout


@dataclass(frozen=True)
class Encoded:
    """A query, and per part that it has what was found in it: one vector per block."""

    query: Query
    vectors: Mapping[Modality, Mapping[str, Vectors]]
    words: Words


class Encoding:
    """The encoders of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def items(self, lines: Sequence[ItemLine]) -> Gallery:
        """Encode items. Raises InvalidInput for one that has something wrong with it."""
        chunks = [
            self._chunk(lines[start : start + _TOGETHER])
            for start in range(0, len(lines), _TOGETHER)
        ]
        layout = self.engine.layout
        return Gallery(
            [item for chunk in chunks for item in chunk.items],
            np.concatenate([fuse(chunk.features, len(chunk.items), layout) for chunk in chunks]),
            layout,
        )

    def _chunk(self, lines: Sequence[ItemLine]) -> Chunk:
        items = tuple(
            Item(str(line.id), n, line.text, line.image, line.audio, fields=line.values())
            for n, line in enumerate(lines)
        )
        chunk = Chunk("judged", 1, self.engine.layout.fingerprint, MODALITIES, items)
        for part in MODALITIES:
            if any(item.has(part) for item in chunk.items):
                step = Step(part, self._decoder(part), self._extractor(part), self.engine.layout)
                chunk = step(chunk)
        for item in chunk.items:
            if item.errors:
                raise InvalidInput(f"item {item.id}: {dict(item.errors)}")
        return chunk

    def _decoder(self, part: Modality) -> Any:
        def decode(item: Item) -> tuple[Item, Any]:
            decoded = self._decode(part, getattr(item, part))
            if part != "text":
                return item, decoded
            item = replace(item, text=decoded)
            return item.noting({"language": item.language or detect(decoded)}), decoded

        return decode

    def _decode(self, part: Modality, given: str) -> Any:
        limits = self.engine.settings.limits
        if part == "text":
            return clean_text(given, max_chars=limits.text_chars)
        data = Path(given).read_bytes()
        if part == "audio":
            return decode_audio(data, max_seconds=limits.audio_seconds)
        return decode_image(
            data,
            side=self._extractor(part).side,
            max_pixels=limits.image_pixels,
            background=self.engine.settings.background,
        )

    def _extractor(self, part: Modality) -> Extractor:
        return self.engine.extractors[part]

    def queries(self, queries: Sequence[Query]) -> list[Encoded]:
        """Encode queries; the same text, picture or sound is encoded once."""
        parsed = [
            Parsed(Words(), "") if query.text is None else parse(query.text, query.language)
            for query in queries
        ]
        asked = [_given(query, one.text) for query, one in zip(queries, parsed, strict=True)]
        found = {
            part: self._vectors(part, [parts[part] for parts in asked if part in parts])
            for part in MODALITIES
        }
        return [
            Encoded(query, {part: found[part][given] for part, given in parts.items()}, one.words)
            for query, parts, one in zip(queries, asked, parsed, strict=True)
        ]

    def _vectors(self, part: Modality, given: Sequence[str]) -> dict[str, Mapping[str, Vectors]]:
        """By text or path, its vectors by block."""
        distinct = list(dict.fromkeys(given))
        found: dict[str, Mapping[str, Vectors]] = {}
        for start in range(0, len(distinct), _TOGETHER):
            some = distinct[start : start + _TOGETHER]
            blocks = self._extractor(part)([self._decode(part, each) for each in some]).blocks
            for place, each in enumerate(some):
                found[each] = {name: rows[place] for name, rows in blocks.items()}
        return found


def _given(query: Query, text: str) -> dict[Modality, str]:
    """What is to be encoded: the text without operators, and paths."""
    parts: dict[Modality, str | None] = {"text": text, "image": query.image, "audio": query.audio}
    return {part: given for part, given in parts.items() if given}
