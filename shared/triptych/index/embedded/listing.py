"""Listings: items by a filter, in the order of fields, from any point on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.index.documents import Document, returned
from triptych.index.embedded.conditions import comparable, holding
from triptych.index.embedded.facets import counted
from triptych.index.embedded.facts import INSTANT, facts_of
from triptych.index.embedded.view import Rows, View
from triptych.index.model import Listing, Page, Sort

Key = list[Any]
"""A kind and a value of it; as JSON has it, and as the database compares it."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "number": (int, float), INSTANT: (int,), "string": (str,), "boolean": (int, float),
}  # fmt: skip
"""The kinds of values in their order, and what JSON has for them. Dates are strings, too."""
_MISSING = np.inf

_RANKED = """
    SELECT group_concat(place), group_concat(rank) FROM (
        SELECT place, dense_rank() OVER (ORDER BY value) - 1 AS rank FROM facts
        WHERE field = (SELECT number FROM fields WHERE name = ?) AND kind = ?
    )
"""
_BELOW = """
    SELECT count(DISTINCT value) FROM facts
    WHERE field = (SELECT number FROM fields WHERE name = ?) AND kind = ? AND value {} ?
"""


def list_items(view: View, listing: Listing) -> Page:
    """Documents by filter and order."""
    matching = holding(view, listing.filter)
    order = _Order(view, listing.sort)
    rows = order.sorted(np.flatnonzero(matching))
    rest = rows if listing.after is None else order.after(rows, listing.after)
    page = rest[: listing.limit]
    return Page(
        documents=[returned(document, listing.fields) for document in view.public(page)],
        total=len(rows),
        last=order.keys(next(view.whole(page[-1:]))) if 0 < len(page) < len(rest) else None,
        facets=counted(view, listing.facets, matching),
    )


class _Column:
    """Where each item is in the order of one field."""

    def __init__(self, view: View, sort: Sort) -> None:
        self._view = view
        self._sort = sort
        self._starts: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self.ranks: NDArray[np.float64] = np.full(view.size, _MISSING)
        total = 0
        for kind in _TYPES:
            rows, ranks = view.numbers(_RANKED, (sort.field, kind))
            count = int(ranks.max(initial=-1)) + 1
            self._starts[kind], self._counts[kind] = total, count
            unranked = self.ranks[rows] == _MISSING
            places = total + (count - 1 - ranks if sort.descending else ranks)
            self.ranks[rows[unranked]] = places[unranked]
            total += count

    def key(self, document: Document) -> Key | None:
        """The value that a document has."""
        values = {
            kind: value for name, kind, value in facts_of(document) if name == self._sort.field
        }
        return next(([kind, values[kind]] for kind in _TYPES if kind in values), None)

    def rank(self, key: Key | None) -> float:
        """Where a value is, or would be."""
        if key is None:
            return _MISSING
        kind, value = key
        below, up_to = (
            self._view.connection.execute(
                _BELOW.format(sign), (self._sort.field, kind, comparable(value))
            ).fetchone()[0]
            for sign in ("<", "<=")
        )
        rank: float = (below + up_to - 1) / 2  # between two, if there is no such value
        return self._starts[kind] + (
            self._counts[kind] - 1 - rank if self._sort.descending else rank
        )


class _Order:
    """Items by some fields, equals by id."""

    def __init__(self, view: View, sorts: Sequence[Sort]) -> None:
        self._columns = [_Column(view, sort) for sort in (*sorts, Sort("id"))]

    def sorted(self, rows: Rows) -> Rows:
        """Rows in order."""
        keys = [column.ranks[rows] for column in reversed(self._columns)]
        ordered: Rows = rows[np.lexsort(keys)]
        return ordered

    def after(self, rows: Rows, keys: Sequence[Any]) -> Rows:
        """Of rows in order, those that come after one with these keys.

        Raises:
            InvalidInput: they are not what ``keys`` makes.
        """
        if len(keys) != len(self._columns) or not all(map(_is_key, keys)):
            raise InvalidInput("the listing has no such position")
        later = np.zeros(len(rows), bool)
        equal = np.ones(len(rows), bool)
        for column, key in zip(self._columns, keys, strict=True):
            ranks, rank = column.ranks[rows], column.rank(key)
            later |= equal & (ranks > rank)
            equal &= ranks == rank
        return rows[later]

    def keys(self, document: Document) -> list[Any]:
        """What ``after`` takes to go on behind a document."""
        return [column.key(document) for column in self._columns]


def _is_key(key: Any) -> bool:
    match key:
        case None:
            return True
        case [str(kind), value] if kind in _TYPES:
            return isinstance(value, _TYPES[kind])
    return False
