"""The files of an upload: taken one by one, so that never more than one is in the memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from triptych.core.errors import MediaError, TooLarge
from triptych.core.settings import Limits
from triptych.ingest.archives import LeftOut, Member, Refused, members
from triptych.ingest.grouping import (
    is_archive,
    is_companion,
    is_hidden,
    is_manifest,
    modality_of,
    without_archive,
)
from triptych.ingest.sidecars import MOST_BYTES, may_be_sidecar
from triptych.media.store import MediaStore

_BLOCK = 2**20


@dataclass(frozen=True)
class Kept:
    """A file whose bytes are in the media store."""

    digest: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Oversized:
    """A file that is not kept, since it is above the limit."""


Uploaded = bytes | Kept | Oversized
"""A file of an upload; of a text, or one of no known kind, the bytes."""


def _is_small(member: Member) -> bool:
    """Whether it may be a sidecar."""
    return may_be_sidecar(member.name) and member.size <= MOST_BYTES


@dataclass
class Intake(Mapping[str, Uploaded]):
    """Puts pictures and sounds into the media store as they come, and remembers texts.

    As a mapping: the files that may be parts of items, by name.
    """

    store: MediaStore
    limits: Limits
    manifests: dict[str, bytes] = field(default_factory=dict)
    """Manifests among the files, by name."""
    left_out: int = 0
    """Files that nobody misses: hidden ones, and what systems keep beside the files of people."""
    _refused: list[Refused] = field(default_factory=list)
    _files: dict[str, Uploaded] = field(default_factory=dict)
    _held: int = 0
    """Bytes in the memory."""

    @property
    def refused(self) -> Sequence[Refused]:
        """What was in archives and is not taken."""
        return self._refused

    def take(self, name: str, file: Any) -> None:
        """One more file, or all files of an archive.

        Args:
            name: what it is called. The members of an archive are called as if they were in a
                folder of its name.
            file: readable.

        Raises:
            BadArchive, TooLarge: the archive can't be read, or holds too much.
            StoreUnavailable: nothing can be stored now.
        """
        if is_companion(name) or is_hidden(name):
            self.left_out += 1
        elif is_archive(name):
            self.take_archive(file, f"{without_archive(name)}/")
        else:
            self._take(name, _read(file, self.limits.file_bytes + 1))

    def take_archive(self, stream: Any, prefix: str = "") -> None:
        """All files of an archive, whose names get this prefix. Raises as ``take``."""
        for member in members(stream, self.limits):
            name = prefix + member.name
            if isinstance(member, LeftOut):
                self.left_out += 1
            elif isinstance(member, Refused):
                self._refused.append(Refused(name, member.reason))
            elif modality_of(name) is None and not is_manifest(name) and not _is_small(member):
                reason = "it is of no known kind by its extension"
                self._refused.append(Refused(name, reason))
            else:
                self._take_member(name, member)

    def _take_member(self, name: str, member: Member) -> None:
        try:
            self._take(name, member.read(self.limits.file_bytes))
        except (MediaError, TooLarge) as error:
            self._refused.append(Refused(name, error.reason))

    def _take(self, name: str, data: bytes) -> None:
        size = len(data)
        if size > self.limits.file_bytes:
            self._files[name] = Oversized()
        elif is_manifest(name):
            self._hold(size)
            self.manifests[name] = data
        elif may_be_sidecar(name):
            self._files[name] = Kept(self.store.put(data), size)
        elif modality_of(name) in {None, "text"}:
            self._hold(size)
            self._files[name] = data
        else:
            self._files[name] = Kept(self.store.put(data), size)

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self.limits.body_bytes:
            raise TooLarge(f"texts and manifests have more than {self.limits.body_bytes} bytes")

    def __getitem__(self, name: str) -> Uploaded:
        return self._files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _read(file: Any, limit: int) -> bytes:
    """At most so many bytes, in blocks: a large read would reserve the memory for all of it."""
    blocks: list[bytes] = []
    left = limit
    while left > 0 and (block := file.read(min(left, _BLOCK))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)
