"""The media types of files (RFC 6838), by what they are and not by what they are called."""

from collections.abc import Mapping

from triptych.media.kinds import kind_of
from triptych.media.svg import is_svg

UNKNOWN = "application/octet-stream"
SVG = "image/svg+xml"
_TYPES: Mapping[str, str] = {
    "a JPEG picture": "image/jpeg",
    "a PNG picture": "image/png",
    "a GIF picture": "image/gif",
    "a WebP picture": "image/webp",
    "an AVIF picture": "image/avif",
    "a HEIC picture": "image/heic",
    "a HEIF picture": "image/heif",
    "a JPEG XL picture": "image/jxl",
    "a JPEG 2000 picture": "image/jp2",
    "a WAV sound": "audio/wav",
    "a FLAC sound": "audio/flac",
    "an Ogg sound": "audio/ogg",
    "an MP3 sound": "audio/mpeg",
    "an AAC sound": "audio/aac",
    "an AIFF sound": "audio/aiff",
    "an AMR sound": "audio/amr",
    "an M4A sound": "audio/mp4",
    "an MP4 video": "video/mp4",
    "a QuickTime video": "video/quicktime",
    "a 3GP video": "video/3gpp",
    "a Matroska or WebM video": "video/webm",
}
LOOKED_AT = 4096
"""Bytes of its beginning that tell."""


def type_of(head: bytes) -> str:
    """The type of a file that begins like this; ``application/octet-stream`` where none is sure."""
    if head.startswith(b"BM"):
        return "image/bmp"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "image/tiff"
    if known := _TYPES.get(kind_of(head) or ""):
        return known
    return SVG if head.lstrip()[:1] == b"<" and is_svg(head) else UNKNOWN
