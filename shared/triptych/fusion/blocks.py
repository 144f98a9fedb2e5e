"""Block fusion: ``fused = [semantic | concept | visual | acoustic | …]``.

Each block is a unit vector, or zeros when the item lacks that part. With the inner product as
similarity, a query whose blocks are scaled by weights scores ``Σ w_b · cos_b`` exactly, so one
index field serves every mix and every weighting, and the terms of the sum explain it.

One block may be *computed* from the others, ``joint``: what a collection has learnt makes it of all
that an item has (``fusion.extended``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from triptych.core.item import Modality, Part
from triptych.encoders.cards import Card, Vectors, fingerprint
from triptych.encoders.scales import UNSCALED, Scale

JOINT = "joint"
"""The name of the block that is computed from the others."""


@dataclass(frozen=True)
class Block:
    """One block of the fused vector: which part of an item fills it, and by which encoder."""

    name: str
    modality: Modality | None
    """The worker that fills it; None: it is computed from the blocks that an item has."""
    part: Part | None
    """What an item must have for the block to say anything; None: any part at all."""
    in_text_space: bool
    """Whether it compares with the vectors of texts."""
    card: Card
    scale: Scale = UNSCALED
    """What the cosines of its vectors mean; no part of the fingerprint."""
    reference: str = ""
    """Its encoder as settings name it, or its model; no part of the fingerprint."""
    share: float = 0.0
    """Of a computed block: how much of each signal's weight is its own; the model says it."""

    @property
    def dims(self) -> int:
        """The width."""
        return self.card.dims


@dataclass(frozen=True)
class Layout:
    """The blocks in their order. Fused vectors compare only under one fingerprint."""

    blocks: tuple[Block, ...]
    classifier: str = ""
    """The reference of the model that fills the field ``predictions``; empty: none does."""

    @cached_property
    def dims(self) -> int:
        """The width of the fused vector."""
        return sum(block.dims for block in self.blocks)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over every block and model."""
        blocks = [[block.name, block.card.fingerprint] for block in self.blocks]
        return fingerprint([*blocks, *([["", self.classifier]] if self.classifier else [])])

    @cached_property
    def base(self) -> "Layout":
        """What encoders fill of it: the layout without what a collection has learnt."""
        if not self.models:
            return self
        return Layout(tuple(block for block in self.blocks if block.modality is not None))

    @cached_property
    def joint(self) -> Block | None:
        """The block that is computed from the others, if there is one."""
        return next((block for block in self.blocks if block.modality is None), None)

    @property
    def models(self) -> tuple[str, ...]:
        """The references of what a collection has learnt: at most a fusion and a classifier."""
        fusion = "" if self.joint is None else self.joint.reference
        return tuple(filter(None, (fusion, self.classifier)))

    @cached_property
    def encoders(self) -> dict[str, str]:
        """What fills each block, as settings name it, and the version of its card.

        The field ``predictions`` is among them if a classifier fills it.
        """
        labels = {block.name: block.card.label for block in self.blocks}
        return labels | ({"predictions": self.classifier} if self.classifier else {})

    @cached_property
    def modalities(self) -> Mapping[str, Modality]:
        """Which worker fills each block that encoders fill."""
        return {block.name: block.modality for block in self.blocks if block.modality is not None}

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """What an item must have for each block that encoders fill to say anything."""
        return {block.name: block.part for block in self.blocks if block.part is not None}

    def over(self, base: "Layout") -> "Layout":
        """The same on the blocks of an equal base, which may know more, such as their scales."""
        computed = () if self.joint is None else (self.joint,)
        return Layout((*base.blocks, *computed), self.classifier)

    def has(self, block: str, present: Collection[str]) -> bool:
        """Whether an item with these parts has a block."""
        return self.parts[block] in present if block in self.parts else bool(present)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each block lies in the fused vector."""
        slices_by_name, start = {}, 0
        for block in self.blocks:
            slices_by_name[block.name] = slice(start, start + block.dims)
            start += block.dims
        return slices_by_name


def fuse(items: Sequence[Mapping[str, Vectors]], layout: Layout) -> Vectors:
    """Put the blocks of each item side by side; float32 (len(items), layout.dims).

    Raises:
        ValueError: a block that the layout lacks, or of another width.
    """
    fused = np.zeros((len(items), layout.dims), np.float32)
    for row, blocks in enumerate(items):
        for name, vector in blocks.items():
            where = layout.slices.get(name)
            if where is None or vector.shape != (where.stop - where.start,):
                known = ", ".join(f"{block.name}: {block.dims}" for block in layout.blocks)
                raise ValueError(f"block {name} of {vector.shape} does not fit ({known})")
            fused[row, where] = vector
    return fused
