"""Pictures and sounds that the tests make themselves."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """Smooth colours with one hard edge, 128 × 96, no symmetry."""
    y, x = np.mgrid[0:96, 0:128]
    pixels = np.stack([x * 2, y * 2, x + y], axis=-1).astype(np.uint8)
    pixels[10:40, 10:60] = 200, 30, 30
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Write a picture in a format of Pillow, as bytes."""

    def write(picture: Image.Image, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    return write
