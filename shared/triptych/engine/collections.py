"""What there is to say of collections: their items, the encoders of their blocks, the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from triptych.core.answers import Described, Omissible
from triptych.core.errors import FingerprintMismatch, NotFound
from triptych.core.item import Modality, Part
from triptych.fusion.blocks import Layout
from triptych.fusion.query import COMPARISONS, WEIGHTS, Comparison
from triptych.index import SearchIndex


@dataclass(frozen=True)
class ItemCounts(Described):
    """The number of items, in all and by status."""

    total: int
    indexed: Omissible[int] = None
    partial: Omissible[int] = None
    failed: Omissible[int] = None
    quarantined: Omissible[int] = None


@dataclass(frozen=True)
class CollectionSummary(Described):
    """A collection in a list."""

    name: str
    items: Omissible[ItemCounts] = None
    problem: Omissible[str] = None
    """Why the collection can't be used, instead of its counts."""


@dataclass(frozen=True)
class EncoderDescription(Described):
    """An encoder: what it is and where it comes from."""

    name: str
    version: int
    modality: Modality
    dims: int
    licence: str
    source: str
    needs_fit: bool
    """Whether it is fitted on a corpus first."""
    weights: Sequence[str]
    """sha256 of every weight file."""
    parameters: str
    """Whatever else changes the vectors."""
    built_on: Sequence[str]
    """Fingerprints of the encoders whose vectors it works with."""
    fingerprint: str
    """Two vectors compare only if the fingerprints of their encoders are equal."""


@dataclass(frozen=True)
class BlockDescription(Described):
    """A block of the fused vector."""

    name: str
    modality: Modality
    """The worker that fills it."""
    part: Part
    """What an item must have for the block to say anything."""
    dims: int
    encoder: EncoderDescription


@dataclass(frozen=True)
class Collection(Described):
    """A collection: its items, and the encoders and weights that searches use."""

    name: str
    items: ItemCounts
    fingerprint: str
    """Of all blocks: an index that was built with another one can't be searched."""
    blocks: Sequence[BlockDescription]
    weights: Mapping[str, float]
    """The default weight of each signal."""
    comparisons: Mapping[Modality, Sequence[Comparison]]
    """By the part of a query: the blocks that it is compared with."""
    advice: Omissible[str] = None
    """What the operator should know, such as that the collection has outgrown its index."""


def summaries(index: SearchIndex) -> list[CollectionSummary]:
    """Every collection; one that is deleted meanwhile is left out."""
    return [summary for name in index.collections() if (summary := _summary(index, name))]


def _summary(index: SearchIndex, name: str) -> CollectionSummary | None:
    try:
        return CollectionSummary(name, items=count_items(index, name))
    except FingerprintMismatch as error:
        return CollectionSummary(name, problem=str(error))
    except NotFound:
        return None


def count_items(index: SearchIndex, name: str) -> ItemCounts:
    """The number of items. Raises NotFound, FingerprintMismatch."""
    counts = index.count(name)
    return ItemCounts(sum(counts.values()), **counts)


def describe(index: SearchIndex, layout: Layout, name: str) -> Collection:
    """All there is to say of a collection. Raises NotFound, FingerprintMismatch."""
    return Collection(
        name,
        items=count_items(index, name),
        fingerprint=layout.fingerprint,
        blocks=[
            BlockDescription(
                block.name,
                modality=block.modality,
                part=block.part,
                dims=block.dims,
                encoder=EncoderDescription(
                    **asdict(block.card), fingerprint=block.card.fingerprint
                ),
            )
            for block in layout.blocks
        ],
        weights=WEIGHTS,
        comparisons={
            part: [entry for entry in entries if entry.item_block in layout.slices]
            for part, entries in COMPARISONS.items()
        },
        advice=index.advice(name),
    )
