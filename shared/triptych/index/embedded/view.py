"""A collection at one moment: what is known of every row, and the documents in the database."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from triptych.core.fields import FIELDS
from triptych.index.documents import DELETED, Document, pack_features
from triptych.index.embedded.facts import LONG
from triptych.index.embedded.schema import INDEXED, STATE_COLUMNS
from triptych.index.embedded.vectors import VectorFiles
from triptych.index.embedded.writer import known_items
from triptych.index.model import Held, Versioned

Rows = NDArray[np.int64]
"""(some,) numbers of rows."""
Mask = NDArray[np.bool_]
"""(n,) which rows are meant."""

KINDS = FIELDS["metadata"].kinds_of_values
"""The kinds of the values of facts, in the order in which they are sorted."""

_NEVER = np.iinfo(np.int64).max
_COLUMNS = ", ".join(STATE_COLUMNS)
_AT_ONCE = 500
"""SQLite takes at least 999 values in one statement."""

_METADATA = "metadata."
"""What the names of facts of the metadata begin with."""
_KEYS = "SELECT number, substr(name, ?) FROM fields WHERE substr(name, 1, ?) = ?"
_USED = """
    SELECT EXISTS (
        SELECT 1 FROM facts JOIN rows USING (place)
        WHERE field = ? AND kind = ? AND died IS NULL
    )
"""


_TOMBSTONES = """
    SELECT tombstone FROM items WHERE tombstone IS NOT NULL AND version < ? AND version > ?
    ORDER BY version, id LIMIT ?
"""


@dataclass(frozen=True)
class State:
    """What a process keeps in memory of every row, as of ``tx``.

    Rows that are empty died before they were born.
    """

    tx: int
    horizon: int
    born: NDArray[np.int64]
    died: NDArray[np.int64]
    parts: NDArray[np.int64]
    blocks: NDArray[np.int64]
    lengths: NDArray[np.int64]
    """(indexed fields, n): words in each field."""

    @classmethod
    def empty(cls) -> "State":
        """Of a collection in which nothing is known yet."""
        return cls(0, 0, *_zeros(0))

    def visible(self, tx: int) -> Mask:
        """The rows of the versions that there were after ``tx``."""
        visible: Mask = (self.born <= tx) & (tx < self.died)
        return visible

    def updated(self, connection: sqlite3.Connection) -> "State":
        """The state in the connection's transaction, from what changed since this one."""
        tx, horizon, count = connection.execute(
            "SELECT tx, horizon, places FROM collection"
        ).fetchone()
        if tx <= self.tx:
            return self
        # Of rows that were emptied since, nothing tells that their versions are dead.
        base = self if horizon <= self.tx else State.empty()
        state = _grown(base, count)
        for condition in ("born > ?", "died > ?"):
            changes = connection.execute(
                f"SELECT {_COLUMNS} FROM rows WHERE {condition}",  # noqa: S608 both are ours
                (base.tx,),
            ).fetchall()
            if changes:
                _set(
                    state, np.array([[_NEVER if v is None else v for v in row] for row in changes])
                )
        return replace(state, tx=tx, horizon=horizon)


def _grown(state: State, count: int) -> State:
    """A copy with room for so many rows."""
    grown = _zeros(count)
    known = (state.born, state.died, state.parts, state.blocks, state.lengths)
    for new, old in zip(grown, known, strict=True):
        new[..., : len(state.born)] = old
    return State(state.tx, state.horizon, *grown)


def _set(state: State, changes: NDArray[np.int64]) -> None:
    """Put values of STATE_COLUMNS into the arrays of a state that nobody else has yet."""
    rows, born, died, parts, blocks, *lengths = changes.T
    state.born[rows] = born
    state.died[rows] = died
    state.parts[rows] = parts
    state.blocks[rows] = blocks
    state.lengths[:, rows] = lengths


def _zeros(count: int) -> tuple[NDArray[np.int64], ...]:
    zeros = np.zeros((4 + len(INDEXED), count), np.int64)
    return (*zeros[:4], zeros[4:])


@dataclass(frozen=True)
class View:
    """A collection at one moment, for the length of a transaction."""

    connection: sqlite3.Connection
    vectors: VectorFiles
    state: State
    tx: int

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.state.born)

    @cached_property
    def visible(self) -> Mask:
        """The rows that have an item now."""
        return self.state.visible(self.tx)

    @cached_property
    def snapshot(self) -> str:
        """What ``Store.read`` takes to see the collection like this."""
        (uid,) = self.connection.execute("SELECT uid FROM collection").fetchone()
        return f"{uid}:{self.tx}"

    def numbers(self, query: str, values: Sequence[Any] = ()) -> list[Rows]:
        """The only result of a query, whose columns are ``group_concat`` of integers.

        A string of all of them is read many times faster than as many Python objects.
        """
        return [parsed(numbers) for numbers in self.connection.execute(query, values).fetchone()]

    def row(self, item_id: str) -> int | None:
        """The row of the latest version of an item, unless it was deleted."""
        entry: tuple[int | None] | None = self.connection.execute(
            "SELECT place FROM items WHERE id = ?", (item_id,)
        ).fetchone()
        return None if entry is None else entry[0]

    def held(self, ids: Collection[str]) -> dict[str, Held]:
        """What there is under each id now; nothing for the others."""
        known = known_items(self.connection, ids)
        rows = {item: entry.row for item, entry in known.items() if entry.row is not None}
        bodies = self.public(np.array(list(rows.values()), np.int64))
        found = {
            item: (body["status"], body.get("fingerprint"))
            for item, body in zip(rows, bodies, strict=True)
        }
        return {
            item: Held(entry.version, *found.get(item, (DELETED, None)))
            for item, entry in known.items()
        }

    def rows_of(self, ids: Collection[str]) -> Rows:
        """The rows of the items that there are among these."""
        known = known_items(self.connection, ids)
        return np.array([one.row for one in known.values() if one.row is not None], np.int64)

    def written_since(self, tx: int) -> list[str]:
        """The ids of the items of which a version came after a transaction."""
        query = "SELECT id FROM rows WHERE born > ? AND died IS NULL"
        return [item for (item,) in self.connection.execute(query, (tx,))]

    def tombstones(self, before: int, limit: int, above: int = -1) -> list[Document]:
        """The oldest tombstones below a version and above another."""
        return [
            orjson.loads(body)
            for (body,) in self.connection.execute(_TOMBSTONES, (before, above, limit))
        ]

    def mask(self, rows: Rows) -> Mask:
        """Of those rows the ones that have an item now."""
        mask = np.zeros(self.size, bool)
        mask[rows] = True
        mask &= self.visible
        return mask

    def public(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """What clients may see of the documents of some rows, in their order."""
        for (body,) in self._columns("public", "documents", rows):
            yield orjson.loads(body)

    def hidden(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The words and facts of the documents of some rows, in their order."""
        for (body,) in self._columns("hidden", "documents", rows):
            yield orjson.loads(body)

    def whole(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The documents of some rows, in their order; without vectors."""
        for body, words in self._columns("public, hidden", "documents", rows):
            yield {**orjson.loads(body), **orjson.loads(words)}

    def versions(self, rows: Rows) -> Iterator[tuple[str, int]]:
        """Ids and versions of some rows, in their order."""
        return ((item, version) for item, version in self._columns("id, version", "rows", rows))

    def versioned(self, rows: Rows) -> list[Versioned]:
        """The documents of some rows, in their order, with all that they were written with."""
        filled = self.state.blocks[rows] if self.vectors.are_known else np.zeros_like(rows)
        entries = zip(
            self.whole(rows),
            self.versions(rows),
            self.vectors.vectors(rows, filled),
            self.vectors.features(rows, filled),
            filled != 0,  # silence has no vector, nor has what other encoders described
            strict=True,
        )
        return [
            Versioned({**document, "vector": vector, "features": pack_features(features)}, version)
            if has
            else Versioned(document, version)
            for document, (_, version), vector, features, has in entries
        ]

    def _columns(self, columns: str, table: str, rows: Rows) -> Iterator[Sequence[Any]]:
        for start in range(0, len(rows), _AT_ONCE):
            numbers = rows[start : start + _AT_ONCE].tolist()
            marks = ", ".join("?" * len(numbers))
            query = f"SELECT place, {columns} FROM {table} WHERE place IN ({marks})"  # noqa: S608
            values = {number: rest for number, *rest in self.connection.execute(query, numbers)}
            for number in numbers:
                yield values[number]

    def metadata(self) -> dict[str, set[str]]:
        """The keys of the metadata, and the kinds of values that each has now."""
        beginning = (len(_METADATA) + 1, len(_METADATA), _METADATA)
        keys = self.connection.execute(_KEYS, beginning).fetchall()
        used = {
            key: {
                "string" if kind == LONG[0] else kind
                for kind in (*KINDS, LONG[0])
                if self.connection.execute(_USED, (number, kind)).fetchone()[0]
            }
            for number, key in keys
        }
        return {key: kinds for key, kinds in used.items() if kinds}


def parsed(numbers: str | None) -> Rows:
    """Numbers out of a ``group_concat``."""
    if not numbers:
        return np.zeros(0, np.int64)
    return np.fromstring(numbers, np.int64, sep=",")
