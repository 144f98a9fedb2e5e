"""A collection as a map: what is alike lies together, as far as two axes can tell.

The axes are the two directions in which the blocks differ most (principal components). An item that
lacks a block is where the mean of the others is, so that the map tells what items are, and not
which parts they have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import Modality
from triptych.fusion.blocks import Layout
from triptych.index import SearchIndex
from triptych.index.documents import Document, unpack_features
from triptych.index.model import Listing, Sort

MOST = 1000
"""Items of a map: those that were added last."""
_PAGE = 250
_AXES = 2


@dataclass(frozen=True)
class Mapped:
    """An item on a map."""

    id: str
    title: str
    modalities: Sequence[Modality]
    image: str
    """The digest of its picture; empty: it has none."""
    x: float
    """0 to 1, as ``y``."""
    y: float


@dataclass(frozen=True)
class CollectionMap:
    """Items on a plane."""

    items: Sequence[Mapped]
    total: int
    """Items of the collection."""
    explained: float
    """The share of the variance that the axes have, 0 to 1."""


def map_of(index: SearchIndex, collection: str) -> CollectionMap:
    """Lay out the items of a collection that were added last.

    Raises NotFound, FingerprintMismatch, IndexUnavailable.
    """
    origin = index.origin(collection)
    layout = origin.layout or Layout(())
    page = index.list(
        collection, Listing(limit=MOST, sort=(Sort("added", descending=True),), fields=("id",))
    )
    ids = [str(document["id"]) for document in page.documents]
    documents: list[Document] = []
    for begin in range(0, len(ids), _PAGE):
        some = ids[begin : begin + _PAGE]
        found = index.fetch(collection, some)
        documents += [
            found[one].document
            for one in some
            if one in found
            and found[one].document.get("fingerprint") == origin.fingerprint
            and "features" in found[one].document
        ]
    rows = [unpack_features(one["features"], layout) for one in documents]
    features = np.array(rows, np.float32).reshape(len(rows), layout.dims)
    places, explained = laid_out(features, layout)
    items = [
        Mapped(
            one["id"], one.get("title", ""), one.get("modalities", ()),
            one.get("media", {}).get("image", ""), round(float(x), 4), round(float(y), 4),
        )
        for one, (x, y) in zip(documents, places, strict=True)
    ]  # fmt: skip
    return CollectionMap(items, page.total, explained)


def laid_out(features: NDArray[np.float32], layout: Layout) -> tuple[NDArray[np.float64], float]:
    """Places of items on a plane, float64 (n, 2) from 0 to 1, and the share of the variance.

    Args:
        features: float32 (n, layout.dims), zeros where an item lacks a block.
        layout: of the features.
    """
    centred = np.zeros(features.shape, np.float64)
    for where in layout.slices.values():
        block = features[:, where]
        there = block.any(axis=1)
        if there.any():
            centred[there, where] = block[there] - block[there].mean(axis=0)
    if len(centred) <= _AXES or not centred.any():
        return np.full((len(centred), _AXES), 0.5), 0.0
    centred -= centred.mean(axis=0)
    left, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    # A direction may be turned round: the same items give the same map.
    signs = np.sign(directions[range(_AXES), np.abs(directions[:_AXES]).argmax(axis=1)])
    places = left[:, :_AXES] * sizes[:_AXES] * signs
    least, greatest = places.min(axis=0), places.max(axis=0)
    spread = (greatest - least).max()
    middle = (greatest + least) / 2
    return (places - middle) / spread + 0.5, float((sizes[:_AXES] ** 2).sum() / (sizes**2).sum())
