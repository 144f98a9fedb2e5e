"""Landscapes and their sounds for the pictures of the documentation, drawn and mixed here."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from triptych.cli.variations import wav

WIDTH, HEIGHT, RATE = 640, 480, 22_050
SKIES = {
    "dawn": ((250, 205, 160), (150, 140, 190), (250, 190, 120)),
    "noon": ((205, 230, 250), (80, 150, 220), (255, 245, 200)),
    "dusk": ((250, 140, 80), (90, 50, 110), (230, 60, 40)),
    "night": ((40, 50, 90), (10, 12, 30), (235, 235, 215)),
}
"""By the time of day: the colour of the horizon, of the zenith, and of the sun or the moon, RGB."""
PLACES = ("mountains", "the sea", "a forest", "a desert")
LIGHTS = {"dawn": "a pale sun", "noon": "a bright sun", "dusk": "a red sun", "night": "the moon"}


def scenes(folder: Path) -> Iterator[dict[str, Any]]:
    """Write the files of sixteen items, and give their lines."""
    for number, (time, place) in enumerate(product(SKIES, PLACES)):
        name = f"{place.split()[-1]}-{time}"
        noise = np.random.default_rng(number)
        picture = cv2.cvtColor(draw(time, place, noise), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
        (folder / f"{name}.wav").write_bytes(wav(mix(time, place, noise)))
        yield {
            "id": name,
            "text": f"{place[0].upper()}{place[1:]} at {time}, under {LIGHTS[time]}.",
            "image": f"{name}.png",
            "audio": f"{name}.wav",
            "tags": [place.split()[-1], time],
        }


def draw(time: str, place: str, noise: np.random.Generator) -> np.ndarray:
    """A sky with a sun or a moon, and a place below, uint8 RGB (480, 640, 3)."""
    horizon, zenith, light = map(np.array, SKIES[time])
    rows = np.linspace(0, 1, HEIGHT)[:, None]
    sky = zenith + (horizon - zenith) * np.clip(rows * 1.6, 0, 1)
    canvas = np.repeat(sky[:, None], WIDTH, axis=1).astype(np.uint8)
    x, y = int(noise.integers(140, 500)), {"noon": 90, "night": 110}.get(time, 235)
    cv2.circle(canvas, (x, y), 44, tuple(map(int, light)), -1, cv2.LINE_AA)
    if time == "night":
        for _ in range(90):
            star = tuple(map(int, noise.integers([0, 0], [WIDTH, 260])))
            cv2.circle(canvas, star, 1, (220, 220, 220), -1, cv2.LINE_AA)
    shade = {"dawn": 0.75, "noon": 1.0, "dusk": 0.5, "night": 0.28}[time]
    {"mountains": _ridges, "the sea": _waves, "a forest": _trees, "a desert": _dunes}[place](
        canvas, shade, noise
    )
    return cv2.GaussianBlur(canvas, (3, 3), 0)


def _tint(colour: tuple[int, int, int], shade: float) -> tuple[int, ...]:
    return tuple(int(value * shade) for value in colour)


def _below(canvas: np.ndarray, heights: np.ndarray, colour: tuple[int, ...]) -> None:
    """Fill what is below a line of heights, one a column."""
    line = [(column, int(height)) for column, height in enumerate(heights)]
    corners = np.array([*line, (WIDTH, HEIGHT), (0, HEIGHT)])
    cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)


def _ridges(canvas: np.ndarray, shade: float, noise: np.random.Generator) -> None:
    for depth, colour in enumerate(((150, 165, 190), (110, 120, 140), (60, 75, 80))):
        corners = noise.integers(170 + 70 * depth, 300 + 60 * depth, 9)
        heights = np.interp(np.arange(WIDTH), np.linspace(0, WIDTH, 9), corners)
        _below(canvas, heights, _tint(colour, shade))


def _waves(canvas: np.ndarray, shade: float, noise: np.random.Generator) -> None:
    for row in range(16):
        phase, columns = noise.uniform(0, 6), np.arange(WIDTH)
        heights = 280 + row * 13 + (1 + row / 4) * np.sin(columns / (14 + 2 * row) + phase)
        _below(canvas, heights, _tint((40 + 3 * row, 110 + 3 * row, 160 - 3 * row), shade))


def _trees(canvas: np.ndarray, shade: float, noise: np.random.Generator) -> None:
    _below(canvas, np.full(WIDTH, 360), _tint((70, 100, 50), shade))
    for depth in range(90):
        x, base = int(noise.integers(0, WIDTH)), 330 + depth
        height, green = int(noise.integers(90, 170)), int(noise.integers(80, 130))
        for step in range(4):
            top, half = base - height + step * height // 5, 10 + step * 9
            tree = np.array(
                [(x, top), (x - half, top + height // 3), (x + half, top + height // 3)]
            )
            cv2.fillPoly(canvas, [tree], _tint((30, green, 50), shade), cv2.LINE_AA)


def _dunes(canvas: np.ndarray, shade: float, noise: np.random.Generator) -> None:
    for depth in range(4):
        phase, columns = noise.uniform(0, 6), np.arange(WIDTH)
        heights = 290 + 45 * depth + 26 * np.sin(columns / (90 + 20 * depth) + phase)
        _below(
            canvas, heights, _tint((235 - 14 * depth, 190 - 16 * depth, 120 - 12 * depth), shade)
        )


def mix(time: str, place: str, noise: np.random.Generator) -> np.ndarray:
    """Three seconds of waves, wind or birds, of crickets at night; float32."""
    moments = np.arange(3 * RATE) / RATE
    hiss = np.convolve(noise.standard_normal(len(moments)), np.ones(12) / 12, "same")
    swell = {"the sea": 0.35, "mountains": 0.15, "a desert": 0.1, "a forest": 0.05}[place]
    sound = hiss * swell * (1 + np.sin(2 * np.pi * moments / 1.4 + noise.uniform(0, 6)))
    chirps = 9 if place == "a forest" and time != "night" else 0
    for begin in noise.uniform(0, 2.7, chirps):
        inside = (moments >= begin) & (moments < begin + 0.18)
        sweep = 2 * np.pi * (2400 + 4000 * (moments - begin)) * (moments - begin)
        sound += inside * 0.3 * np.sin(sweep) * np.sin(np.pi * (moments - begin) / 0.18)
    if time == "night":
        sound += (
            0.08 * np.sin(2 * np.pi * 4300 * moments) * (np.sin(2 * np.pi * 13 * moments) > 0.4)
        )
    return (sound / max(1.0, np.abs(sound).max())).astype(np.float32)
