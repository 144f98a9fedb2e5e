"""One collection: its folder, connections to its database, and transactions."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from triptych.core.errors import CursorExpired, IndexUnavailable, InvalidInput, TriptychError
from triptych.fusion.blocks import Layout
from triptych.index.embedded.schema import DATABASE, connect
from triptych.index.embedded.transactions import transaction
from triptych.index.embedded.vectors import VectorFiles
from triptych.index.embedded.view import State, View
from triptych.index.origin import BLOCKS, origin, read_origin

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_PRIMARY = 0xFF
"""The bits of an error code that say its kind: https://www.sqlite.org/rescode.html."""
_NUMBER = re.compile("[0-9]{1,18}")
_NO_LAYOUT = Layout(())
"""Of an index whose blocks are not known: its vectors are left alone."""


class Store:
    """Open files of a collection, for the threads of one process."""

    def __init__(self, folder: Path, collection: str, layout: Layout) -> None:
        """Open the folder of an index; ``layout`` is that of this process.

        Raises OSError, sqlite3.Error; FingerprintMismatch for one of another schema.
        """
        self.folder = folder
        self._ours = layout
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._connections = 0
        try:
            self._file = _identity(folder)
            connection = self._take()
            self._idle.append(connection)
            (meta,) = connection.execute("SELECT meta FROM collection").fetchone()
            kept = orjson.loads(meta)
            self.origin = read_origin(collection, kept, layout)
            self._complete = BLOCKS in kept
        except BaseException:
            self._close()
            raise
        known = self.origin.layout or _NO_LAYOUT
        self.vectors = VectorFiles(folder, self._descriptor, known)
        self._state = State.empty()

    def is_current(self) -> bool:
        """Whether the files are still those of the collection of this name."""
        try:
            return _identity(self.folder) == self._file
        except OSError:
            return False

    @property
    def descriptors(self) -> int:
        """How many it takes at most: folder, shared memory, maps, and two a connection."""
        return 2 + self.vectors.count + 2 * self._connections

    def close(self) -> None:
        """Close everything. No thread may use the store now, or afterwards."""
        self.vectors.close()
        self._close()

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        os.close(self._descriptor)

    def adopt(self) -> None:
        """Write down the blocks of an index of ours that is older than this habit."""
        if self._complete or self.origin.fingerprint != self._ours.fingerprint:
            return
        with self.write() as connection:
            meta, places = connection.execute("SELECT meta, places FROM collection").fetchone()
            # A process that did not know the blocks may have written items without vectors.
            self.vectors.make_room(places)
            body = orjson.dumps({**orjson.loads(meta), **origin(self._ours)}).decode()
            connection.execute("UPDATE collection SET meta = ?", (body,))
        self._complete = True

    @contextmanager
    def read(self, snapshot: str | None = None) -> Iterator[View]:
        """The collection as it is now, or was at a snapshot. Raises CursorExpired."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                (now,) = connection.execute("SELECT tx FROM collection").fetchone()
                known = self._refresh(connection)
                # Another thread may know more already than this transaction sees.
                tx = now if snapshot is None else self._tx(connection, snapshot, now)
                yield View(connection, self.vectors, known, tx)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is alone in writing; it commits unless something is raised."""
        with self._connection() as connection, transaction(connection):
            yield connection

    def truncate_log(self) -> None:
        """Empty the log of writes, which has what was deleted, as far as nobody reads it now."""
        with self._connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _refresh(self, connection: sqlite3.Connection) -> State:
        known = self._state.updated(connection)
        if known.tx > self._state.tx:
            self._state = known
        return known

    @staticmethod
    def _tx(connection: sqlite3.Connection, snapshot: str, now: int) -> int:
        """The transaction number of a snapshot that is still whole."""
        uid, horizon = connection.execute("SELECT uid, horizon FROM collection").fetchone()
        ours, _, digits = snapshot.partition(":")
        number = int(digits) if _NUMBER.fullmatch(digits) else -1  # it may be forged
        if ours != uid or not horizon <= number <= now:
            raise CursorExpired(
                "the collection as it was when the paging began is not kept any more"
            )
        return number

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses meanwhile."""
        with translated(self.folder):
            connection = self._take()
            try:
                yield connection
            finally:
                with self._lock:
                    self._idle.append(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = connect(self.folder)
        with self._lock:
            self._connections += 1
        return connection


def _identity(folder: Path) -> tuple[int, int]:
    status = (folder / DATABASE).stat()
    return status.st_dev, status.st_ino


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Errors of SQLite and of files, in terms of ours; those that only a defect makes stay."""
    try:
        yield
    except TriptychError:
        raise
    except UnicodeEncodeError as error:
        raise InvalidInput(f"no index can have this: {error.reason}") from error
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", -1) & _PRIMARY
        if kind in _DAMAGED:
            raise IndexUnavailable(
                f"{folder.name}/{DATABASE} is damaged ({error}): restore a copy of the folder, or "
                "delete the collection and add its items again"
            ) from error
        if kind in _AWAY:
            raise IndexUnavailable(f"{folder.name}/{DATABASE}: {error}") from error
        raise
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str) else "vectors"
        raise IndexUnavailable(f"{folder.name}/{name}: {error.strerror}") from error
