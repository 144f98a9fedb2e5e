"""Chunks: items that pass the steps together, and the routing slip that says which steps."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from triptych.core.item import MODALITIES, Item, Modality
from triptych.fusion.blocks import Rows

FUSION: Final = "fusion"
"""The last step: its worker fuses the features and writes the documents."""

Stop = Modality | Literal["fusion"]
"""What a chunk visits: the description of a modality, or the last step."""

URGENT, BULK = 0, 9
"""Priorities: a single upload never waits behind a bulk batch."""


@dataclass(frozen=True)
class Chunk:
    """A routing slip and what it carries: each worker adds its features and passes it on."""

    collection: str
    sequence: int
    """Microseconds since 1970 at submission; the external version of each document."""
    fingerprint: str
    slip: tuple[Stop, ...]
    """The queues that it still has to visit, in order; the last is FUSION."""
    items: tuple[Item, ...]
    batch: str | None = None
    priority: int = 9
    features: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def modality(self) -> Modality | None:
        """The modality that is described next; None where only the documents are to be written."""
        stop = self.slip[0]
        return None if stop == FUSION else stop

    @property
    def ordinals(self) -> frozenset[int]:
        """The positions of its items in their batch."""
        return frozenset(item.ordinal for item in self.items)

    def advance(self, items: Sequence[Item], features: Mapping[str, Rows]) -> Self:
        """The chunk after the first queue of its slip did its work."""
        return replace(
            self, slip=self.slip[1:], items=tuple(items), features={**self.features, **features}
        )

    def failing(self, reason: str) -> Self:
        """The chunk after the first queue of its slip could do nothing for any of the items."""
        return self.advance([item.failing(self.slip[0], reason) for item in self.items], {})

    def halves(self) -> tuple[Self, Self]:
        """Two chunks with the items of this one, of at least two items."""
        middle = len(self.items) // 2
        return self._cut(0, middle), self._cut(middle, len(self.items))

    def _cut(self, start: int, end: int) -> Self:
        kept = {
            name: [i for i, row in enumerate(part.rows) if start <= row < end]
            for name, part in self.features.items()
        }
        features = {
            name: Rows(tuple(part.rows[i] - start for i in kept[name]), part.vectors[kept[name]])
            for name, part in self.features.items()
        }
        return replace(self, items=self.items[start:end], features=features)

    def to_message(self) -> dict[str, Any]:
        """Plain values and arrays, as the codec takes them."""
        return {
            **vars(self),
            "slip": list(self.slip),
            "items": [vars(item) for item in self.items],
            "features": {
                name: [list(part.rows), part.vectors] for name, part in self.features.items()
            },
        }

    @classmethod
    def of_unreadable(cls, message: Mapping[str, Any]) -> Self:
        """The items of a message that ``from_message`` refuses, without anything that they have.

        Raises:
            KeyError, TypeError: not even that can be read.
        """
        return cls(
            collection=message["collection"],
            sequence=message["sequence"],
            fingerprint=message["fingerprint"],
            slip=(FUSION,),
            items=tuple(Item(item["id"], item["ordinal"]) for item in message["items"]),
            batch=message["batch"],
        )

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Rebuild what ``to_message`` made."""
        return cls(
            **{
                **message,
                "slip": tuple(message["slip"]),
                "items": tuple(Item(**item) for item in message["items"]),
                "features": {
                    name: Rows(tuple(rows), vectors)
                    for name, (rows, vectors) in message["features"].items()
                },
            }
        )


def route(item: Item) -> tuple[Stop, ...]:
    """The queues that an item must visit: one per part, then fusion."""
    return (*(modality for modality in MODALITIES if item.has(modality)), FUSION)


def chunks(items: Iterable[Item], *, size: int, common: Mapping[str, Any]) -> Iterator[Chunk]:
    """Group items of one route into chunks of at most ``size``; nothing is held back for long."""
    waiting: dict[tuple[Stop, ...], list[Item]] = {}
    for item in items:
        group = waiting.setdefault(route(item), [])
        group.append(item)
        if len(group) == size:
            yield Chunk(slip=route(item), items=tuple(group), **common)
            group.clear()
    for slip, group in waiting.items():
        if group:
            yield Chunk(slip=slip, items=tuple(group), **common)


def submission_sequence() -> int:
    """A number that grows with time: microseconds since 1970."""
    return time.time_ns() // 1000
