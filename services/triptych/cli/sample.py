"""A small self-made corpus, for a machine that can't fetch a real one: shapes and tones."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from triptych.cli.corpus import Corpus, Question
from triptych.cli.variations import mirrored_crop, second_half, wav
from triptych.media.audio import RATE, Samples

_COLOURS = {"red": (40, 40, 220), "green": (60, 160, 40), "blue": (200, 90, 30), "black": (20,) * 3}
_SHAPES = {"circle": 0, "square": 4, "triangle": 3, "hexagon": 6}
_SIDE = 160


def corpus(root: Path) -> Corpus:
    """Write the pictures and sounds of the items into ``root``."""
    made = list(_make(root))
    (root / "manifest.jsonl").write_text("\n".join(json.dumps(line) for line in made))
    picture = (root / "blue-triangle.png").read_bytes()
    sound = (root / "red-square.wav").read_bytes()
    return Corpus(
        "self-made shapes and tones",
        root,
        made,
        [
            Question("a word: «hexagon»", "", text="hexagon"),
            Question("a word that is in no caption: «crimson»", "red", text="crimson", within=5),
            Question(
                "a picture, mirrored and cropped",
                "blue-triangle",
                media={"image": mirrored_crop(picture)},
            ),
            Question(
                "the second half of a sound", "red-square", media={"audio": second_half(sound)}
            ),
            Question(
                "words and a picture",
                "blue-triangle",
                text="blue",
                media={"image": mirrored_crop(picture)},
            ),
        ],
    )


def _make(root: Path) -> Iterator[dict[str, Any]]:
    import cv2

    root.mkdir(parents=True, exist_ok=True)
    pairs = product(_COLOURS.items(), _SHAPES.items())
    for number, ((colour, bgr), (shape, corners)) in enumerate(pairs):
        name = f"{colour}-{shape}"
        cv2.imwrite(str(root / f"{name}.png"), _draw(bgr, corners))
        (root / f"{name}.wav").write_bytes(wav(_tone(110 * 2 ** (number / 4), number)))
        yield {
            "id": name,
            "text": f"A {colour} {shape}.",
            "image": f"{name}.png",
            "audio": f"{name}.wav",
            "tags": [colour, shape],
        }


def _draw(bgr: tuple[int, ...], corners: int) -> np.ndarray[Any, Any]:
    import cv2

    canvas = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    middle, radius = (_SIDE // 2, _SIDE // 2), _SIDE // 3
    if corners == 0:
        cv2.circle(canvas, middle, radius, bgr, -1, cv2.LINE_AA)
        return canvas
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners + np.pi / 2
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + _SIDE / 2
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], bgr, cv2.LINE_AA)
    return canvas


def _tone(frequency: float, harmonics: int) -> Samples:
    """One second of a decaying tone with a timbre of its own."""
    time = np.arange(RATE) / RATE
    waves = [np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 2 + harmonics % 5)]
    tone: Samples = (np.sum(waves, axis=0) * np.exp(-3 * time) * 0.4).astype(np.float32)
    return tone
