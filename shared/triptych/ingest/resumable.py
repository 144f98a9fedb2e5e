"""Resumable uploads: one file that comes in pieces, by any number of requests, to any gateway.

What has arrived lies in the media store as parts, each a document of its own, called by the place
where it begins. A place is taken once. So of two requests that send the same bytes at the same
moment one is refused, and there is no lock that a connection which is dead by now could hold.
"""

import io
import json
import re
import time
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from triptych.core.errors import Conflict, InvalidInput, NoRoom, NotFound, TooLarge
from triptych.core.settings import Limits
from triptych.media.store import MediaStore, Stored

FOLDER = "uploads"
USED = "used"
"""The folder of what became of uploads that were used."""
PART_BYTES = 8 * 2**20
"""The most that a part has; so much of each upload that is under way is in the memory."""
ANY = ("*",)
_ID = re.compile(r"[0-9a-f]{32}-([0-9]{1,15})")
_ABOUT = "about.json"
_NAME_BYTES = 1024
_LEAST = 16 * 2**20
"""Bytes that an upload counts at least, so that there is a bound for many small ones."""
_PARTS = 10_000
"""Parts that an upload may have beyond those of full size: one for each cut connection."""
_SOME = 2**16
"""Bytes of a stream that are asked for at once, and lost where it breaks off before they came."""
_READ_AHEAD = 2**20


@dataclass(frozen=True)
class Part:
    """Some bytes of an upload."""

    start: int
    size: int


@dataclass(frozen=True)
class ResumableUpload:
    """One file that comes, or has come, in pieces."""

    id: str
    size: int
    """Bytes that it will have."""
    name: str
    """What the file is called; empty if nobody said."""
    kind: str
    """The media type that its sender gave it; may be empty."""
    parts: tuple[Part, ...]
    expires: float
    """Seconds since 1970."""
    collections: tuple[str, ...] = ANY
    """Those that its sender may fill, by names and beginnings that end with ``*``: the upload is
    for nobody who may fill less."""

    @property
    def offset(self) -> int:
        """Bytes that have arrived, and are durable."""
        return self.parts[-1].start + self.parts[-1].size if self.parts else 0

    def expect(self, offset: int) -> None:
        """Raise Conflict unless the next bytes belong there."""
        if offset != self.offset:
            raise Conflict(f"offset is {self.offset}, not {offset}", field="upload-offset")


@dataclass(frozen=True)
class ResumableUploads:
    """The resumable uploads of a media store. Every method raises StoreUnavailable."""

    store: MediaStore
    limits: Limits
    ttl: float
    """Seconds that an upload waits for its next bytes."""
    clock: Callable[[], float] = time.time

    def create(
        self, size: int, name: str = "", kind: str = "", collections: tuple[str, ...] = ANY
    ) -> ResumableUpload:
        """Begin one.

        Args:
            size: bytes that it will have.
            name: what the file is called.
            kind: its media type.
            collections: those that its sender may fill.

        Raises:
            InvalidInput, TooLarge: no upload can be like this.
            NoRoom: others that are not used take up all the room.
        """
        if size > (limit := self.limits.upload_bytes):
            raise TooLarge(f"upload has {size} bytes, the limit is {limit}")
        if len(name.encode()) > _NAME_BYTES:
            raise InvalidInput(f"the name of an upload has at most {_NAME_BYTES} bytes")
        upload_id = f"{uuid.uuid4().hex}-{size}"
        about = json.dumps({"name": name, "kind": kind, "collections": collections}).encode()
        self.store.write_document(_folder(upload_id), _ABOUT, about)
        # It is there before it is counted: two that see each other may both be refused, but
        # never are both let in where there is room for one.
        if self._taken() > (limit := self.limits.uploads_bytes):
            self.delete(upload_id)
            raise NoRoom(f"uploads that are not used have {limit} bytes already: try again later")
        expires = self.clock() + self.ttl
        return ResumableUpload(upload_id, size, name, kind, (), expires, collections)

    def find(self, upload_id: str) -> ResumableUpload:
        """One that is not used and has not expired. Raises NotFound."""
        size = _size(upload_id)
        about = json.loads(self.store.read_document(_folder(upload_id), _ABOUT))
        found = self.store.documents(_folder(upload_id))
        expires = max((one.modified for one in found), default=0.0) + self.ttl
        if expires <= self.clock():
            raise NotFound(f"upload {upload_id} has expired")
        parts = tuple(_connected(found))
        collections = tuple(about.get("collections", ANY))  # begun before there were keys
        return ResumableUpload(
            upload_id, size, about["name"], about["kind"], parts, expires, collections
        )

    def append(self, upload: ResumableUpload, stream: Any) -> ResumableUpload:
        """Keep more bytes; what arrived before the stream broke off is kept, too.

        Args:
            upload: as it was found for this request.
            stream: readable.

        Raises:
            Conflict: another request sends the same bytes.
            TooLarge: more than the upload will have, or in too many parts.
            Exception: whatever reading the stream raises.
        """
        most = _PARTS + upload.size // PART_BYTES
        for block in _blocks(stream):
            if upload.offset + len(block) > upload.size:
                raise TooLarge(f"upload has more than the {upload.size} bytes that it was to have")
            if len(upload.parts) >= most:
                raise TooLarge(f"upload has more than {most} parts: send larger ones")
            part = Part(upload.offset, len(block))
            if not self.store.create_document(_folder(upload.id), _part_name(part.start), block):
                raise Conflict("another request sends the same part of the upload")
            upload = replace(upload, parts=(*upload.parts, part), expires=self.clock() + self.ttl)
        return upload

    def open(self, upload: ResumableUpload) -> io.BufferedReader:
        """The file, to be read from any place. Raises Conflict if it is not whole."""
        if upload.offset < upload.size:
            raise Conflict(f"upload has {upload.offset} of its {upload.size} bytes")
        return io.BufferedReader(_Joined(self.store, upload), _READ_AHEAD)

    def delete(self, upload_id: str) -> None:
        """Remove one with all that has arrived of it. Raises NotFound for what can't be an id."""
        _size(upload_id)
        self.store.delete_document(_folder(upload_id), _ABOUT)
        self.store.delete_folder(_folder(upload_id))

    def use(self, upload_id: str, outcome: bytes) -> None:
        """Remove one that a batch was made of, and remember what was answered."""
        self.store.write_document(USED, f"{upload_id}.json", outcome)
        self.delete(upload_id)

    def outcome(self, upload_id: str) -> bytes | None:
        """What ``use`` was told; None for an upload that is not used. Raises NotFound."""
        _size(upload_id)
        try:
            return self.store.read_document(USED, f"{upload_id}.json")
        except NotFound:
            return None

    def collect(self) -> int:
        """Remove what has expired; how many uploads that were."""
        before, removed = self.clock() - self.ttl, 0
        for folder in self.store.documents(FOLDER):
            found = self.store.documents(_folder(folder.name))
            if max(one.modified for one in (folder, *found)) <= before:
                self.delete(folder.name)
                removed += 1
        for note in self.store.documents(USED):
            if note.modified <= before:
                self.store.delete_document(USED, note.name)
        return removed

    def _taken(self) -> int:
        """Bytes that all uploads will have that are not used."""
        sizes = (int(match[1]) for one in self.store.documents(FOLDER)
                 if (match := _ID.fullmatch(one.name)))  # fmt: skip
        return sum(max(size, _LEAST) for size in sizes)


class _Joined(io.RawIOBase):
    """The parts of an upload as one file."""

    def __init__(self, store: MediaStore, upload: ResumableUpload) -> None:
        self._store = store
        self._upload = upload
        self._starts = [part.start for part in upload.parts]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._upload.size}[whence]
        self._at = max(0, base + place)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read to the end of a part at most."""
        if self._at >= self._upload.size:
            return 0
        part = self._upload.parts[bisect_right(self._starts, self._at) - 1]
        start = self._at - part.start
        end = min(part.size, start + len(buffer))
        data = self._store.read_document(
            _folder(self._upload.id), _part_name(part.start), start, end
        )
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _blocks(stream: Any) -> Iterator[bytes]:
    """The bytes of a stream in blocks for a part each; the last one also where it breaks off."""
    held = bytearray()
    try:
        while block := stream.read(min(_SOME, PART_BYTES - len(held))):
            held += block
            if len(held) == PART_BYTES:
                yield bytes(held)
                held.clear()
    except Exception:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _connected(found: Iterable[Stored]) -> Iterator[Part]:
    """The parts from the beginning on, without what is not connected to it."""
    sizes = {one.name: one.size for one in found}
    place = 0
    while size := sizes.get(_part_name(place)):
        yield Part(place, size)
        place += size


def _size(upload_id: str) -> int:
    """The bytes that an upload will have, which its id tells. Raises NotFound for no id."""
    if (match := _ID.fullmatch(upload_id)) is None:
        raise NotFound(f"no upload {upload_id!r}")
    return int(match[1])


def _folder(upload_id: str) -> str:
    return f"{FOLDER}/{upload_id}"


def _part_name(start: int) -> str:
    return f"{start:015d}"
