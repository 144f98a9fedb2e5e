"""Colours as a person sees them: pixels of any ICC profile as sRGB."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
"""Where pixels of that mode are what a profile is about; at byte 16 of it (ICC.1:2022, 7.2)."""
_MOST = 2**22
"""Bytes of a profile; printers' have up to two million."""
_SEEN = 2
"""A difference in a channel that nobody sees, 0 to 255."""
_NO_CACHE = 0x0040  # lcms2: or two threads would share one


def space_of(profile: bytes) -> str | None:
    """The mode of the pixels that a profile is about: RGB, L, CMYK, or None for another."""
    return _SPACES.get(profile[16:20]) if len(profile) <= _MOST else None


def changes(profile: bytes) -> bool:
    """Whether pixels of a profile look otherwise than those of sRGB."""
    return space_of(profile) is not None and _transform(profile) is not None


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture with its colours as in sRGB; as it is where the profile says that, or is damaged.

    Args:
        image: of mode RGB, L or CMYK.
        profile: ICC.
    """
    if space_of(profile) != image.mode or not changes(profile):
        return image if image.mode == "RGB" else image.convert("RGB")
    transform = _transform(profile)
    seen: Image.Image = transform.apply(image)
    return seen


@lru_cache(maxsize=16)
def _transform(profile: bytes) -> Any:
    """What turns pixels into sRGB; None where that changes nothing, or can't be known."""
    mode = _SPACES[profile[16:20]]
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags(_NO_CACHE) | ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        sample = _sample(mode)
        seen, plain = (
            np.asarray(one, int) for one in (transform.apply(sample), sample.convert("RGB"))
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return transform if np.abs(seen - plain).max() > _SEEN else None


def _sample(mode: str) -> Image.Image:
    """A few colours of all kinds."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * channels), -1).reshape(1, -1, channels)
    pixels: NDArray[np.uint8] = grid.astype(np.uint8)
    return Image.frombytes(mode, (pixels.shape[1], 1), pixels.tobytes())
