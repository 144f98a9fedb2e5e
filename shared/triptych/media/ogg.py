"""Ogg: one sound after another in one file, other streams beside it, an end that is missing.

A file may be a chain of links, each an Ogg of its own, as stations and joined files have them;
libsndfile reads the first. Source: RFC 3533.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from triptych.core.errors import TooLarge

_CAPTURE = b"OggS\0"
"""How each page begins: a pattern, and the version."""
_HEADER = 27
_FIRST, _LAST = 2, 4
_FULL = 255
"""Bytes of a segment after which its packet goes on in the next one."""
_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
"""How the first packet of a sound begins."""
_MOST_LINKS = 2**12
_POLYNOMIAL = 0x04C11DB7


class Page(NamedTuple):
    """Where a page is, and what its header says; its end may be behind that of the data."""

    start: int
    body: int
    end: int
    flags: int
    serial: int


@dataclass
class Link:
    """The pages of one sound of a chain."""

    serial: int | None = None
    """Of the sound's stream; None as long as none has begun."""
    runs: list[tuple[int, int]] = field(default_factory=list)
    """Where pages that lie behind one another begin and end."""
    rest: bytes = b""
    """What there is of a last page that is not whole, as a page."""
    is_cut: bool = False
    """Whether pages are missing at the end."""

    def data(self, whole: bytes) -> bytes:
        """An Ogg of this sound alone."""
        pieces = [whole[start:end] for start, end in self.runs]
        return b"".join([*pieces, self.rest]) if self.rest or len(pieces) > 1 else pieces[0]

    def take(self, page: Page, data: bytes) -> None:
        """Add a page, if it is one of the sound: a film has other streams beside it."""
        if self.serial is None and page.flags & _FIRST and data.startswith(_CODECS, page.body):
            self.serial = page.serial
        if page.serial != self.serial:
            return
        if page.end > len(data):
            self.rest = _mended(data[page.start :], page.body - page.start)
            self.is_cut = not page.flags & _LAST
        elif self.runs and self.runs[-1][1] == page.start:
            self.runs[-1] = self.runs[-1][0], page.end
        else:
            self.runs.append((page.start, page.end))


def links(data: bytes) -> list[Link]:
    """The sounds of an Ogg, one after another; none if there is no sound in it.

    Raises:
        TooLarge: more of them than any recording has.
    """
    chain: list[Link] = []
    begins = False
    for page in _pages(data):
        if page.flags & _FIRST and not begins:
            chain.append(Link())
        begins = bool(page.flags & _FIRST)
        if chain:
            chain[-1].take(page, data)
        if len(chain) > _MOST_LINKS:
            raise TooLarge(f"audio is an Ogg of more than {_MOST_LINKS} sounds")
    return [link for link in chain if link.runs]


def _pages(data: bytes) -> Iterator[Page]:
    """Every page; junk between two is passed over."""
    at = data.find(_CAPTURE)
    while at >= 0 and at + _HEADER <= len(data):
        body = at + _HEADER + data[at + 26]
        end = body + sum(data[at + _HEADER : body])
        yield Page(at, body, end, data[at + 5], struct.unpack_from("<I", data, at + 14)[0])
        at = data.find(_CAPTURE, end)


def _mended(page: bytes, header: int) -> bytes:
    """The packets that are whole of a page that is not; nothing if there is none."""
    there = len(page) - header
    count = size = total = 0
    for number, length in enumerate(page[_HEADER:header], 1):
        total += length
        if total > there:
            break
        if length < _FULL:
            count, size = number, total
    if not count:
        return b""
    head = page[:22] + bytes(4) + bytes([count]) + page[_HEADER : _HEADER + count]
    mended = head + page[header : header + size]
    return mended[:22] + struct.pack("<I", _checksum(mended)) + mended[26:]


def _checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it: the highest bit first, nothing inverted."""
    crc, table = 0, _table()
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ table[crc >> 24 ^ byte]
    return crc


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 & 0xFFFFFFFF) ^ (_POLYNOMIAL if crc >> 31 else 0)
        table.append(crc)
    return tuple(table)
