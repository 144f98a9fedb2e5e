"""The media store: bytes by their sha256, on any fsspec file system.

When ``put`` returns, the bytes are on disk: on a local file system the file is fsynced before the
rename that makes it visible, and its folder after it.
"""

import hashlib
import os
import re
import uuid
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from triptych.core.errors import NotFound, StoreUnavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[a-z]{1,8})?")


class MediaStore:
    """Content-addressed media, and named documents (manifests) beside them."""

    def __init__(self, url: str) -> None:
        self._fs, root = fsspec.url_to_fs(url)
        self._root = root.rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, data: bytes) -> str:
        """Store bytes durably; return their sha256. Bytes that are there are not written again."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._media_path(digest)
        try:
            if not self._fs.exists(path):
                self._write(path, data)
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a sha256. Raises NotFound, StoreUnavailable."""
        return self._read(self._media_path(digest), f"no media {digest}")

    def write_document(self, folder: str, name: str, data: bytes) -> None:
        """Store a named document durably, replacing one of that name."""
        try:
            self._write(self._document_path(folder, name), data)
        except OSError as error:
            raise StoreUnavailable(f"media store can't write: {_reason(error)}") from error

    def read_document(self, folder: str, name: str) -> bytes:
        """Return a named document. Raises NotFound, StoreUnavailable."""
        return self._read(self._document_path(folder, name), f"no {folder}/{name}")

    def delete_document(self, folder: str, name: str) -> None:
        """Remove a named document, if there is one."""
        try:
            self._fs.rm_file(self._document_path(folder, name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnavailable(f"media store can't delete: {_reason(error)}") from error

    def _media_path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest!r} is not a sha256")
        return f"{self._root}/media/{digest[:2]}/{digest[2:]}"

    def _document_path(self, folder: str, name: str) -> str:
        if not (_NAME.fullmatch(folder) and _NAME.fullmatch(name)):
            raise NotFound(f"{folder}/{name} is not a name")
        return f"{self._root}/{folder}/{name}"

    def _read(self, path: str, missing: str) -> bytes:
        try:
            data: bytes = self._fs.cat_file(path)
        except FileNotFoundError as error:
            raise NotFound(missing) from error
        except OSError as error:
            raise StoreUnavailable(f"media store can't read: {_reason(error)}") from error
        return data

    def _write(self, path: str, data: bytes) -> None:
        if not self._local:  # object stores show an object only when it is whole
            self._fs.pipe_file(path, data)
            return
        parent = _make_folder(Path(path).parent)
        temporary = parent / f".{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(parent)


def _reason(error: OSError) -> str:
    """What went wrong, without the path where it did: clients see this."""
    return error.strerror or type(error).__name__


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
