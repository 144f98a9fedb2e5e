"""Collections as arrays: read from the index, or made from real ones, and scored exactly."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.bench.figures import Floats
from tests.bench.setting import Setting
from tests.support import layout

from triptych.core.item import MODALITIES, Modality
from triptych.encoders.cards import Vectors, unit_rows
from triptych.fusion.query import FusedQuery
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate
from triptych.index.documents import unpack_features
from triptych.index.elastic.neighbours import undivided

_PAGE = 500
PRESENCE: Mapping[Modality, float] = {"text": 0.9, "image": 0.7, "audio": 0.3}
"""How likely a synthetic document has each part."""
_NOISE = 0.4
"""Length of the noise that is added to a unit vector before it is normalised again."""


@dataclass(frozen=True)
class Documents:
    """All documents of a collection, as far as scores depend on them."""

    ids: list[str]
    features: Vectors
    """float32 (n, layout.dims), rounded to the float16 that the index keeps."""
    has: Mapping[str, NDArray[np.bool_]]

    def scores(self, query: FusedQuery) -> Floats:
        """The exact score of every document; no keywords."""
        found = np.full(len(self.ids), -np.inf)
        for entry in score(query, self.candidates, "linear", explain=False):
            found[entry.index] = entry.score
        return found

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Every document as an index would return it."""
        return [
            Candidate(
                id=item,
                parts=frozenset(part for part, has in self.has.items() if has[row]),
                keyword=None,
                words={},
                features=self.features[row],
            )
            for row, item in enumerate(self.ids)
        ]


def read(setting: Setting, collection: str) -> Documents:
    """Every document of a collection, through a point in time and search_after."""
    found = list(_pages(setting, collection))
    return Documents(
        [source["id"] for source in found],
        np.stack([_features(source) for source in found]),
        {
            part: np.array([part in source.get("modalities", ()) for source in found])
            for part in MODALITIES
        },
    )


def _features(source: Mapping[str, Any]) -> Vectors:
    return unpack_features(undivided(source, layout()).get("features"), layout())


def _pages(setting: Setting, collection: str) -> Iterator[dict[str, Any]]:
    elastic = setting.elastic
    alias = setting.alias(collection)
    pit = elastic.open_point_in_time(index=alias, keep_alive="1m")["id"]
    after: dict[str, Any] = {}
    try:
        while True:
            answer = elastic.search(
                pit={"id": pit, "keep_alive": "1m"},
                sort=[{"_shard_doc": "asc"}],
                size=_PAGE,
                source_includes=["id", "modalities", "features"],
                **after,
            )
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield from (hit["_source"] for hit in hits)
            after = {"search_after": hits[-1]["sort"]}
    finally:
        elastic.close_point_in_time(id=pit)


def synthetic(
    real: Documents, count: int, *, seed: int = 7, likely: Mapping[Modality, float] = PRESENCE
) -> Documents:
    """Documents between two real ones each, with noise, and parts missing at random.

    Each part mixes two items that have it, at a random ratio; its blocks share the pair. A real
    collection is clustered, and so is this one.
    """
    draw = np.random.default_rng(seed)
    has = {part: draw.random(count) < share for part, share in likely.items()}
    has["text"] |= ~np.logical_or.reduce(list(has.values()))
    features = np.zeros((count, layout().dims), np.float32)
    for part in MODALITIES:
        rows = np.flatnonzero(has[part])
        pairs = draw.choice(np.flatnonzero(real.has[part]), (2, len(rows)))
        ratio = draw.random((len(rows), 1), np.float32)
        for block in (b for b in layout().blocks if b.modality == part):
            where = layout().slices[block.name]
            first, second = (real.features[pair][:, where] for pair in pairs)
            noise = unit_rows(draw.standard_normal((len(rows), block.dims), np.float32))
            mixed = unit_rows(ratio * first + (1 - ratio) * second)
            features[rows, where] = unit_rows(mixed + _NOISE * noise)
    rounded = features.astype(np.float16).astype(np.float32)
    return Documents([f"synthetic-{number}" for number in range(count)], rounded, has)
