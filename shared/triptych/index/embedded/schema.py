"""The tables of a collection, and how its database is made and opened.

A version of an item has a row of its own in ``rows`` and, with the same number, in the files of
vectors; columns with that number are called ``place``. It is seen by transactions from ``born`` on,
up to the one before ``died``. Every committed change counts ``tx`` up, so that a number says how
the collection was then. Rows whose version died long ago are emptied and used again; ``horizon`` is
the latest death of those.
"""

import secrets
import sqlite3
from pathlib import Path

import orjson

from triptych.core.errors import IndexUnavailable
from triptych.core.fields import FIELDS, Kind
from triptych.fusion.blocks import Layout
from triptych.index.embedded.transactions import transaction
from triptych.index.embedded.upgrade import FIRST, upgrade
from triptych.index.origin import new_identity, origin

DATABASE = "index.db"

FORMAT = 4
"""Goes up with every change of the tables, of the files, or of what ``records`` makes."""
_APPLICATION = 0x54525054
"""``TRPT``: https://www.sqlite.org/pragma.html#pragma_application_id."""

INDEXED = tuple(
    f"{field.name}.{name}"
    for field in FIELDS.stored
    if field.kind is Kind.WORDS
    for name in FIELDS.searchable
)
"""The fields that have postings. Each has a number in the table ``indexed`` and a column in
``rows`` for the number of its words; those that are declared later get theirs on opening."""

_WAIT_SECONDS = 30.0
_CACHE_KIB = 32_768

LENGTHS = tuple(f'"{name}"' for name in INDEXED)
"""The columns with the number of words in each of them."""
STATE_COLUMNS = ("place", "born", "died", "parts", "blocks", *LENGTHS)
"""What every process keeps of each row in memory."""

_TABLES = """
CREATE TABLE collection (
    uid TEXT, meta TEXT, tx INTEGER, horizon INTEGER, places INTEGER, identity TEXT
);
CREATE TABLE rows (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    born INTEGER NOT NULL,
    died INTEGER,
    died_at REAL,
    parts INTEGER NOT NULL,
    blocks INTEGER NOT NULL
);
CREATE TABLE indexed (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE INDEX rows_born ON rows (born);
CREATE INDEX rows_died ON rows (died) WHERE died IS NOT NULL;
CREATE INDEX rows_died_at ON rows (died_at) WHERE died_at IS NOT NULL;
CREATE TABLE documents (place INTEGER PRIMARY KEY, public BLOB NOT NULL, hidden BLOB NOT NULL);
CREATE TABLE items (
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, place INTEGER, tombstone TEXT
) WITHOUT ROWID;
CREATE INDEX items_tombstones ON items (version) WHERE tombstone IS NOT NULL;
CREATE TABLE terms (
    number INTEGER PRIMARY KEY, field INTEGER NOT NULL, term TEXT NOT NULL, UNIQUE (field, term)
);
CREATE TABLE postings (
    term INTEGER NOT NULL, place INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (term, place)
) WITHOUT ROWID;
CREATE TABLE fields (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE facts (
    field INTEGER NOT NULL, kind TEXT NOT NULL, value, place INTEGER NOT NULL,
    PRIMARY KEY (field, kind, value, place)
) WITHOUT ROWID;
CREATE TABLE free (place INTEGER PRIMARY KEY);
"""


def connect(folder: Path) -> sqlite3.Connection:
    """A connection to the database of a collection, which must be there and be ours."""
    connection = _open(folder, "rw")
    try:
        _set_up(connection)
        _check(connection, folder)
        _take_fields(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def create(folder: Path, layout: Layout, identity: str | None) -> None:
    """Write an empty collection into an empty folder."""
    connection = _open(folder, "rwc")
    try:
        _set_up(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.executescript(_TABLES)
        _take_fields(connection)
        connection.execute(
            "INSERT INTO collection VALUES (?, ?, 0, 0, 0, ?)",
            (
                secrets.token_hex(4),
                orjson.dumps(origin(layout)).decode(),
                identity or new_identity(),
            ),
        )
    finally:
        connection.close()


def _open(folder: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{(folder / DATABASE).absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")  # what is reported as written survives
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros


def _check(connection: sqlite3.Connection, folder: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    file = f"{folder.name}/{DATABASE}"
    if application != _APPLICATION:
        raise IndexUnavailable(f"{file} is no index of Triptych")
    if version > FORMAT:
        raise IndexUnavailable(
            f"{file} was written by a newer Triptych, in format {version}; this one reads {FORMAT}"
        )
    if FIRST <= version < FORMAT:
        upgrade(connection, FORMAT)
    elif version < FORMAT:
        raise IndexUnavailable(
            f"{file} was written by an older Triptych, of format {version}: add the items again"
        )


def _take_fields(connection: sqlite3.Connection) -> None:
    """Make room for the words of fields that the tables don't know; no item has any yet."""
    if _unknown(connection):
        with transaction(connection):
            for name in _unknown(connection):
                connection.execute("INSERT INTO indexed (name) VALUES (?)", (name,))
                connection.execute(
                    f'ALTER TABLE rows ADD COLUMN "{name}" INTEGER NOT NULL DEFAULT 0'
                )


def _unknown(connection: sqlite3.Connection) -> list[str]:
    known = {name for (name,) in connection.execute("SELECT name FROM indexed")}
    return [name for name in INDEXED if name not in known]
