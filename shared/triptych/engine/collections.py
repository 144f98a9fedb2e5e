"""What there is to say of collections: their items, the encoders of their blocks, the weights."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Literal

from triptych.core.answers import Described, Omissible
from triptych.core.errors import FingerprintMismatch, NotFound, StoreUnavailable
from triptych.core.item import Modality, Part
from triptych.fusion.blocks import Layout
from triptych.fusion.query import COMPARISONS, WEIGHTS, Comparison
from triptych.index import SearchIndex
from triptych.index.generations import previous
from triptych.index.origin import Origin
from triptych.ingest.rebuilding import Rebuild, Rebuilder, by_collection, totals


@dataclass(frozen=True)
class ItemCounts(Described):
    """The number of items, in all and by status."""

    total: int
    indexed: Omissible[int] = None
    partial: Omissible[int] = None
    failed: Omissible[int] = None
    quarantined: Omissible[int] = None


IndexState = Literal["current", "incomplete", "outdated", "rebuilding", "ready", "stopped"]


@dataclass(frozen=True)
class BuiltIndex(Described):
    """An index of a collection: what filled each block."""

    fingerprint: str
    encoders: Mapping[str, str]


@dataclass(frozen=True)
class IndexReport(Described):
    """How the index of a collection is."""

    state: IndexState
    """current: of the encoders of this process. incomplete: some of its items were written by
    processes with other encoders, and lack their vectors: rebuild it. outdated: of other encoders.
    rebuilding. ready: the new index is whole and verified; ask for the rebuild again to swap it.
    stopped: the rebuild goes on when it is asked for again."""
    fingerprint: str
    encoders: Mapping[str, str]
    """What filled each block."""
    done: Omissible[int] = None
    """Of a rebuild: the items that the new index has."""
    total: Omissible[int] = None
    """Of a rebuild: the items of the collection."""
    problem: Omissible[str] = None
    """Why a rebuild has stopped; or what is different with the encoders, and what to do."""
    previous: Omissible[BuiltIndex] = None
    """The index that a rebuild has replaced: the collection can be rolled back to it."""


@dataclass(frozen=True)
class CollectionSummary(Described):
    """A collection in a list."""

    name: str
    items: Omissible[ItemCounts] = None
    state: Omissible[IndexState] = None
    """Of its index."""
    problem: Omissible[str] = None
    """Why the collection can't be used, instead of its counts."""


@dataclass(frozen=True)
class EncoderDescription(Described):
    """An encoder, or a model that the collection has learnt: what it is, where it comes from."""

    name: str
    version: int
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
    modality: Omissible[Modality] = None
    """What it describes. A model that makes a vector of all that an item has leaves it out."""


@dataclass(frozen=True)
class BlockDescription(Described):
    """A block of the fused vector."""

    name: str
    dims: int
    encoder: EncoderDescription
    modality: Omissible[Modality] = None
    """The worker that fills it. A block that is computed from the others leaves it out."""
    part: Omissible[Part] = None
    """What an item must have for the block to say anything. A computed one leaves it out."""
    share: Omissible[float] = None
    """Of a computed block: how much of the weight of each part of a query is its own."""
    model: Omissible[str] = None
    """Of a computed block: the reference of the model that makes it."""


@dataclass(frozen=True)
class Collection(Described):
    """A collection: its items, and the encoders and weights that searches use."""

    name: str
    items: ItemCounts
    fingerprint: str
    """Of all blocks, by which vectors are searched."""
    index: IndexReport
    blocks: Sequence[BlockDescription]
    weights: Mapping[str, float]
    """The default weight of each signal."""
    comparisons: Mapping[Modality, Sequence[Comparison]]
    """By the part of a query: the blocks that it is compared with."""
    advice: Omissible[str] = None
    """What the operator should know, such as that the collection has outgrown its index."""


@dataclass(frozen=True)
class Situation:
    """The collections as they are now, for a process with these encoders."""

    index: SearchIndex
    layout: Layout
    rebuilder: Rebuilder

    def waiting(self) -> list[str]:
        """The collections that need a rebuild, and are not being rebuilt."""
        return [
            name
            for name, state in sorted(self.states().items())
            if state not in {"current", "rebuilding"}
        ]

    def states(self) -> dict[str, IndexState]:
        """How the index of each collection is, but for those of another version."""
        origins = self.index.origins()
        asked: Mapping[str, Rebuild] = {}
        incomplete = set[str]()
        with suppress(StoreUnavailable):  # of which ``/readyz`` tells
            incomplete = self.rebuilder.incomplete(origins)
            asked = by_collection(self.rebuilder.under_way())
        return {
            name: self.state(found, asked.get(name), whole=name not in incomplete)
            for name, found in origins.items()
        }

    def state(self, found: Origin, asked: Rebuild | None, *, whole: bool) -> IndexState:
        """How an index is, and the rebuild that was asked for."""
        ours = found.is_of(self.layout)
        if asked is not None and whole and asked.fingerprint == found.fingerprint:
            asked = None  # it is done, and about to be forgotten
        if asked is None or not asked.is_for(self.layout):
            return "outdated" if not ours else "current" if whole else "incomplete"
        if asked.problem:
            return "stopped"
        return "ready" if asked.ready else "rebuilding"

    def report(self, name: str) -> IndexReport:
        """How the index of a collection is. Raises NotFound."""
        found = self.index.origin(name)
        asked = None
        incomplete = set[str]()
        with suppress(StoreUnavailable):
            incomplete = self.rebuilder.incomplete({name: found})
            asked = self.rebuilder.requested(name)
        state = self.state(found, asked, whole=not incomplete)
        try:
            kept = self.index.origin(previous(name))
            before = BuiltIndex(kept.fingerprint, dict(kept.encoders))
        except NotFound:
            before = None
        done, total, problem = None, None, None
        if state == "outdated":
            problem = (
                f"{'; '.join(found.changes(self.layout))}: `triptych rebuild {name}` makes its "
                "vectors anew"
            )
            if lost := found.lost_models(self.layout):
                problem += (
                    f"; what it has learnt ({', '.join(lost)}) is of other encoders: train anew"
                )
        elif state == "incomplete":
            problem = f"some items have no vectors: `triptych rebuild {name}` adds them"
        elif state != "current" and asked is not None:
            problem = asked.problem or None
            try:
                done, total = totals(self.index, name)
            except NotFound:  # it is swapped just now
                return (
                    self.report(name)
                    if self.index.origin(name) != found
                    else IndexReport(
                        state, found.fingerprint, dict(found.encoders), problem=problem
                    )
                )
        encoders = dict(found.encoders)
        return IndexReport(state, found.fingerprint, encoders, done, total, problem, before)


def summaries(situation: Situation) -> list[CollectionSummary]:
    """Every collection; one that is deleted meanwhile is left out."""
    states = situation.states()
    return [
        summary
        for name in situation.index.collections()
        if (summary := _summary(situation.index, name, states.get(name)))
    ]


def _summary(index: SearchIndex, name: str, state: IndexState | None) -> CollectionSummary | None:
    try:
        return CollectionSummary(name, items=count_items(index, name), state=state)
    except FingerprintMismatch as error:
        return CollectionSummary(name, problem=str(error))
    except NotFound:
        return None


def count_items(index: SearchIndex, name: str) -> ItemCounts:
    """The number of items. Raises NotFound, FingerprintMismatch."""
    counts = index.count(name)
    return ItemCounts(sum(counts.values()), **counts)


def describe(situation: Situation, name: str) -> Collection:
    """All there is to say of a collection. Raises NotFound, FingerprintMismatch."""
    index, report = situation.index, situation.report(name)
    layout = index.origin(name).layout or Layout(())
    return Collection(
        name,
        items=count_items(index, name),
        fingerprint=report.fingerprint,
        index=report,
        blocks=[
            BlockDescription(
                block.name,
                dims=block.dims,
                modality=block.modality,
                part=block.part,
                share=block.share if block.modality is None else None,
                model=block.reference if block.modality is None else None,
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
