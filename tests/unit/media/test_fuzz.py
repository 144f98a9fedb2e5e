"""Damaged files of every format are decoded or refused: nothing else, and fast.

Each seed is a good file, damaged in a few places: bytes overwritten, inserted, removed, numbers
that claim too much, the rest cut off, parts of other files spliced in.
"""

import gzip
import io
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fuzz
from triptych.core.errors import MediaError, TooLarge
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.text import decode_text
from unit.media.files import bmp, dng, foreign, gif, interlaced_png, os2_bmp, swapped_profile, tiff

SIDE, PIXELS, CHARACTERS, SECONDS = 32, 1_000_000, 10_000, 5
SLOW = 5.0
"""Seconds of this process; what is meant is that nothing runs away."""
EXAMPLES = 20

Found = TypeVar("Found")
Damage = list[tuple[float, str, bytes]]


def pictures() -> dict[str, bytes]:
    """A small picture in every format, with a turn in its EXIF where there can be one."""
    down, across = np.mgrid[0:30, 0:40]
    pixels = np.stack([across * 6, down * 8, across + down], -1).astype(np.uint8)
    image = Image.fromarray(pixels)
    layered = image.copy()
    layered.putalpha(Image.fromarray(pixels[:, :, 0]))
    exif = Image.Exif()
    exif[0x0112] = 5

    def write(picture: Image.Image, kind: str, **options: object) -> bytes:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    film = {"save_all": True, "append_images": [image.rotate(180)]}
    shape = b'<path d="M1 1L8 2L3 8Z"/>'
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + shape + b"</svg>"
    runs = bytes([4, 1, 0, 0] * 4 + [0, 1])
    deep = (pixels.astype(np.uint16) * 257).tobytes()
    return {
        "jpeg": write(image, "JPEG", exif=exif),
        "jpeg progressive": write(image, "JPEG", progressive=True),
        "jpeg cmyk": write(image.convert("CMYK"), "JPEG"),
        "jpeg large": write(image.resize((400, 300)), "JPEG", quality=30),
        "mpo": write(image, "MPO", **film),
        "png": write(image, "PNG", exif=exif),
        "png layered": write(layered, "PNG"),
        "png palette": write(image.quantize(16), "PNG", transparency=3),
        "png grey": write(image.convert("L"), "PNG", transparency=7),
        "png deep": write(Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), "PNG"),
        "png interlaced": interlaced_png(pixels),
        "png animated": write(image, "PNG", **film),
        "webp": write(image, "WEBP", exif=exif),
        "webp lossless": write(layered, "WEBP", lossless=True),
        "webp animated": write(layered, "WEBP", **film),
        "gif": write(image, "GIF", **film),
        "gif small frame": gif((40, 30), (4, 5, 6, 7), clear=0),
        "tiff": write(image, "TIFF", exif=exif),
        "tiff lzw": write(layered, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": write(image, "TIFF", compression="jpeg"),
        "tiff fax": write(image.convert("1"), "TIFF", compression="group4"),
        "tiff deep": tiff((40, 30), deep, {258: [16] * 3, 262: [2], 277: [3]}, ">"),
        "tiff floats": write(Image.fromarray(pixels[:, :, 0].astype(np.float32)), "TIFF"),
        "bmp": write(image, "BMP"),
        "netpbm": write(image, "PPM"),
        "netpbm plain": b"P2 3 2\n9 # white\n" + b"0 1 5 9 3 2\n",
        "bmp runs": bmp(8, (4, 4), runs, compression=1, palette=bytes(1024)),
        "bmp os2": os2_bmp(pixels),
        "avif": write(image, "AVIF", exif=exif, speed=10),
        "jpeg profile": write(image, "JPEG", icc_profile=swapped_profile()),
        "png 12 bits": write(Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 16 + 1), "PNG"),
        "png profile": write(image, "PNG", icc_profile=swapped_profile()),
        "gif blank": write(Image.new("RGB", (40, 30)), "GIF", **film),
        "heic": foreign(image, "HEIC"),
        "jxl": foreign(image, "JPEG XL"),
        "jpeg 2000": foreign(image, "JPEG 2000"),
        "raw": dng(write(image, "JPEG")),
        "svg": svg,
        "svgz": gzip.compress(svg),
    }  # fmt: skip


def sounds() -> dict[str, bytes]:
    """Half a second of a tone in every format."""
    tone = np.sin(np.arange(4000) * 0.2) * 0.5

    def write(kind: str, subtype: str) -> bytes:
        file = io.BytesIO()
        sf.write(file, np.stack([tone, -tone], -1), 8000, format=kind, subtype=subtype)
        return file.getvalue()

    return {
        "wav": write("WAV", "PCM_16"),
        "wav adpcm": write("WAV", "IMA_ADPCM"),
        "wav float": write("WAV", "FLOAT"),
        "aiff": write("AIFF", "PCM_24"),
        "flac": write("FLAC", "PCM_16"),
        "vorbis": write("OGG", "VORBIS"),
        "opus": write("OGG", "OPUS"),
        "mp3": write("MP3", "MPEG_LAYER_III"),
    }


TEXTS = {
    "ascii": b"The cat sat on the mat.",
    "accents": "Ça, où? Ünïcödé é́́".encode(),
    "cjk": "東京タワー ฉันรักคุณ 🙂‍↔️".encode(),
    "marked": b"\xef\xbb\xbfwith a mark",
    "wide": "東京タワー".encode("utf-16"),
    "western": "Größe: café, naïve".encode("cp1252"),
    "page": b"<!doctype html><title>A &amp; b</title><p hidden>no<p>yes <img alt='a cat'>",
}
PICTURES, SOUNDS = pictures(), sounds()
SEEDS = [*PICTURES.values(), *SOUNDS.values(), *TEXTS.values()]
NUMBERS = [
    value.to_bytes(size, order)
    for size in (2, 4, 8)
    for value in (0, 1, 2 ** (4 * size), 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("little", "big")
]


def damaged(data: bytes, damage: Damage) -> bytes:
    """The file after one damage after another, each at its share (0 to 1) of the length."""
    for share, kind, new in damage:
        at = int(len(data) * share)
        rest = {
            "overwrite": new + data[at + len(new) :],
            "flip": bytes(byte ^ 1 << new[0] % 8 for byte in data[at : at + 1]) + data[at + 1 :],
            "insert": new + data[at:],
            "repeat": data[max(0, at - len(new) * 9) :],
            "remove": data[at + len(new) :],
            "cut": b"",
        }[kind]
        data = data[:at] + rest
    return data


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Up to four; headers decide most, so half of the damage is there."""
    position = st.floats(0, 1, exclude_max=True)
    position = st.one_of(position, position.map(lambda share: share**4))
    kind = st.sampled_from(["overwrite", "flip", "insert", "repeat", "remove", "cut"])
    strange = st.tuples(st.sampled_from(SEEDS), position, st.integers(1, 64)).map(
        lambda drawn: drawn[0][int(len(drawn[0]) * drawn[1]) :][: drawn[2]]
    )
    new = st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(NUMBERS), strange)
    return draw(st.lists(st.tuples(position, kind, new), min_size=1, max_size=4))


def check_picture(data: bytes) -> None:
    """An array of the right shape or one of the two errors."""
    decoded = refused_or(lambda: decode_image(data, side=SIDE, max_pixels=PIXELS))
    if decoded is not None:
        assert decoded.dtype == np.uint8
        assert decoded.shape[2:] == (3,)
        assert 1 <= min(decoded.shape[:2]) <= max(decoded.shape[:2]) <= SIDE


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Each decoder has been used: the first drawing compiles what draws it."""
    for data in PICTURES.values():
        decode_image(data, side=SIDE, max_pixels=PIXELS)


def check_sound(data: bytes) -> None:
    """Finite samples or one of the two errors."""
    decoded = refused_or(lambda: decode_audio(data, max_seconds=SECONDS))
    if decoded is not None:
        assert decoded.dtype == np.float32
        assert decoded.ndim == 1
        assert np.isfinite(decoded).all()


def check_text(data: bytes) -> None:
    """Text without space around it or one of the two errors."""
    decoded = refused_or(lambda: decode_text(data, max_chars=CHARACTERS).text)
    if decoded is not None:
        assert decoded
        assert decoded == decoded.strip()
        decoded.encode()


def refused_or(decode: Callable[[], Found]) -> Found | None:
    """What was decoded, or nothing where it was refused."""
    start = time.process_time()
    try:
        return decode()
    except (MediaError, TooLarge):
        return None
    finally:
        assert time.process_time() - start < SLOW


fuzzed = settings(max_examples=EXAMPLES, deadline=None)


@pytest.mark.parametrize("name", PICTURES)
@fuzzed
@given(damage=damages())
def test_damaged_pictures(name, damage):
    """Every format."""
    check_picture(damaged(PICTURES[name], damage))


def test_many_damaged_pictures():
    """Without Hypothesis between, which takes longer than most decoders."""
    report = fuzz.run(PICTURES, 3000)
    assert report.broken == []
    assert {"decoded", "refused", "partial"} <= set(report.outcomes)


@pytest.mark.parametrize("name", SOUNDS)
@fuzzed
@given(damage=damages())
def test_damaged_sounds(name, damage):
    """Every format."""
    check_sound(damaged(SOUNDS[name], damage))


@pytest.mark.parametrize("name", TEXTS)
@fuzzed
@given(damage=damages())
def test_damaged_texts(name, damage):
    """Bytes that are no UTF-8 any more, or other words."""
    check_text(damaged(TEXTS[name], damage))


@pytest.mark.parametrize("check", [check_picture, check_sound, check_text])
@fuzzed
@given(data=st.binary(max_size=500))
def test_random_bytes(check, data):
    """No format at all."""
    check(data)


@pytest.mark.parametrize("name", [*PICTURES, *SOUNDS, *TEXTS])
def test_the_seeds_are_good(name):
    """Undamaged they are decoded, or damage would show nothing."""
    if name in PICTURES:
        decode_image(PICTURES[name], side=SIDE, max_pixels=PIXELS)
    elif name in SOUNDS:
        decode_audio(SOUNDS[name], max_seconds=SECONDS)
    else:
        decode_text(TEXTS[name], max_chars=CHARACTERS)
