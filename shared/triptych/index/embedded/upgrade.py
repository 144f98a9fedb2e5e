"""A database of the first format becomes one of the second, in place.

The second one has an identity, tombstones instead of deletions that are forgotten after a day, and
the digests of media.
"""

import sqlite3

import orjson

from triptych.index.documents import tombstone, with_digests
from triptych.index.origin import new_identity

FIRST = 1

_TABLES = (
    "DROP INDEX items_deleted",
    "ALTER TABLE items ADD COLUMN tombstone TEXT",
    "ALTER TABLE collection ADD COLUMN identity TEXT",
    "CREATE INDEX items_tombstones ON items (version) WHERE tombstone IS NOT NULL",
)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Upgrade in one transaction, unless another process has done so meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (now,) = connection.execute("PRAGMA user_version").fetchone()
        if now == FIRST:
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("UPDATE collection SET identity = ?", (new_identity(),))
            _bury(connection)
            _look_up_digests(connection)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


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


def _look_up_digests(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR IGNORE INTO fields (name) VALUES ('digests')")
    for place, public, hidden in connection.execute(
        "SELECT place, public, hidden FROM documents"
    ).fetchall():
        digests = with_digests(orjson.loads(public)).get("digests", ())
        if digests:
            body = orjson.dumps({**orjson.loads(hidden), "digests": digests})
            connection.execute("UPDATE documents SET hidden = ? WHERE place = ?", (body, place))
        connection.executemany(
            "INSERT INTO facts SELECT number, 'string', ?, ? FROM fields WHERE name = 'digests'",
            [(digest, place) for digest in digests],
        )
