"""ID3: what is written at the beginning, or in the last 128 bytes, of an MP3 (https://id3.org)."""

from collections.abc import Iterator
from typing import Any

from triptych.media.cuts import beginning
from triptych.media.details import decoded

MOST_BYTES = 2**24
"""Of a tag; covers are in it as well."""
_HEAD, _LAST = 10, 128
_MOST_FRAMES = 1000
_MOST_OF_FRAME = 2**16
_FIELDS = {
    "TIT2": "title", "TT2": "title", "TPE1": "artist", "TP1": "artist", "TALB": "album",
    "TAL": "album", "TDRC": "date", "COMM": "caption", "COM": "caption",
}  # fmt: skip
"""By the names of frames, those of version 2.2 among them."""
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40
_PACKED = {3: 0xC0, 4: 0x0C}
"""Flags of a frame that is compressed or encrypted, by version."""
_GROUPED = {3: 0x20, 4: 0x40}
_WITH_LENGTH, _UNSYNCHRONISED_FRAME = 0x01, 0x02
_ENCODINGS = {0: "utf-8", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}
"""The first should be Latin-1, and often is something else."""


def read_id3(data: bytes) -> dict[str, Any]:
    """What the tags of a file say, the longer one first; what is damaged is left out."""
    last = data[-_LAST:]
    found = _version_1(last) if last.startswith(b"TAG") else {}
    return found | read_tag(data)


def read_tag(data: bytes) -> dict[str, Any]:
    """What a tag of version 2 says that begins the data."""
    found: dict[str, Any] = {}
    for name, body in _frames(data):
        field = _FIELDS.get(name)
        text = _comment(body) if field == "caption" else _text(body)
        if field and text and field not in found:
            found[field] = text
    return found


def _frames(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of the frames that are wanted."""
    if not data.startswith(b"ID3") or len(data) < _HEAD or data[3] not in {2, 3, 4}:
        return
    version, flags = data[3], data[5]
    tag = data[_HEAD : _HEAD + min(_synchsafe(data[6:10]), MOST_BYTES)]
    if flags & _UNSYNCHRONISED and version < 4:  # noqa: PLR2004
        tag = tag.replace(b"\xff\0", b"\xff")
    at = 0
    if flags & _EXTENDED and version > 2:  # noqa: PLR2004
        size = _synchsafe(tag[:4]) if version == 4 else int.from_bytes(tag[:4]) + 4  # noqa: PLR2004
        at = size
    yield from _in_tag(tag, at, version)


def _in_tag(tag: bytes, at: int, version: int) -> Iterator[tuple[str, bytes]]:
    letters, head = (3, 6) if version == 2 else (4, 10)  # noqa: PLR2004
    for _ in range(_MOST_FRAMES):
        if at + head > len(tag) or not tag[at]:
            return
        name = tag[at : at + letters].decode("latin-1")
        raw = tag[at + letters : at + 2 * letters]
        size = _synchsafe(raw) if version == 4 else int.from_bytes(raw)  # noqa: PLR2004
        flags = 0 if version == 2 else tag[at + 9]  # noqa: PLR2004
        start, at = at + head, at + head + size
        if name in _FIELDS and at <= len(tag) and not flags & _PACKED.get(version, 0):
            yield name, _content(beginning(tag[start:at], _MOST_OF_FRAME), flags, version)


def _content(body: bytes, flags: int, version: int) -> bytes:
    if flags & _GROUPED.get(version, 0):
        body = body[1:]
    if version == 4:  # noqa: PLR2004
        if flags & _WITH_LENGTH:
            body = body[4:]
        if flags & _UNSYNCHRONISED_FRAME:
            body = body.replace(b"\xff\0", b"\xff")
    return body


def _synchsafe(raw: bytes) -> int:
    """Four bytes of seven bits."""
    value = 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
    return value


def _parts(body: bytes) -> list[str]:
    """The strings of a frame, between zeros, behind the number of their encoding."""
    if not body or body[0] not in _ENCODINGS:
        return []
    encoding, raw = _ENCODINGS[body[0]], body[1:]
    if not encoding.startswith("utf-16"):
        return [decoded(part) for part in raw.split(b"\0")]
    if encoding == "utf-16" and raw[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16-le"
    text = raw[: len(raw) // 2 * 2].decode(encoding, "replace")
    return [part.removeprefix("\ufeff") for part in text.split("\0")]


def _text(body: bytes) -> str:
    return ", ".join(part for part in _parts(body) if part.strip())


def _comment(body: bytes) -> str:
    """The comment without a description: others are of programs."""
    description, *texts = _parts(body[:1] + body[4:]) or [""]
    return "" if description or not texts else texts[0]


def _version_1(tag: bytes) -> dict[str, Any]:
    fields = {"title": tag[3:33], "artist": tag[33:63], "album": tag[63:93], "caption": tag[97:127]}
    found = {name: decoded(raw).strip() for name, raw in fields.items()}
    return {name: text for name, text in found.items() if text}
