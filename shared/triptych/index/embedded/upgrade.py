"""A database of an older format becomes one of the latest, in place.

The second format has an identity, tombstones instead of deletions that are forgotten after a day,
and the digests of media. The third one calls the fields that have words by their names, so that
there may be more of them later. The fourth one looks up numbers of 64 bits, dates, and tags
regardless of case.
"""

import sqlite3

import orjson

from triptych.index.documents import kept, tombstone
from triptych.index.embedded.facts import facts_of
from triptych.index.embedded.transactions import transaction
from triptych.index.origin import new_identity

FIRST, _SECOND, _THIRD = 1, 2, 3

_FIELDS = (
    "words.text", "words.transcript", "words.writing",
    "plain.text", "plain.transcript", "plain.writing",
)  # fmt: skip
"""Those of the second format, by their numbers."""
_TABLES = (
    "DROP INDEX items_deleted",
    "ALTER TABLE items ADD COLUMN tombstone TEXT",
    "ALTER TABLE collection ADD COLUMN identity TEXT",
    "CREATE INDEX items_tombstones ON items (version) WHERE tombstone IS NOT NULL",
)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Upgrade in one transaction, unless another process has done so meanwhile."""
    with transaction(connection):
        (now,) = connection.execute("PRAGMA user_version").fetchone()
        if now == FIRST:
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("UPDATE collection SET identity = ?", (new_identity(),))
            _bury(connection)
            _keep_digests(connection)
        if now <= _SECOND:
            _name_fields(connection)
        if now <= _THIRD:
            _look_up_anew(connection)
            connection.execute(f"PRAGMA user_version = {version}")


def _name_fields(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE indexed (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"
    )
    connection.executemany("INSERT INTO indexed VALUES (?, ?)", enumerate(_FIELDS))
    for number, name in enumerate(_FIELDS):
        connection.execute(f'ALTER TABLE rows RENAME COLUMN length{number} TO "{name}"')


def _bury(connection: sqlite3.Connection) -> None:
    deleted = connection.execute("SELECT id, version FROM items WHERE place IS NULL").fetchall()
    connection.executemany(
        "UPDATE items SET tombstone = ? WHERE id = ?",
        [
            (orjson.dumps(tombstone(item, version, None)).decode(), item)
            for item, version in deleted
        ],
    )
    # The column itself stays, empty: before version 3.35 SQLite can't drop one.
    connection.execute("UPDATE items SET deleted_at = NULL")


def _keep_digests(connection: sqlite3.Connection) -> None:
    for place, public, hidden in connection.execute(
        "SELECT place, public, hidden FROM documents"
    ).fetchall():
        digests = kept(orjson.loads(public)).get("digests", ())
        if digests:
            body = orjson.dumps({**orjson.loads(hidden), "digests": digests})
            connection.execute("UPDATE documents SET hidden = ? WHERE place = ?", (body, place))


def _look_up_anew(connection: sqlite3.Connection) -> None:
    """Make the facts of every document anew."""
    numbers: dict[str, int] = dict(connection.execute("SELECT name, number FROM fields"))

    def number_of(name: str) -> int:
        if name not in numbers:
            made = connection.execute("INSERT INTO fields (name) VALUES (?)", (name,))
            numbers[name] = int(made.lastrowid or 0)
        return numbers[name]

    connection.execute("DELETE FROM facts")
    documents = connection.execute("SELECT place, public, hidden FROM documents ORDER BY place")
    connection.executemany(
        "INSERT INTO facts VALUES (?, ?, ?, ?)",
        (
            (number_of(name), kind, value, place)
            for place, public, hidden in documents
            for name, kind, value in facts_of({**orjson.loads(public), **orjson.loads(hidden)})
        ),
    )
