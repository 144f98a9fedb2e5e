"""Derived data: what a step makes of one medium, kept under the medium's content.

So the same content is encoded once, whoever sends it and however often its chunk comes again, and
messages between workers carry references alone. It can always be made again: a file that is cut
or damaged counts as none.

The format: CRC-32 of the rest, the length of the header (both little-endian, 4 bytes), the header
as JSON, and the vectors of its blocks, float32.
"""

import hashlib
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from triptych.core.errors import Unavailable
from triptych.core.item import MODALITIES, Item, Modality, Note, Words
from triptych.core.settings import Settings
from triptych.encoders.cards import Vectors, fingerprint
from triptych.fusion.blocks import Layout
from triptych.ingest.chunk import Chunk
from triptych.ingest.found import adopting
from triptych.media.store import MediaStore

_VERSION = 6
"""Goes up when analysis, decoding or this format changes what a step makes."""
_HEAD = struct.Struct("<II")


@dataclass(frozen=True)
class Derived:
    """What a step makes of one medium."""

    blocks: Mapping[str, Vectors] = field(default_factory=dict)
    """Block name to a float32 unit vector (dims,), or zeros."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the item: language, keywords, transcript, writing; what the file says of itself."""
    words: Mapping[str, Words] = field(default_factory=dict)
    """The words of each searchable field that it filled."""
    notes: tuple[Note, ...] = ()
    """What was mended in the medium, or is missing."""

    def to_bytes(self) -> bytes:
        """As it is stored."""
        header = orjson.dumps(
            {
                "blocks": [[name, vector.size] for name, vector in self.blocks.items()],
                "fields": self.fields,
                "words": {name: list(words) for name, words in self.words.items()},
                "notes": [list(note) for note in self.notes],
            }
        )
        vectors = b"".join(vector.astype("<f4").tobytes() for vector in self.blocks.values())
        body = header + vectors
        return _HEAD.pack(zlib.crc32(body), len(header)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Derived | None":
        """What ``to_bytes`` made; None if it is damaged."""
        if len(data) < _HEAD.size:
            return None
        checksum, length = _HEAD.unpack_from(data)
        body = memoryview(data)[_HEAD.size :]
        if zlib.crc32(body) != checksum:
            return None
        header = orjson.loads(body[:length])
        vectors = np.frombuffer(body[length:], "<f4")
        blocks, start = {}, 0
        for name, size in header["blocks"]:
            blocks[name] = vectors[start : start + size]
            start += size
        words = {name: Words(*pair) for name, pair in header["words"].items()}
        notes = tuple(Note(*pair) for pair in header["notes"])
        return cls(blocks, header["fields"], words, notes)


@dataclass(frozen=True)
class DerivedStore:
    """Derived data in the media store."""

    store: MediaStore
    kinds: Mapping[Modality, str]
    """What the encoders of this process make of each modality, as sixteen hex digits."""

    @classmethod
    def of(cls, store: MediaStore, settings: Settings, layout: Layout) -> "DerivedStore":
        """That of an engine with these settings."""
        modalities: dict[Modality, list[list[str]]] = {"image": [], "text": [], "audio": []}
        for block in layout.blocks:
            if block.modality is not None:
                modalities[block.modality].append([block.name, block.card.fingerprint])
        further = {"image": settings.image_background, "text": settings.encoders.keywords}
        return cls(
            store,
            {
                modality: fingerprint([_VERSION, modality, blocks, further.get(modality, "")])
                for modality, blocks in modalities.items()
            },
        )

    def read(self, kind: str, digests: Iterable[str]) -> dict[str, Derived]:
        """What there is of these contents."""
        found = {}
        for digest in dict.fromkeys(digests):
            data = self.store.get_derived(kind, digest)
            derived = None if data is None else Derived.from_bytes(data)
            if derived is not None:
                found[digest] = derived
        return found

    def write(self, kind: str, derived: Mapping[str, Derived]) -> None:
        """Keep it by the digest of its content. Raises StoreUnavailable."""
        for digest, one in derived.items():
            self.store.put_derived(kind, digest, one.to_bytes())


class DerivedMissing(Unavailable):
    """Derived data of a chunk is gone, such as after a power cut; its steps make it again."""

    def __init__(self, modalities: Collection[Modality]) -> None:
        super().__init__(f"derived data of {', '.join(sorted(modalities))} is gone")
        self.modalities = modalities


def described(chunk: Chunk, kept: DerivedStore) -> list[tuple[Item, Mapping[str, Vectors]]]:
    """The items of a chunk with what the steps found in them, and the blocks of each.

    Raises:
        DerivedMissing: a step has to be done again.
        StoreUnavailable: it can't be read now.
    """
    found = {
        modality: kept.read(
            kind, [part_digest(item, modality) for item in chunk.items if item.has(modality)]
        )
        for modality, kind in chunk.derived.items()
    }
    missing = {
        modality
        for item in chunk.items
        for modality in chunk.derived
        if item.has(modality) and part_digest(item, modality) not in found[modality]
    }
    if missing:
        raise DerivedMissing(missing)
    return [
        _described(item.noting({"digests": digests(item)}), dict(_parts(item, found)))
        for item in chunk.items
    ]


def digests(item: Item) -> list[str]:
    """What an item refers to in the media store: its media, and what was derived of its text."""
    parts = [part for part in MODALITIES if getattr(item, part) is not None]
    return [part_digest(item, part) for part in parts]


def _parts(
    item: Item, found: Mapping[Modality, Mapping[str, Derived]]
) -> Iterator[tuple[Modality, Derived]]:
    for modality in MODALITIES:
        if modality in found and item.has(modality):
            yield modality, found[modality][part_digest(item, modality)]


def _described(item: Item, parts: Mapping[Modality, Derived]) -> tuple[Item, Mapping[str, Vectors]]:
    blocks: dict[str, Vectors] = {}
    item = adopting(item, ((derived.fields, derived.words) for derived in parts.values()))
    for modality, derived in parts.items():
        item = item.noted(modality, derived.notes)
        blocks |= derived.blocks
    return item, blocks


def part_digest(item: Item, modality: Modality) -> str:
    """What derived data of a part is kept under: sha256 of its bytes, or of text and language."""
    if modality == "text":
        return text_digest(str(item.text), item.language)
    return str(getattr(item, modality))


def text_digest(text: str, language: str | None) -> str:
    """The sha256 of a text and of the language that the sender says it is in."""
    return hashlib.sha256(f"{language or ''}\n{text}".encode()).hexdigest()
