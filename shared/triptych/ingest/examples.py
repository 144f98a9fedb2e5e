"""Examples of a collection: what its index keeps of its items, as training and trials take it.

Stored features serve, and no medium is read. Two passes go over the index page by page: one over
ids, of which those of the lowest hash are drawn where there are too many; one over their features.
So the memory is bounded, and the same collection gives the same examples.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from triptych.core.errors import Conflict, InvalidInput
from triptych.core.fields import FIELDS, Kind, Target
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features
from triptych.index import SearchIndex
from triptych.index.documents import Document, unpack_features
from triptych.index.model import Listing

SPLIT = 0
"""The seed that sets items aside: one for all, so that no model has learnt from what measures
another."""
HELD = 0.15
"""The share of the contents that no model learns from."""
_WINDOW = 1000
_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Study:
    """The items of a collection that can be learnt from, or those that were drawn of them."""

    examples: Examples
    total: int
    """Items of the collection, whether they have features or not."""

    @property
    def held(self) -> Examples:
        """The items that no model learns from."""
        return self.examples.split(HELD, seed=SPLIT)[1]


def study(
    index: SearchIndex, collection: str, ours: Layout, *, most: int, labels: str = ""
) -> Study:
    """Read the features of the encoders' blocks, what tells equal items, and labels.

    Args:
        index: where the collection is.
        collection: its name.
        ours: the layout of the encoders of this process.
        most: items that are drawn at most.
        labels: the field that has them, such as ``tags`` or ``metadata.kind``; "": none.

    Raises:
        NotFound: no collection of that name.
        InvalidInput: a field that can't be a label, or no items with vectors.
        Conflict: other encoders built the collection.
        IndexUnavailable: try again.
    """
    label = label_of(labels) if labels else None
    origin = index.origin(collection)
    if origin.layout is None or origin.layout.base.fingerprint != ours.base.fingerprint:
        raise Conflict(
            f"other encoders built collection {collection!r}: `triptych rebuild {collection}` first"
        )
    index.refresh(collection)
    total, drawn = _draw(index, collection, most)
    vectors: list[Vectors] = []
    told: list[list[str]] = []
    labelled: list[str | None] = []
    for document in _documents(index, collection, drawn, origin.fingerprint):
        vectors.append(_base(document, origin.layout))
        told.append(contents(document))  # a digest, not the text itself, which may be long
        if label:
            labelled.append(label(document))
    if not vectors:
        raise InvalidInput(f"no item of collection {collection!r} has a vector to learn from")
    return Study(Examples(Features.of(np.stack(vectors), ours.base), told, labelled), total)


def contents(document: Document) -> list[str]:
    """What tells an item: digests of its caption, its picture and its sound."""
    told = [f"{part} {digest}" for part, digest in document.get("media", {}).items()]
    if text := " ".join(document.get("text", "").split()).casefold():
        told.append(f"text {hashlib.sha256(text.encode()).hexdigest()}")
    return told or [f"id {document['id']}"]


def label_of(name: str) -> Callable[[Document], str | None]:
    """What reads the label of an item from a field; None for an item without one, or with several.

    Raises InvalidInput for a field that has no labels.
    """
    target = _labelled().get(name.partition(".")[0])
    if target is None or target.keyed is not bool(name.partition(".")[2]):
        fields = ", ".join(name for one in _labelled().values() for name in one.labels)
        raise InvalidInput(f"labels: {name!r} has no labels; there are {fields}", field="labels")

    def read(document: Document) -> str | None:
        return _label(document, FIELDS.target(name))

    return read


def _labelled() -> Mapping[str, Any]:
    """The fields that may have labels: what users send of single values that facets count."""
    return {
        field.name: field
        for field in FIELDS
        if field.sendable and field.facetable and field.kind in {Kind.KEYWORD, Kind.SCALARS}
    }


def _label(document: Document, target: Target) -> str | None:
    value = document.get(target.field.name)
    if target.key is not None:
        value = (value or {}).get(target.key)
    if target.field.many:
        value = value[0] if value and len(value) == 1 else None
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def _draw(index: SearchIndex, collection: str, most: int) -> tuple[int, Sequence[str]]:
    """How many items there are, and the ids of ``most`` of them, by their hash."""
    total = 0
    lowest: list[tuple[int, str]] = []  # a heap whose first has the highest hash
    for item in _ids(index, collection):
        total += 1
        entry = (-int.from_bytes(hashlib.sha256(item.encode()).digest()[:8]), item)
        if len(lowest) < most:
            heapq.heappush(lowest, entry)
        else:
            heapq.heappushpop(lowest, entry)
    return total, sorted(item for _, item in lowest)


def _ids(index: SearchIndex, collection: str) -> Iterator[str]:
    after: Sequence[Any] | None = None
    while True:
        page = index.list(collection, Listing(limit=_WINDOW, after=after, fields=("id",)))
        yield from (document["id"] for document in page.documents)
        if page.last is None:
            return
        after = page.last


def _documents(
    index: SearchIndex, collection: str, ids: Sequence[str], fingerprint: str
) -> Iterator[Document]:
    """Those of the items that have features by the encoders of the index, in the order of ids."""
    left = iter(ids)
    while some := list(islice(left, _AT_ONCE)):
        found = index.fetch(collection, some)
        for item in some:
            document = found[item].document if item in found else {}
            if document.get("fingerprint") == fingerprint and "features" in document:
                yield document


def _base(document: Document, layout: Layout) -> Vectors:
    """The blocks of the encoders, float32 (layout.base.dims,)."""
    features = unpack_features(document["features"], layout)
    return np.concatenate(
        [features[layout.slices[block.name]] for block in layout.base.blocks]
    ).astype(np.float32)
