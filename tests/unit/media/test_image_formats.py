"""Every kind of file that programs write is the picture that was meant."""

import base64
import struct

import numpy as np
import pytest
from PIL import Image

from triptych.core.errors import MediaError, TooLarge
from triptych.media.image import decode_image, fit_square
from unit.media.files import (
    bmp,
    declared_ycck,
    distance,
    gif,
    interlaced_png,
    os2_bmp,
    png_of_row,
    tiff,
    without_adobe,
)

SIZE = 128, 96
BLUE = 0, 0, 255
LOSSY = 1.8  # mean of the absolute differences, 0 to 255


def decode(data: bytes, *, side: int = 128, **options: tuple[int, int, int]) -> np.ndarray:
    return decode_image(data, side=side, max_pixels=10**7, **options)


@pytest.fixture(scope="module")
def pixels(picture) -> np.ndarray:
    return np.asarray(picture)


@pytest.fixture(scope="module")
def grey(pixels) -> np.ndarray:
    """One channel, (96, 128)."""
    return pixels[:, :, 2]


def shades(decoded: np.ndarray) -> list[int]:
    """The row of a grey picture."""
    assert (decoded == decoded[:, :, :1]).all()
    return decoded[0, :, 0].tolist()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1 4 1\n0 1 0 1\n", [255, 0, 255, 0]),
        (b"P4\n# black and white\n4 1\n\x50", [255, 0, 255, 0]),
        (b"P2 3 1 15 0 15 7\n", [0, 255, 119]),
        (b"P2 2 1 300 300 150\n", [255, 128]),
        (b"P5 2 1 255\n\x00\x80", [0, 128]),
        (b"P5 2 1 7\n\x07\x03", [255, 109]),
        (b"P5\t2 1#\n1023\n\x03\xff\x02\x00", [255, 128]),
        (b"P5 2 1 65535\n\xff\xff\x80\x00", [255, 128]),
        (b"P5 1 1 7\n\xff", [255]),
    ],
)
def test_netpbm_whatever_is_white(data, expected):
    """Plain and raw, of any greatest value; a value above it is white."""
    assert shades(decode(data)) == expected


def test_netpbm_in_colours():
    """Red first; a picture that is cut is refused."""
    assert decode(b"P6 1 1 255\n\xff\x01\x02").tolist() == [[[255, 1, 2]]]
    assert decode(b"P3 1 1 7 7 0 3\n").tolist() == [[[255, 0, 109]]]
    for damaged in (b"P6 2 2 255\n\xff\x01\x02", b"P6 0 2 255\n", b"P5 1 1 70000\n\0\0"):
        with pytest.raises(MediaError):
            decode(damaged)
    with pytest.raises(TooLarge, match="60000 × 60000"):
        decode(b"P5 60000 60000 255\n\0")


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [
        (1, b"\x50", [0, 255, 0, 255]),
        (2, b"\x1b", [0, 85, 170, 255]),
        (4, b"\x08\xf1", [0, 136, 255, 17]),
        (8, b"\x00\x80\xff\x01", [0, 128, 255, 1]),
        (16, b"\x00\xff\x80\x00\xff\xff\x01\x00", [0, 128, 255, 1]),
    ],
)
def test_grey_pngs_of_every_depth(bits, row, expected):
    """Spread over 0 to 255, not cut off at it; and with a value that is clear."""
    assert shades(decode(png_of_row(bits, 0, row, 4))) == expected
    key = int.from_bytes(row[2:4]) if bits == 16 else expected[1] * (2**bits - 1) // 255
    decoded = decode(
        png_of_row(bits, 0, row, 4, (b"tRNS", struct.pack(">H", key))), background=BLUE
    )
    opaque = [[shade] * 3 for shade in expected]
    clear = [
        list(BLUE) if shade == expected[1] else seen
        for shade, seen in zip(expected, opaque, strict=True)
    ]
    assert decoded[0].tolist() == clear


@pytest.mark.parametrize(
    ("bits", "colour", "row"),
    [
        (8, 4, b"\x0a\xff\x0a\x00"),
        (16, 4, b"\x0a\x0a\xff\xff\x0a\x0a\x00\x00"),
        (8, 6, b"\x0a\x0a\x0a\xff\x0a\x0a\x0a\x00"),
        (16, 6, b"\x0a\x0a" * 3 + b"\xff\xff" + b"\x0a\x0a" * 3 + b"\0\0"),
    ],
)
def test_pngs_with_transparency_of_every_depth(bits, colour, row):
    """Grey and colours: one pixel opaque, one clear."""
    assert decode(png_of_row(bits, colour, row, 2), background=BLUE)[0].tolist() == [
        [10] * 3,
        list(BLUE),
    ]


@pytest.mark.parametrize("bits", [8, 16])
def test_a_colour_that_is_declared_clear(bits):
    """Every other is opaque."""
    row = bytes([10, 20, 30, 10, 20, 31])
    key = struct.pack(">3H", 10, 20, 30)
    if bits == 16:
        row = bytes(byte for byte in row for _ in range(2))
        key = bytes([10, 10, 20, 20, 30, 30])
    decoded = decode(png_of_row(bits, 2, row, 2, (b"tRNS", key)), background=BLUE)
    assert decoded[0].tolist() == [list(BLUE), [10, 20, 31]]


@pytest.mark.parametrize(("bits", "row"), [(1, b"\x40"), (2, b"\x10"), (4, b"\x01"), (8, b"\0\1")])
def test_palettes_of_every_depth_with_half_clear_colours(bits, row):
    """Half of red on white, and opaque blue."""
    palette = (b"PLTE", bytes([255, 0, 0, *BLUE])), (b"tRNS", bytes([128]))
    decoded = decode(png_of_row(bits, 3, row, 2, *palette))
    assert np.abs(decoded[0].astype(int) - [[255, 127, 127], BLUE]).max() <= 1


def test_an_interlaced_png(pixels):
    """Seven passes make one picture."""
    assert np.array_equal(decode(interlaced_png(pixels)), pixels)


def test_the_page_below_and_around_is_chosen():
    """Half of white on blue, and blue beside it."""
    decoded = decode(png_of_row(8, 4, b"\xff\x80", 1), background=BLUE)
    assert np.abs(decoded[0, 0].astype(int) - [128, 128, 255]).max() <= 1
    square = fit_square(np.zeros((2, 4, 3), np.uint8), 4, BLUE)
    assert square[0, 0].tolist() == list(BLUE)
    assert square[1, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("alpha", range(0, 256, 15))
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (10, 128, 250)])
def test_mixing_is_exact_within_one(alpha, background):
    """Of what the definition gives, at any opacity; nothing overflows."""
    row = bytes(value for shade in range(256) for value in (shade, alpha))
    decoded = decode(png_of_row(8, 4, row, 256), side=256, background=background)[0]
    share = alpha / 255
    expected = np.arange(256)[:, None] * share + np.array(background) * (1 - share)
    assert np.abs(decoded - expected).max() <= 1


@pytest.mark.parametrize("scaled", [1, 8])
def test_the_inks_of_printers(scaled, picture, encode):
    """CMYK with and without Adobe's segment, progressive, YCCK; whole and at a reduced scale."""
    inks = picture.resize((128 * scaled, 96 * scaled), Image.Resampling.NEAREST).convert("CMYK")
    seen = np.asarray(picture.convert("CMYK").convert("RGB"))
    plain = encode(inks, "JPEG", quality=95)
    # What Pillow stores is inverted, so this stores Y, Cb, Cr of C, M, Y, and K inverted.
    layers = np.asarray(inks)
    light = np.asarray(Image.fromarray(layers[:, :, :3]).convert("YCbCr"))
    turned = np.dstack([255 - light, layers[:, :, 3]])
    raw = Image.frombytes("CMYK", inks.size, turned.tobytes())
    for data in (
        plain,
        without_adobe(plain),
        encode(inks, "JPEG", quality=95, progressive=True),
        declared_ycck(encode(raw, "JPEG", quality=95)),
    ):
        assert distance(decode(data), seen) <= LOSSY + (scaled > 1)


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"keep_rgb": True},
                                     {"restart_marker_blocks": 1}, {"optimize": True}])  # fmt: skip
def test_jpegs_of_every_make(options, picture, pixels, encode):
    """Chroma whole or halved, RGB without conversion, restart markers."""
    assert distance(decode(encode(picture, "JPEG", quality=95, **options)), pixels) <= LOSSY


RED_GREEN_BLUE = 0xFF0000, 0xFF00, 0xFF


def test_bitmaps_of_32_bits(pixels):
    """A fourth byte is transparency where a mask says so, and else it is nothing."""
    empty, half = (np.full((96, 128), value, np.uint8) for value in (0, 128))
    blank = np.dstack([pixels[:, :, ::-1], empty])
    assert np.array_equal(decode(bmp(32, SIZE, blank[::-1].tobytes())), pixels)
    assert np.array_equal(decode(bmp(32, (128, -96), blank.tobytes())), pixels)
    masked = bmp(32, SIZE, blank[::-1].tobytes(), compression=3, masks=RED_GREEN_BLUE)
    assert np.array_equal(decode(masked), pixels)
    layered = np.dstack([pixels[:, :, ::-1], half])[::-1].tobytes()
    mixed = pixels * (128 / 255) + 255 * (127 / 255)
    for header in (108, 124):
        masks = *RED_GREEN_BLUE, 0xFF000000
        data = bmp(32, SIZE, layered, compression=3, masks=masks, header=header)
        assert np.abs(decode(data) - mixed).max() <= 1


def test_bitmaps_of_16_bits(pixels):
    """Five bits a colour, or six for green."""
    red, green, blue = (pixels[:, :, channel].astype("<u2") for channel in range(3))
    five = (red >> 3 << 10) | (green >> 3 << 5) | (blue >> 3)
    assert distance(decode(bmp(16, SIZE, five[::-1].tobytes())), pixels) <= 4
    six = (red >> 3 << 11) | (green >> 2 << 5) | (blue >> 3)
    data = bmp(16, SIZE, six[::-1].tobytes(), compression=3, masks=(0xF800, 0x7E0, 0x1F))
    assert distance(decode(data), pixels) <= 4


@pytest.mark.parametrize(("bits", "compression", "run"), [(8, 1, 1), (4, 2, 0x11)])
def test_bitmaps_of_runs(bits, compression, run, monkeypatch):
    """Four rows of four pixels of the second colour; not by Pillow, which unpacks in Python."""
    monkeypatch.delattr("PIL.BmpImagePlugin.BmpRleDecoder.decode")
    rows = bytes([4, run, 0, 0] * 4 + [0, 1])
    palette = bytes([0, 0, 0, 0, 0, 0, 255, 0]) + bytes(4 * (2**bits - 2))
    decoded = decode(bmp(bits, (4, 4), rows, compression=compression, palette=palette))
    assert decoded.shape == (4, 4, 3)
    assert (decoded == [255, 0, 0]).all()


def test_bitmaps_of_two_colours_and_of_os2(pixels):
    """The oldest."""
    palette = bytes([0, 0, 255, 0, 255, 0, 0, 0])
    assert decode(bmp(1, (2, 1), b"\x40\0\0\0", palette=palette))[0].tolist() == [
        [255, 0, 0],
        [0, 0, 255],
    ]
    assert np.array_equal(decode(os2_bmp(pixels)), pixels)
    dark = np.zeros((1, 4, 3), np.uint8)
    dark[0, 1, 1] = 1  # where a newer header has its compression
    assert np.array_equal(decode(os2_bmp(dark)), dark)


@pytest.mark.parametrize("order", "<>")
def test_tiffs_of_16_bits(order, pixels, grey):
    """Colours, grey, transparency and inks, in either order of bytes."""

    def deep(layers: np.ndarray) -> bytes:
        return (layers.astype(np.uint16) * 257).astype(f"{order}u2").tobytes()

    colours = tiff(SIZE, deep(pixels), {258: [16] * 3, 262: [2], 277: [3]}, order)
    assert np.array_equal(decode(colours), pixels)
    assert np.array_equal(
        decode(tiff(SIZE, deep(grey), {258: [16], 262: [1]}, order))[:, :, 0], grey
    )
    layers = np.dstack([pixels, np.full_like(grey, 128)])
    layered = tiff(SIZE, deep(layers), {258: [16] * 4, 262: [2], 277: [4], 338: [2]}, order)
    assert np.abs(decode(layered) - (pixels * (128 / 255) + 127)).max() <= 1
    inks = np.asarray(Image.fromarray(pixels).convert("CMYK"))
    printed = tiff(SIZE, deep(inks), {258: [16] * 4, 262: [5], 277: [4]}, order)
    assert distance(decode(printed), pixels) <= LOSSY


def test_tiffs_in_which_white_is_zero(grey):
    """Faxes and some scanners count ink instead of light."""
    deep = ((255 - grey).astype(np.uint16) * 257).tobytes()
    assert np.array_equal(decode(tiff(SIZE, deep, {258: [16], 262: [0]}))[:, :, 0], grey)
    shallow = tiff(SIZE, (255 - grey).tobytes(), {258: [8], 262: [0]})
    assert np.array_equal(decode(shallow)[:, :, 0], grey)


@pytest.mark.parametrize(
    ("kind", "order", "sample_format"),
    [
        ("u4", "<", 1),
        ("i2", "<", 2),
        ("i2", ">", 2),
        ("i4", "<", 2),
        ("i4", ">", 2),
        ("f4", "<", 3),
        ("f4", ">", 3),
    ],
)
def test_tiffs_of_measurements(kind, order, sample_format, grey):
    """Signed, unsigned beyond 2³¹, and floats: stretched from least to greatest."""
    least, step = {"u": (0, 16_843_009), "i": (-7000, 100), "f": (-0.5, 1 / 255)}[kind[0]]
    values = (grey.astype(np.float64) * step + least).astype(f"{order}{kind}")
    tags = {258: [8 * int(kind[1])], 262: [1], 339: [sample_format]}
    low, high = int(grey.min()), int(grey.max())
    expected = (grey.astype(float) - low) * 255 / (high - low)
    decoded = decode(tiff(SIZE, values.tobytes(), tags, order))[:, :, 0]
    assert np.abs(decoded - expected).max() <= 1


def test_tiffs_of_layers_tiles_and_planes(pixels, grey):
    """Transparency that colours were multiplied with, planes one by one, tiles, BigTIFF."""
    half = np.dstack([(pixels * (128 / 255)).round().astype(np.uint8), np.full_like(grey, 128)])
    multiplied = tiff(SIZE, half.tobytes(), {258: [8] * 4, 262: [2], 277: [4], 338: [1]})
    assert np.abs(decode(multiplied) - (pixels * (128 / 255) + 127)).max() <= 2
    plane = grey.size
    planes = {258: [8] * 3, 262: [2], 277: [3], 284: [2], 278: [96],
              273: [8, 8 + plane, 8 + 2 * plane], 279: [plane] * 3}  # fmt: skip
    assert np.array_equal(decode(tiff(SIZE, np.moveaxis(pixels, 2, 0).tobytes(), planes)), pixels)
    tiles = b"".join(
        pixels[top : top + 32, left : left + 64].tobytes()
        for top in range(0, 96, 32)
        for left in (0, 64)
    )
    places = {322: [64], 323: [32], 324: [8 + 6144 * i for i in range(6)], 325: [6144] * 6}
    assert np.array_equal(
        decode(tiff(SIZE, tiles, {258: [8] * 3, 262: [2], 277: [3], **places})), pixels
    )


@pytest.mark.parametrize(
    "compression", ["packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd", "lzma"]
)
def test_tiffs_of_every_compression(compression, picture, pixels, encode):
    """Without loss."""
    assert np.array_equal(decode(encode(picture, "TIFF", compression=compression)), pixels)
    assert np.array_equal(decode(encode(picture, "TIFF", big_tiff=True)), pixels)


def test_a_fax(picture, encode):
    """Two colours, Group 4."""
    page = picture.convert("1")
    decoded = decode(encode(page, "TIFF", compression="group4"))
    assert np.array_equal(decoded[:, :, 0], np.asarray(page) * np.uint8(255))


@pytest.mark.parametrize(("kind", "sample_format"), [("f8", 3), ("u8", 1)])
def test_a_tiff_of_other_numbers_says_so(kind, sample_format, grey):
    """Instead of that it is no picture."""
    data = tiff(SIZE, grey.astype(kind).tobytes(), {258: [64], 262: [1], 339: [sample_format]})
    with pytest.raises(MediaError, match="TIFF with a kind of pixels that is not known"):
        decode(data)


def test_a_gif_whose_first_frame_is_smaller_than_its_canvas():
    """The canvas is the picture; around the frame it is clear, or of the file's background."""
    for clear, around in ((0, [255, 255, 255]), (None, list(BLUE))):
        decoded = decode(gif((16, 12), (8, 4, 4, 4), clear=clear))
        assert decoded.shape == (12, 16, 3)
        assert decoded[0, 0].tolist() == around
        assert decoded[6, 10].tolist() == [255, 0, 0]
    assert (decode(gif((16, 12), (8, 4, 4, 4), clear=1))[6, 10] == 255).all()


@pytest.mark.parametrize("default_image", [True, False])
def test_an_animated_png_is_its_first_picture(default_image, encode):
    """With layers that are half clear, whether it is part of the animation or not."""
    red, green = (Image.new("RGBA", (16, 16), colour) for colour in ((255, 0, 0, 128), (0, 255, 0)))
    data = encode(red, "PNG", save_all=True, append_images=[green], default_image=default_image)
    assert np.abs(decode(data)[0, 0].astype(int) - [255, 127, 127]).max() <= 1


def test_an_animated_webp_with_transparency(encode):
    """Half of red on white."""
    red, green = (Image.new("RGBA", (16, 16), colour) for colour in ((255, 0, 0, 128), (0, 255, 0)))
    data = encode(red, "WEBP", save_all=True, append_images=[green], lossless=True)
    assert np.abs(decode(data)[0, 0].astype(int) - [255, 127, 127]).max() <= 1


def test_an_avif_of_ten_bits():
    """As telephones write it (made with SVT-AV1): 0 to 1023 is 0 to 255."""
    down, across = np.mgrid[0:64, 0:64]
    expected = np.stack([across * 4, down * 4, np.full_like(down, 60)], -1)
    assert distance(decode(base64.b64decode(AVIF_OF_TEN_BITS)), expected) <= 4


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\1\0\1\0\x10\x10", r"an icon \(ICO\)"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a QuickTime video"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom", "an MP4 video"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0mp42isom", "an M4A sound"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "a QuickTime video"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"ID3\4\0", "an MP3 sound"),
        (bytes(4), "nothing but zeros"),
        ("\ufeff<!DOCTYPE html>".encode(), "an HTML page"),
    ],
)
def test_other_formats_are_refused_by_what_they_are(data, kind):
    """With the list of those known."""
    known = "JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, Netpbm, SVG"
    with pytest.raises(MediaError, match=rf"^is {kind}, not an image that is known \({known}\)"):
        decode(data + bytes(99))


AVIF_OF_TEN_BITS = """
    AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAD5bWV0YQAAAAAAAAAvaGRscgAAAAAAAAAAcGljdAAA
    AAAAAAAAAAAAAFBpY3R1cmVIYW5kbGVyAAAAAA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAASEA
    AAA7AAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGppcHJwAAAAS2lwY28AAAAUaXNw
    ZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMKCgoAAAAMYXYxQ4EATAAAAAATY29scm5jbHgAAgACAAIAAAAAF2lw
    bWEAAAAAAAAAAQABBAECgwQAAABDbWRhdAoKAAAAAq//nV84CDItEADMAgAAIcAAgHDr09F5apz77a/8Beg2t3WN
    bvYd/9APzAkKGFD+zLf00MW3
"""
