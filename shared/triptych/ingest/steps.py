"""The steps of a chunk: each modality that its items have is described, then it is written.

A step takes a chunk and returns it with more in it. It can be done twice, and an item that fails
fails alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from triptych.core.errors import InvalidInput, NotFound, Unavailable, internal
from triptych.core.item import Item, Modality
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extract
from triptych.fusion.blocks import Layout, Rows
from triptych.ingest.chunk import Chunk
from triptych.ingest.decoding import Decode
from triptych.text.analysis import analyse

_DECODED_BYTES = 64 * 2**20

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Step:
    """Decodes, encodes and analyses one modality."""

    modality: Modality
    decode: Decode
    extract: Extract
    layout: Layout

    def __call__(self, chunk: Chunk) -> Chunk:
        """Encode the modality of each item that has it; an item that fails gets its reason.

        A chunk made for other models is passed on with every item failed: its vectors would not
        compare with those of the index.
        """
        ours = self.layout.fingerprint
        if chunk.fingerprint != ours:
            reason = f"made for models {chunk.fingerprint}, this worker has {ours}"
            return chunk.failing(reason)
        items = list(chunk.items)
        encoded = dict(self._encode(items))
        rows = tuple(encoded)
        names = next(iter(encoded.values()), {})
        features = {
            name: Rows(rows, np.stack([blocks[name] for blocks in encoded.values()]))
            for name in names
        }
        return chunk.advance(items, features)

    def _encode(self, items: list[Item]) -> Iterator[tuple[int, dict[str, Vectors]]]:
        """Yield row and blocks of each item that can be encoded; ``items`` say why others can't.

        Decoded media is dropped before too much of it is there: an hour of sound is 300 MB.
        """
        media: dict[int, Any] = {}
        size = 0
        for row, item in enumerate(items):
            if not item.has(self.modality):
                continue
            try:
                items[row], media[row] = self.decode(item)  # nothing else holds what may be large
            except (InvalidInput, NotFound) as error:
                items[row] = item.failing(self.modality, error.reason)
                continue
            except Unavailable:
                raise
            except Exception as error:
                log.exception("item can't be decoded", id=item.id, modality=self.modality)
                items[row] = item.failing(self.modality, internal(error))
                continue
            size += getattr(media[row], "nbytes", len(media[row]))
            if size >= _DECODED_BYTES:
                yield from self._extract(items, media)
                media, size = {}, 0
        yield from self._extract(items, media)

    def _extract(
        self, items: list[Item], media: dict[int, Any]
    ) -> Iterator[tuple[int, dict[str, Vectors]]]:
        """Encode some media together; if that fails, one by one, to find which it is."""
        if not media:
            return
        try:
            extracted = self.extract(list(media.values()))
            described = [
                _analysed(items[row].noting(note), self.modality, note)
                for row, note in zip(media, extracted.notes, strict=True)
            ]
        except Exception as error:
            if len(media) > 1:
                for row, decoded in media.items():
                    yield from self._extract(items, {row: decoded})
                return
            (row,) = media
            log.exception("item can't be encoded", id=items[row].id, modality=self.modality)
            items[row] = items[row].failing(self.modality, internal(error))
            return
        for position, (row, item) in enumerate(zip(media, described, strict=True)):
            items[row] = item
            yield row, {name: vectors[position] for name, vectors in extracted.blocks.items()}


def _analysed(item: Item, modality: Modality, note: Mapping[str, Any]) -> Item:
    """The item with the words of its text, or of the text that was recognised in its media."""
    if modality == "text":
        return item.with_words("text", analyse(str(item.text), item.language))
    for field, recognised in note.items():
        words = analyse(recognised["text"], recognised.get("language"))
        item = item.with_words(field, words)
    return item
