"""Previews: small pictures of pictures, and the peaks of sounds, made once and kept.

They are derived data under the digest of the original, so they go with it. What is missing (of an
item from before there were previews) or damaged is made again when it is asked for. A picture is
kept as JPEG, which OpenCV writes in a twentieth of the time of WebP, and reads at a reduced scale.
"""

import io
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numpy.typing import NDArray

from triptych.core.answers import Described
from triptych.core.item import Modality
from triptych.core.settings import Settings
from triptych.media.store import MediaStore

if TYPE_CHECKING:  # a worker has the libraries of its own modality alone
    from triptych.media.image import Picture, Room

Pixels = NDArray[np.uint8]

SIDE = 1024
"""Pixels along the longer side of a preview, at most."""
DETAIL = 384
"""Of a JPEG, a preview has at least 1.75 times so many, if the original has."""
SIZES = (64, 128, 256, 512, 1024)
"""Pixels along the longer side of thumbnails."""
_BUCKETS = 800
"""Of a waveform, at most."""
_VERSION = 1
"""Goes up when a preview would be made in another way."""
_QUALITY = 90
_THUMBNAIL_QUALITY = 80
_EFFORT = 2
"""Of WebP, 0 to 6: half of the time of 4, for 5 % more bytes."""
_CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class Waveform(Described):
    """The least and the greatest sample of each stretch of a sound, as audiowaveform has them.

    https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
    """

    version: int
    channels: int
    sample_rate: int
    """Samples per second."""
    samples_per_pixel: int
    """Of each stretch."""
    bits: int
    length: int
    """The number of stretches."""
    data: list[int]
    """The least and the greatest sample of each in turn, -128 to 127."""
    duration: float
    """Seconds."""


@contextmanager
def _unguarded(_: Modality) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Previews:
    """The previews in a media store. One instance serves many threads."""

    store: MediaStore
    settings: Settings
    guard: Callable[[Modality], AbstractContextManager[None]] = _unguarded
    """Held while an original is decoded."""
    room: "Room" = nullcontext
    """As ``read_image`` has it."""

    @property
    def picture_kind(self) -> str:
        """What previews of pictures are kept as; the background shows in them."""
        return f"preview-{_VERSION}-{self.settings.image_background[1:]}"

    sound_kind = f"waveform-{_VERSION}"

    def keep_picture(self, digest: str, pixels: Pixels) -> None:
        """Keep the preview of a picture, unless there is one.

        Args:
            digest: of the original.
            pixels: uint8 RGB (height, width, 3), at most ``SIDE``.
        """
        if not self.store.has_derived(self.picture_kind, digest):
            self._write(self.picture_kind, digest, _jpeg(pixels))

    def keep_sound(self, digest: str, samples: NDArray[np.float32]) -> None:
        """Keep the waveform of a sound, mono at 22,050 Hz, unless there is one."""
        if not self.store.has_derived(self.sound_kind, digest):
            self._write(self.sound_kind, digest, orjson.dumps(waveform(samples)))

    def picture(self, digest: str, *, side: int = SIDE) -> Pixels:
        """The preview of a picture as uint8 RGB (height, width, 3), at most ``side``.

        Raises:
            NotFound, MediaUnreadable, StoreUnavailable: the original is gone, or can't be read.
            MediaError, TooLarge: it can't be decoded.
        """
        from triptych.media.image import decode_image

        kept = self._read(self.picture_kind, digest)
        if kept is None:
            data = self.store.get(digest)
            with self.guard("image"):
                kept = _jpeg(read_picture(data, self.settings, DETAIL, self.room).pixels)
            self._write(self.picture_kind, digest, kept)
        return decode_image(kept, side=side, max_pixels=SIDE**2)

    def thumbnail(self, digest: str, size: int) -> bytes:
        """A picture as WebP, its longer side at most so many pixels. Raises as ``picture``."""
        return _webp(self.picture(digest, side=size))

    def waveform(self, digest: str) -> Waveform:
        """The waveform of a sound. Raises as ``picture``."""
        from triptych.media.audio import decode_audio

        kept = self._read(self.sound_kind, digest)
        if kept is not None:
            return Waveform(**orjson.loads(kept))
        data = self.store.get(digest)
        with self.guard("audio"):
            samples = decode_audio(data, max_seconds=self.settings.limits.audio_seconds)
            made = waveform(samples)
        self._write(self.sound_kind, digest, orjson.dumps(made))
        return made

    def _write(self, kind: str, digest: str, body: bytes) -> None:
        checksum = zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little")
        self.store.put_derived(kind, digest, checksum + body)

    def _read(self, kind: str, digest: str) -> bytes | None:
        data = self.store.get_derived(kind, digest)
        if data is None:
            return None
        checksum, body = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
        return body if zlib.crc32(body) == int.from_bytes(checksum, "little") else None


def read_picture(
    data: bytes, settings: Settings, side: int, room: "Room" = nullcontext
) -> "Picture":
    """A picture as large as a preview is, within the limits of the settings.

    Args:
        data: of the file.
        settings: the limits, and the colour behind transparent pictures.
        side: what encoders look at: a JPEG is decoded with this detail, or that of a preview.
        room: as ``read_image`` has it.

    Raises:
        MediaError, TooLarge: it can't be decoded.
    """
    from triptych.media.image import read_image

    return read_image(
        data,
        side=max(side, SIDE),
        detail=max(side, DETAIL),
        max_pixels=settings.limits.image_pixels,
        max_bytes=settings.limits.image_bytes,
        background=settings.background,
        room=room,
    )


def waveform(samples: NDArray[np.float32]) -> Waveform:
    """The peaks of a sound: float32 (samples,), mono, 22,050 Hz, perhaps a memory map."""
    from triptych.media.audio import RATE

    stretch = max(1, math.ceil(len(samples) / _BUCKETS))
    starts = np.arange(0, len(samples), stretch)
    least, greatest = (peak.reduceat(samples, starts) for peak in (np.minimum, np.maximum))
    peaks = np.stack([least, greatest], axis=1)
    levels = np.clip(np.round(peaks * 127), -128, 127).astype(int)
    return Waveform(
        version=2,
        channels=1,
        sample_rate=RATE,
        samples_per_pixel=stretch,
        bits=8,
        length=len(starts),
        data=levels.ravel().tolist(),
        duration=round(len(samples) / RATE, 3),
    )


def _jpeg(pixels: Pixels) -> bytes:
    import cv2

    from triptych.media.image import fit_within

    bgr = cv2.cvtColor(fit_within(pixels, SIDE), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _webp(pixels: Pixels) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=_THUMBNAIL_QUALITY, method=_EFFORT)
    return file.getvalue()
