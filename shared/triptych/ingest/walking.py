"""The files of this machine that are to be added: what each is called, and what is left out.

A file is called by its path relative to a root, by default the working folder; one that is not
below the root by its whole path without the first slash. So the same file has the same name
however it is given (``photos``, ``./photos/``, ``../here/photos``), and two files have two names.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from triptych.core.names import printable

Kind = Literal[
    "unchanged", "hidden", "excluded", "unknown extension", "too large", "unreadable", "refused",
    "not a file", "bad line", "nested archive", "link to a folder", "same name",
]  # fmt: skip
"""Why a file is left out."""

LOST: frozenset[Kind] = frozenset({"too large", "unreadable", "refused", "bad line", "same name"})
"""What a user would have wanted to have: it makes a run end as one that failed."""


@dataclass(frozen=True)
class Skip:
    """A file or folder that is left out."""

    name: str
    """As the file would be called."""
    kind: Kind
    reason: str


@dataclass
class Skips:
    """What is left out: counts by kind, and every file but the hidden and unchanged ones."""

    counts: Counter[Kind] = field(default_factory=Counter)
    listed: list[Skip] = field(default_factory=list)

    def add(self, name: str, kind: Kind, reason: str = "") -> None:
        """One more."""
        self.counts[kind] += 1
        if kind not in {"hidden", "unchanged", "excluded"}:
            self.listed.append(Skip(name, kind, reason or kind))

    @property
    def lost(self) -> int:
        """How many should have been added."""
        return sum(self.counts[kind] for kind in LOST)

    def __str__(self) -> str:
        """The counts in one line; empty where nothing is left out."""
        return ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.counts.items()))


@dataclass(frozen=True)
class Found:
    """A file that is there."""

    name: str
    """What it is called: printable, and UTF-8 whatever its path is."""
    path: Path
    size: int
    """Bytes."""
    given: bool = False
    """Whether the file was given by itself, not as part of a folder."""


@dataclass
class Walk:
    """Finds files, each once.

    Args:
        root: what names are relative to.
        exclude: patterns as shells have them. One without a slash is compared with the name of
            each file and folder, one with a slash with the whole name.
        skips: is told of what is left out.
    """

    root: Path = field(default_factory=Path.cwd)
    exclude: tuple[str, ...] = ()
    skips: Skips = field(default_factory=Skips)
    present: set[str] = field(default_factory=set)
    """The names of all files that are there, also of those that are left out."""
    closed: list[str] = field(default_factory=list)
    """The names of folders that can't be read, or are left out: nothing is known of their files."""
    _taken: dict[str, Path] = field(default_factory=dict)

    def files(self, paths: Iterable[Path]) -> Iterator[Found]:
        """The files that are given, and those in folders that are given, sorted within each.

        Raises:
            FileNotFoundError: a path is not there; known before the first file is given out.
        """
        given = [_absolute(path) for path in paths]
        for path in given:
            if not os.path.lexists(path):
                raise FileNotFoundError(f"{printable(str(path))} is not there")
        for path in given:
            if path.is_dir():
                yield from self._folder(path)
            else:
                yield from self._file(path, given=True)

    def may_have(self, names: Iterable[str]) -> bool:
        """Whether one of these files is there, or may be in a folder that was not looked into."""
        return any(
            name in self.present or any(name.startswith(f"{folder}/") for folder in self.closed)
            for name in names
        )

    def name(self, path: Path) -> str:
        """What a path is called."""
        absolute = _absolute(path)
        try:
            relative = str(absolute.relative_to(_absolute(self.root)))
        except ValueError:
            relative = str(absolute).lstrip("/")
        raw = os.fsencode(relative).decode("utf-8", "backslashreplace")
        return "" if raw == "." else printable(raw, len(raw))

    def _folder(self, folder: Path) -> Iterator[Found]:
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.closed.append(self.name(folder))
            self.skips.add(self.name(folder), "unreadable", error.strerror or str(error))
            return
        for entry in entries:
            path = folder / entry.name
            kind: Kind | None = "hidden" if entry.name.startswith(".") else None
            kind = kind or ("excluded" if self._is_excluded(path) else None)
            if kind is None and entry.is_dir(follow_symlinks=False):
                yield from self._folder(path)
            elif kind is None and not entry.is_dir():
                yield from self._file(path)
            else:
                is_folder = entry.is_dir()
                (self.closed.append if is_folder else self.present.add)(self.name(path))
                self.skips.add(self.name(path), kind or "link to a folder")

    def _is_excluded(self, path: Path) -> bool:
        whole = self.name(path)
        return any(
            fnmatchcase(whole if "/" in pattern else PurePosixPath(whole).name, pattern.rstrip("/"))
            for pattern in self.exclude
        )

    def _file(self, path: Path, *, given: bool = False) -> Iterator[Found]:
        name = self.name(path)
        first = self._taken.setdefault(name, path)
        if first != path:
            reason = f"{printable(str(first))} has the same name"
            self.skips.add(printable(str(path)), "same name", reason)
        elif name not in self.present:
            self.present.add(name)
            try:
                status = path.stat()
            except OSError as error:
                self.skips.add(name, "unreadable", error.strerror or str(error))
                return
            if not stat.S_ISREG(status.st_mode):
                self.skips.add(name, "not a file")
            elif not os.access(path, os.R_OK):
                self.skips.add(name, "unreadable", os.strerror(errno.EACCES))
            else:
                yield Found(name, path, status.st_size, given)


def _absolute(path: Path) -> Path:
    """Without dots and trailing slashes, links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
