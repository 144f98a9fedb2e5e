"""Sounds: untrusted bytes to mono float32 samples at one rate."""

import io
import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import MediaError, StoreUnavailable, TooLarge
from triptych.media.mp3 import with_length
from triptych.media.sound_files import FORMATS, KNOWN, foreign, is_truncated

Samples = NDArray[np.float32]

RATE = 22_050
_RATES = range(1_000, 768_001)
_UNKNOWN = 2**62
_NO_FORMAT = 1
"""libsndfile's code for bytes in which it recognises no container."""
_BLOCK_VALUES = 2**20
"""Samples of all channels together that one read returns."""
_IN_MEMORY_BYTES = 8 * 2**20
"""A minute and a half; longer sounds go into a file."""


class _Stream(io.BytesIO):
    """Bytes in which libsndfile may seek to wherever a damaged header sends it."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (
            ValueError,
            OverflowError,
        ):  # before the start: stay; the next read shows the damage
            return self.tell()


def decode_audio(data: bytes, *, max_seconds: int) -> Samples:
    """Decode a sound to float32 of shape (samples,), mono, 22,050 Hz, not yet normalised.

    The samples are read-only. Those of a sound of more than a minute and a half are a map of an
    unnamed temporary file (in the folder ``TMPDIR``), so that the kernel can reclaim their memory.

    Raises:
        MediaError: empty, truncated, corrupt, or in a container that is not known.
        TooLarge: longer than ``max_seconds``, checked before and while decoding.
        StoreUnavailable: no room for the temporary file.
    """
    import soundfile as sf

    if not data:
        raise MediaError("audio is empty")
    if is_truncated(data):
        raise MediaError("audio is truncated: the file ends too early")
    try:
        with sf.SoundFile(_Stream(data)) as file:
            if file.format not in FORMATS:
                what = file.format_info
                raise MediaError(f"audio can't be decoded: it is {what}; known are {KNOWN}")
            if file.format != "MP3":
                return _read(file, max_seconds, exact=True)
        data, stated = with_length(data)
        with sf.SoundFile(_Stream(data)) as file:
            return _read(file, max_seconds, exact=stated)
    except sf.LibsndfileError as error:
        if error.code != _NO_FORMAT:
            raise MediaError(f"audio can't be decoded: {error.error_string}") from error
        what = foreign(data) or "in a container that is not known"
        raise MediaError(f"audio can't be decoded: it is {what}; known are {KNOWN}") from error


def _read(file: Any, max_seconds: int, *, exact: bool) -> Samples:
    rate, frames = int(file.samplerate), int(file.frames)
    if rate not in _RATES:
        raise MediaError(f"audio has {rate} samples a second, not {_RATES[0]} to {_RATES[-1]}")
    if frames >= _UNKNOWN:
        raise MediaError("audio does not say how long it is, as one written to a pipe")
    if frames > max_seconds * rate:
        raise TooLarge(f"audio lasts {frames / rate:.0f} s, the limit is {max_seconds} s")
    with _room(), tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
        for block in _resampled(file, rate):
            if not np.isfinite(block).all():
                raise MediaError("audio has samples that are not numbers")
            spool.write(block.data)
        # A header may lie about the length.
        read = file.tell()
        if read == 0:
            raise MediaError("audio has no samples")
        if read < frames and exact:
            raise MediaError(f"audio is truncated: {read} of {frames} frames are there")
        return _contents(spool)


@contextmanager
def _room() -> Iterator[None]:
    """A full disk is not the fault of the sound: raise what is tried again."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"no room for a decoded sound: {error.strerror}") from error


def _resampled(file: Any, rate: int) -> Iterator[Samples]:
    """The mean of the channels at 22,050 Hz, in blocks that keep many channels bounded."""
    import soxr

    resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    size = max(1, _BLOCK_VALUES // file.channels)
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        with np.errstate(all="ignore"):  # samples that are not numbers are refused
            yield resampler.resample_chunk(block.mean(axis=1))
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _contents(spool: IO[bytes]) -> Samples:
    """All samples of a spool, which may be closed afterwards."""
    size = spool.tell()
    if size <= _IN_MEMORY_BYTES:
        spool.seek(0)
        return np.frombuffer(spool.read(), np.float32)
    spool.flush()
    mapped = mmap.mmap(spool.fileno(), size, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, np.float32)
