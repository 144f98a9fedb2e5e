"""The media store: bytes by their sha256, and named documents, on any fsspec file system.

When ``put`` or ``write_document`` returns, the bytes are on disk: on a local file system the file
is fsynced before the rename that makes it visible, and its folder after it. An object store has
answered.

A store that is not mounted looks like one that lost everything. So each store has a marker, and
without its marker nothing is "not found": the store is away.
"""

import errno
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from triptych.core.errors import MediaUnreadable, NotFound, StoreUnavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[a-z]{1,8})?")
_MARKER = "store.json"
_NOT_MOUNTED = f"media store has no {_MARKER}: it is not mounted, or was never used"
_ASIDE = ".aside-"
_PAUSES = (0.2, 1.0)
"""Seconds between the three tries to read bytes that can't be read."""


@dataclass(frozen=True)
class Stored:
    """A file of the store."""

    name: str
    size: int
    """Bytes."""
    modified: float
    """Seconds since 1970."""


class MediaStore:
    """Content-addressed media, and named documents (manifests) beside them."""

    def __init__(
        self,
        url: str,
        *,
        may_begin: Callable[[], bool] = lambda: True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # What a listing has kept would hide that a file was written anew.
        found, root = fsspec.url_to_fs(url, use_listings_cache=False)
        self._root = root.rstrip("/")
        self._local = isinstance(found, LocalFileSystem)
        self._fs: Any = found if self._local else _Elsewhere(found)
        self.may_begin = may_begin
        self._sleep = sleep
        self._marked = False

    def begin(self) -> None:
        """Mark the store as one of ours, unless it is marked.

        An empty one is only marked if ``may_begin`` says that nothing is known to lie in it: what
        looks empty may not be mounted. Raises StoreUnavailable.
        """
        if self._marked:
            if self._local and not Path(self._marker).exists():  # unmounted since
                self.check()
            return
        try:
            if not self._fs.exists(self._marker):
                if self._is_empty() and not self.may_begin():
                    self.check()
                self._write(self._marker, b"{}")
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error
        self._marked = True

    def _is_empty(self) -> bool:
        try:
            return not self._fs.ls(self._root, detail=False)
        except FileNotFoundError:
            return True

    def ping(self) -> None:
        """Return if the store answers, and is one of ours. Raises StoreUnavailable."""
        self.begin()
        self.check()

    def check(self) -> None:
        """Raise StoreUnavailable unless the marker can be read."""
        try:
            self._fs.cat_file(self._marker)
        except FileNotFoundError as error:
            raise StoreUnavailable(_NOT_MOUNTED) from error
        except OSError as error:
            raise StoreUnavailable(f"media store can't read: {_reason(error)}") from error

    @property
    def _marker(self) -> str:
        return f"{self._root}/{_MARKER}"

    # Media

    def put(self, data: bytes) -> str:
        """Store bytes durably; return their sha256. Bytes that are there are not written again.

        What is there in another length was damaged, and is replaced. Raises StoreUnavailable.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._media_path(digest)
        self.begin()
        try:
            if not self._rejuvenate(path, len(data)):
                self._write(path, data)
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error
        return digest

    def keep(self, digests: Iterable[str]) -> None:
        """Make media young that were put some time ago, just before a manifest refers to them.

        Raises StoreUnavailable if they were collected meanwhile, or can't be reached.
        """
        try:
            for digest in digests:
                path = self._media_path(digest)
                if not (self._rejuvenate(path) or self._fs.exists(path)):
                    raise StoreUnavailable("media were removed during the upload: send them again")
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error

    def get(self, digest: str) -> bytes:
        """Return the bytes of a sha256. Raises NotFound, MediaUnreadable, StoreUnavailable."""
        return self._read(self._media_path(digest), f"no media {digest}")

    def open(self, digest: str) -> tuple[BinaryIO, int]:
        """A file that can be sought in, and its bytes. Raises NotFound, StoreUnavailable."""
        path = self._media_path(digest)
        try:
            size = int(self._fs.size(path))
            return self._fs.open(path, "rb"), size
        except FileNotFoundError as error:
            self.check()
            raise NotFound(f"no media {digest}") from error
        except OSError as error:
            raise StoreUnavailable(f"media store can't read: {_reason(error)}") from error

    def media(self, start: str = "") -> Iterator[Stored]:
        """The media whose digests begin with these two hex digits, or all.

        Raises StoreUnavailable.
        """
        yield from self._shards("media", start)

    def collect_media(self, digest: str, before: float) -> bool:
        """Remove bytes that were stored before a moment (seconds since 1970); whether it did.

        Bytes that are put again at the same time stay: on a local file system the file is taken
        aside and looked at before it goes. Raises StoreUnavailable.
        """
        path = self._media_path(digest)
        try:
            if not self._local:
                old = _stored(self._fs.info(path)).modified < before
                if old:
                    self._fs.rm_file(path)
                return old
            aside = Path(path).with_name(_ASIDE + Path(path).name)
            Path(path).rename(aside)
            if aside.stat().st_mtime >= before:
                aside.rename(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"media store can't delete: {_reason(error)}") from error
        return True

    def tidy(self, before: float) -> int:
        """Remove the files that killed processes left half written before a moment; how many.

        What one had taken aside to collect it comes back, and may be needed. Raises
        StoreUnavailable.
        """
        removed = 0
        if not self._local:
            return removed
        try:
            for path in Path(self._root).rglob(".*"):
                if path.stat().st_ctime >= before or not path.is_file():
                    continue
                if path.name.startswith(_ASIDE):
                    path.rename(path.with_name(path.name.removeprefix(_ASIDE)))
                else:
                    path.unlink()
                    removed += 1
        except FileNotFoundError:
            self.check()  # else a process that lives has ended its work on it
        except OSError as error:
            raise StoreUnavailable(f"media store can't delete: {_reason(error)}") from error
        return removed

    # Derived data, which can be made again

    def derived(self, kind: str) -> Iterator[Stored]:
        """The derived data of a kind. Raises StoreUnavailable."""
        yield from self._shards(f"derived/{_checked(kind)}")

    def derived_kinds(self) -> list[str]:
        """The kinds of derived data. Raises StoreUnavailable."""
        return [Path(entry["name"]).name for entry in self._list(f"{self._root}/derived")]

    def put_derived(self, kind: str, digest: str, data: bytes) -> None:
        """Store what can be made again: whole, but not durably. Raises StoreUnavailable."""
        self.begin()
        try:
            self._write(self._derived_path(kind, digest), data, durable=False)
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error

    def get_derived(self, kind: str, digest: str) -> bytes | None:
        """Return derived data; None where there is none, or none that can be read.

        Raises StoreUnavailable where a bucket does not answer: it may well have it.
        """
        try:
            data: bytes = self._fs.cat_file(self._derived_path(kind, digest))
        except FileNotFoundError:
            return None
        except OSError as error:
            if self._local:
                return None
            raise StoreUnavailable(f"media store can't read: {_reason(error)}") from error
        return data

    def has_derived(self, kind: str, digest: str) -> bool:
        """Whether there is derived data, readable or not."""
        return self._has(self._derived_path(kind, digest))

    def delete_derived(self, kind: str, digest: str) -> None:
        """Remove derived data, if it is there. Raises StoreUnavailable."""
        self._remove(self._derived_path(kind, digest))

    # Documents

    def write_document(self, folder: str, name: str, data: bytes) -> None:
        """Store a named document durably, replacing one of that name."""
        self.begin()
        try:
            self._write(self._document_path(folder, name), data)
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error

    def create_document(self, folder: str, name: str, data: bytes) -> bool:
        """Store a named document durably, unless there is one of that name; whether it did.

        Of several that do it at the same moment, wherever they run, one does. Raises
        StoreUnavailable.
        """
        self.begin()
        path = self._document_path(folder, name)
        try:
            self._write(path, data, new=True)
        except FileExistsError:
            return False
        except OSError as error:
            if self._has(path):  # for this, object stores have no error of their own
                return False
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error
        return True

    def read_document(
        self, folder: str, name: str, start: int | None = None, end: int | None = None
    ) -> bytes:
        """Return a named document, or its bytes from ``start`` up to ``end``.

        Raises NotFound, MediaUnreadable, StoreUnavailable.
        """
        path = self._document_path(folder, name)
        return self._read(path, f"no {folder}/{name}", start, end)

    def documents(self, folder: str) -> list[Stored]:
        """The documents of a folder and the folders in it, by name. Raises StoreUnavailable."""
        found = map(_stored, self._list(self._folder(folder)))
        return sorted((one for one in found if _NAME.fullmatch(one.name)), key=lambda one: one.name)

    def delete_document(self, folder: str, name: str) -> None:
        """Remove a named document, if there is one."""
        self._remove(self._document_path(folder, name))

    def delete_folder(self, folder: str) -> None:
        """Remove a folder of documents with everything in it, if it is there.

        Raises StoreUnavailable.
        """
        try:
            self._fs.rm(self._folder(folder), recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnavailable(f"media store can't delete: {_reason(error)}") from error

    def _media_path(self, digest: str) -> str:
        return f"{self._root}/media/{_sharded(digest)}"

    def _derived_path(self, kind: str, digest: str) -> str:
        return f"{self._root}/derived/{_checked(kind)}/{_sharded(digest)}"

    def _document_path(self, folder: str, name: str) -> str:
        return f"{self._folder(folder)}/{_checked(name)}"

    def _folder(self, folder: str) -> str:
        """The path of a folder of documents, which may be in another one: ``uploads/ID``."""
        return "/".join([self._root, *map(_checked, folder.split("/"))])

    def _shards(self, folder: str, start: str = "") -> Iterator[Stored]:
        """The files of a folder that is divided by the first two digits of digests."""
        for shard in self._list(f"{self._root}/{folder}"):
            first = Path(shard["name"]).name
            if first.startswith(start[:2]):
                for entry in self._list(shard["name"]):
                    found = _stored(entry)
                    if _DIGEST.fullmatch(first + found.name):
                        yield Stored(first + found.name, found.size, found.modified)

    def _list(self, path: str) -> list[dict[str, Any]]:
        try:
            self._fs.invalidate_cache(path)
            entries: list[dict[str, Any]] = self._fs.ls(path, detail=True)
        except FileNotFoundError:
            self.check()
            return []
        except OSError as error:
            raise StoreUnavailable(f"media store can't read: {_reason(error)}") from error
        return entries

    def _read(
        self, path: str, missing: str, start: int | None = None, end: int | None = None
    ) -> bytes:
        for pause in (*_PAUSES, None):
            try:
                data: bytes = self._fs.cat_file(path, start=start, end=end)
            except FileNotFoundError as error:
                self.check()
                raise NotFound(missing) from error
            except OSError as error:
                self.check()
                if pause is None:
                    raise MediaUnreadable(
                        f"the stored bytes can't be read: {_reason(error)}"
                    ) from error
                self._sleep(pause)
            else:
                return data
        raise AssertionError("the last try returns or raises")

    def _has(self, path: str) -> bool:
        try:
            self._fs.invalidate_cache(path)
            return bool(self._fs.exists(path))
        except OSError:
            return False

    def _remove(self, path: str) -> None:
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnavailable(f"media store can't delete: {_reason(error)}") from error

    def _rejuvenate(self, path: str, size: int | None = None) -> bool:
        """Make what is there young, so that it is not collected before it is referred to.

        Whether it is there, of this size if one is given: an object store has no way to, and gets
        it again.
        """
        if not self._local:
            return False
        try:
            os.utime(path)
            return size is None or Path(path).stat().st_size == size
        except FileNotFoundError:
            return False

    def _write(self, path: str, data: bytes, *, durable: bool = True, new: bool = False) -> None:
        """Write a file that is seen only when it is whole.

        Raises OSError; FileExistsError where it has to be ``new`` and is there.
        """
        if not self._local:
            self._fs.pipe_file(path, data, mode="create" if new else "overwrite")
            return
        parent = Path(path).parent
        if path != self._marker and not Path(self._root).exists():
            raise StoreUnavailable(_NOT_MOUNTED)
        made = _make_folders(parent)
        temporary = parent / f".{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if new:
                Path(path).hardlink_to(temporary)  # which, unlike a rename, replaces nothing
            else:
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        if durable:
            for folder in (parent, *made):
                _sync_folder(folder)
            if not Path(self._marker).exists() and path != self._marker:
                raise StoreUnavailable(_NOT_MOUNTED)  # it was, when this began


class _Elsewhere:
    """A file system that is not on this machine: all that goes wrong there is an OSError.

    Each kind of bucket has errors of its own for a network that is away.
    """

    def __init__(self, found: Any) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._found, name)

        def call(*args: Any, **options: Any) -> Any:
            try:
                return method(*args, **options)
            except (OSError, TypeError, AttributeError, NotImplementedError):
                raise
            except Exception as error:
                raise OSError(errno.EIO, type(error).__name__) from error

        return call


def _sharded(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise NotFound(f"{digest!r} is not a sha256")
    return f"{digest[:2]}/{digest[2:]}"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFound(f"{name!r} is not a name")
    return name


def _stored(entry: Mapping[str, Any]) -> Stored:
    moment = entry.get("mtime") or entry.get("LastModified") or entry.get("created") or 0.0
    stamp = moment.timestamp() if hasattr(moment, "timestamp") else float(moment)
    return Stored(Path(entry["name"]).name, int(entry.get("size") or 0), stamp)


def _reason(error: OSError) -> str:
    """What went wrong, without the path where it did: clients see this."""
    return error.strerror or type(error).__name__


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; the ones in which an entry was made."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return [one.parent for one in missing]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
