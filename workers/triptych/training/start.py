"""Where training starts: closed-form projections into one space, so that few items are enough.

The space is that of the anchor, the part that all are compared with: the text if items have one.
The anchor's blocks, and those in its space, stay as they are. The blocks of each other part are
mapped to the anchor's vectors by ridge regression (Hoerl & Kennard, 1970) over the items that have
both, on top of what they are in that space. Subtracting most of the mean of each modality closes
the gap between them (Li et al., GR-CLIP, arXiv 2507.19054, 2025).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triptych.core.item import Part
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Block
from triptych.fusion.features import Features

_RIDGE = 0.003
"""Of the whole variance, added to that of each number."""
_CENTRED = 0.7
"""The share of the mean that is subtracted. Chosen, as the ridge, by folds over the stamps."""
_FEWEST = 32
"""Pairs that a regression needs."""


@dataclass(frozen=True)
class Projection:
    """An affine map of a block: float32 (dims, width) and (width,)."""

    matrix: Vectors
    bias: Vectors


def projections(features: Features, width: int) -> Mapping[str, Projection]:
    """The projection of each block of the layout, by its name."""
    anchor = _anchor(features)
    target = next(b for b in features.layout.blocks if b.part == anchor)
    to_width = _to_width(features.block(target.name), width)
    matrices = {
        block.name: _kept(block, target, to_width, width) for block in features.layout.blocks
    }
    biases = {block.name: np.zeros(width) for block in features.layout.blocks}
    space = features.block(target.name) @ to_width
    for part in features.parts:
        blocks = [block for block in features.layout.blocks if block.part == part]
        if part != anchor:
            _regress(features, blocks, (anchor, space), matrices, biases)
    for part in features.parts:
        blocks = [block for block in features.layout.blocks if block.part == part]
        has = features.has(part)
        for block in blocks:
            mean = (features.block(block.name)[has] @ matrices[block.name]).mean(axis=0)
            biases[block.name] -= _CENTRED * (mean + biases[block.name])
    return {
        name: Projection(matrices[name].astype(np.float32), biases[name].astype(np.float32))
        for name in matrices
    }


def _anchor(features: Features) -> Part:
    """The text, or else the part that most others come with."""
    if "text" in features.parts:
        return "text"
    counts = np.stack([features.has(part) for part in features.parts]).astype(np.int64)
    together = (counts @ counts.T).sum(axis=1)
    return features.parts[int(together.argmax())]


def _to_width(vectors: Vectors, width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(dims, width): as they are, or their principal components where these are narrower."""
    dims = vectors.shape[1]
    if dims <= width:
        return np.eye(dims, width)
    _, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    return np.ascontiguousarray(axes[:, ::-1][:, :width])


def _kept(block: Block, target: Block, to_width: Any, width: int) -> Any:
    """The map of a block that is in the anchor's space, else zeros."""
    shares_space = block.name == target.name or (
        target.part == "text" and block.in_text_space and block.dims == target.dims
    )
    return to_width.copy() if shares_space else np.zeros((block.dims, width))


def _regress(
    features: Features,
    blocks: Sequence[Block],
    anchor: tuple[Part, Any],
    matrices: dict[str, Any],
    biases: dict[str, Any],
) -> None:
    """Add the regression of a part's blocks to the anchor, as long on average as its vectors."""
    both = features.has(features.layout.parts[blocks[0].name]) & features.has(anchor[0])
    if both.sum() < _FEWEST:
        return
    x = np.concatenate([features.block(b.name)[both] for b in blocks], axis=1).astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    y = anchor[1][both] - anchor[1][both].mean(axis=0)
    squares = x.T @ x
    squares[np.diag_indices(len(squares))] += _RIDGE * np.trace(squares) + 1e-9
    learnt = np.linalg.solve(squares, x.T @ y)
    length = np.linalg.norm(x @ learnt, axis=1).mean()
    learnt *= 1 / length if length > 0 else 0.0
    start = 0
    for block in blocks:
        matrices[block.name] = matrices[block.name] + learnt[start : start + block.dims]
        start += block.dims
    biases[blocks[0].name] = biases[blocks[0].name] - mean @ learnt
