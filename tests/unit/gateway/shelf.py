"""Stand-ins that work: an index in memory, and encoders that need no model."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from support import layout
from triptych.core.errors import CursorExpired, NotFound
from triptych.encoders.cards import Vectors
from triptych.encoders.encoder import Encoder
from triptych.fusion.scores import Candidate
from triptych.index.documents import Document, pack_features, parts, unpack_features
from triptych.index.model import Condition, Found, IndexQuery, Listing, Page, Results

Documents = list[Document]
Dicts = list[dict[str, Any]]


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


def document(item: str, **fields: Any) -> dict[str, Any]:
    """A document; ``text`` fills its semantic block, ``blocks`` the others."""
    fused = np.zeros(layout().dims, np.float32)
    modalities = set()
    blocks = fields.pop("blocks", {})
    if "text" in fields:
        blocks = {"semantic": Seeded(384).encode([fields["text"]])[0], **blocks}
    for name, values in blocks.items():
        fused[layout().slices[name]] = values
        modalities.add(layout().modalities[name])
    return {
        "id": item,
        "status": "indexed",
        "modalities": sorted(modalities),
        "sequence": 1,
        "fingerprint": layout().fingerprint,
        "features": pack_features(fused),
        **fields,
    }


class Shelf:
    """One collection, ``c``: exact search, filters but for ranges, snapshots."""

    def __init__(self, *documents: Document) -> None:
        self.documents = {one["id"]: one for one in documents}
        self.snapshots: dict[str, dict[str, Document]] = {}
        self.queries: list[IndexQuery] = []
        self.listings: list[Listing] = []
        self.keys_asked = 0

    def collections(self) -> list[str]:
        """Itself, and one that is gone by the time that somebody looks."""
        return ["c", "gone"]

    def count(self, collection: str) -> dict[str, int]:
        """All are whole."""
        self._there(collection)
        return {"indexed": len(self.documents)}

    def advice(self, _: str) -> str | None:
        """Some, if there are very many."""
        return "move house" if len(self.documents) > 100 else None

    def get(self, collection: str, item: str) -> Document:
        """A document."""
        self._there(collection)
        if item not in self.documents:
            raise NotFound(f"no item {item!r} in collection {collection!r}")
        return self.documents[item]

    def metadata(self, _: str) -> dict[str, set[str]]:
        """All are called strings."""
        self.keys_asked += 1
        keys = {key for one in self.documents.values() for key in one.get("metadata", {})}
        return {key: {"string"} for key in keys}

    def freeze(self, collection: str) -> str:
        """A copy."""
        self._there(collection)
        name = f"snapshot-{len(self.snapshots)}"
        self.snapshots[name] = dict(self.documents)
        return name

    def search(self, collection: str, query: IndexQuery, *, snapshot: str | None = None) -> Results:
        """The best of each list, exactly."""
        self.queries.append(query)
        documents = self._meeting(collection, query.filter, snapshot)
        chosen = {}
        for entry in query.classes:
            able = [
                (float(self._features(one) @ entry.vector), one["id"])
                for one in documents
                if set(entry.present) <= set(one["modalities"])
                and not set(entry.absent) & set(one["modalities"])
            ]
            chosen |= {name: None for _, name in sorted(able, reverse=True)[: query.candidates]}
        by_words = sorted((-self._bm25(one, query), one["id"]) for one in documents)
        chosen |= {name: None for value, name in by_words[: query.candidates] if value < 0}
        found = [
            Found(
                Candidate(
                    one["id"],
                    parts(one),
                    self._bm25(one, query) or None,
                    {},
                    unpack_features(one["features"], layout()),
                ),
                self._cut(one, query.fields),
            )
            for one in documents
            if one["id"] in chosen
        ]
        facets = {facet.field: self._counted(documents, facet) for facet in query.facets}
        return Results(found, len(found), True, 1, facets)

    def list(self, collection: str, listing: Listing, *, snapshot: str | None = None) -> Page:
        """By id."""
        self.listings.append(listing)
        documents = self._meeting(collection, listing.filter, snapshot)
        ids = sorted(one["id"] for one in documents if listing.after is None
                     or one["id"] > listing.after[0])  # fmt: skip
        page = ids[: listing.limit]
        by_id = {one["id"]: one for one in documents}
        return Page(
            [self._cut(by_id[name], listing.fields) for name in page],
            len(documents),
            [page[-1]] if len(ids) > len(page) else None,
            {facet.field: self._counted(documents, facet) for facet in listing.facets},
        )

    def _there(self, collection: str) -> None:
        if collection != "c":
            raise NotFound(f"no collection {collection!r}")

    def _meeting(
        self, collection: str, conditions: Sequence[Condition], snapshot: str | None
    ) -> Documents:
        self._there(collection)
        if snapshot is not None and snapshot not in self.snapshots:
            raise CursorExpired("the snapshot is no longer kept")
        documents = self.documents if snapshot is None else self.snapshots[snapshot]
        return [
            one for one in documents.values() if all(_meets(one, entry) for entry in conditions)
        ]

    @staticmethod
    def _features(one: Document) -> Vectors:
        return unpack_features(one["features"], layout()).astype(np.float32)

    @staticmethod
    def _bm25(one: Document, query: IndexQuery) -> float:
        words = one.get("text", "").lower().split()
        return float(sum(words.count(clause.label) for clause in query.words.should))

    @staticmethod
    def _counted(documents: Sequence[Document], facet) -> Dicts:
        if facet.ranges:
            return [{"gte": bounds.gte, "count": 1} for bounds in facet.ranges]
        return [{"value": "all", "count": len(documents)}]

    @staticmethod
    def _cut(one: Document, fields: Sequence[str] | None) -> Document:
        return dict(one) if fields is None else {name: one[name] for name in fields if name in one}


def _values(one: Document, name: str) -> Iterator[Any]:
    value = one.get("metadata", {}) if name.startswith("metadata.") else one
    value = value.get(name.removeprefix("metadata."), ())
    yield from value if isinstance(value, list | tuple) else [value]


def _meets(one: Document, entry: Condition) -> bool:
    has = set(_values(one, entry.field))
    return (
        (entry.any_of is None or bool(has & set(entry.any_of)))
        and has >= set(entry.all_of)
        and not has & set(entry.none_of)
    )


def numbered(count: int) -> Dicts:
    """Documents of one and the same word and others, so that many match a query."""
    return [document(f"i{n:03}", text=f"cat number{n}", tags=["all"]) for n in range(count)]
