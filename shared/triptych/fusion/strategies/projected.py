"""Mean and weighted fusion: blocks of different widths, projected to one, then averaged.

Each space of vectors has a fixed random orthogonal projection of its own. If the space is no wider
than the result, cosines within it are kept exactly; else within a few hundredths (Johnson and
Lindenstrauss, 1984). Vectors of different spaces become nearly orthogonal, so that what compared
with nothing before compares with nothing now. A principal component analysis would need a corpus
and change with it. Blocks in the space of texts share one projection: that is how a text finds a
picture.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.encoders.cards import Vectors, fingerprint, unit_rows
from triptych.fusion.blocks import Block, Layout
from triptych.fusion.features import Features
from triptych.fusion.strategies.comparison import found
from triptych.fusion.strategies.strategy import Strategy
from triptych.fusion.strategies.trials import Trial

WIDTH = 384
_LEVELS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
_SWEEPS = 2
_LEAST_GAIN = 1e-3
"""A smaller gain is no reason to change a weight."""


class Projected(Strategy):
    """The weighted mean of projected blocks, scaled to length one."""

    def __init__(
        self,
        layout: Layout,
        *,
        width: int = WIDTH,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Make the mean; with ``weights`` by block, the weighted mean.

        Raises:
            InvalidInput: a weight is negative or missing, or all are zero.
        """
        self.layout = layout
        self.name = "mean" if weights is None else "weighted"
        self.weights = dict(weights or {block.name: 1.0 for block in layout.blocks})
        self._width = width
        names = {block.name for block in layout.blocks}
        if set(self.weights) != names or min(self.weights.values()) < 0:
            raise InvalidInput(f"weights of {self.name} fusion: one from 0 for each of {names}")
        if not any(self.weights.values()):
            raise InvalidInput("all weights of weighted fusion are zero")

    @property
    def dims(self) -> int:
        """The width of the projections."""
        return self._width

    @cached_property
    def fingerprint(self) -> str:
        """Over layout, width and weights."""
        return fingerprint([self.name, self.layout.fingerprint, self._width, self.weights])

    def fuse(self, items: Features) -> Vectors:
        """The weighted mean over the filled blocks, of length one."""
        total = np.zeros((len(items), self.dims), np.float32)
        for block in self.layout.blocks:
            if self.weights[block.name]:
                matrix = self._matrices[block.name]
                total += np.float32(self.weights[block.name]) * (items.block(block.name) @ matrix)
        return unit_rows(total)

    @cached_property
    def _matrices(self) -> dict[str, Vectors]:
        return {
            block.name: projection(_space(block), block.dims, self._width)
            for block in self.layout.blocks
        }


def _space(block: Block) -> str:
    """What the vectors of a block compare with: texts, or vectors of the same block."""
    return "text" if block.in_text_space or block.part == "text" else block.name


@cache
def projection(space: str, dims: int, width: int) -> Vectors:
    """A matrix of a space, float32 (dims, width), that keeps cosines.

    Its rows are orthonormal if ``dims <= width``. Otherwise its columns are, times the root of
    dims / width, so that lengths are kept on average.
    """
    seed = int(fingerprint(["projection", space, dims, width]), 16)
    drawn = np.random.default_rng(seed).normal(size=(max(dims, width), min(dims, width)))
    orthogonal, upper = np.linalg.qr(drawn)
    orthogonal *= np.sign(np.diag(upper))  # else its signs depend on the library
    matrix = orthogonal * np.sqrt(dims / width) if dims > width else orthogonal.T
    kept: Vectors = np.ascontiguousarray(matrix, np.float32)
    kept.flags.writeable = False  # all strategies of a process share it
    return kept


def fit_weights(layout: Layout, trials: Sequence[Trial], *, width: int = WIDTH) -> Projected:
    """The weighted mean that finds most in trials: a coordinate search over few, round weights.

    It maximises the mean reciprocal rank over kinds of trials, and starts at equal weights. Few
    parameters keep what was not tried nearly as good. Trials must be of other items than those that
    the result is measured on.
    """
    weights = {block.name: 1.0 for block in layout.blocks}
    reached = found(Projected(layout, width=width, weights=weights), trials)
    for _ in range(_SWEEPS):
        before = reached
        for candidate in list(_others(weights)):
            changed = {**weights, **candidate}
            if any(changed.values()):
                now = found(Projected(layout, width=width, weights=changed), trials)
                if now > reached + _LEAST_GAIN:
                    weights, reached = changed, now
        if reached == before:
            break
    return Projected(layout, width=width, weights=weights)


def _others(weights: Mapping[str, float]) -> Iterator[dict[str, float]]:
    """Each weight at each other level."""
    for name in weights:
        yield from ({name: level} for level in _LEVELS)
