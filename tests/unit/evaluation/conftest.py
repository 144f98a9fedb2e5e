"""A gallery and queries drawn from a seed, an index, and a small judged set of real pictures."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from support import layout
from triptych.core.item import MODALITIES, Item
from triptych.core.settings import Settings
from triptych.encoders.cards import unit_rows
from triptych.engine import Engine
from triptych.evaluation import judged
from triptych.evaluation.galleries import Gallery
from triptych.evaluation.judged import Query
from triptych.evaluation.queries import EncodedQuery
from triptych.index.embedded import EmbeddedIndex
from triptych.media.store import MediaStore
from triptych.search.encoding import EncodedRequest
from triptych.search.parts import EncodedPart
from triptych.search.syntax import parse
from triptych.text.analysis import terms

WORDS = ("red", "blue", "cat", "dog", "house", "tree")
COLOURS = {"red": (0, 0, 200), "green": (0, 180, 0), "blue": (200, 60, 0), "black": (0, 0, 0)}
SHAPES = ("circle", "square")


@pytest.fixture
def empty(tmp_path) -> Iterator[Engine]:
    """An engine over an empty index of local files, without encoders."""
    store = MediaStore((tmp_path / "media").as_uri())
    index = EmbeddedIndex(tmp_path / "index", layout=layout())
    with Engine(Settings(), store=store, layout=layout(), index=index, extractors={}) as opened:
        yield opened


@pytest.fixture(scope="session")
def engine(tmp_path_factory) -> Iterator[Engine]:
    """Real encoders, and an index of local files."""
    folder = tmp_path_factory.mktemp("engine").as_uri()
    with Engine.open(Settings(index_url=folder, media_url=folder)) as opened:
        yield opened


@pytest.fixture(scope="session")
def gallery() -> Gallery:
    """Forty items of any parts, in two chunks."""
    draw = np.random.default_rng(0)
    items = []
    fused = np.zeros((40, layout().dims), np.float32)
    for row in range(40):
        parts = [part for part in MODALITIES if draw.random() < 0.7] or ["image"]
        values = dict.fromkeys(parts, "x" * 64)
        words, plain = {}, {}
        if "text" in parts:
            values["text"] = " ".join(draw.choice(WORDS, 3))
            words = {"text": " ".join(terms(values["text"], "en"))}
            plain = {"text": values["text"]}
        items.append(Item(id=f"{row:02}", ordinal=row % 20, words=words, plain=plain, **values))
        for block in layout().blocks:
            if block.part in parts:
                fused[row, layout().slices[block.name]] = _near_one(draw, block.dims)
    return Gallery(
        [(item, _blocks(item, row)) for item, row in zip(items, fused, strict=True)], layout()
    )


def _blocks(item: Item, fused: np.ndarray) -> dict[str, np.ndarray]:
    """The blocks of the parts that an item has."""
    return {
        block.name: fused[layout().slices[block.name]]
        for block in layout().blocks
        if getattr(item, block.part, None) is not None
    }


@pytest.fixture(scope="session")
def queries() -> list[EncodedQuery]:
    """Three queries of each of four kinds."""
    draw = np.random.default_rng(1)
    widths = {block.name: block.dims for block in layout().blocks}
    block_names = {
        "text": ("semantic",),
        "image": ("visual", "concept"),
        "audio": ("acoustic",),
    }
    kinds = (("text",), ("image",), ("text", "image"), ("text", "image", "audio"))
    encoded = []
    for number in range(12):
        parts = kinds[number % 4]
        text = " ".join(draw.choice(WORDS, 2)) if "text" in parts else None
        query = Query(id=f"q{number}", kind=" + ".join(parts), text=text, image="x")
        words = parse(text or "", "en").words
        positive = {
            part: [
                EncodedPart(
                    part, {name: _near_one(draw, widths[name]) for name in block_names[part]}
                )
            ]
            for part in parts
        }
        encoded.append(EncodedQuery(query, EncodedRequest(positive, {}, words, layout())))
    return encoded


def _near_one(draw: np.random.Generator, dims: int) -> np.ndarray:
    """Unit vectors with cosines of about a half."""
    return unit_rows([draw.normal(size=dims) + 1])[0]


@pytest.fixture(scope="session")
def judged_folder(tmp_path_factory) -> Path:
    """Eight drawings with captions; queries are other words and smaller copies."""
    folder = tmp_path_factory.mktemp("judged")
    lines, queries, grades = [], [], {}
    for colour, bgr in COLOURS.items():
        for shape in SHAPES:
            name = f"{colour}-{shape}"
            picture = np.full((120, 120, 3), 255, np.uint8)
            if shape == "circle":
                cv2.circle(picture, (60, 60), 40, bgr, -1)
            else:
                cv2.rectangle(picture, (25, 25), (95, 95), bgr, -1)
            cv2.imwrite(str(folder / f"{name}.png"), picture)
            cv2.imwrite(str(folder / f"{name}-small.png"), cv2.resize(picture, (60, 60)))
            lines.append({"id": name, "text": f"A {colour} {shape}.", "image": f"{name}.png"})
            small = {"image": f"{name}-small.png"}
            half = "training" if colour in {"red", "green"} else "held-out"
            for kind, fields in {
                "text": {"text": f"{shape} in {colour}"},
                "image": small,
                "text + image": {"text": f"{shape} in {colour}", **small},
            }.items():
                query = Query(id=f"{name}:{kind}".replace(" ", ""), kind=kind, half=half, **fields)
                queries.append(query)
                grades[query.id] = {name: 2}
    judged.write(folder, lines, queries, grades)
    return folder
