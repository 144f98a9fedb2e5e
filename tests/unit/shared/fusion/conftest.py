"""Random queries and items, from a seed."""

from collections.abc import Callable

import numpy as np
import pytest

from triptych.shared.encoders.cards import Modality, unit_rows
from triptych.shared.fusion.blocks import LAYOUT
from triptych.shared.fusion.query import SHARES, FusedQuery, fuse_query
from triptych.shared.fusion.scores import Candidate
from triptych.shared.item import MODALITIES

MakeQuery = Callable[..., FusedQuery]
MakeItem = Callable[..., Candidate]


@pytest.fixture(scope="session")
def make_query() -> MakeQuery:
    """A query of these parts, its vectors drawn from a seed."""

    def make(
        parts: set[Modality],
        weights: dict[str, float] | None = None,
        *,
        keyword: bool = False,
        seed: int = 0,
        **options: float,
    ) -> FusedQuery:
        draw = np.random.default_rng(seed)
        widths = {block.name: block.dims for block in LAYOUT.blocks}
        vectors = {
            part: {
                block: unit_rows(draw.normal(size=(1, widths[block])))[0] for block in SHARES[part]
            }
            for part in MODALITIES
            if part in parts
        }
        chosen = {"keyword": 0.5, "text": 1.0, "image": 1.0, "audio": 1.0} | (weights or {})
        return fuse_query(vectors, chosen, keyword=keyword, **options)

    return make


@pytest.fixture(scope="session")
def make_item() -> MakeItem:
    """An item of these parts, its vectors drawn from a seed."""

    def make(
        name: str, parts: set[str], *, keyword: float | None = None, seed: int = 0
    ) -> Candidate:
        draw = np.random.default_rng(seed)
        features = np.zeros(LAYOUT.dims, np.float32)
        for block in LAYOUT.blocks:  # every block is drawn, so that a part more changes no other
            vector = unit_rows(draw.normal(size=(1, block.dims)) + 0.3)[0]
            if block.modality in parts:
                features[LAYOUT.slices[block.name]] = vector
        return Candidate(name, frozenset(parts), keyword, features)

    return make
