"""Extractors fill exactly the blocks of the layout."""

import numpy as np
import pytest

from triptych.shared.encoders.extractors import load_extractor
from triptych.shared.fusion.blocks import LAYOUT

SAMPLES = {
    "image": np.full((224, 224, 3), 90, np.uint8),
    "text": "a dog",
    "audio": np.sin(np.arange(30_000) / 9).astype(np.float32),
}


@pytest.mark.parametrize("modality", SAMPLES)
def test_an_extractor_fills_the_blocks_of_its_modality(modality, tmp_path_factory):
    """By name and width, one unit row per element."""
    cache = tmp_path_factory.getbasetemp() / "names"
    blocks = load_extractor(modality, threads=1, cache=cache)([SAMPLES[modality]] * 2)
    expected = {
        block.name: (2, block.dims) for block in LAYOUT.blocks if block.modality == modality
    }
    assert {name: rows.shape for name, rows in blocks.items()} == expected
    for rows in blocks.values():
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
