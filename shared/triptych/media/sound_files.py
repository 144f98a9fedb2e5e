"""Containers of sounds: where their samples are, as far as they are there.

Headers lie about sizes. A recorder that crashed left zero, a program that wrote to a pipe the
largest number, and a copy that broke off more than there is. Decoders trust the sizes, so they
are put right first. Sources: the specifications of RIFF WAVE, RF64 (EBU Tech 3306), Sony Wave64,
AIFF, Apple CAF and Sun AU.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_PIPED = 0x7FFF_0000
"""A 32-bit size from here on is no size: programs write it to a pipe."""
_FORMAT_TAGS_OF_MPEG = (0x50, 0x55)
_EXTENSIBLE = 0xFFFE


@dataclass(frozen=True)
class Contents:
    """A sound's file with right sizes."""

    data: bytes
    share: float = 1.0
    """Of the samples that the file says it has, those that are there."""
    mpeg: bytes | None = None
    """The bytes of an MP3 (or layer I or II) that is in a WAV."""


@dataclass(frozen=True)
class _Layout:
    """How a container lays out its chunks."""

    start: int
    head: str
    """Name and size, as struct reads them."""
    samples: bytes
    before: int = 0
    """Bytes between the head of the samples' chunk and the samples."""
    align: int = 1
    head_counts: bool = False


_LAYOUTS: Mapping[bytes, _Layout] = {
    b"RIFF": _Layout(12, "<4sI", b"data", align=2),
    b"RIFX": _Layout(12, ">4sI", b"data", align=2),
    b"RF64": _Layout(12, "<4sI", b"data", align=2),
    b"FORM": _Layout(12, ">4sI", b"SSND", before=8, align=2),
    b"caff": _Layout(8, ">4sQ", b"data", before=4),
    b"riff": _Layout(
        40, "<16sQ", bytes.fromhex("64617461f3acd3118cd100c04f8edb8a"), align=8, head_counts=True
    ),
}


def mended(data: bytes) -> Contents:
    """A file whose sizes are right, whatever it is; nothing else of it changes."""
    if data[:4] == b".snd":
        return _mended_au(data)
    layout = _LAYOUTS.get(data[:4])
    return Contents(data) if layout is None else _Chunks(data, layout).mended()


def _mended_au(data: bytes) -> Contents:
    if len(data) < 12:  # noqa: PLR2004 (magic, offset, size)
        return Contents(data)
    offset, size = struct.unpack_from(">II", data, 4)
    there = len(data) - offset
    if there <= 0 or 0 < size <= there:
        return Contents(data)
    share = 1.0 if size in (0, there) or size >= _PIPED else there / size
    return Contents(data[:8] + struct.pack(">I", there) + data[12:], share)


class _Chunks:
    """The chunks of a file."""

    def __init__(self, data: bytes, layout: _Layout) -> None:
        self._data, self._layout = data, layout
        self._head = struct.calcsize(layout.head)
        self._format_tag = 0
        self._long: int | None = None
        """Where an RF64 has the size of the samples, in 64 bits."""

    def mended(self) -> Contents:
        at = self._samples()
        if at is None:
            return Contents(self._data)
        body, stated = at + self._head, self._stated(at)
        there = max(0, len(self._data) - body)
        size = there if self._is_no_size(stated, body) else min(stated, there)
        data = self._data if size == stated else self._with_size(at, size)
        # A byte that pads is no sample.
        share = size / stated if size < stated - 1 and not self._is_endless(stated) else 1.0
        is_mpeg = self._format_tag in _FORMAT_TAGS_OF_MPEG
        return Contents(data, share, data[body : body + size] if is_mpeg else None)

    def _samples(self) -> int | None:
        """Where the chunk of the samples begins."""
        at = self._layout.start
        while at + self._head <= len(self._data):
            name = self._name(at)
            if name == self._layout.samples:
                return at
            if name == b"fmt " and self._head == struct.calcsize("<4sI"):
                self._format_tag = self._read_format(at + self._head)
            if name == b"ds64":
                self._long = at + self._head + 8
            size = self._size(at)
            if size < 0:
                return None
            at += self._head + size + -size % self._layout.align
        return None

    def _read_format(self, at: int) -> int:
        order = self._layout.head[0]
        tag = int.from_bytes(self._data[at : at + 2], "little" if order == "<" else "big")
        if tag == _EXTENSIBLE:  # the first bytes of the identifier are the tag
            return int.from_bytes(self._data[at + 24 : at + 26], "little")
        return tag

    def _name(self, at: int) -> bytes:
        name: bytes = struct.unpack_from(self._layout.head, self._data, at)[0]
        return name

    def _size(self, at: int) -> int:
        size: int = struct.unpack_from(self._layout.head, self._data, at)[1]
        return size - self._head if self._layout.head_counts else size

    def _stated(self, at: int) -> int:
        """The size of the samples' chunk."""
        size = self._size(at)
        if self._long is not None and size >= _PIPED and self._long + 8 <= len(self._data):
            return int(struct.unpack_from("<Q", self._data, self._long)[0])
        return size

    def _is_endless(self, size: int) -> bool:
        """Whether a size is that of what goes to a pipe: nothing is missing."""
        bits = 32 if self._head == struct.calcsize("<4sI") and self._long is None else 64
        return size >= (_PIPED if bits == 32 else 2**62)  # noqa: PLR2004

    def _is_no_size(self, size: int, body: int) -> bool:
        """Whether the samples go on to the end whatever the header says.

        Where they end before, another chunk follows, or little: a size that was written too early
        leaves out most of the file.
        """
        if self._is_endless(size):
            return True
        rest = body + max(size, 0) + max(size, 0) % self._layout.align
        empty = size <= self._layout.before
        left_out = len(self._data) - rest
        return (empty or left_out > size) and left_out > 0 and not self._is_chunk(rest)

    def _is_chunk(self, at: int) -> bool:
        """Whether a chunk begins here that ends within the file."""
        if at + self._head > len(self._data):
            return False
        name, size = self._name(at), self._size(at)
        return (
            name[:4].isascii()
            and name[:4].decode().isprintable()
            and (0 <= size <= len(self._data) - at - self._head)
        )

    def _with_size(self, at: int, size: int) -> bytes:
        """The file with another size of the samples' chunk."""
        where, form = at + self._head - 4, self._layout.head[0] + "I"
        if self._long is not None and self._size(at) >= _PIPED:
            where, form = self._long, "<Q"
        elif self._layout.head[-1] == "Q":
            where, form = at + self._head - 8, self._layout.head[0] + "Q"
            size += self._head if self._layout.head_counts else 0
        new = struct.pack(form, size)
        return self._data[:where] + new + self._data[where + len(new) :]
