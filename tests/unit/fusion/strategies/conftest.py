"""Items drawn from a seed: some parts each, and captions that tell of their pictures."""

import numpy as np
import pytest

from support import layout
from triptych.encoders.cards import unit_rows
from triptych.fusion.features import Features

ITEMS = 60


@pytest.fixture(scope="session")
def items() -> Features:
    """Sixty items of the default layout: every presence pattern of text, image and audio."""
    return drawn(ITEMS, seed=0)


def drawn(count: int, seed: int) -> Features:
    """Items whose blocks are noisy views of one hidden meaning of eight numbers."""
    draw = np.random.default_rng(seed)
    meaning = draw.normal(size=(count, 8))
    views = np.random.default_rng(99)
    view = np.empty(0)
    vectors = np.zeros((count, layout().dims), np.float32)
    has = {"text": 1, "image": 2, "audio": 4}
    for block in layout().blocks:
        if block.name != "concept":  # else that of the block before it, the semantic one
            view = views.normal(size=(8, block.dims))
        rows = unit_rows(meaning @ view + 0.8 * draw.normal(size=(count, block.dims)))
        present = np.array([bool((1 + row % 7) & has[block.part]) for row in range(count)])
        vectors[:, layout().slices[block.name]] = rows * present[:, None]
    return Features.of(vectors, layout())
