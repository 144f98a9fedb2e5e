"""Chunks: items that pass the steps together, and the routing slip that says which steps."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from triptych.core.item import MODALITIES, Item, Modality
from triptych.ingest.manifest import Manifest

FUSION: Final = "fusion"
"""The last step: its worker fuses the features and writes the documents."""

Stop = Modality | Literal["fusion"]
"""What a chunk visits: the description of a modality, or the last step."""

URGENT, BULK = 0, 9
"""Priorities: a single upload never waits behind a bulk batch."""


@dataclass(frozen=True)
class Chunk:
    """A routing slip and the items that it is for; each worker does its step and passes it on.

    What an item has lies in the manifest of its batch, what the steps made of it in the derived
    data; so a message is small whatever the items are.
    """

    collection: str
    sequence: int
    """Of the batch; with the ordinal of an item the external version of its document."""
    fingerprint: str
    slip: tuple[Stop, ...]
    """The queues that it still has to visit, in order; the last is FUSION."""
    items: tuple[Item, ...]
    batch: str = ""
    identity: str | None = None
    """Of the collection: another one of the same name does not get the items."""
    priority: int = BULK
    derived: Mapping[Modality, str] = field(default_factory=dict)
    """By modality that was described: the kind of derived data that it made."""
    rebuilds: bool = False
    """Whether its items are in the collection, and go into its next index."""

    @property
    def modality(self) -> Modality | None:
        """The modality that is described next; None where only the documents are to be written."""
        stop = self.slip[0]
        return None if stop == FUSION else stop

    @property
    def single(self) -> bool:
        """Whether it is an item that was sent alone."""
        return self.priority == URGENT

    @property
    def ordinals(self) -> frozenset[int]:
        """The positions of its items in their batch."""
        return frozenset(item.ordinal for item in self.items)

    @property
    def size(self) -> int:
        """Bytes of the media and texts of its items."""
        return sum(item.size for item in self.items)

    def of(self, items: Sequence[Item]) -> Self:
        """The chunk with some of its items alone."""
        return replace(self, items=tuple(items))

    def advance(self, kind: str | None = None) -> Self:
        """The chunk after the first queue of its slip, which made derived data of this kind."""
        derived = self.derived
        if kind is not None and self.modality is not None:
            derived = {**derived, self.modality: kind}
        return replace(self, slip=self.slip[1:], derived=derived)

    def failing(self, reason: str) -> Self:
        """The chunk after the first queue of its slip could do nothing for any of the items."""
        items = tuple(item.failing(self.slip[0], reason) for item in self.items)
        return replace(self, items=items).advance()

    def again(self, modalities: Collection[Modality]) -> Self:
        """The chunk back on its way to these modalities, whose derived data is gone."""
        steps = (one for one in MODALITIES if one in modalities)
        return replace(self, slip=(*steps, FUSION))

    def to_message(self) -> dict[str, Any]:
        """Plain values: references alone."""
        return {
            **vars(self),
            "slip": list(self.slip),
            "items": [
                {
                    "ordinal": item.ordinal,
                    "place": item.place,
                    "image": item.image,
                    "audio": item.audio,
                    "errors": dict(item.errors),
                    "size": item.size,
                    # Of a rebuild the document is what the id leads to; it has no manifest.
                    **({"id": item.id} if self.rebuilds else {}),
                }
                for item in self.items
            ],
            "derived": dict(self.derived),
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Rebuild what ``to_message`` made; the items have references alone."""
        items = (
            Item(**{"id": "", **item, "place": item["place"] and tuple(item["place"])})
            for item in message["items"]
        )
        return cls(**{**message, "slip": tuple(message["slip"]), "items": tuple(items)})


def route(item: Item) -> tuple[Stop, ...]:
    """The queues that an item must visit: one per part, then fusion."""
    return (*(modality for modality in MODALITIES if item.has(modality)), FUSION)


@dataclass(frozen=True)
class Bounds:
    """The most that travels together."""

    items: int
    size: int
    """Bytes of media and texts; an item alone may have more."""


def common(manifest: Manifest) -> dict[str, Any]:
    """What all chunks of a batch have in common."""
    return {
        "collection": manifest.collection,
        "identity": manifest.identity,
        "sequence": manifest.sequence,
        "fingerprint": manifest.fingerprint,
        "batch": manifest.batch,
        "priority": URGENT if manifest.single else BULK,
    }


def chunks(items: Iterable[Item], *, bounds: Bounds, common: Mapping[str, Any]) -> Iterator[Chunk]:
    """Group items of one route into chunks; nothing is held back for long."""
    waiting: dict[tuple[Stop, ...], list[Item]] = {}
    for item in items:
        slip = route(item)
        group = waiting.setdefault(slip, [])
        if group and sum(other.size for other in group) + item.size > bounds.size:
            yield Chunk(slip=slip, items=tuple(group), **common)
            group.clear()
        group.append(item)
        if len(group) == bounds.items:
            yield Chunk(slip=slip, items=tuple(group), **common)
            group.clear()
    for slip, group in waiting.items():
        if group:
            yield Chunk(slip=slip, items=tuple(group), **common)
