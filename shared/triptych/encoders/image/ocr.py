"""PP-OCRv6: the writing in a picture as lines of text, with their positions.

Cui et al., PaddleOCR 3.0 Technical Report (2025); the small models, run by RapidOCR on ONNX
Runtime. Lines are found by differentiable binarization (Liao et al., AAAI 2020) and read by a
CTC network. It reads Latin and Chinese script, Japanese, and digits, upright or a little askew.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Card
from triptych.encoders.encoder import Encoder, Pixels
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.onnx import runtime
from triptych.encoders.recognition import Box, Embedded, Line, Writing
from triptych.encoders.scales import RECOGNISED
from triptych.encoders.weights import verified

SIDE = 1024
_CONFIDENCE = 0.8
"""Chosen on one half of the Tux Paint stamps, measured on the other (docs/benchmarks.md)."""
_WORD = 2
"""Letters or digits: windows, wheels and faces are read as single ones."""

_WEIGHTS = {
    "Det": (
        "PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    "Rec": (
        "PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
}

CARD = Card(
    name="rapidocr",
    version=1,
    modality="image",
    dims=384,
    licence="Apache-2.0",
    source="PP-OCRv6 small in PyPI rapidocr 3.10.0",
    weights=tuple(digest for _, digest in _WEIGHTS.values()),
    parameters=f"side={SIDE} confidence={_CONFIDENCE} word={_WORD}",
)


class OCR:
    """Pictures to writing. One instance serves many threads."""

    card = CARD
    side = SIDE

    def __init__(self, *, threads: int = 1) -> None:
        from rapidocr import RapidOCR

        runtime()
        folder = Path(str(files("rapidocr"))) / "models"
        params: dict[str, Any] = {
            "Global.log_level": "critical",
            "Global.use_preprocess_img": False,  # a strip would be scaled to hundreds of megabytes
            "Global.text_score": _CONFIDENCE,
            "Global.use_cls": False,  # whether lines stand on their heads
            # A picture is read in its own size: scaling small ones up costs much and gains little.
            "Det.limit_type": "max",
            "Det.limit_side_len": SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        for part, (name, digest) in _WEIGHTS.items():
            verified(folder / name, digest)
            params[f"{part}.model_path"] = str(folder / name)  # else it would be downloaded
        self._ocr = RapidOCR(params=params)

    def recognise(self, batch: Sequence[Pixels], /) -> list[Writing | None]:
        """Read pictures, each uint8 RGB (height, width, 3); None where nothing is written.

        A picture larger than ``side`` is scaled down to it. There is writing where a line of at
        least two letters or digits is read with confidence.
        """
        return [self._read(pixels) for pixels in batch]

    def _read(self, pixels: Pixels) -> Writing | None:
        from triptych.media.image import fit_within

        scaled = fit_within(pixels, SIDE)
        result: Any = self._ocr(np.ascontiguousarray(scaled[:, :, ::-1]))
        if not any(_is_word(text) for text in result.txts or ()):
            return None
        extent = scaled.shape[1::-1]
        return Writing(
            tuple(
                Line(result.txts[i], _corners(result.boxes[i] / extent), round(result.scores[i], 3))
                for i in reading_order(result.boxes)
            )
        )


def writing(*, threads: int = 1, text: Encoder[str]) -> Embedded[Pixels]:
    """What is written in a picture, in the space of a text encoder."""
    return Embedded(OCR(threads=threads), text)


def reading_order(boxes: NDArray[np.float32]) -> list[int]:
    """The order of boxes, float32 (n, 4, 2) from the top left clockwise: row by row, left to right.

    Rows run as the lines do on the whole, so that a page may lie askew. A box is in the row
    above it if their centres are less than half its height apart.
    """
    along = (boxes[:, 1] - boxes[:, 0]).sum(axis=0)
    along /= np.linalg.norm(along)
    across, down = np.array([along, (-along[1], along[0])]) @ boxes.mean(axis=1).T
    heights = np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)
    rows: list[list[int]] = []
    for box in np.argsort(down, kind="stable").tolist():
        if rows and down[box] - down[rows[-1]].mean() < heights[box] / 2:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [box for row in rows for box in sorted(row, key=lambda box: across[box])]


def _is_word(text: str) -> bool:
    return sum(character.isalnum() for character in text) >= _WORD


def _corners(box: NDArray[np.float64]) -> Box:
    return cast("Box", tuple((round(x, 4), round(y, 4)) for x, y in box.tolist()))


ENCODERS = (
    Ready(
        card=CARD,
        roles=("written",),
        depends=Depends("ocr", ("rapidocr",)),
        scale=RECOGNISED,
        make=writing,
    ),
)
