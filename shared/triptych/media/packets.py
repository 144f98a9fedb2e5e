"""The metadata of a picture: the packets that lie in its file, and what they say together.

Nothing here decides whether a picture is read: what is damaged is left out.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from triptych.media.details import merged
from triptych.media.exif import read_exif
from triptych.media.iptc import in_photoshop, read_iptc
from triptych.media.xmp import read_xmp

_NO_TEXTS: Mapping[str, str] = {}
_TEXT_FIELDS = {"title": "Title", "artist": "Author", "caption": "Description"}
"""The keywords of PNG 1.2, 11.3.4.2, that fields have."""
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d\S*")


class Packets(NamedTuple):
    """Metadata as they lie in a file; empty where there are none."""

    exif: bytes = b""
    """With or without its signature. Of a TIFF it is the file."""
    xmp: bytes = b""
    photoshop: bytes = b""
    """Resources of Photoshop, among which IPTC is."""
    texts: Mapping[str, str] = _NO_TEXTS
    """Of a PNG, by keyword."""
    more: tuple[bytes, ...] = ()
    """Further TIFFs with tags of EXIF, which some raw files have."""


NO_PACKETS = Packets()


class Origin(NamedTuple):
    """What a file is, beside its pixels."""

    format: str
    width: int = 0
    """Of the whole picture, upright; 0 where it has no size of its own. Likewise the height."""
    height: int = 0
    packets: Packets = NO_PACKETS


UNKNOWN = Origin("")


def picture_details(origin: Origin) -> dict[str, Any]:
    """What a picture says of itself, by field of the item.

    Of when, where and with what it was taken EXIF is believed first, which the camera wrote; of
    what people say of it XMP, then IPTC, then EXIF, then the texts of a PNG. The date of the last
    change is that of the picture only if there is no other.
    """
    packets = origin.packets
    exif = read_exif(packets.exif, *packets.more)
    resources = packets.photoshop or exif.photoshop
    iptc = read_iptc(in_photoshop(resources) or exif.iptc)
    xmp = read_xmp(packets.xmp or exif.xmp)
    texts = {field: packets.texts.get(keyword) for field, keyword in _TEXT_FIELDS.items()}
    created = packets.texts.get("Creation Time", "")
    dates = {"captured_at": created if _ISO_DATE.fullmatch(created) else None}
    changed = {"captured_at": exif.changed}
    found = merged(dates, changed, texts, exif.described, iptc, xmp, exif.shot)
    size = {"width": origin.width, "height": origin.height} if origin.width else {}
    return {**found, **size, "format": [origin.format]}
