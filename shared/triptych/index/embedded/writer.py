"""Writes: one transaction for a bulk, vectors before it commits."""

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import orjson

from triptych.fusion.blocks import Layout
from triptych.index.documents import Document, tombstone
from triptych.index.embedded import records
from triptych.index.embedded.facts import facts_of
from triptych.index.embedded.records import Record
from triptych.index.embedded.schema import LENGTHS
from triptych.index.embedded.vectors import VectorFiles
from triptych.index.model import Outcome, Versioned

KEPT_SECONDS = 1800.0
"""How long what was replaced or deleted is kept for snapshots."""
_EMPTIED_AT_ONCE = 512
_VALUES_AT_ONCE = 500

_ROW_COLUMNS = ("place", "id", "version", "born", "parts", "blocks", *LENGTHS)
_ROW = f"INSERT INTO rows ({', '.join(_ROW_COLUMNS)}) VALUES (?{', ?' * (len(_ROW_COLUMNS) - 1)})"  # noqa: S608 they are ours
_POSTING = """
    INSERT INTO postings SELECT number, ?, ? FROM terms WHERE field = ? AND term = ?
"""
_ITEM = "INSERT OR REPLACE INTO items (id, version, place, tombstone) VALUES (?, ?, ?, ?)"
_FACT = "INSERT INTO facts SELECT number, ?, ?, ? FROM fields WHERE name = ?"
_NO_POSTING = """
    DELETE FROM postings
    WHERE place = ? AND term = (SELECT number FROM terms WHERE field = ? AND term = ?)
"""
_NO_FACT = """
    DELETE FROM facts WHERE kind = ? AND value = ? AND place = ?
    AND field = (SELECT number FROM fields WHERE name = ?)
"""
_NO_TERM = """
    DELETE FROM terms WHERE field = ? AND term = ?
    AND NOT EXISTS (SELECT 1 FROM postings WHERE postings.term = terms.number)
"""


@dataclass(frozen=True)
class Known:
    """What is known of an item: its version, and its row or its tombstone."""

    version: int
    row: int | None
    tombstone: str | None


def sorted_out(
    documents: Sequence[Versioned], layout: Layout | None
) -> tuple[dict[int, Record], dict[int, Outcome]]:
    """What can be stored, and what is refused, by its number in the bulk."""
    made: dict[int, Record] = {}
    refused: dict[int, Outcome] = {}
    for number, entry in enumerate(documents):
        try:
            made[number] = records.make_record(entry.document, layout)
        except ValueError as error:
            refused[number] = Outcome(entry.document["id"], "refused", str(error))
    return made, refused


def write(
    connection: sqlite3.Connection,
    vectors: VectorFiles,
    made: Mapping[int, Record],
    versions: Mapping[int, int],
) -> dict[int, Outcome]:
    """Write the records of a bulk, whose numbers and versions these are; outcomes by number."""
    known = known_items(connection, [record.id for record in made.values()])
    winners: dict[str, int] = {}
    outcomes = {}
    for number, record in made.items():
        latest = versions[winners[record.id]] if record.id in winners else _version(known, record)
        if versions[number] < latest:
            outcomes[number] = Outcome(record.id, "superseded")
        else:
            outcomes[number] = Outcome(record.id, "written")
            winners[record.id] = number
    if winners:
        now = time.time()
        empty_rows(connection, now)
        tx = _next(connection)
        replaced = [known[item].row for item in winners if item in known]
        _end(connection, tx, now, [row for row in replaced if row is not None])
        latest_ones = [(made[number], versions[number]) for number in winners.values()]
        connection.executemany(
            _ITEM, [(r.id, version, None, r.tombstone) for r, version in latest_ones if r.tombstone]
        )
        if written := [(r, version) for r, version in latest_ones if not r.tombstone]:
            rows = _take_rows(connection, len(written))
            vectors.write(rows, [r.vector for r, _ in written], [r.blocks for r, _ in written])
            _insert(connection, tx, dict(zip(rows, written, strict=True)))
    return outcomes


def _version(known: Mapping[str, Known], record: Record) -> int:
    return known[record.id].version if record.id in known else -(2**63)


def delete(connection: sqlite3.Connection, item_id: str, version: int) -> Known | None:
    """Delete an item unless a newer version is there; what was known of it.

    A tombstone takes its place, also where there was nothing to delete.
    """
    known = known_items(connection, [item_id]).get(item_id)
    if known is not None and known.version > version:
        return known
    now = time.time()
    empty_rows(connection, now)
    if known is not None and known.row is not None:
        _end(connection, _next(connection), now, [known.row])
    body = tombstone(item_id, version, None if known is None else _last(connection, known))
    connection.execute(_ITEM, (item_id, version, None, orjson.dumps(body).decode()))
    return known


def _last(connection: sqlite3.Connection, known: Known) -> Document:
    """The last document of an item, but for its vector; or its tombstone."""
    if known.tombstone is not None:
        buried: Document = orjson.loads(known.tombstone)
        return buried
    query = "SELECT public, hidden FROM documents WHERE place = ?"
    public, hidden = connection.execute(query, (known.row,)).fetchone()
    return {**orjson.loads(public), **orjson.loads(hidden)}


def forget(connection: sqlite3.Connection, versions: Mapping[str, int]) -> None:
    """Remove tombstones of these ids, unless they are of newer versions."""
    connection.executemany(
        "DELETE FROM items WHERE id = ? AND version <= ? AND tombstone IS NOT NULL",
        versions.items(),
    )
    while empty_rows(connection, time.time()):
        pass


def _next(connection: sqlite3.Connection) -> int:
    """The number of this transaction."""
    connection.execute("UPDATE collection SET tx = tx + 1")
    tx: int = connection.execute("SELECT tx FROM collection").fetchone()[0]
    return tx


def known_items(connection: sqlite3.Connection, items: Iterable[str]) -> dict[str, Known]:
    """What is known of these items; nothing of those that never were there."""
    distinct = list(dict.fromkeys(items))
    known: dict[str, Known] = {}
    for start in range(0, len(distinct), _VALUES_AT_ONCE):
        ids = distinct[start : start + _VALUES_AT_ONCE]
        entries = connection.execute(
            f"SELECT id, version, place, tombstone FROM items WHERE id IN ({_marks(ids)})",  # noqa: S608
            ids,
        )
        known |= {item: Known(*rest) for item, *rest in entries}
    return known


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _end(connection: sqlite3.Connection, tx: int, now: float, rows: Iterable[int]) -> None:
    connection.executemany(
        "UPDATE rows SET died = ?, died_at = ? WHERE place = ?",
        [(tx, now, row) for row in rows],
    )


def _take_rows(connection: sqlite3.Connection, count: int) -> list[int]:
    """Empty rows first, then new ones."""
    free = connection.execute("SELECT place FROM free ORDER BY place LIMIT ?", (count,))
    rows: list[int] = [row for (row,) in free]
    connection.executemany("DELETE FROM free WHERE place = ?", [(row,) for row in rows])
    (start,) = connection.execute("SELECT places FROM collection").fetchone()
    more = count - len(rows)
    connection.execute("UPDATE collection SET places = places + ?", (more,))
    return [*rows, *range(start, start + more)]


def _insert(
    connection: sqlite3.Connection, tx: int, written: Mapping[int, tuple[Record, int]]
) -> None:
    connection.executemany(
        _ROW,
        [
            (row, r.id, version, tx, r.parts, r.blocks, *r.lengths)
            for row, (r, version) in written.items()
        ],
    )
    connection.executemany(
        "INSERT INTO documents VALUES (?, ?, ?)",
        [(row, r.public, r.hidden) for row, (r, _) in written.items()],
    )
    connection.executemany(
        _ITEM, [(r.id, version, row, None) for row, (r, version) in written.items()]
    )
    numbers = _numbers(connection)
    terms = {(numbers[field], term) for r, _ in written.values() for field, term, _ in r.postings}
    connection.executemany("INSERT OR IGNORE INTO terms (field, term) VALUES (?, ?)", sorted(terms))
    # In the order of the table, so that a page is touched once.
    connection.executemany(
        _POSTING,
        sorted(
            (
                (row, count, numbers[field], term)
                for row, (r, _) in written.items()
                for field, term, count in r.postings
            ),
            key=itemgetter(2, 3),
        ),
    )
    names = sorted({name for r, _ in written.values() for name, _, _ in r.facts})
    connection.executemany(
        "INSERT OR IGNORE INTO fields (name) VALUES (?)", [(name,) for name in names]
    )
    connection.executemany(
        _FACT,
        [
            (kind, value, row, name)
            for row, (r, _) in written.items()
            for name, kind, value in r.facts
        ],
    )


def _numbers(connection: sqlite3.Connection) -> dict[str, int]:
    """The numbers of indexed fields by their names."""
    return dict(connection.execute("SELECT name, number FROM indexed"))


def empty_rows(connection: sqlite3.Connection, now: float) -> int:
    """Forget some of what died long ago: no snapshot can see it, and its rows are free.

    Returns how many rows there were.
    """
    dead = connection.execute(
        "SELECT place, died, public, hidden FROM rows JOIN documents USING (place) "
        "WHERE died_at < ? ORDER BY died_at LIMIT ?",
        (now - KEPT_SECONDS, _EMPTIED_AT_ONCE),
    ).fetchall()
    numbers = _numbers(connection) if dead else {}
    for row, _, public, hidden in dead:
        document = {**orjson.loads(public), **orjson.loads(hidden)}
        postings = records.postings(records.words_of(document))
        terms = [(numbers[field], term) for field, term, _ in postings]
        connection.executemany(_NO_POSTING, [(row, *term) for term in terms])
        connection.executemany(_NO_TERM, terms)
        connection.executemany(
            _NO_FACT,
            [(kind, value, row, name) for name, kind, value in facts_of(document)],
        )
        for table in ("rows", "documents"):
            connection.execute(f"DELETE FROM {table} WHERE place = ?", (row,))  # noqa: S608
    if dead:
        connection.executemany("INSERT INTO free VALUES (?)", [(row,) for row, *_ in dead])
        connection.execute(
            "UPDATE collection SET horizon = max(horizon, ?)", (max(died for _, died, *_ in dead),)
        )
    return len(dead)
