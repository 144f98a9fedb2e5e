"""What phones, browsers, scanners and cameras write: in a sandbox, or by its preview."""

import struct

import numpy as np
import pytest
from PIL import Image

from triptych.core.errors import MediaError, TooLarge
from triptych.media.foreign import format_of
from triptych.media.image import Picture, read_image
from unit.media.files import dng, foreign, jpeg, swapped_profile, tiff
from unit.media.test_damaged_pictures import distance

LOSSY = 2.5
KINDS = ("HEIC", "JPEG XL", "JPEG 2000")


def read(data: bytes, side: int = 128, **options: object) -> Picture:
    """Decode with a generous limit."""
    return read_image(data, side=side, **{"max_pixels": 10**7, **options})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_each_is_the_picture_that_was_meant(kind, mode, picture):
    """With transparency on its page, and grey."""
    image = picture.convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    if kind == "JPEG XL" and mode == "L":
        image = image.convert("RGB")  # its encoder takes colours alone
    decoded = read(foreign(image, kind)).pixels
    seen = np.asarray(picture.convert("L" if mode == "L" else "RGB").convert("RGB"))
    expected = (seen * 128.0 + 255 * 127) / 255 if mode == "RGBA" else seen
    assert distance(decoded, expected) <= LOSSY


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_one_is_scaled_down(kind, picture):
    """To the side, whatever its shape."""
    large = picture.resize((1280, 300), Image.Resampling.BICUBIC)
    decoded = read(foreign(large, kind), side=64).pixels
    assert decoded.shape == (15, 64, 3)
    small = np.asarray(large.resize((64, 15), Image.Resampling.BOX))
    assert distance(decoded, small) <= LOSSY


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_is_on_these_too(kind, picture):
    """One pixel fewer is too few."""
    data = foreign(picture, kind)
    read(data, max_pixels=128 * 96)
    with pytest.raises(TooLarge, match="128 × 96 pixels, the limit is 12287"):
        read(data, max_pixels=128 * 96 - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_damaged_is_refused_and_the_next_is_read(kind, picture):
    """Cut, or junk behind its first bytes."""
    data = foreign(picture, kind)
    for bad in (data[: len(data) // 3], data[:40] + b"junk" * 99):
        with pytest.raises(MediaError, match=f"the {kind} data is damaged"):
            read(bad)
    assert read(data).pixels.shape == (96, 128, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_extra_the_reason_names_both(kind, picture, monkeypatch):
    """The format, and what would help."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        MediaError, match=rf"^image is {kind}: .* pip install 'triptych\[formats\]'"
    ):
        read(foreign(picture, kind))


def test_a_heic_is_upright_and_has_its_own_colours(picture):
    """Phones turn pictures, and have colours of their own."""
    image = picture.rotate(90, expand=True)
    image.info["icc_profile"] = swapped_profile()
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = read(foreign(image, "HEIC", exif=exif.tobytes())).pixels
    assert distance(decoded, np.asarray(picture)[:, :, [1, 2, 0]]) <= LOSSY


def test_a_heif_of_any_brand_is_known():
    """A generic one whose compatible brands say AVIF is not one of these."""
    head = struct.Struct(">I4s4sI4s4s")
    assert format_of(head.pack(24, b"ftyp", b"mif1", 0, b"mif1", b"heic")) == "HEIC"
    assert format_of(head.pack(24, b"ftyp", b"mif1", 0, b"mif1", b"avif")) is None
    assert format_of(head.pack(24, b"ftyp", b"isom", 0, b"isom", b"mp42")) is None


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_is_the_largest_preview_in_it(order, orientation, picture):
    """Turned as the raw file says, unless the preview says it itself."""
    decoded = read(dng(jpeg(picture), orientation, order)).pixels
    turned = {1: 0, 3: 180, 6: -90, 8: 90}[orientation]
    assert distance(decoded, np.asarray(picture.rotate(turned, expand=True))) <= LOSSY
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = read(dng(jpeg(picture, exif=exif), orientation, order)).pixels
    assert distance(decoded, np.asarray(picture.rotate(-90, expand=True))) <= LOSSY


@pytest.mark.parametrize(
    "head",
    [
        b"FUJIFILMCCD-RAW 0201FF383501X-T1",
        b"IIRO\x08\0\0\0\0\0\0\0\0\0",
        b"IIU\0\x08\0\0\0\0\0\0\0\0\0",
        b"\0MRM\0\0\0\0",
        b"FOVb\0\0\2\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    ],
)
def test_raw_files_of_other_makers(head, picture):
    """By their first bytes."""
    assert (
        distance(read(head + bytes(99) + jpeg(picture) + b"tail").pixels, np.asarray(picture)) < 2
    )
    with pytest.raises(MediaError, match="camera raw file without a preview"):
        read(head + bytes(99))


def test_the_raw_file_of_a_newer_canon_says_how_it_is_held(picture):
    """In a box that is a TIFF."""
    said = struct.pack("<HHHII", 1, 274, 3, 1, 8) + bytes(4)
    box = b"CMT1" + b"II*\0\x08\0\0\0" + said
    head = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"
    decoded = read(head + box + bytes(20) + jpeg(picture)).pixels
    assert distance(decoded, np.asarray(picture.rotate(90, expand=True))) <= LOSSY


def test_a_raw_file_without_a_jpeg_has_perhaps_a_small_picture(picture):
    """As TIFFs have it."""
    small = tiff((128, 96), np.asarray(picture).tobytes(),
                 {258: [8] * 3, 262: [2], 277: [3], 50706: [1]})  # fmt: skip
    assert np.array_equal(read(small).pixels, np.asarray(picture))


def test_a_photograph_with_a_film_behind_it_is_the_photograph(picture):
    """A motion photo of a phone: a JPEG, then an MP4."""
    film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000)
    data = jpeg(picture)
    assert np.array_equal(read(data + film).pixels, read(data).pixels)
