"""Changes that make near-duplicates of a picture, as pictures change in practice: pure functions.

All take and return uint8 RGB (h, w, 3). A share is of the area, as Copydays has it (Jégou et al.,
Hamming embedding and weak geometric consistency, ECCV 2008); the corners that a
turn uncovers are white.
"""

from collections.abc import Callable, Mapping
from math import ceil, cos, radians, sin, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from triptych.media.image import Pixels

Change = Callable[[Pixels, Generator], Pixels]
_WHITE = (255, 255, 255)
_TILT = 0.2


def cropped(picture: Pixels, random: Generator, share: float) -> Pixels:
    """A part of the same shape, anywhere in the picture."""
    height, width = (max(1, round(edge * sqrt(share))) for edge in picture.shape[:2])
    top = random.integers(picture.shape[0] - height + 1)
    left = random.integers(picture.shape[1] - width + 1)
    return picture[top : top + height, left : left + width].copy()


def rotated(picture: Pixels, degrees: float) -> Pixels:
    """Turned counter-clockwise; nothing is cut off."""
    height, width = picture.shape[:2]
    sine, cosine = abs(sin(radians(degrees))), abs(cos(radians(degrees)))
    across, down = ceil(width * cosine + height * sine), ceil(width * sine + height * cosine)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    matrix[:, 2] += (across - width) / 2, (down - height) / 2
    return _pixels(
        cv2.warpAffine(picture, matrix, (across, down), flags=cv2.INTER_CUBIC, borderValue=_WHITE)
    )


def quarter_turn(picture: Pixels) -> Pixels:
    """Turned by 90° counter-clockwise, without loss."""
    return np.ascontiguousarray(np.rot90(picture))


def mirrored(picture: Pixels) -> Pixels:
    """Left is right."""
    return np.ascontiguousarray(picture[:, ::-1])


def scaled(picture: Pixels, factor: float) -> Pixels:
    """Made smaller."""
    height, width = (max(1, round(edge * factor)) for edge in picture.shape[:2])
    return _pixels(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def recompressed(picture: Pixels, quality: int) -> Pixels:
    """Through JPEG at a quality from 0 to 100."""
    _, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _pixels(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))


def tilted(picture: Pixels, random: Generator) -> Pixels:
    """Seen from the side: each corner moves inwards by up to a fifth of the edges."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    moves = random.random((4, 2), np.float32) * _TILT * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + inwards * moves).astype(np.float32))
    return _pixels(
        cv2.warpPerspective(
            picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=_WHITE
        )
    )


def pasted(picture: Pixels, random: Generator, share: float, scene: Pixels) -> Pixels:
    """Laid on a part of a larger scene, of which it covers a share; anywhere in it.

    The picture keeps its size. The scene is scaled up if it is too small.
    """
    height, width = picture.shape[:2]
    down, across = (round(edge / sqrt(share)) for edge in (height, width))
    factor = max(1, down / scene.shape[0], across / scene.shape[1])
    if factor > 1:
        size = (ceil(scene.shape[1] * factor), ceil(scene.shape[0] * factor))
        scene = _pixels(cv2.resize(scene, size, interpolation=cv2.INTER_CUBIC))
    top = random.integers(scene.shape[0] - down + 1)
    left = random.integers(scene.shape[1] - across + 1)
    whole = scene[top : top + down, left : left + across].copy()
    top = random.integers(down - height + 1)
    left = random.integers(across - width + 1)
    whole[top : top + height, left : left + width] = picture
    return whole


def easy(scene: Pixels) -> Mapping[str, Change]:
    """The changes that must not matter, by name."""
    return {
        "crop to 70 %": lambda picture, random: cropped(picture, random, 0.7),
        "rotation 15°": lambda picture, _: rotated(picture, 15),
        "JPEG quality 20": lambda picture, _: recompressed(picture, 20),
        "scale 0.4": lambda picture, _: scaled(picture, 0.4),
        "pasted, a half": lambda picture, random: pasted(picture, random, 0.5, scene),
    }


def hard(scene: Pixels) -> Mapping[str, Change]:
    """The changes that may cost something, by name."""
    return {
        "crop to 40 %": lambda picture, random: cropped(picture, random, 0.4),
        "rotation 90°": lambda picture, _: quarter_turn(picture),
        "mirrored": lambda picture, _: mirrored(picture),
        "perspective": tilted,
        "scale 0.2": lambda picture, _: scaled(picture, 0.2),
        "pasted, a fifth": lambda picture, random: pasted(picture, random, 0.2, scene),
    }


def _pixels(picture: Any) -> Pixels:
    return np.asarray(picture, np.uint8)
