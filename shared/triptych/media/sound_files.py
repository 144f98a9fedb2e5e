"""Containers of sounds: what their first bytes tell, and whether they end too early.

libsndfile reads a truncated file without an error, so the sizes that a container states are
checked here. Sources: the specifications of RIFF WAVE, RF64 (EBU Tech 3306), Sony Wave64, AIFF,
Apple CAF, Sun AU and Ogg (RFC 3533).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

FORMATS: Mapping[str, str] = {
    "WAV": "WAV",
    "WAVEX": "WAV",
    "RF64": "RF64",
    "W64": "W64",
    "AIFF": "AIFF",
    "AU": "AU",
    "CAF": "CAF",
    "FLAC": "FLAC",
    "OGG": "OGG (Vorbis, Opus)",
    "MP3": "MP3",
}
"""The containers that are accepted: libsndfile's names, and the usual ones."""

KNOWN = ", ".join(dict.fromkeys(FORMATS.values()))

_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4 or M4A (AAC)"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (0, b"MThd", "MIDI"),
)
_OGG_HEADER = 27
_PIPED = 0x7FFF_0000
"""A 32-bit size from here on is no size: programs write it to a pipe."""


@dataclass(frozen=True)
class _Chunks:
    """How a container lays out its chunks."""

    start: int
    head: str
    """Name and size, as struct reads them."""
    samples: bytes
    align: int = 1
    head_counts: bool = False


_CHUNKED: Mapping[bytes, _Chunks] = {
    b"RIFF": _Chunks(12, "<4sI", b"data", align=2),
    b"RF64": _Chunks(12, "<4sI", b"data", align=2),
    b"FORM": _Chunks(12, ">4sI", b"SSND", align=2),
    b"caff": _Chunks(8, ">4sq", b"data"),
    b"riff": _Chunks(
        40, "<16sQ", bytes.fromhex("64617461f3acd3118cd100c04f8edb8a"), align=8, head_counts=True
    ),
}


def foreign(data: bytes) -> str | None:
    """The name of a common container that is not among ``FORMATS``."""
    for at, magic, name in _FOREIGN:
        if data[at : at + len(magic)] == magic:
            return name
    return None


def is_truncated(data: bytes) -> bool:
    """Whether a container ends inside a part of known size."""
    if data[:4] == b"OggS":
        page = data[data.rfind(b"OggS") :]
        return len(page) < _OGG_HEADER or len(page) < _OGG_HEADER + page[26] + sum(
            page[_OGG_HEADER : _OGG_HEADER + page[26]]
        )
    if data[:4] == b".snd":
        return _au_is_cut(data)
    chunks = _CHUNKED.get(data[:4])
    return chunks is not None and _samples_are_cut(data, chunks)


def _au_is_cut(data: bytes) -> bool:
    if len(data) < 12:  # noqa: PLR2004 (magic, offset, size)
        return True
    offset, size = struct.unpack_from(">II", data, 4)
    return bool(size < _PIPED and offset + size > len(data))


def _samples_are_cut(data: bytes, chunks: _Chunks) -> bool:
    """Whether the chunk of the samples is longer than the rest of the data."""
    head = struct.calcsize(chunks.head)
    at = chunks.start
    while at + head <= len(data):
        name, size = struct.unpack_from(chunks.head, data, at)
        if chunks.head_counts:
            size -= head
        if name == chunks.samples:
            if data[:4] == b"RF64" and size >= _PIPED:
                size = _rf64_size(data)
            elif head == struct.calcsize("<4sI") and size >= _PIPED:
                return False
            return bool(at + head + size > len(data))
        if size < 0:
            return False  # invalid: libsndfile refuses it
        at += head + size + -size % chunks.align
    return False


def _rf64_size(data: bytes) -> int:
    """The size of the samples in the chunk ``ds64``, which is the first."""
    size: int = struct.unpack_from("<Q", data, 28)[0] if len(data) >= 36 else 0  # noqa: PLR2004
    return size
