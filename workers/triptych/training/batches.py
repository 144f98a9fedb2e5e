"""What a step of training sees: items that are hard to tell apart, and two views of each.

A view of an item is a random pattern of its parts. Half of the time the second view is what the
first left out, so that the modalities learn of each other; else any pattern, so that fused and
single vectors do, and every presence pattern occurs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features, Indices, Mask

_NEIGHBOURS = 10
_HARD = 0.5
"""The share of a batch that is drawn among the neighbours of the other share."""
_CROSSED = 0.7
"""The share of second views that are what the first left out."""
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Batch:
    """Two views of the same items, as the networks take them, and which items are positives."""

    first: tuple[Vectors, Vectors]
    """Features and presence."""
    second: tuple[Vectors, Vectors]
    positive: Vectors
    """(n, n), rows that sum to one."""


def neighbours(features: Features) -> Indices:
    """The nearest other items of each by the inner product of blocks, (n, 10 or fewer)."""
    count = min(_NEIGHBOURS, len(features) - 1)
    nearest = np.empty((len(features), count), np.int64)
    for start in range(0, len(features), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(features)))
        product = features.vectors[rows] @ features.vectors.T
        product[np.arange(len(rows)), rows] = -np.inf
        nearest[rows] = np.argpartition(-product, count - 1, axis=1)[:, :count]
    return nearest


class Patterns:
    """Random presence patterns: some of the parts that an item has, and never none."""

    def __init__(self, features: Features, random: np.random.Generator) -> None:
        """Draw patterns of these items."""
        of_block = features.layout.parts.values()
        parts = list(dict.fromkeys(of_block))
        says = [features.only([part]).filled.any(axis=1) for part in parts]
        self.has: Mask = np.stack(says, axis=1)
        """Which parts each item has, (n, parts)."""
        self._of_block = np.array([parts.index(part) for part in of_block])
        self._random = random

    def draw(self, rows: Indices) -> Mask:
        """A pattern of each of these items, (rows, parts)."""
        has = self.has[rows]
        drawn = has & (self._random.random(has.shape) < 1 / 2)
        for row in np.flatnonzero(~drawn.any(axis=1) & has.any(axis=1)):
            drawn[row, self._random.choice(np.flatnonzero(has[row]))] = True
        return drawn

    def blocks(self, pattern: Mask) -> Mask:
        """The blocks of the parts of a pattern, (rows, blocks)."""
        blocks: Mask = pattern[:, self._of_block]
        return blocks


class Batches:
    """Batches without end of one size, drawn from a seed."""

    def __init__(self, examples: Examples, *, size: int, labelled: float, seed: int) -> None:
        """Draw batches; ``labelled`` is the weight of a positive by label, beside 1 by group."""
        self._examples = examples
        self._size = min(size, len(examples))
        self._labelled = labelled
        self._random = np.random.default_rng(seed)
        self._nearest = neighbours(examples.features)
        self._patterns = Patterns(examples.features, self._random)
        names = sorted({label for label in examples.labels if label is not None})
        self._labels = np.array([-1 if label is None else names.index(label)
                                 for label in examples.labels], np.int64)  # fmt: skip

    @property
    def per_epoch(self) -> int:
        """So many batches draw as many items as there are."""
        return -(-len(self._examples) // self._size)

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        for _ in range(self.per_epoch):
            yield self._batch()

    def _batch(self) -> Batch:
        count, random = len(self._examples), self._random
        seeds = random.choice(count, self._size - int(_HARD * self._size), replace=False)
        near = self._nearest[random.choice(seeds, int(_HARD * self._size))]
        hard = near[np.arange(len(near)), random.integers(0, near.shape[1], len(near))]
        rows = np.concatenate([seeds, hard])
        first, second = self._views(rows)
        return Batch(self._view(rows, first), self._view(rows, second), self._positives(rows))

    def _views(self, rows: Indices) -> tuple[Mask, Mask]:
        """Two patterns of blocks for each item."""
        first, second = self._patterns.draw(rows), self._patterns.draw(rows)
        left = self._patterns.has[rows] & ~first
        crossed = (self._random.random(len(rows)) < _CROSSED) & left.any(axis=1)
        second[crossed] = left[crossed]
        return self._patterns.blocks(first), self._patterns.blocks(second)

    def _view(self, rows: Indices, mask: Mask) -> tuple[Vectors, Vectors]:
        seen = self._examples.features.rows(rows).where(mask)
        return seen.vectors, seen.filled.astype(np.float32)

    def _positives(self, rows: Indices) -> Vectors:
        groups = self._examples.groups[rows]
        weights = (groups[:, None] == groups[None, :]).astype(np.float32)
        if len(self._labels):
            labels = self._labels[rows]
            same = (labels[:, None] == labels[None, :]) & (labels[:, None] >= 0)
            weights = np.maximum(weights, np.float32(self._labelled) * same)
        positives: Vectors = weights / weights.sum(axis=1, keepdims=True)
        return positives
