"""Models that several tests use, loaded once."""

import cv2
import numpy as np
import pytest

from triptych.encoders.image.efficientnet import EfficientNetLite0
from triptych.encoders.text.minilm import MiniLM
from triptych.media.store import MediaStore


@pytest.fixture
def store(tmp_path) -> MediaStore:
    """An empty store, in the folder of the test."""
    made = MediaStore(tmp_path.as_uri())
    made.begin()
    return made


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """The text encoder."""
    return MiniLM()


@pytest.fixture(scope="session")
def efficientnet() -> EfficientNetLite0:
    """The image encoder."""
    return EfficientNetLite0()


@pytest.fixture(scope="session")
def clock() -> np.ndarray:
    """A drawing of a clock, 224 × 224, the same bits on every machine."""
    canvas = np.full((224, 224, 3), 240, np.uint8)
    cv2.circle(canvas, (112, 112), 95, (255, 255, 255), -1)
    cv2.circle(canvas, (112, 112), 95, (20, 20, 20), 8)
    for hour in range(12):
        angle = hour * np.pi / 6
        way = np.array([np.sin(angle), -np.cos(angle)])
        inner, outer = ((112 + way * radius).astype(int).tolist() for radius in (78, 88))
        cv2.line(canvas, inner, outer, (0, 0, 0), 5)
    cv2.line(canvas, (112, 112), (112, 50), (0, 0, 0), 5)
    cv2.line(canvas, (112, 112), (150, 130), (0, 0, 0), 7)
    return canvas
