"""Examples to learn from: features, which of them are the same, and labels where there are any.

Items of equal content are one group: the same caption, the same picture. A group is never cut, so
nothing of a validation item is among the items that are trained on.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.fusion.features import Features, Indices, Mask

_DIGITS = 13


@dataclass(frozen=True, eq=False)
class Examples:
    """n items. ``contents`` name what an item has: digests or texts of its caption, its picture."""

    features: Features
    contents: Sequence[Collection[str]]
    labels: Sequence[str | None] = field(default=())
    """One an item, None where it has none; empty if there are no labels at all."""

    def __post_init__(self) -> None:
        for name, values in (("contents", self.contents), ("labels", self.labels)):
            if len(values) != len(self.features) and (values or name == "contents"):
                raise InvalidInput(f"{len(values)} {name} for {len(self.features)} items")
        if empty := [row for row, content in enumerate(self.contents) if not content]:
            raise InvalidInput(f"item {empty[0]} (from 0) has no content to tell it by")

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def groups(self) -> Indices:
        """The group of each item, (n,): the first row that has a content in common with it."""
        root = list(range(len(self)))

        def find(row: int) -> int:
            while root[row] != row:
                root[row] = root[root[row]]
                row = root[row]
            return row

        first: dict[str, int] = {}
        for row, content in enumerate(self.contents):
            for key in content:
                a, b = find(row), find(first.setdefault(key, row))
                root[max(a, b)] = min(a, b)
        return np.array([find(row) for row in range(len(self))], np.int64)

    def rows(self, chosen: Mask | Indices) -> "Examples":
        """Some of them."""
        rows = np.arange(len(self))[chosen].tolist()
        labels = [self.labels[row] for row in rows] if self.labels else ()
        return Examples(
            self.features.rows(np.array(rows, np.int64)),
            [self.contents[row] for row in rows],
            labels,
        )

    def places(self, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """A number from 0 to 1 for each item, (n,), that depends on its group and a seed alone.

        So folds and splits stay the same whatever the order of the items, and cut no group.
        """
        keys: dict[int, str] = {}
        for group, content in zip(self.groups.tolist(), self.contents, strict=True):
            keys[group] = min(keys.get(group, min(content)), *content)
        drawn = {group: _share(f"{seed} {key}") for group, key in keys.items()}
        return np.array([drawn[group] for group in self.groups.tolist()])

    def split(self, share: float, *, seed: int = 0) -> tuple["Examples", "Examples"]:
        """The items to train on, and about this share to validate with, which share nothing."""
        chosen = self.places(seed) < share
        return self.rows(~chosen), self.rows(chosen)

    def summary(self) -> dict[str, Any]:
        """What a card says of its data."""
        return {
            "items": len(self),
            "groups": len(set(self.groups.tolist())),
            "labels": len({label for label in self.labels if label is not None}),
            "parts": {part: int(self.features.has(part).sum()) for part in self.features.parts},
        }


def _share(key: str) -> float:
    return int(hashlib.sha256(key.encode()).hexdigest()[:_DIGITS], 16) / (1 << 4 * _DIGITS)
