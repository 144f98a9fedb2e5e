"""A search: the best by words and the best of each presence class, and what they are."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.fusion.query import PresenceClass
from triptych.fusion.scores import Candidate
from triptych.index.documents import returned
from triptych.index.embedded import stored
from triptych.index.embedded.conditions import holding
from triptych.index.embedded.counts import counted
from triptych.index.embedded.lookup import Lookup, Matched
from triptych.index.embedded.order import Order
from triptych.index.embedded.records import PARTS, bits
from triptych.index.embedded.state import Mask
from triptych.index.embedded.store import Places, View
from triptych.index.model import Found, IndexQuery, Listing, Page, Results

_PARALLEL = 1e-6


def search(view: View, query: IndexQuery) -> Results:
    """Candidates with their raw scores, within the filter."""
    lookup = Lookup(view)
    allowed = holding(view, query.filter) & lookup.limits(query.words)
    matched = lookup.scored(query.words.should)
    worded = allowed & (matched.total > 0)
    found = np.zeros(view.size, bool)
    for places in nearest(view, query.classes, allowed, query.candidates):
        found[places] = True
    counting = found | worded
    found[_best_worded(view, matched, np.flatnonzero(worded), query.candidates)] = True
    return Results(
        found=_found(view, query, matched, np.flatnonzero(found)),
        total=int(np.count_nonzero(counting)),
        facets=counted(view, query.facets, counting),
    )


def nearest(
    view: View, classes: Sequence[PresenceClass], allowed: Mask, count: int
) -> list[Places]:
    """The best of each presence class by inner product, equals by place."""
    if not classes:
        return []
    parts, blocks = view.state.parts, view.state.blocks
    members = []
    for entry in classes:
        present, absent = bits(PARTS, entry.present), bits(PARTS, entry.absent)
        members.append(
            allowed & (blocks != 0) & (parts & present == present) & (parts & absent == 0)
        )
    queries, directions = distinct(np.stack([entry.vector for entry in classes]))
    sums = view.store.blocks.product(queries, blocks, np.logical_or.reduce(members))
    return [
        best(np.flatnonzero(member), sums[direction], count)
        for member, direction in zip(members, directions, strict=True)
    ]


def distinct(vectors: Vectors) -> tuple[Vectors, list[int]]:
    """Vectors that differ in more than their length, and which of them each one is like.

    Those of one query are usually alike, and length changes no order within a class.
    """
    kept: list[Vectors] = []
    directions = []
    for vector in vectors:
        unit = vector / (np.linalg.norm(vector) or 1.0)
        same = (n for n, other in enumerate(kept) if np.abs(unit - other).max() < _PARALLEL)
        number = next(same, len(kept))
        if number == len(kept):
            kept.append(unit)
        directions.append(number)
    return np.stack(kept), directions


def best(places: Places, scores: NDArray[np.floating], count: int) -> Places:
    """The places with the highest scores, at most ``count``; of equals the first ones."""
    if len(places) <= count:
        return places
    ours = scores[places]
    least = np.partition(ours, -count)[-count]
    above, equal = places[ours > least], places[ours == least]
    return np.concatenate([above, equal[: count - len(above)]])


def _best_worded(view: View, matched: Matched, places: Places, count: int) -> Places:
    """The best by words, equals by id."""
    if len(places) <= count:
        return places
    scores = matched.total[places]
    least = np.partition(scores, -count)[-count]
    above, equal = places[scores > least], places[scores == least]
    ids = (item for item, _ in stored.versions(view, equal))
    by_id = [place for _, place in sorted(zip(ids, equal, strict=True))]
    return np.array([*above, *by_id[: count - len(above)]])


def _found(view: View, query: IndexQuery, matched: Matched, places: Places) -> list[Found]:
    """What a search tells of the items at some places."""
    features = view.store.blocks.features(places, view.state.blocks[places])
    labels = query.words.labels
    return [
        Found(
            Candidate(
                id=document["id"],
                parts=_parts(int(view.state.parts[place])),
                keyword=float(matched.total[place]) if matched.total[place] > 0 else None,
                words=matched.of(place, labels),
                features=row,
            ),
            returned(document, query.fields),
        )
        for place, row, document in zip(places, features, stored.public(view, places), strict=True)
    ]


@cache
def _parts(mask: int) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(PARTS) if mask >> place & 1)


def listed(view: View, listing: Listing) -> Page:
    """Documents by filter and order."""
    among = holding(view, listing.filter)
    order = Order(view, listing.sort)
    places = order.sorted(np.flatnonzero(among))
    rest = places if listing.after is None else order.after(places, listing.after)
    page = rest[: listing.limit]
    return Page(
        documents=[returned(found, listing.fields) for found in stored.public(view, page)],
        total=len(places),
        last=order.keys(next(stored.whole(view, page[-1:]))) if 0 < len(page) < len(rest) else None,
        facets=counted(view, listing.facets, among),
    )
