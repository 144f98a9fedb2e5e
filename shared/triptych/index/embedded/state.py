"""What a process keeps in memory of every place of a collection, brought up to date by changes."""

import sqlite3
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triptych.index.embedded.schema import INDEXED, STATE_COLUMNS

Mask = NDArray[np.bool_]
"""(n,) which places are meant."""

NEVER = np.iinfo(np.int64).max
_COLUMNS = ", ".join(STATE_COLUMNS)


@dataclass(frozen=True)
class State:
    """Arrays over places, as of ``tx``. Places that are empty died before they were born."""

    tx: int
    horizon: int
    born: NDArray[np.int64]
    died: NDArray[np.int64]
    parts: NDArray[np.int64]
    blocks: NDArray[np.int64]
    lengths: NDArray[np.int64]
    """(indexed fields, n): words in each field."""

    def visible(self, tx: int) -> Mask:
        """The places of the versions that there were after ``tx``."""
        seen: Mask = (self.born <= tx) & (tx < self.died)
        return seen


def empty() -> State:
    """Of a collection in which nothing is known yet."""
    return State(0, 0, *_nothing(0))


def _nothing(count: int) -> tuple[NDArray[np.int64], ...]:
    zeros = np.zeros((4 + len(INDEXED), count), np.int64)
    return (*zeros[:4], zeros[4:])


def current(connection: sqlite3.Connection, known: State) -> State:
    """The state in the connection's transaction, from what changed since ``known``."""
    tx, horizon, places = connection.execute(
        "SELECT tx, horizon, places FROM collection"
    ).fetchone()
    if tx <= known.tx:
        return known
    # Of places that were emptied since, nothing tells that their versions are dead.
    base = known if horizon <= known.tx else empty()
    state = _grown(base, places)
    for condition in ("born > ?", "died > ?"):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM rows WHERE {condition}",  # noqa: S608 both are ours
            (base.tx,),
        ).fetchall()
        if rows:
            _set(state, np.array([[NEVER if v is None else v for v in row] for row in rows]))
    return replace(state, tx=tx, horizon=horizon)


def _grown(state: State, places: int) -> State:
    """A copy with room for all places."""
    grown = _nothing(places)
    count = len(state.born)
    for new, old in zip(
        grown, (state.born, state.died, state.parts, state.blocks, state.lengths), strict=True
    ):
        new[..., :count] = old
    return State(state.tx, state.horizon, *grown)


def _set(state: State, rows: NDArray[np.int64]) -> None:
    """Put rows of STATE_COLUMNS into the arrays of a state that nobody else has yet."""
    places, born, died, parts, blocks, *lengths = rows.T
    state.born[places] = born
    state.died[places] = died
    state.parts[places] = parts
    state.blocks[places] = blocks
    state.lengths[:, places] = lengths
