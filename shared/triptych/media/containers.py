"""What a sound comes in, told by its first bytes: the name for reasons, and who reads it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Container:
    """A container of sounds, or of films."""

    name: str
    """As in "is a QuickTime video"."""
    demuxer: str
    """What FFmpeg calls it."""
    kind: str = ""
    """As the field `format` has it, where that is another name."""

    @property
    def format(self) -> str:
        """As the field `format` has it."""
        return self.kind or self.demuxer


OGG = Container("Ogg", "ogg")
_LAYER_2 = Container("MPEG audio of layer II", "mp3", "mp2")
_QUICKTIME = Container("a QuickTime video", "mov")
_IRCAM = tuple(
    magic
    for machine in (1, 2, 3, 4)
    for magic in (bytes([0x64, 0xA3, machine, 0]), bytes([0, machine, 0xA3, 0x64]))
)
_SIGNATURES: tuple[tuple[int, bytes, Container], ...] = (
    (0, b"OggS", OGG),
    (0, b"fLaC", Container("FLAC", "flac")),
    (8, b"WAVE", Container("WAV", "wav")),
    (8, b"AIFF", Container("AIFF", "aiff")),
    (8, b"AIFC", Container("AIFF", "aiff")),
    (0, b"caff", Container("CAF", "caf")),
    (0, b"riff", Container("W64", "w64")),
    (0, b".snd", Container("AU", "au")),
    (0, b"NIST_1A\n", Container("NIST SPHERE", "nistsphere", "sph")),
    (0, b"Creative Voice File\x1a", Container("VOC", "voc")),
    (8, b"8SVX", Container("8SVX", "iff", "8svx")),
    *((0, magic, Container("IRCAM", "ircam", "sf")) for magic in _IRCAM),
    (0, b"#!AMR-WB\n", Container("AMR-WB", "amr")),
    (0, b"#!AMR\n", Container("AMR", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("Windows Media (WMA, WMV)", "asf", "wma")),
    (0, b"\0\0\x01\xba", Container("an MPEG video", "mpeg")),
    *((0, bytes([0xFF, second]), _LAYER_2) for second in (0xF4, 0xF5, 0xFC, 0xFD)),
    (8, b"AVI ", Container("an AVI video", "avi")),
    (4, b"moov", _QUICKTIME),
    (4, b"mdat", _QUICKTIME),
    (4, b"wide", _QUICKTIME),
)
_BRANDS = {
    b"M4A ": Container("M4A (AAC or ALAC)", "mov", "m4a"),
    b"M4B ": Container("M4B (AAC)", "mov", "m4a"),
    b"qt  ": _QUICKTIME,
}
"""Of a file of the ISO base media format, by its major brand."""
_PICTURES = (b"he", b"hevc", b"mif1", b"msf1", b"avi", b"crx ", b"jp2 ", b"jxl ")
"""How brands of pictures begin, which have the same format."""
_PHONE, _FILM = Container("a 3GPP recording", "mov", "3gp"), Container("an MP4 video", "mov", "mp4")
_MATROSKA, _WEBM = (
    Container("a Matroska video", "matroska", "mkv"),
    Container("WebM", "matroska", "webm"),
)
_ADTS = Container("AAC", "aac")
_TRANSPORT = Container("an MPEG transport stream", "mpegts")
_TRANSPORT_STARTS = ((0, 188, 376), (4, 196, 388))
"""Where packets begin, without and with a time before each."""
_ADTS_HEAD = 7
_ADTS_SYNC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_JUNK = 2**16
"""Bytes in which a sound begins."""
_CERTAIN = 4
"""Frames in a row that are no chance."""


def container_of(data: bytes) -> Container | None:
    """The container, if it is one that has a signature."""
    for at, magic, container in _SIGNATURES:
        if data.startswith(magic, at):
            return container
    if data.startswith(b"ftyp", 4):
        return _of_brand(data[8:12])
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return _WEBM if b"webm" in data[:64] else _MATROSKA
    if _is_adts(data):
        return _ADTS
    if any(all(data[at : at + 1] == b"G" for at in starts) for starts in _TRANSPORT_STARTS):
        return _TRANSPORT
    return None


def container_within(data: bytes) -> tuple[int, Container] | None:
    """Where an Ogg, or AAC, begins behind what is no sound, as in the middle of a stream."""
    if (at := data.find(b"OggS", 0, _JUNK)) >= 0:
        return at, OGG
    view = memoryview(data)
    for found in _ADTS_SYNC.finditer(data, 0, _JUNK):
        if _is_adts(view[found.start() :], frames=_CERTAIN):
            return found.start(), _ADTS
    return None


def _of_brand(brand: bytes) -> Container | None:
    if brand.startswith(_PICTURES):
        return None
    return _BRANDS.get(brand, _PHONE if brand.startswith(b"3g") else _FILM)


def _is_adts(data: bytes | memoryview, frames: int = 2) -> bool:
    """Whether frames of AAC follow one another (ISO/IEC 14496-3, ADTS)."""
    at = 0
    for _ in range(frames):
        head = data[at : at + _ADTS_HEAD]
        if len(head) < _ADTS_HEAD or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:  # noqa: PLR2004
            return False
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if size < _ADTS_HEAD:
            return False
        at += size
    return True
