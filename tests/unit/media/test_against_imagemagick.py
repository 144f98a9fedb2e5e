"""The same pictures as ImageMagick shows, where it is installed: colours, turns, transparency."""

import io
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageCms

from triptych.media.image import decode_image
from unit.media.files import interlaced_png, swapped_profile

NAMES = ("magick", "convert", "convert-im6.q16", "convert-im6")
LOSSY = 3.0
"""Mean of the absolute differences, 0 to 255: chroma is widened in different ways."""


def imagemagick() -> str | None:
    """The program, if it is the real one."""
    for name in filter(None, map(shutil.which, NAMES)):
        said = subprocess.run([name, "-version"], capture_output=True, text=True, check=False)
        if said.stdout.startswith("Version: ImageMagick"):
            return name
    return None


PROGRAM = imagemagick()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="ImageMagick is not installed")


def variations() -> Iterator[tuple[str, bytes]]:
    """The same picture in many ways, each with its name."""
    down, across = np.mgrid[0:96, 0:128]
    pixels = np.stack([across * 2, down * 2, across + down], -1).astype(np.uint8)
    pixels[10:40, 10:60] = 200, 30, 30
    image = Image.fromarray(pixels)
    layered = image.copy()
    layered.putalpha(Image.fromarray(pixels[:, :, 1]))

    def write(picture: Image.Image, kind: str, **options: object) -> bytes:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        for kind in ("JPEG", "TIFF"):  # it does not look at the EXIF of WebP, as browsers do
            yield f"{kind} turned {turn}", write(image, kind, exif=exif, quality=95)
    for chroma in (0, 1, 2):
        for progressive in (False, True):
            yield (
                f"JPEG {chroma} {progressive}",
                write(image, "JPEG", quality=90, subsampling=chroma, progressive=progressive),
            )
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        source = layered if mode in {"LA", "RGBA"} else image
        grey = pixels[:, :, 2].astype(np.uint16) * 257
        one = Image.fromarray(grey) if mode == "I;16" else source.convert(mode)
        yield f"PNG {mode}", write(one, "PNG")
        if mode != "LA":
            yield f"TIFF {mode}", write(one, "TIFF")
    yield "PNG interlaced", interlaced_png(pixels)
    for kind in ("PNG", "JPEG", "TIFF"):
        yield f"{kind} profile", write(image, kind, icc_profile=swapped_profile())
    yield "JPEG without its end", write(image, "JPEG", quality=95)[:-2]
    yield "WEBP lossless", write(layered, "WEBP", lossless=True)
    yield "GIF", write(image.quantize(64), "GIF")
    yield "BMP", write(image, "BMP")


VARIATIONS = dict(variations())


@pytest.mark.parametrize("name", VARIATIONS)
def test_it_is_the_same_picture(name, tmp_path):
    """Upright, on white, in sRGB."""
    profile = tmp_path / "srgb.icc"
    profile.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    file = tmp_path / "picture"
    file.write_bytes(VARIATIONS[name])
    turned = ["-profile", str(profile)] if "profile" in name else []
    shown = subprocess.run(
        [str(PROGRAM), f"{file}[0]", "-auto-orient", *turned, "-background", "white",
         "-alpha", "remove", "-colorspace", "sRGB", "-depth", "8", "ppm:-"],
        capture_output=True, check=False,
    ).stdout  # fmt: skip
    with Image.open(io.BytesIO(shown)) as picture:
        expected = np.asarray(picture.convert("RGB")).astype(int)
    decoded = decode_image(VARIATIONS[name], side=128, max_pixels=10**6)
    assert decoded.shape == expected.shape
    assert np.abs(decoded - expected).mean() <= LOSSY
