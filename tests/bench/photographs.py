"""Pictures that cost what photographs cost: 1,600 pixels wide, as JPEG, each another one."""

from pathlib import Path

import cv2
import numpy as np
from tests.bench.setting import Line

_WIDE, _HIGH = 1600, 1200
_QUALITY = 90
_OCTAVES = (4, 12, 36, 108, 324, 972)
"""Cells of noise across a picture: shapes, textures, and the grain of a sensor."""


def draw(folder: Path, count: int) -> list[Line]:
    """Write so many pictures of about 0.5 MB; the manifest lines that name them."""
    rng = np.random.default_rng(0)
    lines: list[Line] = []
    for number in range(count):
        file = folder / f"photograph-{number}.jpg"
        cv2.imwrite(str(file), _picture(rng), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        lines.append({"id": file.stem, "image": file.name})
    return lines


def _picture(rng: np.random.Generator) -> np.ndarray:
    canvas = np.full((_HIGH, _WIDE, 3), 128, np.float32)
    for cells in _OCTAVES:
        coarse = rng.normal(0, 55 * cells**-0.3, (cells * 3 // 4, cells, 3)).astype(np.float32)
        canvas += cv2.resize(coarse, (_WIDE, _HIGH), interpolation=cv2.INTER_CUBIC)
    return canvas.clip(0, 255).astype(np.uint8)
