"""What pictures say of themselves, by every standard, and what of it is believed."""

import io
import struct
import time
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pylibjxl
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from triptych.core.instants import microseconds
from triptych.media.details import LINE, TAG, TEXT, clean, coordinates, moment, with_satellites
from triptych.media.exif import read_exif
from triptych.media.image import read_image
from triptych.media.iptc import in_photoshop, read_iptc
from triptych.media.packets import Origin, Packets, picture_details
from triptych.media.xmp import read_xmp
from unit.media.files import png, png_chunk

PIXELS = Image.new("RGB", (64, 48), (200, 30, 30))
NOON = microseconds("2024-05-31T12:00:00Z")
HOUR = 3600 * 10**6


def exif(*, orientation: int | None = None, **fields: Any) -> Image.Exif:
    """EXIF of a camera; ``fields`` are tags of its directories by number, in hex."""
    made = Image.Exif()
    made[0x010F], made[0x0110] = "Acme", "X1"
    if orientation is not None:
        made[0x0112] = orientation
    directories = {"exif": made.get_ifd(0x8769), "gps": made.get_ifd(0x8825), "first": made}
    for name, value in fields.items():
        directory, tag = name.split("_")
        directories[directory][int(tag, 16)] = value
    return made


def xmp(body: str, attributes: str = "") -> bytes:
    """A packet."""
    spaces = {
        "dc": "http://purl.org/dc/elements/1.1/", "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/", "tiff": "http://ns.adobe.com/tiff/1.0/",
        "digiKam": "http://www.digikam.org/ns/1.0/", "xmp": "http://ns.adobe.com/xap/1.0/",
        "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    }  # fmt: skip
    names = " ".join(f'xmlns:{name}="{space}"' for name, space in spaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description {names} {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()  # fmt: skip


XMP = xmp(
    '<dc:title><rdf:Alt><rdf:li xml:lang="de">Der Strand</rdf:li>'
    '<rdf:li xml:lang="x-default">The beach</rdf:li></rdf:Alt></dc:title>'
    "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>"
    "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sand</rdf:li></rdf:Bag></dc:subject>"
    "<dc:description><rdf:Alt><rdf:li>Two\npeople</rdf:li></rdf:Alt></dc:description>",
    'photoshop:DateCreated="2020-07" tiff:Make="Other" exif:GPSLatitude="48,8.5N" '
    'exif:GPSLongitude="11,34,30W"',
)


def iptc(*strings: tuple[int, str | bytes]) -> bytes:
    """Resources of Photoshop with strings of IPTC, by number."""
    bodies = ((n, s if isinstance(s, bytes) else s.encode()) for n, s in strings)
    sets = b"".join(struct.pack(">BBBH", 0x1C, 2, n, len(body)) + body for n, body in bodies)
    other = b"8BIM\x03\xed\0\0\0\0\0\x01x\0"
    return other + b"8BIM\x04\x04\x03abc" + struct.pack(">I", len(sets)) + sets


def segment(marker: int, body: bytes) -> bytes:
    """Of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, **options: Any) -> bytes:
    """A JPEG with segments behind its first marker."""
    file = io.BytesIO()
    PIXELS.save(file, "JPEG", **options)
    data = file.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def details(data: bytes) -> dict[str, Any]:
    """Of a picture as it is read."""
    return picture_details(read_image(data, side=224, max_pixels=10**8).origin)


def saved(kind: str, made: Image.Exif, packet: bytes) -> bytes:
    """A picture of a format with both."""
    file = io.BytesIO()
    if kind == "heic":
        pillow_heif.from_pillow(PIXELS).save(file, exif=made.tobytes(), xmp=packet)
    elif kind == "jxl":
        with pylibjxl.JXL() as encoder:
            return encoder.encode(np.array(PIXELS), exif=made.tobytes()[6:], xmp=packet)
    elif kind == "png":
        file.write(_png(made, packet))
    else:
        PIXELS.save(file, kind.upper(), exif=made, xmp=packet)
    return file.getvalue()


def _png(made: Image.Exif, packet: bytes) -> bytes:
    file = io.BytesIO()
    PIXELS.save(file, "PNG", exif=made)
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    data = file.getvalue()
    return data[:33] + text + data[33:]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "heic", "jxl"])
def test_exif_and_xmp_of_every_format(kind: str):
    """The camera's word counts for the moment, that of people for the rest."""
    made = exif(
        exif_9003="2024:05:31 14:00:00", exif_9011="+02:00", exif_9291="25",
        exif_A434="50mm f/1.8", exif_A433="Acme", first_10E="A caption", first_13B="Carl",
    )  # fmt: skip
    assert details(saved(kind, made, XMP)) == {
        "captured_at": NOON + 250_000,
        "captured_at_zone": "+02:00",
        "camera": "Acme X1",
        "lens": "Acme 50mm f/1.8",
        "place": {"latitude": 48.1416667, "longitude": -11.575},
        "title": "The beach",
        "artist": "Ann, Bob",
        "caption": "Two\npeople",
        "tags": ["sea", "sand"],
        "width": 64,
        "height": 48,
        "format": [kind],
    }


def test_a_tiff_is_exif_itself():
    """With the size that is shown."""
    file = io.BytesIO()
    PIXELS.save(file, "TIFF", exif=exif(orientation=6, first_13B="Ann"))
    found = details(file.getvalue())
    assert (found["camera"], found["artist"]) == ("Acme X1", "Ann")
    assert (found["width"], found["height"], found["format"]) == (48, 64, ["tiff"])


def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A TIFF of one directory: tag, type, number and content of each entry."""
    behind, table = b"", b""
    start = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, number, body in entries:
        where = struct.pack("<I", start + len(behind)) if len(body) > 4 else body.ljust(4, b"\0")
        behind += body if len(body) > 4 else b""
        table += struct.pack("<HHI", tag, kind, number) + where
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4) + behind


def comment(body: bytes, order: str) -> bytes:
    """A TIFF, little-endian (``<``) or not, with the comment of a user."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}HHHII4x", 1, 0x9286, 7, len(body), 26) + body


def test_raw_files():
    """A TIFF with the tags of EXIF in its first directory; several TIFFs, as Canon has them."""
    make, model = (0x010F, 2, 5, b"Acme\0"), (0x0110, 2, 3, b"R5\0")
    taken = (0x9003, 2, 20, b"2024:05:31 12:00:00\0")
    degrees = struct.pack("<6I", 48, 1, 8, 1, 30, 1)
    gps = ((1, 2, 2, b"N\0"), (2, 5, 3, degrees), (3, 2, 2, b"E\0"), (4, 5, 3, degrees))
    dng = directory(make, model, (50706, 1, 4, b"\1\4\0\0"), taken)
    boxes = b"".join(
        struct.pack(">I", 8 + len(body)) + name + body
        for name, body in (
            (b"CMT1", directory(make, model)),
            (b"CMT2", directory(taken)),
            (b"CMT4", directory(*gps)),
        )
    )
    cr3 = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + boxes
    place = {"latitude": 48.1416667, "longitude": 48.1416667}
    for head, where in ((dng, {}), (cr3, {"place": place})):
        assert details(head + jpeg()) == {
            "captured_at": NOON, "camera": "Acme R5", "width": 64, "height": 48, "format": ["raw"],
            **where,
        }  # fmt: skip


def test_the_size_is_that_of_the_whole_upright_picture():
    """Not that of what is decoded of it."""
    file = io.BytesIO()
    PIXELS.resize((2000, 1000)).save(file, "JPEG", exif=exif(orientation=6))
    found = details(file.getvalue())
    assert (found["width"], found["height"]) == (1000, 2000)


def test_a_format_without_metadata():
    """Has a size."""
    found = details(b"P6 3 2 255\n" + bytes(18))
    assert found == {"width": 3, "height": 2, "format": ["netpbm"]}


def test_iptc():
    """In a JPEG among other resources of Photoshop; in UTF-8 or as Windows writes."""
    resources = iptc(
        (5, "Opening"), (25, "sport"), (25, "Ren\u00e9"), (25, b"caf\xe9"), (55, "20240531"),
        (60, "140000+0200"), (80, "Ann"), (120, "The game"),
    )  # fmt: skip
    found = details(jpeg(segment(0xED, b"Photoshop 3.0\0" + resources)))
    assert found["captured_at"] == NOON
    assert found["captured_at_zone"] == "+02:00"
    assert found["tags"] == ["sport", "René", "café"]
    assert (found["title"], found["artist"], found["caption"]) == ("Opening", "Ann", "The game")


def test_texts_of_png():
    """Plain, packed, and in UTF-8, also where Latin-1 is due; the first of a keyword."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = png(
        (b"IHDR", head),
        (b"tEXt", b"Title\0caf\xe9"),
        (b"tEXt", b"Title\0another"),
        (b"zTXt", b"Author\0\0" + zlib.compress("Timothée".encode())),
        (b"iTXt", b"Description\0\1\0de\0Beschreibung\0" + zlib.compress("größer".encode())),
        (b"tEXt", b"Creation Time\x002024-05-31T12:00:00Z"),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
    found = details(data)
    assert (found["title"], found["artist"], found["caption"]) == ("café", "Timothée", "größer")
    assert found["captured_at"] == NOON


def test_which_date_counts():
    """When it was taken, digitised, what XMP and IPTC say, and last when the file was changed."""
    changed = exif(first_132="2025:01:01 00:00:00")
    dated = xmp("", 'photoshop:DateCreated="2024-05-31T12:00:00Z"')
    assert picture_details(Origin("jpeg", packets=Packets(changed.tobytes(), dated)))[
        "captured_at"
    ] == NOON  # fmt: skip
    only = picture_details(Origin("jpeg", packets=Packets(changed.tobytes())))
    assert only["captured_at"] == microseconds("2025-01-01")
    assert "captured_at_zone" not in only
    taken = exif(first_132="2025:01:01 00:00:00", exif_9004="2024:05:31 12:00:00")
    assert picture_details(Origin("jpeg", packets=Packets(taken.tobytes(), XMP)))[
        "captured_at"
    ] == NOON  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "satellites", "zone"),
    [
        ("2024:05:31 14:00:00", (12, 0, 20), "+02:00"),
        ("2024:05:31 08:30:00", (12, 0, 0), "-03:30"),
        ("2024:05:31 06:30:00", (12, 0, 0), None),  # no clock is set so
        ("2024:05:31 14:07:30", (12, 0, 0), None),  # the last fix was minutes ago
        ("2024:05:31 14:00:00", None, None),
    ],
)
def test_satellites_tell_the_zone(clock: str, satellites: tuple[int, ...] | None, zone: str | None):
    """Of a camera that does not say it; else its clock counts as UTC."""
    gps: dict[str, Any] = {}
    if satellites:
        gps = {"gps_7": tuple(map(float, satellites)), "gps_1D": "2024:05:31"}
    found = clean(read_exif(exif(exif_9003=clock, **gps).tobytes()).shot)
    local = microseconds(clock.replace(":", "-", 2))
    assert found.get("captured_at_zone") == zone
    hours = 0.0 if zone is None else int(zone[:3]) + int(zone[0] + zone[4:]) / 60
    assert found["captured_at"] == local - hours * HOUR


def test_satellites_alone_tell_the_moment():
    """In UTC."""
    made = exif(gps_7=(12.0, 0.0, 0.0), gps_1D="2024:05:31")
    found = clean(read_exif(made.tobytes()).shot)
    assert (found["captured_at"], found["captured_at_zone"]) == (NOON, "Z")


def test_a_place_of_exif():
    """South and west are negative."""
    made = exif(gps_1="S", gps_2=(33.0, 51.0, 36.0), gps_3="W", gps_4=(70.0, 30.0, 0.0))
    latitude, longitude = read_exif(made.tobytes()).shot["place"]
    assert (latitude, longitude) == pytest.approx((-33.86, -70.5))


def test_tags_of_programs_that_write_their_own():
    """As Immich does; where there are tags of the standard, these count."""
    tags = "<digiKam:TagsList><rdf:Seq><rdf:li>animals/birds</rdf:li></rdf:Seq></digiKam:TagsList>"
    assert read_xmp(xmp(tags)) == {"tags": ["animals/birds"]}
    standard = "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>"
    assert read_xmp(xmp(tags + standard)) == {"tags": ["sea"]}


def test_what_is_of_other_files():
    """A picture that is made of others has their metadata inside of its own."""
    other = (
        '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Other</rdf:li></rdf:Alt></dc:title>'
        "<dc:subject><rdf:Bag><rdf:li>other</rdf:li></rdf:Bag></dc:subject>"
    )
    dated = 'exif:DateTimeOriginal="1999-01-01T00:00:00" exif:GPSLatitude="1,0N"'
    own = "<dc:subject><rdf:Bag><rdf:li>mine</rdf:li></rdf:Bag></dc:subject>"
    for inside in (
        f'<rdf:Description {dated} exif:GPSLongitude="1,0E">{other}</rdf:Description>',
        f"{other}<exif:DateTimeOriginal>1999-01-01</exif:DateTimeOriginal>",
        f"<rdf:RDF><rdf:Description {dated}>{other}</rdf:Description></rdf:RDF>",
    ):
        pantry = f"<xmpMM:Pantry><rdf:Bag><rdf:li>{inside}</rdf:li></rdf:Bag></xmpMM:Pantry>"
        found = read_xmp(xmp(pantry + own, 'xmp:CreateDate="2024-05-31T12:00:00Z"'))
        assert found == {"captured_at": "2024-05-31T12:00:00Z", "tags": ["mine"]}


def test_a_date_of_xmp_that_is_none():
    """Does not hide one that is."""
    dates = 'exif:DateTimeOriginal="0000-00-00T00:00:00" xmp:CreateDate="2024-05-31T18:00:00"'
    assert read_xmp(xmp("", dates)) == {"captured_at": "2024-05-31T18:00:00"}
    dates = 'exif:DateTimeOriginal="2024-99-99" photoshop:DateCreated="2020"'
    assert read_xmp(xmp("", dates)) == {"captured_at": "2020-01-01"}


def test_a_place_of_xmp():
    """With fractions of minutes, or with seconds."""
    assert read_xmp(XMP)["place"] == pytest.approx((48 + 8.5 / 60, -(11 + 34 / 60 + 30 / 3600)))
    long = 'exif:GPSLatitude="48,8.5000000000000N" exif:GPSLongitude="11,34.50000000000000000000W"'
    assert read_xmp(xmp("", long))["place"] == pytest.approx((48 + 8.5 / 60, -(11 + 34.5 / 60)))


@pytest.mark.parametrize(
    "place", [(91, 0.5), (-90.1, 0.5), (0.5, 181), (float("nan"), 1), (0, 0), ("x", 1), (1,), None]
)
def test_what_is_no_place(place: Any):
    """Outside of the Earth; or 0, 0, which programs write for none."""
    assert coordinates(place) is None


@pytest.mark.parametrize(
    "date", ["0000:00:00 00:00:00", "0001:01:01 00:00:00", "2024:13:01 00:00:00", "    :  :  ",
             "2024:05:31", "2024:02:30 00:00:00", "99999:05:31 00:00:00", ""]
)  # fmt: skip
def test_what_is_no_date(date: str):
    """Years before 1000 are those of clocks that nobody set."""
    assert clean({"captured_at": moment(date)}) == {}


def test_a_zone_beyond_all_zones():
    """Tells nothing."""
    local = "2024-05-31T12:00:00"
    assert with_satellites(local, "2024-05-29T12:00:00Z") == local
    assert with_satellites(local, "not a date") == local
    assert clean({"captured_at": f"{local}+99:00"}) == {}


def test_hostile_strings():
    """No control characters, no surrogates, and bounded; what cameras write by default is none."""
    found = clean(
        {
            "title": "a\0b\x1b[31m\ud800  c\n" + "x" * 10**7,
            "caption": "one\ntwo\x07" + "y" * 10**7,
            "camera": "\0\0",
            "lens": 7,
            "artist": "Unknown",
            "tags": ["a", "a", "", "b" * 1000, *map(str, range(10_000))],
        }
    )
    assert found["title"].startswith("a b [31m c xxx")
    assert len(found["title"]) == LINE
    assert found["caption"].startswith("one\ntwo y")
    assert len(found["caption"]) == TEXT
    assert found["tags"][:2] == ["a", "b" * TAG]
    assert len(found["tags"]) == 256
    assert set(found) == {"title", "caption", "tags"}
    assert clean({"caption": "OLYMPUS DIGITAL CAMERA         "}) == {}


def test_letters_with_thousands_of_accents():
    """To sort them for each of these tags would take many minutes."""
    tags = [f"{number}" + "\u0301\u0327" * 20_000 for number in range(250)]
    assert len(clean({"tags": tags})["tags"]) == 250


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + XMP,
        b"<a>" * 10**5,
        xmp("<dc:subject>" + "<rdf:li>x</rdf:li>" * 10**5 + "</dc:subject>"),
        xmp("<dc:title>" + "x" * 10**7 + "</dc:title>"),
        b"\xff\xfe\0<",
        b"not XML",
        b"",
    ],
    ids=["entities", "deep", "many", "large", "encoding", "text", "empty"],
)
def test_hostile_xmp(packet: bytes):
    """Costs little, and no more than itself."""
    found = clean(read_xmp(packet))
    assert "camera" not in found
    assert len(str(found)) < 10**5


def test_many_resources():
    """Of Photoshop cost little."""
    started = time.process_time()
    assert in_photoshop(b"8BIM\x03\xed\0\0\0\0\0\0" * 10**6) == b""
    assert time.process_time() - started < 5


def test_depth():
    """What lies deeper than any program writes is not looked at."""
    for depth, found in ((10, {"title": "deep"}), (100, {})):
        inside = "<rdf:li>" * depth + "deep" + "</rdf:li>" * depth
        assert read_xmp(xmp(f"<dc:title>{inside}</dc:title>")) == found


def test_what_comes_before_the_damage_counts():
    """Of XMP that is cut."""
    assert read_xmp(XMP[: XMP.index(b"<dc:creator>")])["title"] == "The beach"


@pytest.mark.parametrize(
    "words", ["東京タワー", "The game", "Игра", "\u0e40\u0e01\u0e21", "größer", "😀 ok"]
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_comments_in_utf_16(words: str, mark: str):
    """In the order that a mark tells, or else in that of the file."""
    for order, code, other in (("<", "utf-16-le", "utf-16-be"), (">", "utf-16-be", "utf-16-le")):
        for written in (code, other) if mark else (code,):
            body = b"UNICODE\0" + f"{mark}{words}\0\0".encode(written)
            made = comment(body, order)
            assert read_exif(made).described["caption"] == words


def test_comments_in_the_other_order():
    """Some programs write that of their machine; what only fits so is read so."""
    for order, other in (("<", "utf-16-be"), (">", "utf-16-le")):
        made = comment(b"UNICODE\0" + "The größer game".encode(other), order)
        assert read_exif(made).described["caption"] == "The größer game"


@pytest.mark.parametrize("letter", ["ö", "東", "😀"])
def test_long_captions(letter: str):
    """Are cut between two letters."""
    for lead in range(4):
        text = "x" * lead + letter * 70_000
        for tag, head in ((0x010E, b""), (0x9286, b"ASCII\0\0\0")):
            body = head + text.encode()
            found = clean(read_exif(directory((tag, 2, len(body), body))).described)
            assert found["caption"] == text[: len(found["caption"])]
            assert len(found["caption"]) > 16_000


def test_a_directory_that_claims_everything():
    """Nothing is read that is not wanted, and nothing twice: no more memory than the file has."""
    import tracemalloc

    size = 2**20
    entries = b"".join(struct.pack("<HHII", tag, 2, size - 8, 8) for tag in range(1000))
    data = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1000) + entries
    data = data.ljust(size, b"a")
    tracemalloc.start()
    found = read_exif(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shot["camera"]
    assert most < 20 * size


def test_directories_that_lead_to_themselves():
    """Are read once."""
    loop = struct.pack("<HHHIIHHII", 2, 0x8769, 4, 1, 8, 0x8825, 4, 1, 8)
    assert read_exif(b"II*\0\x08\0\0\0" + loop).shot["captured_at"] is None


def test_metadata_do_not_decide_about_pixels():
    """A picture with junk for all of its metadata is a picture."""
    junk = bytes(range(256)) * 4
    data = jpeg(
        segment(0xE1, b"Exif\0\0II*\0" + junk),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + junk),
        segment(0xED, b"Photoshop 3.0\x008BIM" + junk),
    )
    assert set(details(data)) == {"width", "height", "format"}


def _damaged(data: bytes, place: int, junk: bytes) -> bytes:
    at = place % (len(data) + 1)
    return data[:at] + junk + data[at + len(junk) :]


EXIF = exif(
    exif_9003="2024:05:31 14:00:00", first_13B="Ann", gps_1="N", gps_2=(48.0, 8.0, 0.0),
    gps_3="E", gps_4=(11.0, 0.0, 0.0), gps_7=(12.0, 0.0, 0.0), gps_1D="2024:05:31",
).tobytes()  # fmt: skip
WHOLE = (EXIF, XMP, iptc((5, "a"), (55, "20240531"), (60, "140000+0200"), (120, "c")))


@given(place=some.integers(0, 10**4), junk=some.binary(min_size=1, max_size=12),
       which=some.integers(0, 2), end=some.integers(1, 2000))  # fmt: skip
def test_damage(place: int, junk: bytes, which: int, end: int):
    """Anything may come of it but an error."""
    packets = [*WHOLE]
    packets[which] = _damaged(packets[which], place, junk)[:end]
    found = picture_details(Origin("jpeg", 4, 3, Packets(*packets)))
    assert {"format", "width", "height"} <= set(found)


@given(some.binary(max_size=200))
def test_bytes(data: bytes):
    """That mean nothing."""
    for order in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""):
        picture_details(Origin("jpeg", packets=Packets(order + data, data, b"8BIM\x04\x04" + data)))
    read_iptc(b"\x1c\x02" + data)
    in_photoshop(data)


def test_what_is_no_value_does_not_hide_one():
    """A camera without a clock, without a place, and with a comment of its maker."""
    made = exif(
        exif_9003="0000:00:00 00:00:00",
        exif_9004="2024:05:31 12:00:00",
        exif_9012="+99:99",
        first_10E="OLYMPUS DIGITAL CAMERA       ",
        exif_9286=b"ASCII\0\0\0The game",
        gps_1="N", gps_2=(0.0, 0.0, 0.0), gps_3="E", gps_4=(0.0, 0.0, 0.0),
    )  # fmt: skip
    placed = xmp("", 'exif:GPSLatitude="48,8.5N" exif:GPSLongitude="11,34.65E"')
    found = picture_details(Origin("jpeg", packets=Packets(made.tobytes(), placed)))
    assert (found["captured_at"], found["caption"]) == (NOON, "The game")
    assert "captured_at_zone" not in found
    assert found["place"] == {"latitude": 48.1416667, "longitude": 11.5775}
