"""Pictures that the classical encoders are tried on."""

import cv2
import numpy as np
import pytest


def drawn(seed: int, side: int = 200) -> np.ndarray:
    """Shapes at random on white: uint8 (side · 4 / 5, side, 3), the same bits every time."""
    random = np.random.default_rng(seed)
    canvas = np.full((side * 4 // 5, side, 3), 255, np.uint8)
    for number in range(24):
        x, y = (int(v) for v in random.integers(15, (side - 15, side * 4 // 5 - 15)))
        colour = tuple(int(v) for v in random.integers(0, 230, 3))
        size = int(random.integers(6, 22))
        if number % 3 == 0:
            cv2.circle(canvas, (x, y), size, colour, -1)
        elif number % 3 == 1:
            cv2.rectangle(canvas, (x, y), (x + size, y + size // 2), colour, -1)
        else:
            cv2.putText(canvas, chr(65 + seed % 26), (x, y), 0, size / 16, colour, 2)
    return canvas


@pytest.fixture(scope="session")
def drawings() -> list[np.ndarray]:
    """Forty pictures."""
    return [drawn(seed) for seed in range(40)]


@pytest.fixture(scope="session")
def blank() -> np.ndarray:
    """A picture on which there is nothing."""
    return np.full((100, 120, 3), 255, np.uint8)
