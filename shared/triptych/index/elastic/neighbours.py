"""The fields that neighbours are sought in: one for each block, one for each *kind* of item.

A kind is a set of modalities. The items that have just these, and no others, share a field with all
their blocks side by side, so nothing in its graph is of another length, no filter on modalities
is needed, and a kind that a collection lacks costs nothing. What is best by a sum over several
modalities is sought there. Of one modality the fields of its blocks tell enough.
Vectors are bytes, and ``features`` the exact ones. docs/decisions/0017-lists.md has the figures.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from triptych.core.item import MODALITIES, Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.query import PresenceClass
from triptych.index.documents import Document, Features, parts

FEATURES = "features."
"""How the fields of the exact numbers of blocks begin."""

PARTS = "vector.parts"
"""The field of what an item has: its modalities, and speech and writing."""

_SEVERAL = 2
_MOST = 127
_SPREAD = 8.0
"""No number of a unit vector is more than one; those of ``dims`` that are alike are 1 / √dims. What
is more than so many times that is cut."""
_WEIGHTY = 0.2
"""Blocks with a smaller share than this of the largest one's weight have no list of their own, and
make no sum. Of their own modality they change the order little."""
_PAIR = 2
"""Of one part of a query, what is best by a sum of so many blocks is near the top by one of them,
too, in a collection that is not large."""


@dataclass(frozen=True)
class Near:
    """One list of neighbours: the field, and the query in its numbers, as hex."""

    field: str
    vector: str
    summed: bool
    """Whether blocks of several modalities are compared."""


def vector_properties(layout: Layout) -> dict[str, Any]:
    """The mapping below ``vector``."""
    widths = {block.name: block.dims for block in layout.blocks}
    kinds = {
        _name(kind): sum(widths[name] for name in blocks) for kind, blocks in _kinds(layout).items()
    }
    return {
        "parts": {"type": "keyword", "index": False},
        "block": {"properties": {name: _bytes(dims) for name, dims in widths.items()}},
        "kind": {"properties": {name: _bytes(dims) for name, dims in kinds.items()}},
    }


def features_properties(layout: Layout) -> dict[str, Any]:
    """The mapping below ``features``: a doc value is read faster than a source."""
    return {block.name: {"type": "binary", "doc_values": True} for block in layout.blocks}


def _bytes(dims: int) -> dict[str, Any]:
    return {
        "type": "dense_vector",
        "element_type": "byte",
        "dims": dims,
        "similarity": "max_inner_product",
        "index_options": {"type": "hnsw"},
    }


def divided(document: Document, layout: Layout) -> Document:
    """A document as an index keeps it: its vector and features by blocks; zeros are left out."""
    present = sorted(parts(document))
    if "vector" not in document:
        return {**document, "vector": {"parts": present}} if present else document
    exact = np.asarray(document["vector"], "<f2")
    quantised = _quantise(np.asarray(document["vector"], np.float32) * _scales(layout))
    slices = {name: where for name, where in layout.slices.items() if exact[where].any()}
    kind = tuple(part for part in MODALITIES if part in document.get("modalities", ()))
    blocks = _kinds(layout).get(kind) if slices else None
    vector = {
        "parts": present,
        "block": {name: quantised[where].tobytes().hex() for name, where in slices.items()},
        "kind": {_name(kind): quantised[_places(layout, blocks)].tobytes().hex()} if blocks else {},
    }
    features = {name: _packed(exact[where]) for name, where in slices.items()}
    return {**document, "vector": vector, "features": features}


def undivided(document: Document, layout: Layout | None) -> Document:
    """The document that was divided; without its features if the layout is not known."""
    features = document.get("features")
    if not isinstance(features, Mapping):
        return document
    rest = {name: value for name, value in document.items() if name != "features"}
    if layout is None or not features:
        return rest
    return {**rest, "features": _packed(joined([features], layout)[0])}


def _packed(numbers: NDArray[np.float16]) -> str:
    return pybase64.b64encode_as_string(numbers.astype("<f2").tobytes())


def lists(classes: Sequence[PresenceClass], layout: Layout, *, summed: bool = True) -> list[Near]:
    """The lists that have the best of each presence class, each once.

    The blocks of a class of one modality have a list each. What several modalities say together has
    one in each kind of item that belongs to the class, unless these lists are not ``summed``. A
    class without demands is found like one of each modality, and by all blocks together.
    """
    found = dict.fromkeys(near for entry in classes for near in _lists(entry, layout))
    return [near for near in found if summed or not near.summed]


def is_pair(classes: Sequence[PresenceClass], layout: Layout) -> bool:
    """Whether two blocks at most are compared, as for a text alone."""
    used = [
        name
        for name, where in layout.slices.items()
        if any(entry.vector[where].any() for entry in classes)
    ]
    return len(used) <= _PAIR


def _lists(entry: PresenceClass, layout: Layout) -> Iterator[Near]:
    asked = entry.vector.astype(np.float64) / _scales(layout)
    for modality in entry.present or MODALITIES if len(entry.present) < _SEVERAL else ():
        for name in _weighty(entry.vector, _blocks(layout, (modality,)), layout):
            yield Near(f"vector.block.{name}", _hex(asked[layout.slices[name]]), summed=False)
    for kind, blocks in _kinds(layout).items():
        belongs = set(entry.present) <= set(kind) and not set(entry.absent) & set(kind)
        if belongs and _is_mixed(_weighty(entry.vector, blocks, layout), layout):
            numbers = asked[_places(layout, blocks)]
            yield Near(f"vector.kind.{_name(kind)}", _hex(numbers), summed=True)


def _weighty(vector: Vectors, blocks: Sequence[str], layout: Layout) -> list[str]:
    """Those of the blocks that decide about the order of items that have them all."""
    weights = {name: float(np.linalg.norm(vector[layout.slices[name]])) for name in blocks}
    least = _WEIGHTY * max(weights.values(), default=0.0)
    return [name for name, weight in weights.items() if weight > 0 and weight >= least]


def feature_fields(blocks: Iterable[str]) -> list[str]:
    """The fields of the exact numbers of blocks."""
    return [f"{FEATURES}{name}" for name in blocks]


def joined(many: Sequence[Mapping[str, str]], layout: Layout) -> Features:
    """Fused vectors, float16 (n, dims), from the base64 of their blocks; zeros for those missing.

    All vectors of a block are read at once, which takes half the time.
    """
    fused = np.zeros((len(many), layout.dims), np.float16)
    for name, where in layout.slices.items():
        rows = [row for row, features in enumerate(many) if name in features]
        packed = (pybase64.b64decode(many[row][name], validate=True) for row in rows)
        if rows:
            fused[rows, where] = np.frombuffer(b"".join(packed), "<f2").reshape(len(rows), -1)
    return fused


@cache
def _kinds(layout: Layout) -> dict[tuple[Modality, ...], tuple[str, ...]]:
    """Every set of modalities whose items can be asked for a sum over several, and their blocks."""
    sets = (
        kind for size in range(1, len(MODALITIES) + 1) for kind in combinations(MODALITIES, size)
    )
    found = {kind: _blocks(layout, kind) for kind in sets}
    return {kind: blocks for kind, blocks in found.items() if _is_mixed(blocks, layout)}


def _is_mixed(blocks: Sequence[str], layout: Layout) -> bool:
    """Whether blocks are of several modalities; a computed one is of none of the others'."""
    return len({block.modality for block in layout.blocks if block.name in blocks}) >= _SEVERAL


def _blocks(layout: Layout, kind: Sequence[Modality]) -> tuple[str, ...]:
    """What items of a kind may have; a computed block is there whatever an item has."""
    return tuple(
        block.name for block in layout.blocks if block.modality is None or block.modality in kind
    )


def _name(kind: Sequence[Modality]) -> str:
    return "_".join(kind)


def _places(layout: Layout, blocks: Sequence[str]) -> NDArray[np.int64]:
    """Where these blocks lie in the fused vector."""
    slices = (layout.slices[name] for name in blocks)
    return np.concatenate([np.arange(where.start, where.stop) for where in slices])


@cache
def _scales(layout: Layout) -> Vectors:
    """What each number of a fused vector is multiplied by before it is rounded."""
    widths = np.array([block.dims for block in layout.blocks])
    scales = _MOST / np.minimum(1.0, _SPREAD / np.sqrt(widths))
    return np.repeat(scales, widths).astype(np.float32)


def _hex(vector: NDArray[np.float64]) -> str:
    """A query, stretched to the whole range: its length changes no order."""
    largest = np.abs(vector).max() or 1.0
    return _quantise(vector * (_MOST / largest)).tobytes().hex()


def _quantise(vector: NDArray[np.floating]) -> NDArray[np.int8]:
    return np.clip(np.round(vector), -_MOST, _MOST).astype(np.int8)
