"""Pictures of every kind become the same square; anything else is refused with a reason."""

import io
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from triptych.core.errors import MediaError, TooLarge
from triptych.media.header import read_header
from triptych.media.image import decode_image, fit_square, orient, read_image
from unit.media.files import empty_png, png, png_chunk

SIDE = 64
MANY_PIXELS = 1_000_000

# Name, format, options, and how far the mean of all pixels may be from the original.
LOSSLESS, LOSSY, PALETTE = 0.01, 1.5, 2.5
FORMATS = {
    "jpeg": ("JPEG", {"quality": 95}, LOSSY),
    "progressive": ("JPEG", {"quality": 95, "progressive": True}, LOSSY),
    "png": ("PNG", {}, LOSSLESS),
    "webp": ("WEBP", {"quality": 90}, LOSSY),
    "webp-lossless": ("WEBP", {"lossless": True}, LOSSLESS),
    "gif": ("GIF", {}, PALETTE),
    "tiff": ("TIFF", {}, LOSSLESS),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}, LOSSLESS),
    "tiff-deflate": ("TIFF", {"compression": "tiff_deflate"}, LOSSLESS),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg"}, LOSSY),
    "bmp": ("BMP", {}, LOSSLESS),
    "avif": ("AVIF", {"quality": 90}, LOSSY),
}
every_format = pytest.mark.parametrize("name", FORMATS)


def decode(data: bytes, *, side: int = SIDE) -> np.ndarray:
    """Decode with a generous limit."""
    return fit_square(decode_image(data, side=side, max_pixels=MANY_PIXELS), side)


def distance(decoded: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(np.abs(decoded.astype(int) - expected.astype(int)).mean())


def square(picture: Image.Image) -> np.ndarray:
    """What decoding must give, from the picture itself."""
    return fit_square(np.asarray(picture.convert("RGB")), SIDE)


@every_format
def test_every_format_is_the_same_picture(name, picture, encode):
    """What differs is the container, not what is seen."""
    kind, options, tolerance = FORMATS[name]
    decoded = decode(encode(picture, kind, **options))
    assert decoded.shape == (SIDE, SIDE, 3)
    assert decoded.dtype == np.uint8
    assert distance(decoded, square(picture)) <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind, orientation, picture, encode):
    """All eight, as Pillow's own transposition does it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(picture, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = square(ImageOps.exif_transpose(image))
    assert distance(decode(data), expected) <= LOSSY


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orient_is_pillows_transposition(orientation):
    """On bare pixels, exactly."""
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    assert np.array_equal(orient(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(value, picture, encode):
    """Cameras write 0 for unknown."""
    exif = Image.Exif()
    exif[0x0112] = value
    assert read_header(encode(picture, "JPEG", exif=exif)).orientation == 1


def test_exif_behind_the_pixels_of_a_png_is_found(picture, encode):
    """The standard allows the chunk anywhere before the end."""
    exif = Image.Exif()
    exif[0x0112] = 6
    chunk = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    data = encode(picture, "PNG")
    assert read_header(data[:-12] + chunk + data[-12:]).orientation == 6


def test_a_photograph_with_a_second_picture_is_a_jpeg(picture, encode):
    """The multi-picture format of stereo and depth cameras: the first, turned as it says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(picture, "MPO", save_all=True, append_images=[picture.rotate(90)], exif=exif)
    header = read_header(data)
    assert (header.format, header.orientation) == ("JPEG", 6)
    assert distance(decode(data), square(picture.rotate(-90, expand=True))) <= LOSSY


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_lies_on_white(kind, encode):
    """Nothing is white, half of black is grey, whatever colour hides below."""
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[: SIDE // 2, :, :3] = 255, 0, 0  # invisible red
    pixels[SIDE // 2 :, :, 3] = 128  # half of black
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode(encode(Image.fromarray(pixels), kind, **options))
    assert (decoded[: SIDE // 2 - 4] >= 250).all()
    assert np.abs(decoded[SIDE // 2 + 4 :].astype(int) - 127).max() <= 4


def test_a_transparent_colour_of_a_palette_lies_on_white(encode):
    """As icons and stamps have it."""
    for kind in ("PNG", "GIF"):
        image = Image.new("P", (SIDE, SIDE), 0)
        image.putpalette([0, 0, 0, 255, 0, 0])
        image.paste(1, (0, 0, SIDE, SIDE // 2))
        decoded = decode(encode(image, kind, transparency=0))
        assert decoded[0, 0].tolist() == [255, 0, 0]
        assert decoded[-1, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("L", "JPEG"), ("L", "TIFF"), ("LA", "PNG"), ("P", "PNG"), ("P", "BMP"),
     ("P", "TIFF"), ("1", "PNG"), ("1", "TIFF"), ("CMYK", "JPEG"), ("CMYK", "TIFF"),
     ("YCbCr", "TIFF"), ("LAB", "TIFF")],
)  # fmt: skip
def test_every_kind_of_pixels(mode, kind, picture, encode):
    """Grey, palettes, black and white, and the colour spaces of printers."""
    converted = picture.quantize(256) if mode == "P" else picture.convert(mode)
    assert distance(decode(encode(converted, kind)), square(converted)) <= LOSSY


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_the_same_as_eight(kind, picture, encode):
    """The upper byte counts."""
    grey = picture.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert distance(decode(encode(deep, kind)), square(grey)) <= LOSSLESS


def test_sixteen_bits_of_colour(picture):
    """A PNG as scanners write it."""
    deep = np.asarray(picture)[:, :, ::-1].astype(np.uint16) * 257
    data = cv2.imencode(".png", deep)[1].tobytes()
    assert distance(decode(data), square(picture)) <= LOSSLESS


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("scale", [1, 1000])
def test_measurements_are_stretched_from_least_to_greatest(dtype, scale, encode):
    """A TIFF of floats or long integers has no white of its own."""
    values = np.tile(np.arange(SIDE) * scale - 7, (SIDE, 1)).astype(dtype)
    decoded = decode(encode(Image.fromarray(values), "TIFF"))
    assert decoded[0, :, 0].tolist() == (np.arange(SIDE) * 255 / (SIDE - 1)).round().tolist()


def test_measurements_without_contrast_or_with_gaps_are_a_picture(encode):
    """All alike, or not numbers."""
    values = np.full((SIDE, SIDE), 3.5, np.float32)
    assert (decode(encode(Image.fromarray(values), "TIFF")) == 0).all()
    values[0] = np.nan, *[np.inf] * (SIDE - 1)
    assert decode(encode(Image.fromarray(values), "TIFF")).max() == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_a_film_the_first_picture_is_taken(kind, picture, encode):
    """Animations and many pages."""
    green = Image.new("RGB", picture.size, (0, 255, 0))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(picture, kind, save_all=True, append_images=[green], **options)
    assert distance(decode(data), square(picture)) <= PALETTE


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_large_jpeg_decoded_at_a_reduced_scale_is_the_same(factor, picture, encode):
    """The decoder's own halving is close to a resize of the whole."""
    large = picture.resize((SIDE * 2 * factor, SIDE * 2 * factor), Image.Resampling.BICUBIC)
    data = encode(large, "JPEG", quality=95)
    whole = fit_square(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), SIDE)
    decoded = fit_square(decode_image(data, side=SIDE, max_pixels=large.width * large.height), SIDE)
    assert distance(decoded, whole) <= 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (40_000, 2), (3, 2)])
def test_any_shape_becomes_a_square(width, height, encode):
    """The picture keeps its shape, is centred, and the rest is white."""
    decoded = decode(encode(Image.new("RGB", (width, height), (0, 0, 0)), "PNG"))
    assert decoded.shape == (SIDE, SIDE, 3)
    middle = (SIDE - 1) // 2
    assert decoded[middle, middle].max() < 10
    if width > 10 * height:
        assert (decoded[0] == 255).all()


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    """A PNG that claims 30,000 × 30,000: neither library is asked to decode."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    monkeypatch.setattr(Image.Image, "load", never)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", never)
    with pytest.raises(TooLarge, match=r"30000 × 30000 pixels, the limit is 1000000"):
        decode(empty_png(30_000, 30_000))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_the_limit_is_on_every_format(kind, picture, encode):
    """One pixel fewer is too few."""
    data = encode(picture, kind)
    pixels = picture.width * picture.height
    decode_image(data, side=SIDE, max_pixels=pixels)
    with pytest.raises(TooLarge):
        decode_image(data, side=SIDE, max_pixels=pixels - 1)


def test_the_limit_is_on_a_tile_too():
    """A TIFF of few pixels may ask for one tile of many."""
    tags = {
        256: 8,
        257: 8,
        258: 8,
        259: 1,
        262: 1,
        277: 1,
        322: 30_000,
        323: 30_000,
        324: 8,
        325: 8,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    with pytest.raises(TooLarge):
        decode(data)


def test_a_bomb_in_the_texts_of_a_png_is_not_unpacked():
    """Megabytes of zeros in a compressed comment, and in a profile: the pixels are read."""
    bomb = zlib.compress(bytes(20 * 2**20))
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    row = (b"IDAT", zlib.compress(b"\0\1\2\3"))
    for chunk in ((b"zTXt", b"comment\0\0" + bomb), (b"iCCP", b"name\0\0" + bomb)):
        data = png((b"IHDR", head), chunk, row, (b"IEND", b""))
        assert decode_image(data, side=SIDE, max_pixels=1).tolist() == [[[1, 2, 3]]]


@every_format
@pytest.mark.parametrize("share", [0.05, 0.3, 0.45])
def test_a_file_of_which_less_than_half_is_there_is_refused(name, share, picture, encode):
    """No format gives a picture that is grey below; a progressive one is whole, but blurred."""
    kind, options, _ = FORMATS[name]
    data = encode(picture, kind, **options)
    if name != "progressive":
        with pytest.raises(MediaError):
            decode(data[: int(len(data) * share)])


@every_format
@pytest.mark.parametrize("share", [0.8, 0.9, 0.97])
def test_a_cut_file_is_refused_or_the_rows_that_are_there(name, share, noise, encode):
    """With a note; nothing is made up. What the last scan of a progressive one lacks is unseen."""
    kind, options, tolerance = FORMATS[name]
    data = encode(noise, kind, **options)
    cut = data[: int(len(data) * share)]
    if name not in {"jpeg", "progressive", "png"}:
        with pytest.raises(MediaError):
            decode(cut)
        return
    found = read_image(cut, side=128, max_pixels=MANY_PIXELS)
    rows = len(found.pixels)
    if name == "progressive":
        assert rows == 96
    else:
        assert share - 0.35 < rows / 96 < share
        assert [(note.lost, "cut off" in note.text) for note in found.notes] == [(True, True)]
    assert distance(found.pixels, np.asarray(noise)[:rows]) <= 5 * tolerance


@pytest.fixture(scope="module")
def noise(picture) -> Image.Image:
    """A picture whose rows take about the same number of bytes."""
    random = np.random.default_rng(1).normal(0, 9, (96, 128, 3))
    return Image.fromarray((np.asarray(picture) + random).clip(0, 255).astype(np.uint8))


def with_thumbnail(data: bytes, thumbnail: bytes) -> bytes:
    """A JPEG that holds another one in its EXIF segment, as cameras write it."""
    body = b"Exif\0\0" + thumbnail
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(noise, encode):
    """Whole with a thumbnail is fine, cut with a thumbnail is cut."""
    thumbnail = encode(noise.resize((16, 12)), "JPEG")
    data = with_thumbnail(encode(noise, "JPEG", quality=95), thumbnail)
    assert distance(decode(data), square(noise)) <= 2 * LOSSY
    assert b"\xff\xd9" in data[: len(data) // 2]
    assert read_image(data[: len(data) * 3 // 4], side=128, max_pixels=MANY_PIXELS).notes[0].lost


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_bytes_behind_the_end_do_not_matter(kind, picture, encode):
    """Cameras and mailers append things."""
    data = encode(picture, kind)
    assert np.array_equal(decode(data + b"\0trailing" * 99), decode(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "image is empty"),
        (b"\1\2\3 no words", "none of JPEG, PNG"),
        (b"just words", r"is a text, not an image that is known \(JPEG, PNG"),
        (b"\x89PNG\r\n\x1a\n", "truncated: the PNG data has no header"),
        (b"<html><svg-like/></html>", "is an HTML page, not an image"),
        (b"%PDF-1.7", "is a PDF document, not an image"),
    ],
)
def test_what_is_no_picture_is_refused(data, reason):
    """With a reason that helps, whatever its name was."""
    with pytest.raises(MediaError, match=reason):
        decode(data)


def test_damaged_pixels_of_a_png_are_refused():
    """The checksum of the chunk is right, the compressed stream is not, or is too short."""
    head = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(49 * 16))
    for body in (rows[:4], b"", zlib.compress(bytes(49 * 7))):
        with pytest.raises(MediaError):
            decode(png((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")))


PICTURES = {
    "png": ("PNG", lambda colours: Image.fromarray(colours[:, :, :3])),
    "png-alpha": ("PNG", Image.fromarray),
    "tiff-float": ("TIFF", lambda colours: Image.fromarray(colours[:, :, 0].astype(np.float32))),
    "gif": ("GIF", lambda colours: Image.fromarray(colours[:, :, 0])),
}


@pytest.mark.parametrize("shape", [(700, 900), (901, 77), (2000, 3), (640, 640), (1, 5000)])
@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_are_converted_by_tiles(shape, kind, monkeypatch, encode):
    """Tile by tile a picture is the very same, and a large one the same within rounding."""
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]]
    ramp = (255 * (down + across) / (sum(shape) - 2)).astype(np.uint8)
    colours = np.dstack([ramp, ramp[::-1], ramp // 2, np.full_like(ramp, 128)])
    container, make = PICTURES[kind]
    data = encode(make(colours), container)
    whole = decode(data)
    monkeypatch.setattr("triptych.media.image._TILE", 50)
    assert np.array_equal(decode(data), whole)
    monkeypatch.setattr("triptych.media.image._LARGE", 0)
    assert distance(decode(data), whole) < 3


@pytest.mark.parametrize("shape", [(1500, 1500), (5, 60_000), (60_000, 5)])
@pytest.mark.parametrize("kind", PICTURES)
def test_no_copy_of_a_large_picture_is_made(shape, kind, monkeypatch, encode):
    """Whatever its shape, decoding takes no more than a part of its pixels at a time."""
    sizes = []

    def resize(pixels: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
        sizes.append(pixels.size)
        return real(pixels, *arguments, **options)

    real = cv2.resize
    data = encode(PICTURES[kind][1](np.zeros((*shape, 4), np.uint8)), PICTURES[kind][0])
    monkeypatch.setattr("triptych.media.image._LARGE", 2**18)
    monkeypatch.setattr("triptych.media.image._TILE", 128)
    monkeypatch.setattr(cv2, "resize", resize)
    decode_image(data, side=SIDE, max_pixels=shape[0] * shape[1])
    assert max(sizes) <= shape[0] * shape[1] / 20


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_either_byte_order_are_not_stretched(order):
    """A TIFF of Motorola's order has the same grey as one of Intel's."""
    tags = {256: 8, 257: 8, 258: 16, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 128}
    pixels = np.full((8, 8), 128 * 256, f"{order}u2").tobytes()
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, v) for tag, v in tags.items())
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    data = head + pixels + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    assert (decode(data) == 128).all()


def test_many_bytes_that_look_like_markers_are_read_once():
    """A JPEG with ten million marker bytes and no end is read in the time of one look."""
    done, jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    assert done
    start = time.process_time()
    assert (decode(jpeg.tobytes()[:-2] + b"\xff" * 10_000_000 + b"\0") == 0).all()
    assert time.process_time() - start < 5


def progressive(scans: int) -> bytes:
    """A JPEG whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * scans + data[-2:]


def strips(endian: str, count: int, *, big: bool) -> bytes:
    """The header of a TIFF that claims as many strips; the table of its fields is cut."""
    order = b"II" if endian == "<" else b"MM"
    if big:
        head = struct.pack(endian + "HHHQ", 43, 8, 0, 16)
        return order + head + struct.pack(endian + "QHHQQ", 9, 273, 4, count, 0)
    return order + struct.pack(endian + "HLHHHLL", 42, 8, 9, 273, 4, count, 0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(progressive(600), id="scans"),
        pytest.param(b"\xff\xd8" + b"\xff\xfe\0\2" * 150_000, id="segments"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + (bytes(4) + b"teSt" + bytes(4)) * 150_000, id="chunks"),
        *(
            pytest.param(strips(endian, 150_000, big=big), id=f"strips{endian}{big}")
            for endian in "<>"
            for big in (False, True)
        ),
    ],
)
def test_more_parts_than_a_picture_has_are_refused_unread(data, monkeypatch):
    """Each costs a few bytes to send, and an object of Python or a pass over all pixels to read."""
    monkeypatch.setattr("PIL.Image.open", None)
    with pytest.raises(TooLarge, match="parts"):
        decode_image(data, side=8, max_pixels=10**7)


def test_a_progressive_jpeg_of_many_scans_is_a_picture():
    """Programs write about ten."""
    assert decode_image(progressive(100), side=16, max_pixels=10**7).shape == (16, 16, 3)


def test_a_big_tiff_whose_table_is_past_any_address():
    """It is damaged like any other, also where the offset is above what Python can index."""
    data = b"II+\x00\x08\x00\x00\x00" + (2**63).to_bytes(8, "little") + bytes(100)
    with pytest.raises(MediaError):
        decode_image(data, side=64, max_pixels=10**6)
