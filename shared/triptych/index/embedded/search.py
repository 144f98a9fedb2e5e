"""A search: the best by words and the best of each presence class, and what they are."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors
from triptych.fusion.query import PresenceClass, compared_blocks
from triptych.fusion.signals import Candidate
from triptych.index.documents import returned
from triptych.index.embedded.conditions import holding
from triptych.index.embedded.facets import counted
from triptych.index.embedded.postings import Lookup, Matched
from triptych.index.embedded.records import PARTS, bits
from triptych.index.embedded.view import Mask, Rows, View
from triptych.index.model import IndexQuery, Match, Results

_PARALLEL = 1e-6


def search(view: View, query: IndexQuery) -> Results:
    """Candidates with their raw scores, within the filter."""
    lookup = Lookup(view)
    allowed = holding(view, query.filter) & lookup.limits(query.words)
    matched = lookup.scored(query.words.should)
    worded = allowed & (matched.total > 0)
    chosen = np.zeros(view.size, bool)
    for rows in nearest(view, query.classes, allowed, query.candidates):
        chosen[rows] = True
    if query.worded is not None:
        every = [PresenceClass((), (), query.worded)]
        for rows in nearest(view, every, allowed & matched.all_words(), query.candidates):
            chosen[rows] = True
    found = chosen | worded
    chosen[_best_worded(view, matched, np.flatnonzero(worded), query.candidates)] = True
    ranked = worded | (allowed & _comparable(view, query)) if query.classes else worded
    return Results(
        matches=_matches(view, query, matched, np.flatnonzero(chosen)),
        total=int(np.count_nonzero(ranked)),
        facets=counted(view, query.facets, found),
    )


def _comparable(view: View, query: IndexQuery) -> Mask:
    """The rows that have a block that the query ranks by."""
    layout = view.vectors.layout
    wanted = bits(layout.slices, compared_blocks(query.classes, layout))
    compared: Mask = (view.state.blocks & wanted) != 0
    return compared


def nearest(view: View, classes: Sequence[PresenceClass], allowed: Mask, count: int) -> list[Rows]:
    """The best of each presence class by inner product, equals by row."""
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
    sums = view.vectors.product(queries, blocks, np.logical_or.reduce(members))
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


def best(rows: Rows, scores: NDArray[np.floating], count: int) -> Rows:
    """The rows with the highest scores, at most ``count``; of equals the first ones."""
    if len(rows) <= count:
        return rows
    ours = scores[rows]
    least = np.partition(ours, -count)[-count]
    above, equal = rows[ours > least], rows[ours == least]
    return np.concatenate([above, equal[: count - len(above)]])


def _best_worded(view: View, matched: Matched, rows: Rows, count: int) -> Rows:
    """The best by words, equals by id."""
    if len(rows) <= count:
        return rows
    scores = matched.total[rows]
    least = np.partition(scores, -count)[-count]
    above, equal = rows[scores > least], rows[scores == least]
    ids = (item for item, _ in view.versions(equal))
    by_id = [row for _, row in sorted(zip(ids, equal, strict=True))]
    return np.array([*above, *by_id[: count - len(above)]])


def _matches(view: View, query: IndexQuery, matched: Matched, rows: Rows) -> list[Match]:
    """What a search returns of the items of some rows."""
    features = view.vectors.features(rows, view.state.blocks[rows])
    labels = query.words.labels
    return [
        Match(
            Candidate(
                id=document["id"],
                parts=_parts(int(view.state.parts[row])),
                keyword=float(matched.total[row]) if matched.total[row] > 0 else None,
                words=matched.of(row, labels),
                features=vector,
            ),
            returned(document, query.fields),
        )
        for row, vector, document in zip(rows, features, view.public(rows), strict=True)
    ]


@cache
def _parts(mask: int) -> frozenset[str]:
    return frozenset(name for bit, name in enumerate(PARTS) if mask >> bit & 1)
