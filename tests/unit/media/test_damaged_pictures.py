"""What other programs show is a picture: junk beside the pixels, lost ends, odd depths."""

import io
import resource
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from triptych.core.errors import MediaError
from triptych.media.header import read_header
from triptych.media.image import Picture, read_image
from triptych.media.jpeg import Segment, _is_detailed
from unit.media.files import distance, interlaced_png, png_chunk, png_of_row, swapped_profile, tiff

LOSSY = 1.8
SIZE = 128, 96


def read(data: bytes, side: int = 128) -> Picture:
    """Decode with a generous limit."""
    return read_image(data, side=side, max_pixels=10**7)


@pytest.fixture(scope="module")
def pixels(picture) -> np.ndarray:
    return np.asarray(picture)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"subsampling": 0}]
)
@pytest.mark.parametrize("behind", [b"", b"\xff", b"\0", b"SEFHe\0\0\0" * 9])
@pytest.mark.parametrize("side", [128, 32])
def test_a_jpeg_without_its_end_marker_is_whole(options, behind, side, picture, encode):
    """Whatever follows in its place; decoded at full and at a reduced scale."""
    data = encode(picture, "JPEG", quality=95, **options)
    assert data.endswith(b"\xff\xd9")
    found = read(data[:-2] + behind, side)
    assert found.notes == ()
    assert distance(found.pixels, read(data, side).pixels) == 0


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("side", [512, 100])
def test_grey_that_is_there_is_not_missing(ended, side, encode):
    """The decoder fills what is missing with the very same grey."""
    pixels = np.full((512, 400, 3), 128, np.uint8)
    pixels[:250, 40:90] = 200, 30, 30
    data = encode(Image.fromarray(pixels), "JPEG", quality=95)
    found = read(data if ended else data[:-2], side)
    assert found.notes == ()
    assert found.pixels.shape[0] == side


def test_an_end_marker_that_comes_too_early_is_noticed(picture, encode):
    """As programs write it that mend a cut file."""
    data = encode(picture, "JPEG", quality=95)
    found = read(data[: len(data) * 8 // 10] + b"\xff\xd9")
    assert [note.lost for note in found.notes] == [True]
    assert len(found.pixels) < 96
    with pytest.raises(MediaError, match=r"cut off: \d+% of the JPEG is there, less than half"):
        read(data[: len(data) * 3 // 10] + b"\xff\xd9")


def test_a_progressive_jpeg_whose_last_scans_are_missing_says_so(picture, encode):
    """Cut within the last scan, it lacks nothing that one would see."""
    data = encode(picture, "JPEG", quality=95, progressive=True)
    last = data.rindex(b"\xff\xda")
    assert read(data[: last + 40]).notes == ()
    assert read(data[:last]).notes[0].text.endswith("finer details are missing")


def test_a_png_without_its_end_is_whole(pixels, picture, encode):
    """Its last chunk, or the last checksum, is missing."""
    data = encode(picture, "PNG")
    for cut in (12, 14):
        found = read(data[:-cut])
        assert found.notes == ()
        assert np.array_equal(found.pixels, pixels)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tIME", b"pHYs"])
@pytest.mark.parametrize("body", [b"", b"junk", b"name\0\0" + b"\xff" * 40, bytes(3 * 10**6)])
def test_other_chunks_of_a_png_do_not_decide_about_its_pixels(kind, body, picture, encode):
    """Empty, junk, large, and with a wrong checksum."""
    data = encode(picture, "PNG")
    chunk = png_chunk(kind, body)
    for one in (chunk, chunk[:-4] + b"\1\2\3\4"):
        assert np.array_equal(read(data[:33] + one + data[33:]).pixels, np.asarray(picture))


def test_wrong_checksums_of_pixels_are_no_matter(pixels, picture, encode):
    """The compressed stream is whole."""
    data = encode(picture, "PNG")
    at = data.rindex(b"IEND") - 8
    found = read(data[:at] + b"\1\2\3\4" + data[at + 4 :])
    assert np.array_equal(found.pixels, pixels)


def test_an_interlaced_png_that_is_cut_is_refused(pixels):
    """A row needs its last pass; without the end marker alone it is whole."""
    data = interlaced_png(pixels)
    assert np.array_equal(read(data[:-12]).pixels, pixels)
    with pytest.raises(MediaError, match="part of the interlaced PNG is missing"):
        read(data[: len(data) * 9 // 10])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_rows_of_every_depth_are_kept(bits, picture, encode):
    """Of a PNG that is cut in its middle."""
    grey = np.asarray(picture.convert("L"))
    if bits == 16:
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        levels = grey >> (8 - bits)
        image = Image.frombytes("P", SIZE, levels.tobytes())
        image.putpalette([v * 255 // (2**bits - 1) for v in range(2**bits) for _ in range(3)])
    file = io.BytesIO()
    image.save(file, "PNG", **({"bits": bits} if bits < 16 else {}))
    whole = read(file.getvalue()).pixels
    cut = read(file.getvalue()[: len(file.getvalue()) * 8 // 10])
    assert cut.notes[0].lost
    rows = len(cut.pixels)
    assert 48 <= rows < 96
    assert np.array_equal(cut.pixels, whole[:rows])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_junk_in_the_place_of_exif_is_no_matter(kind, picture, encode):
    """The picture is upright."""
    plain = read(encode(picture, kind)).pixels
    for exif in (b"Exif\0\0junkjunk", b"junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM"):
        data = encode(picture, kind)
        if kind == "AVIF":  # Pillow checks what it writes there
            data = encode(picture, kind, exif=Image.Exif().tobytes() + b"junk")
        elif kind == "PNG":
            data = data[:33] + png_chunk(b"eXIf", exif) + data[33:]
        elif kind == "JPEG":
            data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
        else:
            data = encode(picture, kind, exif=exif)
        assert read_header(data).orientation == 1
        assert np.array_equal(read(data).pixels, plain)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_values_of_fewer_bits_in_a_file_of_16(bits, kind, picture, encode):
    """As microscopes, telescopes and X-rays write them: shown as such, with a note."""
    grey = np.asarray(picture.convert("L"))
    deep = (grey.astype(np.uint16) << (bits - 8)) + 1
    deep[-1] = 2**bits - 1
    found = read(encode(Image.fromarray(deep), kind))
    assert distance(found.pixels[:-1, :, 0], grey[:-1]) <= 1
    assert [(note.lost, f"{bits} bits" in note.text) for note in found.notes] == [(False, True)]


def test_colours_of_12_bits_in_a_png_of_16(pixels):
    """Of all channels the greatest value counts; transparency has its own scale."""
    deep = (pixels[:, :, ::-1].astype(np.uint16) << 4) + 1
    layered = np.dstack([deep, np.full(deep.shape[:2], 65535, np.uint16)])
    for image in (deep, layered):
        found = read(cv2.imencode(".png", image)[1].tobytes())
        assert distance(found.pixels, pixels) <= 1
        assert "12 bits" in found.notes[0].text


@pytest.mark.parametrize("order", "<>")
def test_colours_of_12_bits_in_a_tiff_of_16(order, pixels):
    """Pillow keeps the upper byte alone, in which there is nothing."""
    deep = ((pixels.astype(np.uint16) << 4) + 1).astype(f"{order}u2").tobytes()
    found = read(tiff(SIZE, deep, {258: [16] * 3, 262: [2], 277: [3]}, order))
    assert distance(found.pixels, pixels) <= 1
    assert "12 bits" in found.notes[0].text


def test_a_dark_picture_of_16_bits_stays_dark(encode):
    """Values of 8 bits, widened in either way, and black."""
    dark = np.tile(np.arange(12, dtype=np.uint16), (4, 1))
    for deep in (dark * 257, dark * 256, dark * 0):
        found = read(encode(Image.fromarray(deep), "PNG"))
        assert found.notes == ()
        assert found.pixels.max() == deep.max() >> 8


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_film_that_begins_with_nothing_is_what_comes_then(kind, colour, picture, encode):
    """Films fade in from one colour."""
    blank = Image.new("RGB", picture.size, colour)
    faint = Image.blend(blank, picture, 0.05)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(blank, kind, save_all=True, append_images=[faint, picture], **options)
    assert distance(read(data).pixels, np.asarray(picture)) <= 3
    still = encode(blank, kind, save_all=True, append_images=[blank], **options)
    assert distance(read(still).pixels, np.asarray(blank)) == 0


def test_colours_are_what_the_profile_says(picture, pixels, encode):
    """In each format that can have one; of sRGB they are as they are."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = pixels[:, :, [1, 2, 0]]
    for kind, tolerance in (("PNG", 1), ("JPEG", LOSSY), ("WEBP", 3), ("TIFF", 1), ("AVIF", 3)):
        options = {"quality": 95} if kind in {"JPEG", "WEBP", "AVIF"} else {}
        same = read(encode(picture, kind, icc_profile=plain, **options)).pixels
        assert np.array_equal(same, read(encode(picture, kind, **options)).pixels)
        other = read(encode(picture, kind, icc_profile=swapped_profile(), **options)).pixels
        assert distance(other, turned) <= tolerance


@pytest.mark.parametrize("profile", [b"junk", bytes(200), bytes(16) + b"RGB " + bytes(200)])
def test_a_profile_that_can_not_be_read_is_no_matter(profile, picture, pixels, encode):
    """Colours are then those of sRGB."""
    data = encode(picture, "PNG")
    chunk = png_chunk(b"iCCP", b"name\0\0" + zlib.compress(profile))
    assert np.array_equal(read(data[:33] + chunk + data[33:]).pixels, pixels)


def test_a_profile_of_colours_in_a_grey_picture(encode, picture):
    """Is not applied to grey; one of grey is not applied to colours."""
    data = encode(picture.convert("L"), "PNG", icc_profile=swapped_profile())
    assert distance(read(data).pixels[..., 0], np.asarray(picture.convert("L"))) <= 1


def test_one_row_of_a_png_is_a_picture():
    """The smallest."""
    assert read(png_of_row(8, 0, b"\x07", 1)[:-12]).pixels.tolist() == [[[7, 7, 7]]]


def test_a_frame_beyond_its_canvas_is_not_looked_at(encode):
    """Pillow would make room for four thousand million pixels."""
    blank, shown = Image.new("L", (40, 30)), Image.linear_gradient("L").resize((40, 30))
    data = encode(blank, "GIF", save_all=True, append_images=[shown])
    assert read(data).pixels.max() > 200
    at = data.rindex(b"\x2c\0\0\0\0\x28\0\x1e\0")
    wide = data[: at + 5] + b"\xff" * 4 + data[at + 9 :]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(wide).pixels.max() == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("kind", [b"tEXt", b"IEND"])
def test_a_chunk_that_claims_gigabytes_gets_none(kind):
    """OpenCV would make room for them."""
    data = png_of_row(8, 0, b"\x07", 1)[:33]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MediaError, match="0% of the PNG is there"):
        read(data + struct.pack(">I4s", 2**31 - 1, kind) + bytes(200))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("size", [0, 1, 2**32 - 1])
def test_a_webp_that_states_another_size_is_the_picture(picture, encode, size):
    """None, one more than it has, or the largest."""
    data = encode(picture, "WEBP", lossless=True)
    stated = size if size != 1 else len(data) - 8 + 1
    lying = data[:4] + struct.pack("<I", stated) + data[8:]
    assert distance(read(lying).pixels, np.asarray(picture)) == 0


def test_rows_are_there_whatever_their_checksum_says(picture, encode):
    """That of zlib, behind the last of them; libpng shows nothing, browsers do."""
    data = bytearray(encode(picture, "PNG"))
    data[data.rindex(b"IEND") - 9] ^= 1
    found = read(bytes(data))
    assert distance(found.pixels, np.asarray(picture)) == 0
    assert not found.notes


@pytest.mark.parametrize("junk", [b"\0" * 4, b"\0" * 13])
def test_what_stands_behind_the_end_of_a_png_does_not_count(junk):
    """Such as another header."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    whole = cv2.imencode(".png", grey)[1].tobytes()
    behind = whole + png_chunk(b"IHDR", junk) + png_chunk(b"tRNS", b"\0\7")
    assert np.array_equal(read(behind).pixels, read(whole).pixels)


def test_a_scan_of_more_channels_than_there_are_says_nothing_of_detail():
    """And takes no time."""
    body = bytes([255]) + bytes(range(255)) * 2 + bytes([0, 63, 0])
    scan = Segment(0xDA, 0, len(body))
    assert not _is_detailed(body, [scan], 3)
    right = bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])
    assert _is_detailed(right, [Segment(0xDA, 0, len(right))], 3)
