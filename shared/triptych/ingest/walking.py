"""The files of this machine that are to be added: what each is called, and what is left out.

A file is called by its path relative to a root, by default the working folder. So the same file has
the same name however it is given (``photos``, ``./photos/``, ``../here/photos``). One that is not
below the root is called by its path in the folder that was given; of several, in the nearest one
that holds them all. So two files of one run have two names.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from triptych.core.names import composed, printable
from triptych.ingest.grouping import is_companion

Kind = Literal[
    "unchanged", "hidden", "system file", "excluded", "not there", "unknown extension",
    "too large", "unreadable", "refused", "not a file", "bad line", "nested archive",
    "link to a folder", "same name",
]  # fmt: skip
"""Why a file is left out."""

LOST: frozenset[Kind] = frozenset(
    {"too large", "not there", "unreadable", "refused", "bad line", "same name"}
)
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
    """What is left out: counts by kind, and every file that a user may miss."""

    counts: Counter[Kind] = field(default_factory=Counter)
    listed: list[Skip] = field(default_factory=list)

    def add(self, name: str, kind: Kind, reason: str = "") -> None:
        """One more."""
        self.counts[kind] += 1
        if kind not in {"hidden", "system file", "unchanged", "excluded"}:
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
        inside: folders that every file must lie in, links followed; none: it may lie anywhere.
    """

    root: Path = field(default_factory=Path.cwd)
    exclude: tuple[str, ...] = ()
    skips: Skips = field(default_factory=Skips)
    inside: tuple[Path, ...] = ()
    present: set[str] = field(default_factory=set)
    """The names of all files that are there, also of those that are left out."""
    closed: list[str] = field(default_factory=list)
    """The names of folders that can't be read, or are left out: nothing is known of their files."""
    _taken: dict[str, Path] = field(default_factory=dict)
    _elsewhere: Path | None = None
    """What the names of files are relative to that are not below the root."""

    def files(self, paths: Iterable[Path]) -> Iterator[Found]:
        """The files that are given, and those in folders that are given, sorted within each.

        Raises:
            FileNotFoundError: none of the paths is there; known before the first file is given out.
        """
        given = [_absolute(path) for path in paths]
        missing = [printable(str(path)) for path in given if not os.path.lexists(path)]
        if missing and len(missing) == len(given):
            raise FileNotFoundError(f"{', '.join(missing)} is not there")
        for name in missing:
            self.skips.add(name, "not there")
        there = [path for path in given if os.path.lexists(path)]
        self._elsewhere = self._common(there)
        for path in there:
            if path.is_dir():
                yield from self._folder(path)
            else:
                yield from self._file(path, given=True)

    def lets(self, path: Path) -> bool:
        """Whether a file may be read, by where it really is."""
        if not self.inside:
            return True
        real = path.resolve()
        return any(real.is_relative_to(one.resolve()) for one in self.inside)

    def may_have(self, names: Iterable[str]) -> bool:
        """Whether one of these files is there, or may be in a folder that was not looked into."""
        return any(
            name in self.present or any(name.startswith(f"{folder}/") for folder in self.closed)
            for name in names
        )

    def name(self, path: Path) -> str:
        """What a path is called."""
        absolute = _absolute(path)
        roots = [_absolute(self.root), self._elsewhere]
        root = next((one for one in roots if one and absolute.is_relative_to(one)), Path("/"))
        relative = str(absolute.relative_to(root))
        raw = os.fsencode(relative).decode("utf-8", "backslashreplace")
        return "" if raw == "." else printable(raw, len(raw))

    def _common(self, given: Iterable[Path]) -> Path | None:
        """The nearest folder that holds what is given outside of the root, if anything is."""
        root = _absolute(self.root)
        if outside := [path for path in given if not path.is_relative_to(root)]:
            common = Path(os.path.commonpath(outside))
            return common if common.is_dir() else common.parent
        return None

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
            kind = self._objection(path)
            if kind is None and entry.is_dir(follow_symlinks=False):
                yield from self._folder(path)
            elif kind is None and not entry.is_dir():
                yield from self._file(path)
            else:
                is_folder = entry.is_dir()
                (self.closed.append if is_folder else self.present.add)(self.name(path))
                self.skips.add(self.name(path), kind or "link to a folder")

    def _objection(self, path: Path) -> Kind | None:
        """Why a file of a folder, or a folder in it, is left out by its name."""
        if path.name.startswith("."):
            return "hidden"
        if is_companion(path.name):
            return "system file"
        return "excluded" if self._is_excluded(path) else None

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
            if not self.lets(path):
                self.skips.add(name, "unreadable", "it is not in a folder that may be read")
            elif not stat.S_ISREG(status.st_mode):
                self.skips.add(name, "not a file")
            elif not os.access(path, os.R_OK):
                self.skips.add(name, "unreadable", os.strerror(errno.EACCES))
            else:
                yield Found(name, path, status.st_size, given)


def _absolute(path: Path) -> Path:
    """Without dots and trailing slashes, links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def as_it_is_called(path: Path) -> Path:
    """A path as the disk writes it, where that is another form of the same name (NFC, NFD)."""
    if os.path.lexists(path) or path == path.parent:
        return path
    folder, name = as_it_is_called(path.parent), path.name
    with suppress(OSError):
        name = _names(folder, folder.stat().st_mtime_ns).get(composed(name), name)
    return folder / name


@lru_cache(64)
def _names(folder: Path, _changed: int) -> Mapping[str, str]:
    """The names in a folder by their one form, read once until it changes: a list may name all."""
    names = sorted((one.name for one in folder.iterdir()), reverse=True)
    return {composed(name): name for name in names}
