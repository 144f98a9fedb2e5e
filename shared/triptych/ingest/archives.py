"""Archives: the members of a ZIP or TAR, one after the other, none of them trusted.

A TAR is read as it comes. A ZIP has its directory at the end: a stream that is no file is first
copied to a temporary one. Nothing is ever unpacked under the name that a member has.
"""

import errno
import gzip
import io
import lzma
import os
import stat
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, Self

from triptych.core.errors import BadArchive, MediaError, TooLarge
from triptych.core.names import printable
from triptych.core.settings import Limits
from triptych.ingest.grouping import is_archive, is_companion, is_hidden

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 2**20
_MOST_AT_ONCE = 8 * 2**20
"""Bytes that a header of a TAR may have; a longer one is made to fill the memory."""
_UNREADABLE = {0x41: "it is encrypted", 0x20: "it is a patch for another file"}
"""Flags of a member of a ZIP (APPNOTE.TXT 4.4.4): bits 0 and 6, and bit 5."""
_UTF8 = 0x800
"""The flag of a name in UTF-8: bit 11. Without it, it is in code page 437, by the specification."""
_MOST_OF_DIRECTORY = 64 * 2**20
"""Bytes of the directory of a ZIP."""
_REWIND = 1024
_RATIO_FROM = 16 * 2**20
"""Bytes up to which any ratio is accepted: a drawing, or silence, compresses well."""


_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile,
    zstd.ZstdError, EOFError, struct.error,
)  # fmt: skip
"""What the libraries raise for it."""
_ODD = (ValueError, IndexError, NotImplementedError, OverflowError)
"""And for names, numbers and places that no archive has."""


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str
    """Printable, without the folder ``./`` that some begin with."""
    size: int
    """Bytes, as the archive says."""
    open: Callable[[], Any]
    alone: bool
    """Whether damage to it concerns no other member."""

    def read(self, limit: int) -> bytes:
        """Its bytes, to be asked for before the next member.

        Raises:
            TooLarge: more than ``limit``.
            MediaError: it is damaged.
            BadArchive: so is the archive.
        """
        if self.size > limit:
            raise TooLarge(f"{self.size} bytes, the limit is {limit}")
        try:
            with self.open() as file:
                data = b"".join(iter(partial(file.read, _BLOCK), b""))
        except (*_DAMAGE, *_ODD, OSError) as error:
            if getattr(error, "errno", None) not in {None, errno.EINVAL}:
                raise  # of the disk; bz2 gives no number, a place before the file this one
            if self.alone:
                raise MediaError(f"it is damaged in the archive: {error}") from error
            raise BadArchive(f"archive is damaged or cut off: {error}") from error
        if len(data) != self.size:
            raise BadArchive("archive is damaged or cut off")
        return data


@dataclass(frozen=True)
class Refused:
    """A member that is not taken, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A member that nobody misses: hidden, or what a system keeps beside the files of people."""

    name: str


def members(stream: BinaryIO, limits: Limits) -> Iterator[Member | Refused | LeftOut]:
    """The members of an archive, whatever its form, without folders.

    Args:
        stream: of the archive; a file is read from its beginning.
        limits: what it may hold.

    Raises:
        BadArchive: it is no archive, or damaged, or cut off.
        TooLarge: more than the limits.
    """
    start, whole = _begin(stream)
    seen: set[str] = set()
    with _open(start, whole, limits) as found:
        for count, member in enumerate(_readable(found), start=1):
            if count > limits.archive_members:
                raise TooLarge(f"archive has more than {limits.archive_members} members")
            name = _clean(member.name)
            if reason := _objection(member.name, name, seen):
                yield Refused(name, reason)
            elif is_hidden(name) or is_companion(name):
                yield LeftOut(name)
            elif isinstance(member, Refused):
                yield Refused(name, member.reason)
            else:
                yield replace(member, name=name)
            seen.add(name)


def _begin(stream: BinaryIO) -> tuple[bytes, Any]:
    """The first bytes of an archive, and all of it; a file stays one."""
    if not stream.seekable():
        start = stream.read(4)
        return start, _Joined(start, stream)
    stream.seek(0)
    start = stream.read(4)
    stream.seek(0)
    return start, stream


def _clean(name: str) -> str:
    """A name as it is shown and called; bytes that are no UTF-8 are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while text.startswith("./"):
        text = text[2:]
    return printable(text, 4096)


def _objection(raw: str, name: str, seen: set[str]) -> str | None:
    """Why a member is not taken because of its name."""
    parts = raw.replace("\\", "/").split("/")
    if ".." in parts:
        return "its path leads out of the archive"
    if parts[0] == "" or (len(parts[0]) == 2 and parts[0][1] == ":"):  # noqa: PLR2004
        return "its path is absolute"
    if name in seen:
        return "another member has the same name"
    if is_archive(name):
        return "an archive in an archive"
    return None


def _readable(found: Iterator[Member | Refused]) -> Iterator[Member | Refused]:
    """The members, with one error for all that is wrong with an archive."""
    try:
        yield from found
    except _DAMAGE as error:
        raise BadArchive(f"archive is damaged or cut off: {error}") from error
    except _ODD as error:
        raise BadArchive(f"archive can't be read: {error}") from error


@contextmanager
def _open(start: bytes, stream: Any, limits: Limits) -> Iterator[Iterator[Member | Refused]]:
    if start[:2] == b"PK":
        with _seekable(stream, limits.archive_bytes) as file:
            yield _zip_members(file, limits)
        return
    counted = _Counted(stream, limits.archive_bytes)
    if start[:2] == b"\x1f\x8b":
        plain: Any = gzip.GzipFile(fileobj=counted, mode="rb")
    elif start == b"\x28\xb5\x2f\xfd":
        plain = zstd.ZstdFile(counted)
    else:
        plain = counted
    yield _tar_members(_Forward(plain, counted, limits))


# ZIP


@contextmanager
def _seekable(stream: Any, limit: int) -> Iterator[BinaryIO]:
    """The stream itself if it is a file, or else a temporary file with its bytes.

    Raises TooLarge.
    """
    if stream.seekable():
        if stream.seek(0, os.SEEK_END) > limit:
            raise TooLarge(f"archive has more than {limit} bytes")
        yield stream
        return
    with tempfile.TemporaryFile() as file:
        while block := stream.read(_BLOCK):
            if file.tell() + len(block) > limit:
                raise TooLarge(f"archive has more than {limit} bytes")
            file.write(block)
        yield file


def _zip_members(file: BinaryIO, limits: Limits) -> Iterator[Member | Refused]:
    _check_directory(file)
    total = 0
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            total += info.file_size
            if total > limits.archive_content_bytes:
                raise TooLarge(_too_much(limits))
            reason = _zip_objection(info, limits)
            if reason is None:
                opened = partial(archive.open, info)
                yield Member(_zip_name(info), info.file_size, opened, alone=True)
            else:
                yield Refused(_zip_name(info), reason)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A name; without a mark it may be UTF-8 all the same, as the archives of a Mac have it."""
    try:
        marked = info.flag_bits & _UTF8
        return info.filename if marked else info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _zip_objection(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    for flags, reason in _UNREADABLE.items():
        if info.flag_bits & flags:
            return reason
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "it is a link"
    if kind not in {0, stat.S_IFREG}:
        return "it is not a file"
    if info.compress_type not in {
        zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA
    }:  # fmt: skip
        return f"its compression (method {info.compress_type}) is not known"
    if info.file_size > max(_RATIO_FROM, limits.archive_ratio * info.compress_size):
        return f"it is more than {limits.archive_ratio} times as large as in the archive"
    return None


def _check_directory(file: BinaryIO) -> None:
    """Raise BadArchive where the directory of a ZIP is made to fill the memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2**16 - 22))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < 22:  # noqa: PLR2004
        raise BadArchive("archive is damaged or cut off: a ZIP ends with its directory")
    (length,) = struct.unpack_from("<L", end, at + 12)
    wide = end.rfind(b"PK\x06\x06", 0, at)
    if length == 2**32 - 1 and wide >= 0 and len(end) - wide >= 56:  # noqa: PLR2004
        (length,) = struct.unpack_from("<Q", end, wide + 40)
    if length > _MOST_OF_DIRECTORY:
        raise BadArchive(f"archive has a directory of more than {_MOST_OF_DIRECTORY} bytes")


# TAR


def _tar_members(stream: "_Forward") -> Iterator[Member | Refused]:
    with tarfile.open(fileobj=stream, mode="r:", errorlevel=2) as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members = []  # which it would keep, however many there are
            if info.isdir():
                continue
            if info.islnk() or info.issym():
                yield Refused(info.name, "it is a link")
            elif not info.isreg() or info.issparse():
                yield Refused(info.name, "it is not a file")
            else:
                yield Member(info.name, info.size, partial(_extract, archive, info), alone=False)
        if stream.tell() < archive.offset + tarfile.BLOCKSIZE:  # what is behind the last member
            raise BadArchive("archive is cut off: a TAR ends with a block of zeros")


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Any:
    return archive.extractfile(info)


class _Joined(io.RawIOBase):
    """The first bytes that were read already, and the rest."""

    def __init__(self, start: bytes, rest: Any) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._start:
            block = self._start if size < 0 else self._start[:size]
            self._start = self._start[len(block) :]
            return block
        found: bytes = self._rest.read(size)
        return found


class _Counted(io.RawIOBase):
    """Counts the bytes of an archive as it comes. Raises TooLarge."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._stream.read(min(size, _BLOCK) if size >= 0 else _BLOCK)
        self.count += len(found)
        if self.count > self._limit:
            raise TooLarge(f"archive has more than {self._limit} bytes")
        return found

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Forward:
    """What ``tarfile`` reads of a stream: forward, but for the last bytes, and within limits."""

    def __init__(self, stream: Any, source: _Counted, limits: Limits) -> None:
        self._stream = stream
        self._source = source
        self._limits = limits
        self._last = b""
        """The last bytes that were read."""
        self._read = 0
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def tell(self) -> int:
        return self._at

    def seek(self, place: int, whence: int = 0) -> int:
        if whence != 0 or place < self._read - len(self._last):
            raise BadArchive("archive is damaged: it leads back to what was read")
        while place > self._read:
            if not self._more(min(place - self._read, _BLOCK)):
                break
        self._at = min(place, self._read)
        return self._at

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:
            raise BadArchive(f"archive has a header of {size} bytes")
        behind = self._read - self._at
        blocks = [self._last[len(self._last) - behind :][:size]] if behind else []
        self._at += sum(map(len, blocks))
        while (missing := size - sum(map(len, blocks))) > 0 and (block := self._more(missing)):
            blocks.append(block)
            self._at += len(block)
        return b"".join(blocks)

    def _more(self, size: int) -> bytes:
        block: bytes = self._stream.read(size)
        self._read += len(block)
        self._last = (self._last + block)[-_REWIND:]
        if self._read > self._limits.archive_content_bytes:
            raise TooLarge(_too_much(self._limits))
        if self._read > max(_RATIO_FROM, self._limits.archive_ratio * self._source.count):
            raise TooLarge(
                f"archive holds more than {self._limits.archive_ratio} times its own size"
            )
        return block


def _too_much(limits: Limits) -> str:
    return f"archive holds more than {limits.archive_content_bytes} bytes"
