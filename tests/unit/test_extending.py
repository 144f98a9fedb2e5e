"""docs/extending.md: the encoder that it shows works as it stands there."""

import re
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from triptych.core.settings import Encoders
from triptych.encoders import registry
from triptych.encoders.registry import card_of, open_encoder
from triptych.encoders.scales import Bounds
from triptych.fusion.layout import make_layout
from triptych.fusion.query import bounds

PAGE = Path(__file__).parents[2] / "docs/extending.md"


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """The page followed to the letter: one file in the package, and nothing else."""
    (module,) = re.findall(
        r"^```python\n(.+?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "edges.py").write_text(module, "utf-8")
    package = import_module("triptych.encoders.image")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    registered = registry.encoders.__wrapped__()
    monkeypatch.setattr(registry, "encoders", lambda: registered)
    return open_encoder("edge-orientations")


def bars(degrees: float, size: int = 160) -> np.ndarray:
    """Stripes across the whole picture."""
    row, column = np.indices((size, size))
    way = column * np.cos(np.radians(degrees)) + row * np.sin(np.radians(degrees))
    return np.repeat((127 + 120 * np.sin(way / 4)).astype(np.uint8)[..., None], 3, axis=2)


def test_the_encoder_of_the_page_is_one(encoder, store):
    """Its card is found by its name; rows are units, zeros, and the same in any batch."""
    batch = [bars(0), bars(30, 90), np.full((20, 30, 3), 77, np.uint8), bars(90, 300)[:40]]
    rows = encoder.encode(batch)
    assert card_of("edge-orientations", store) == encoder.card
    assert rows.dtype == np.float32
    assert rows.shape == (4, encoder.card.dims)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0, 1], abs=1e-6)
    assert np.array_equal(rows, np.concatenate([encoder.encode([one]) for one in batch]))
    assert encoder.encode([]).shape == (0, encoder.card.dims)


def test_the_encoder_of_the_page_fills_its_block(encoder, store):
    """With the scale that it declares, and its packages are installed."""
    layout = make_layout(Encoders(visual="edge-orientations"), store)
    (block,) = [block for block in layout.blocks if block.name == "visual"]
    assert block.card == encoder.card
    assert bounds(block, block) == Bounds(0.6, 0.95)
    assert registry.entry("edge-orientations").depends.missing == []


def test_the_encoder_of_the_page_tells_which_way_edges_run(encoder):
    """Stripes are nearest to stripes of that direction, at another size and turned upside down."""
    ways = (0, 45, 90, 135)
    scores = (
        encoder.encode([bars(way) for way in ways])
        @ encoder.encode([cv2.rotate(bars(way + 4, 240), cv2.ROTATE_180) for way in ways]).T
    )
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert encoder.encode([bars(90)])[0].reshape(16, 8).argmax(axis=1).tolist() == [4] * 16
