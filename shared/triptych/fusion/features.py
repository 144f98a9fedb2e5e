"""The blocks of many items or queries at once: what strategies fuse."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality, Part
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Features:
    """The blocks of n items or queries, side by side, and which of them each has."""

    layout: Layout
    vectors: Vectors
    """float32 (n, layout.dims): unit vectors, zeros where a block is absent."""
    present: Mask
    """(n, blocks), in the order of the layout. A block may be present and zeros: silence, say."""

    def __post_init__(self) -> None:
        expected = (len(self.vectors), self.layout.dims)
        if self.vectors.shape != expected or self.present.shape != (
            len(self.vectors),
            len(self.layout.blocks),
        ):
            raise InvalidInput(
                f"features of {self.vectors.shape} with a mask of {self.present.shape} do not fit "
                f"a layout of {len(self.layout.blocks)} blocks and {self.layout.dims} numbers"
            )
        if not np.isfinite(self.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))[0])
            raise InvalidInput(f"the features of item {row} (from 0) are not finite")

    @classmethod
    def of(cls, vectors: NDArray[np.floating], layout: Layout) -> Self:
        """Blocks side by side, as the index keeps them; those that are zeros count as absent.

        Raises:
            InvalidInput: vectors of another width, or numbers that are not finite.
        """
        rows = np.ascontiguousarray(vectors, np.float32)
        if rows.ndim != 2 or rows.shape[1] != layout.dims:  # noqa: PLR2004  # items and numbers
            raise InvalidInput(f"features of {rows.shape} do not fit {layout.dims} numbers an item")
        present = [rows[:, where].any(axis=1) for where in layout.slices.values()]
        return cls(layout, rows, np.stack(present, axis=1))

    def __len__(self) -> int:
        return len(self.vectors)

    def block(self, name: str) -> Vectors:
        """One block of all, float32 (n, dims of the block)."""
        return self.vectors[:, self.layout.slices[name]]

    @cached_property
    def filled(self) -> Mask:
        """The blocks that are there and say something, (n, blocks)."""
        blocks = [self.block(block.name).any(axis=1) for block in self.layout.blocks]
        return self.present & np.stack(blocks, axis=1)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that any of them has, in the order of the layout."""
        here = np.any(self.present, axis=0)
        blocks = [self.layout.blocks[column] for column in np.flatnonzero(here)]
        return tuple(dict.fromkeys(block.part for block in blocks if block.part is not None))

    @cached_property
    def base(self) -> "Features":
        """What encoders made of them: the same without a computed block."""
        if self.layout.joint is None:
            return self
        kept = np.array([block.modality is not None for block in self.layout.blocks])
        columns = np.repeat(kept, self._widths)
        return Features(self.layout.base, self.vectors[:, columns], self.present[:, kept])

    def has(self, part: Part) -> Mask:
        """Which of them have this part, (n,)."""
        mask: Mask = np.any(self.present[:, self._of([part])], axis=1)
        return mask

    def rows(self, chosen: Indices | Mask) -> "Features":
        """Some of them."""
        return Features(self.layout, self.vectors[chosen], self.present[chosen])

    def only(self, parts: Collection[Part]) -> "Features":
        """The same with no other parts than these, and without a computed block: it is of all."""
        return self.where(np.broadcast_to(self._of(parts), self.present.shape))

    def of_modality(self, modality: Modality) -> "Features":
        """The same with no other blocks than those that one kind of worker fills."""
        mine = np.array([block.modality == modality for block in self.layout.blocks])
        return self.where(np.broadcast_to(mine, self.present.shape))

    def where(self, mask: Mask) -> "Features":
        """The same with no other blocks than those of the mask, (n, blocks)."""
        present = self.present & mask
        vectors = self.vectors * np.repeat(present, self._widths, axis=1)
        return Features(self.layout, vectors, present)

    def _of(self, parts: Collection[Part]) -> Mask:
        return np.array([block.part in parts for block in self.layout.blocks])

    @cached_property
    def _widths(self) -> list[int]:
        return [block.dims for block in self.layout.blocks]


def joined(several: Sequence[Features]) -> Features:
    """All of them, one after the other; they have one layout."""
    return Features(
        several[0].layout,
        np.concatenate([each.vectors for each in several]),
        np.concatenate([each.present for each in several]),
    )
