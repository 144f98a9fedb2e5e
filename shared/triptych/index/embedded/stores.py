"""The collections of an index: their folders, and those that this process has open.

What is open is bounded: beyond ``DESCRIPTORS``, the stores that were not used for the longest time
are closed. So are those whose collection was dropped, here or by another process. A store that a
thread uses at that time is closed when the thread is done.
"""

import os
import re
import secrets
import shutil
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.fusion.blocks import Layout
from triptych.index.embedded import folders, schema
from triptych.index.embedded.store import Store, translated

DESCRIPTORS = 256
"""A quarter of what a process may have open on most systems."""

_SWEEP_SECONDS = 1.0
"""How often open stores are compared with what is on disk, at most."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What is being created or deleted has another name meanwhile."""
_DROPPED = ".dropped"
"""How the names of deleted folders end: one that a killed process left is deleted later."""


class Stores:
    """Collections as folders of a root. One instance serves many threads, and forked children."""

    def __init__(self, root: Path, layout: Layout) -> None:
        self._root = root
        self._layout = layout
        self._start()
        _INSTANCES.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Store] = {}
        """By name, the one that was used last at the end."""
        self._users: dict[Store, int] = {}
        """How many threads use each store, also of those that are to be closed."""
        self._swept = 0.0
        self._seen = False
        """Whether the root was there: if it is not any more, it is away rather than empty."""

    def is_there(self) -> bool:
        """Whether there is a root. Raises IndexUnavailable where there was one."""
        with translated(self._root):
            there = self._root.is_dir()
        if self._seen and not there:
            raise self._gone()
        self._seen = there
        return there

    def _gone(self) -> IndexUnavailable:
        return IndexUnavailable(f"{self._root.name}: the folder of the index is not there")

    def names(self) -> list[str]:
        """The collections that there are, sorted."""
        there = self.is_there()
        with translated(self._root):
            folders = self._root.iterdir() if there else ()
            return sorted(folder.name for folder in folders if _is_collection(folder))

    def create(self, collection: str, identity: str | None, layout: Layout) -> None:
        """Create a collection under another name and rename it, unless it exists."""
        folder, new = self._folder(collection), self._aside(collection)
        self.is_there()
        with translated(folder):
            if folder.is_dir():
                return
            new.mkdir(parents=True)
            try:
                schema.create(new, layout, identity)
                new.rename(folder)
            except OSError:  # another process may have been faster
                if not folder.is_dir():
                    raise
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def begin(self, collection: str, identity: str, layout: Layout) -> None:
        """Give a collection, which is locked, its *next* index, for a layout."""
        folder = self._folder(collection)
        with translated(folder):
            folders.tidy(folder)
            known = folders.roles(folder)
            for role in (folders.NEXT, folders.PREVIOUS):
                name = known.get(role)
                if name is not None and self._is_of(layout, collection, folder / name):
                    if role != folders.NEXT:
                        folders.assign(folder, {**known, folders.NEXT: name})
                    return
            new = folders.make(folder)
            schema.create(new, layout, identity)
            folders.assign(folder, {**known, folders.NEXT: new.name})

    def _is_of(self, layout: Layout, collection: str, folder: Path) -> bool:
        store = Store(folder, collection, self._layout)
        try:
            return store.origin.fingerprint == layout.fingerprint
        finally:
            store.close()

    def swap(self, collection: str) -> None:
        """Let *next* take the place of the current index, which is locked. Raises NotFound."""
        folder = self._folder(collection)
        with translated(folder):
            folders.assign(folder, folders.swapped(folders.roles(folder)))

    def remove(self, collection: str, role: str) -> bool:
        """Delete the index of a role from a collection, which is locked; whether there was one."""
        folder = self._folder(collection)
        with translated(folder):
            known = folders.roles(folder)
            if role in known:
                folders.assign(folder, folders.without(known, role))
        self.sweep()
        return role in known

    def drop(self, collection: str) -> None:
        """Delete a collection, first of all its name. Raises NotFound."""
        folder, old = self._folder(collection), self._aside(collection, _DROPPED)
        self.is_there()
        try:
            with translated(folder):
                folder.rename(old)
        except IndexUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise NotFound(f"no collection {collection!r}") from error
            raise
        self.clean()
        self.sweep()

    def clean(self) -> None:
        """Delete what is left of collections that were dropped, by whatever process."""
        for dropped in self._root.glob(f".*{_DROPPED}"):
            shutil.rmtree(dropped, ignore_errors=True)

    @contextmanager
    def use(self, collection: str, *, made: bool = False) -> Iterator[Store]:
        """The open files of a collection.

        Args:
            collection: its name.
            made: whether the caller knows that it was made once.

        Raises:
            NotFound: there is no such collection.
            IndexUnavailable: it can't be read; or it was made, and not even the root is there.
        """
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self.sweep()
        store = None
        try:
            with self._lock:
                store = self._current(collection, made=made)
                self._users[store] += 1
            yield store
        finally:
            with self._lock:
                if store is not None:
                    self._users[store] -= 1
                self._evict()
                unused = self._unused()
            _close(unused)

    def _current(self, collection: str, *, made: bool) -> Store:
        """The store of a collection; ``NAME.role`` is the index beside it that plays a role."""
        base, _, role = collection.partition(".")
        parent = self._folder(base)
        store = self._open.pop(collection, None)
        if store is None or not self.is_current(collection, store):
            with translated(parent):
                if not parent.is_dir():
                    if not self.is_there() and made:
                        raise self._gone()
                    raise NotFound(f"no collection {collection!r}")
                folder = folders.located(parent, role or folders.CURRENT)
                if folder is None:
                    raise NotFound(f"collection {base!r} has no {role} index")
                store = Store(folder, collection, self._layout)
            self._seen = True
            self._users[store] = 0
        self._open[collection] = store
        return store

    def is_current(self, collection: str, store: Store) -> bool:
        """Whether a store is still that of this name."""
        base, _, role = collection.partition(".")
        try:
            folder = folders.located(self._folder(base), role or folders.CURRENT)
        except OSError:
            return False
        return folder == store.folder and store.is_current()

    def _evict(self) -> None:
        """Take stores that nobody uses out of the list until there are few enough descriptors."""
        total = sum(store.descriptors for store in self._users)
        for collection, store in list(self._open.items()):
            if total <= DESCRIPTORS:
                return
            if not self._users[store]:
                del self._open[collection]
                total -= store.descriptors

    def _unused(self) -> list[Store]:
        """Forget the stores that are neither in the list nor in use; the caller closes them."""
        listed = set(self._open.values())
        unused = [store for store, n in self._users.items() if not n and store not in listed]
        for store in unused:
            del self._users[store]
        return unused

    def sweep(self) -> None:
        """Close the stores of collections that were dropped, by whatever process."""
        with self._lock:
            self._swept = time.monotonic()
            self._open = {
                name: store for name, store in self._open.items() if self.is_current(name, store)
            }
            unused = self._unused()
        _close(unused)

    def close(self) -> None:
        """Close every store. One that is used later is opened again."""
        with self._lock:
            self._open.clear()
            unused = self._unused()
        _close(unused)

    def _folder(self, collection: str) -> Path:
        """Where a collection is, or would be. Raises NotFound for what is no name of one."""
        if not _NAME.fullmatch(collection):
            raise NotFound(f"no collection {collection!r}")
        return self._root / collection

    def _aside(self, collection: str, end: str = "") -> Path:
        return self._root / f".{collection}.{secrets.token_hex(4)}{end}"

    def folders(self) -> list[Path]:
        """Those of all indexes. Raises IndexUnavailable where there is no root, too."""
        if not self.is_there():
            raise self._gone()
        return [path for name in self.names() for path in folders.indexes(self._root / name)]

    def start_in_child(self) -> None:
        """Start with nothing open in a forked process."""
        _INHERITED.append(self._users)
        self._start()


def _is_collection(folder: Path) -> bool:
    return bool(_NAME.fullmatch(folder.name)) and folders.is_collection(folder)


def _close(stores: Iterable[Store]) -> None:
    for store in stores:
        store.close()


_INSTANCES: weakref.WeakSet[Stores] = weakref.WeakSet()
_INHERITED: list[object] = []
"""What threads of a parent process used when it forked: a child must neither use nor close it."""


def _close_before_fork() -> None:
    """Close what is not in use: SQLite believes that a child has the locks of its parent."""
    for stores in _INSTANCES:
        stores.close()


def _start_in_child() -> None:
    for stores in _INSTANCES:
        stores.start_in_child()


os.register_at_fork(before=_close_before_fork, after_in_child=_start_in_child)
