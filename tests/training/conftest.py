"""Small collections to learn from: parts that are noisy views of one hidden meaning."""

import numpy as np
import pytest

from triptych.encoders.cards import Card, unit_rows
from triptych.fusion.blocks import Block, Layout
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features
from triptych.fusion.models import ModelCard
from triptych.training.fusion import Options

WIDTHS = {"semantic": ("text", 24), "concept": ("image", 24), "visual": ("image", 16),
          "acoustic": ("audio", 12)}  # fmt: skip
PATTERNS = (("text", "image"), ("text", "image", "audio"), ("text", "audio"), ("image", "audio"),
            ("text",), ("image",), ("audio",))  # fmt: skip
OPTIONS = Options(width=24, hidden=8, batch=64, epochs=2, patience=2, validation=0.25)


def small_layout() -> Layout:
    """Four blocks of three parts, of a few numbers each."""
    return Layout(tuple(
        Block(name, part, part, in_text_space=name == "concept", card=Card(
            name=name, version=1, modality=part, dims=dims, licence="MIT", source="here"))
        for name, (part, dims) in WIDTHS.items()
    ))  # fmt: skip


def made(count: int, *, seed: int = 0, labels: int = 0) -> Examples:
    """Items of every pattern of parts, most with a text and a picture."""
    draw, views, layout = np.random.default_rng(seed), np.random.default_rng(9), small_layout()
    classes = np.arange(count) % max(labels, 1)
    centres = 2 * views.normal(size=(max(labels, 1), 6)) * bool(labels)
    meaning = draw.normal(size=(count, 6)) + centres[classes]
    vectors = np.zeros((count, layout.dims), np.float32)
    patterns = [PATTERNS[int(draw.choice(7, p=(0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05)))]
                for _ in range(count)]  # fmt: skip
    for block in layout.blocks:
        rows = meaning @ views.normal(size=(6, block.dims))
        rows = unit_rows(rows + 0.5 * draw.normal(size=rows.shape))
        has = np.array([block.part in pattern for pattern in patterns])
        vectors[:, layout.slices[block.name]] = rows * has[:, None]
    names = [f"class {number}" for number in classes] if labels else ()
    contents = [[f"caption {row}"] for row in range(count)]
    return Examples(Features.of(vectors, layout), contents, names)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """Two hundred and forty items."""
    return made(240)


@pytest.fixture(scope="session")
def options() -> Options:
    """A small network and a few epochs."""
    return OPTIONS


@pytest.fixture(scope="session")
def make_card():
    """A card of a network over the small layout."""

    def make(name: str, **facts: object) -> ModelCard:
        layout = small_layout()
        values = {
            "kind": "fusion", "name": name, "version": 1, "dims": 24,
            "layout": layout.fingerprint,
            "blocks": {one.name: (one.dims, one.card.fingerprint) for one in layout.blocks},
            "data": {}, "metrics": {}, "seed": 0, "versions": {},
        }  # fmt: skip
        return ModelCard(**{**values, **facts})

    return make


@pytest.fixture(scope="session")
def labelled() -> Examples:
    """Three hundred items of three classes."""
    return made(300, labels=3)
