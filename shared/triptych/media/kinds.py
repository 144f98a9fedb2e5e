"""What bytes really are, for reasons that help: by their first bytes, whatever their name says."""

import re

_BRANDS = {
    "an AVIF picture": ("avif", "avis"),
    "a HEIC picture": ("heic", "heix", "hevc", "hevx", "heim", "heis", "hevm", "hevs"),
    "a camera raw file (CR3)": ("crx ",),
    "a QuickTime video": ("qt  ",),
    "an M4A sound": ("M4A ", "M4B ", "M4P "),
    "a 3GP video": ("3gp4", "3gp5", "3gp6", "3g2a", "3ge6", "3gg6"),
    "a HEIF picture": ("mif1", "msf1", "miaf"),
}
"""Of ISO base media files (ISO 14496-12), the last of pictures of any codec; any other is an MP4
video."""
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""With which a QuickTime file without a brand begins."""
_RIFF = {b"WAVE": "a WAV sound", b"AVI ": "an AVI video", b"WEBP": "a WebP picture"}
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "a JPEG picture"),
    (rb"\x89PNG\r\n", "a PNG picture"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (rb"II\xbc", "a JPEG XR picture"),
    (rb"8BPS\0[\x01\x02]", "a Photoshop document"),
    (rb"gimp xcf", "a GIMP document"),
    (rb"\0\0\x01\0[\x01-\xff]\0", "an icon (ICO)"),
    (rb"\0\0\x02\0[\x01-\xff]\0", "a cursor (CUR)"),
    (rb"icns", "an icon (ICNS)"),
    (rb"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (rb"#\?(RADIANCE|RGBE)", "a Radiance picture (HDR)"),
    (rb"SIMPLE  =", "a FITS picture"),
    (rb"DDS ", "a DirectDraw picture (DDS)"),
    (rb"P[1-7][\s#]", "a Netpbm picture"),
    (rb"qoif", "a QOI picture"),
    (rb"BPG\xfb", "a BPG picture"),
    (rb"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)"),
    (rb"FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|FOVb|\0MRM", "a camera raw file"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS", "a PostScript document"),
    (rb"\{\\rtf", "an RTF document"),
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip file"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"BZh[1-9]", "a bzip2 file"),
    (rb"\xfd7zXZ\0", "an xz file"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (rb"SQLite format 3\0", "an SQLite database"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"fLaC", "a FLAC sound"),
    (rb"OggS", "an Ogg sound"),
    (rb"ID3|\xff[\xfb\xf3\xf2]", "an MP3 sound"),
    (rb"\xff[\xf1\xf9]", "an AAC sound"),
    (rb"FORM....AIF[FC]", "an AIFF sound"),
    (rb"#!AMR", "an AMR sound"),
    (rb"MThd", "a MIDI file"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (WMA, WMV)"),
    (rb"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (rb"FLV\x01", "a Flash video"),
    (rb"\0\0\x01[\xba\xb3]", "an MPEG video"),
    (rb"G.{187}G", "an MPEG transport stream"),
    (rb"\0\x05\x16\x07|\0\0\0\x01Bud1", "a companion file of macOS"),
    (rb"version https://git-lfs", "a pointer of Git LFS: the file itself was not fetched"),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), kind) for pattern, kind in _SIGNATURES]
_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
_LOOKED_AT = 4096


def kind_of(data: bytes) -> str | None:
    """What it is, with an article (``a PDF document``); None where nothing tells."""
    if data[4:8] == b"ftyp":
        return _of_brand(data)
    if data[4:8] in _BOXES:
        return "a QuickTime video"
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12])
    head = data[:_LOOKED_AT]
    known = (kind for pattern, kind in _PATTERNS if pattern.match(head))
    return next(known, None) or _of_no_signature(head)


def _of_no_signature(head: bytes) -> str | None:
    if not head.strip(b"\0"):
        return "nothing but zeros" if head else None
    if _PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "an HTML page"
    return "a text" if _is_text(head) else None


def is_heic(data: bytes) -> bool:
    """Whether it is a HEIF picture, as telephones write it, and not one of AVIF."""
    return data[4:8] == b"ftyp" and _of_brand(data) in {"a HEIC picture", "a HEIF picture"}


def _of_brand(data: bytes) -> str:
    """The major brand, unless it is generic and a compatible one says more."""
    end = min(int.from_bytes(data[:4]), _LOOKED_AT)
    compatible = {data[at : at + 4].decode("latin-1") for at in range(16, end, 4)}
    major = data[8:12].decode("latin-1")
    if major not in _BRANDS["a HEIF picture"]:
        compatible = {major}
    known = (kind for kind, names in _BRANDS.items() if compatible & {*names})
    return next(known, "a HEIF picture" if major in _BRANDS["a HEIF picture"] else "an MP4 video")


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters; the last letter may be cut."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < _LOOKED_AT:
            return False
        text = head[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() for letter in text)
