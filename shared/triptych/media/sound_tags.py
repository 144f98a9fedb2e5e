"""What sounds and films say of themselves: titles, performers, comments.

Each standard is read within bounds: nothing that a file claims is taken to be there, and no more
than a bounded number of strings is looked at. What is damaged is left out.
"""

import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from triptych.media.cuts import beginning
from triptych.media.details import camera_of, clean, decoded, first_moment, moment
from triptych.media.id3 import read_id3, read_tag
from triptych.media.iso6709 import place_of

_MOST_CHUNKS, _MOST_STRINGS, _MOST_COMMENTS = 2000, 100, 1000
_MOST_BYTES = 2**24
"""Of comments: a cover may be among them."""
_MOST_OF_COMMENT = 2**16
_VORBIS = {
    "title": "title", "artist": "artist", "album": "album", "date": "date",
    "description": "caption", "comment": "caption",
}  # fmt: skip
"""https://xiph.org/vorbis/doc/v-comment.html"""
_INFO = {b"INAM": "title", b"IART": "artist", b"IPRD": "album", b"ICMT": "caption"}
_AIFF = {b"NAME": "title", b"AUTH": "artist", b"ANNO": "caption"}
_COMMENTS_OF_FLAC = 4
_PACKETS = {b"\x03vorbis": 7, b"OpusTags": 8}
"""How packets of an Ogg begin that are comments, and how much of them to pass over."""
_MOST_PAGES = 2000
_APPLE = "com.apple.quicktime."


def sound_details(data: bytes, said: Mapping[str, str]) -> dict[str, Any]:
    """What a sound says of itself, by field of the item.

    Args:
        data: of the file.
        said: what FFmpeg has found in it, by its names, if it has read it.
    """
    found = _of_ffmpeg(said) if said else _of_file(data)
    date = found.get("date", "")
    if "captured_at" not in found and "T" in date:  # a mere day is that of a release
        found["captured_at"] = date
    return clean(found)


def _of_file(data: bytes) -> dict[str, Any]:
    head = data[:12]
    if head.startswith(b"OggS"):
        return _comments(_ogg_comments(data))
    if head[:4] in {b"RIFF", b"RF64"} and head[8:] == b"WAVE":
        return _of_wav(data)
    if head[:4] == b"FORM" and head[8:] in {b"AIFF", b"AIFC"}:
        return _of_aiff(data)
    tagged = read_id3(data)
    flac = data.find(b"fLaC", 0, 2**20) if head[:3] in {b"ID3", b"fLa"} else -1
    return tagged | (_comments(_flac_comments(data, flac)) if flac >= 0 else {})


def _of_ffmpeg(said: Mapping[str, str]) -> dict[str, Any]:
    """FFmpeg's names, and those that phones of Apple write."""
    names = {key.casefold(): value for key, value in said.items()}

    def first(*keys: str) -> str:
        return next((names[key] for key in keys if names.get(key)), "")

    return {
        "title": first("title", f"{_APPLE}title"),
        "artist": first("artist", "author", f"{_APPLE}artist", f"{_APPLE}author"),
        "album": first("album", f"{_APPLE}album"),
        "caption": first("description", "comment", f"{_APPLE}description", f"{_APPLE}comment"),
        "captured_at": first_moment(names.get(f"{_APPLE}creationdate"), names.get("creation_time")),
        "camera": camera_of(
            first(f"{_APPLE}make", "make"), first(f"{_APPLE}model", "model")
        ),
        "place": place_of(first(f"{_APPLE}location.iso6709", "location", "location-eng")),
    }  # fmt: skip


def _comments(data: bytes) -> dict[str, Any]:
    """The comments of Vorbis, which FLAC and Opus have as well; of several values all."""
    values: dict[str, list[str]] = {}
    for comment in islice(_each_comment(data), _MOST_COMMENTS):
        key, _, value = comment.partition(b"=")
        field = _VORBIS.get(key.decode("latin-1").casefold())
        if field and value:
            values.setdefault(field, []).append(decoded(value))
    single = ("date", "caption")
    return {
        name: each[0] if name in single else ", ".join(dict.fromkeys(each))
        for name, each in values.items()
    }


def _each_comment(data: bytes) -> Iterator[bytes]:
    try:
        (vendor,) = struct.unpack_from("<I", data)
        at = 4 + vendor
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        for _ in range(count):
            (size,) = struct.unpack_from("<I", data, at)
            yield beginning(data[at + 4 : at + 4 + size], _MOST_OF_COMMENT)
            at += 4 + size
    except struct.error:  # cut
        return


def _flac_comments(data: bytes, start: int) -> bytes:
    at = start + 4
    for _ in range(_MOST_CHUNKS):
        if at + 4 > len(data):
            break
        kind, size = data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4])
        if kind == _COMMENTS_OF_FLAC:
            return data[at + 4 : at + 4 + size]
        if data[at] & 0x80:
            break
        at += 4 + size
    return b""


def _ogg_comments(data: bytes) -> bytes:
    """The second packet of the first stream, which is its comments."""
    packet, at, serial, count, size = bytearray(), 0, b"", 0, 0
    for _ in range(_MOST_PAGES):
        if not data.startswith(b"OggS", at) or at + 27 > len(data):
            return b""
        segments = data[at + 27 : at + 27 + data[at + 26]]
        start = at + 27 + len(segments)
        at = start + sum(segments)
        serial = serial or data[start - len(segments) - 13 : start - len(segments) - 9]
        if data[start - len(segments) - 13 : start - len(segments) - 9] != serial:
            continue
        for segment in segments:
            if count == 1:
                packet += data[start : start + segment]
            start, size = start + segment, size + segment
            if segment < 255:  # noqa: PLR2004  # the packet ends here
                if count == 1:
                    return _unframed(bytes(packet))
                count += 1
        if len(packet) > _MOST_BYTES:
            return b""
    return b""


def _unframed(packet: bytes) -> bytes:
    for start, length in _PACKETS.items():
        if packet.startswith(start):
            return packet[length:]
    # Of FLAC it is a block with a head; Speex has nothing before.
    return packet[4:] if packet[:1] in {b"\x04", b"\x84"} else packet


def _of_wav(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, body in _chunks(data, "<"):
        if kind == b"LIST" and body[:4] == b"INFO":
            for name, text in islice(_chunks(body, "<", 4), _MOST_STRINGS):
                if name in _INFO:
                    found.setdefault(_INFO[name], decoded(beginning(text, _MOST_OF_COMMENT)))
        elif kind == b"bext":  # of broadcasters and recorders: EBU Tech 3285
            comment, date, clock = map(decoded, (body[:256], body[320:330], body[330:338]))
            when = moment(f"{date} {clock}")
            found |= {"caption": comment} if comment.strip() else {}
            found |= {"date": when} if when else {}
        elif kind in {b"id3 ", b"ID3 "}:
            found |= read_tag(body)
    return found


def _of_aiff(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, body in _chunks(data, ">"):
        if kind in _AIFF:
            found.setdefault(_AIFF[kind], decoded(beginning(body, _MOST_OF_COMMENT)))
        elif kind == b"ID3 ":
            found |= read_tag(body)
    return found


def _chunks(data: bytes, order: str, at: int = 12) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk, up to the end of the data; of long ones the beginning."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        name, size = struct.unpack_from(f"{order}4sI", data, at)
        yield name, data[at + 8 : at + 8 + min(size, _MOST_BYTES)]
        at += 8 + size + size % 2
