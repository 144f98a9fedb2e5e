"""Random queries and items, from a seed."""

from collections.abc import Callable, Collection

import numpy as np
import pytest

from support import layout
from triptych.core.item import MODALITIES, Modality
from triptych.encoders.cards import Vectors, unit_rows
from triptych.fusion.query import COMPARISONS, FusedQuery, fuse_query
from triptych.fusion.signals import Candidate

MakeQuery = Callable[..., FusedQuery]
MakeItem = Callable[..., Candidate]


def draw_vectors(parts: Collection[Modality], seed: int) -> dict[Modality, dict[str, Vectors]]:
    """Every block that can be found in these parts of a query."""
    draw = np.random.default_rng(seed)
    widths = {block.name: block.dims for block in layout().blocks}
    return {
        part: {
            name: unit_rows(draw.normal(size=(1, widths[name])) + 0.3)[0]
            for name in dict.fromkeys(entry.query_block for entry in COMPARISONS[part])
            if name in widths
        }
        for part in MODALITIES
        if part in parts
    }


@pytest.fixture(scope="session")
def make_query() -> MakeQuery:
    """A query of these parts, its vectors drawn from a seed."""

    def make(
        parts: Collection[Modality],
        weights: dict[str, float] | None = None,
        *,
        keyword: bool = False,
        seed: int = 0,
        negative: Collection[Modality] = (),
        **options: float,
    ) -> FusedQuery:
        chosen = {"keyword": 0.5, "text": 1.0, "image": 1.0, "audio": 1.0, "not": 0.5} | (
            weights or {}
        )
        return fuse_query(
            draw_vectors(parts, seed),
            chosen,
            layout(),
            negative=draw_vectors(negative, seed + 1),
            words=("red",) if keyword else (),
            **options,
        )

    return make


@pytest.fixture(scope="session")
def make_item() -> MakeItem:
    """An item of these parts, its vectors drawn from a seed."""

    def make(
        name: str, parts: set[str], *, keyword: float | None = None, seed: int = 0
    ) -> Candidate:
        draw = np.random.default_rng(seed)
        features = np.zeros(layout().dims, np.float32)
        for block in layout().blocks:  # every block is drawn, so that a part more changes no other
            vector = unit_rows(draw.normal(size=(1, block.dims)) + 0.3)[0]
            if block.modality in parts:
                features[layout().slices[block.name]] = vector
        words = {} if keyword is None else {"red": keyword}
        return Candidate(name, frozenset(parts), keyword, words, features)

    return make
