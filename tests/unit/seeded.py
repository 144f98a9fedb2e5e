"""Small parts for tests of search: encoders without models, documents, and a watched index."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from support import layout, make_item
from triptych.encoders.cards import Vectors
from triptych.encoders.encoder import Encoder
from triptych.index.embedded import EmbeddedIndex
from triptych.index.model import IndexQuery, Listing, Results, Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document as make_document
from triptych.text.analysis import analyse

BLOCKS = {"text": "semantic", "image": "visual", "audio": "acoustic"}
"""The one block that each seeded encoder fills."""

_sequence = count(1)


def vector(seed: object, dims: int) -> Vectors:
    """A unit vector that depends on the seed alone."""
    made = np.random.default_rng(zlib.crc32(repr(seed).encode())).standard_normal(dims)
    return (made / np.linalg.norm(made)).astype(np.float32)


@dataclass
class Seeded(Encoder[Any]):
    """An encoder: the mean of a vector per word, or one for the bytes of a picture or sound."""

    dims: int
    side: int = 16
    seen: list[Any] = field(default_factory=list)

    def encode(self, batch: Sequence[Any]) -> Vectors:
        """A row each; zeros for silence."""
        self.seen += batch
        return np.stack([self._row(one) for one in batch])

    def _row(self, one: Any) -> Vectors:
        if isinstance(one, str):
            rows = [vector(word, self.dims) for word in one.lower().split()]
            mean = np.mean(rows, axis=0)
            return (mean / np.linalg.norm(mean)).astype(np.float32)
        return vector(one.tobytes(), self.dims) if one.any() else np.zeros(self.dims, np.float32)


def encoders() -> dict[str, Seeded]:
    """One by the modality."""
    widths = {block.name: block.dims for block in layout().blocks}
    return {modality: Seeded(widths[block]) for modality, block in BLOCKS.items()}


def document(
    item_id: str, *, text: str | None = None, blocks: Mapping[str, Vectors] = {}, **fields: Any
) -> dict[str, Any]:
    """A document of the next submission; ``text`` fills its semantic block, ``blocks`` others."""
    made = dict(blocks)
    if text is not None:
        made["semantic"] = encoders()["text"].encode([text])[0]
        words = analyse(text, fields.setdefault("language", "en"))
        fields |= {"text": text, "words": {"text": words.stems}, "plain": {"text": words.plain}}
    fused = np.zeros(layout().dims, np.float32)
    for name, values in made.items():
        fused[layout().slices[name]] = values
        if (modality := layout().modalities[name]) != "text":
            fields.setdefault(modality, "0" * 64)
    chunk = Chunk("c", next(_sequence), layout().fingerprint, (), ())
    return make_document(chunk, make_item(item_id, **fields), fused)


def numbered(number: int) -> list[dict[str, Any]]:
    """Documents of one and the same word and others, so that many match a query."""
    return [document(f"i{n:03}", text=f"cat number{n}", tags=("all",)) for n in range(number)]


class Watched(EmbeddedIndex):
    """A real index that notes what it is asked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queries: list[IndexQuery] = []
        self.metadata_calls = 0

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """As the original."""
        self.queries.append(query)
        return super().search(collection, query, snapshot=snapshot)

    def metadata(self, collection: str) -> dict[str, set[str]]:
        """As the original."""
        self.metadata_calls += 1
        return super().metadata(collection)

    def add(self, *documents: Mapping[str, Any]) -> None:
        """Write documents into the collection ``c``."""
        entries = [Versioned(one, one["sequence"]) for one in documents]
        outcomes = self.bulk("c", entries)
        assert {outcome.result for outcome in outcomes} <= {"written"}, outcomes

    def remove(self, *ids: str) -> None:
        """Delete documents of the collection ``c``."""
        for item in ids:
            self.delete("c", item, next(_sequence))

    def ids(self) -> list[str]:
        """The ids of the collection ``c``, sorted."""
        page = self.list("c", Listing(limit=10_000, fields=["id"]))
        return sorted(one["id"] for one in page.documents)


def cats_and_others():
    """Thirty texts, and items with other parts."""
    return [
        *numbered(30),
        document("seen", blocks={"visual": vector("seen", 256)}),
        document(
            "all",
            text="cat whole",
            metadata={"year": 1999, "place": "Brno"},
            blocks={"visual": vector("all", 256), "acoustic": vector("all", 120)},
        ),
        document("none", image="0" * 64, errors={"image": "cut"}),
    ]
