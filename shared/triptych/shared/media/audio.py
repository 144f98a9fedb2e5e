"""Sounds: untrusted bytes to mono float32 samples at one rate."""

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.shared.errors import MediaError, TooLarge

Samples = NDArray[np.float32]

RATE = 22_050
_RATES = range(1_000, 768_001)
_UNKNOWN = 2**62
_BLOCK_VALUES = 2**22
"""Samples of all channels together that are read at a time."""
_OGG_HEADER = 27
_PIPED = 0x7FFF_0000


class _Stream(io.BytesIO):
    """Bytes in which libsndfile may seek to wherever a damaged header sends it."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):  # before the start: stay, and the next read tells
            return self.tell()


def decode_audio(data: bytes, *, max_seconds: int) -> Samples:
    """Decode a sound to float32 of shape (samples,), mono, 22,050 Hz, not yet normalised.

    Raises:
        MediaError: empty, truncated, corrupt, or a format that libsndfile does not know.
        TooLarge: longer than ``max_seconds``, checked before and while decoding.
    """
    import soundfile as sf

    if not data:
        raise MediaError("audio is empty")
    if _is_truncated(data):
        raise MediaError("audio is truncated: the file ends too early")
    try:
        with sf.SoundFile(_Stream(data)) as file:
            return _read(file, max_seconds, exact=file.format != "MP3" or _has_xing(data))
    except sf.LibsndfileError as error:
        raise MediaError(f"audio can't be decoded: {error.error_string}") from error


def _read(file: Any, max_seconds: int, *, exact: bool) -> Samples:
    import soxr

    rate, frames = int(file.samplerate), int(file.frames)
    if rate not in _RATES:
        raise MediaError(f"audio has {rate} samples a second, not {_RATES[0]} to {_RATES[-1]}")
    if frames >= _UNKNOWN:
        raise MediaError("audio does not say how long it is, as one written to a pipe")
    if frames > max_seconds * rate:
        raise TooLarge(f"audio lasts {frames / rate:.0f} s, the limit is {max_seconds} s")
    resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    # Blocks keep the memory of many channels bounded. A header may also lie about the length, so
    # the samples go into a buffer that grows, without a second copy of them all.
    buffer, read = bytearray(), 0
    size = max(1, _BLOCK_VALUES // file.channels)
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        read += len(block)
        with np.errstate(all="ignore"):  # samples that are not numbers are refused below
            buffer += resampler.resample_chunk(block.mean(axis=1)).tobytes()
    buffer += resampler.resample_chunk(np.empty(0, np.float32), last=True).tobytes()
    if read == 0:
        raise MediaError("audio has no samples")
    if read < frames and exact:
        raise MediaError(f"audio is truncated: {read} of {frames} frames are there")
    samples: Samples = np.frombuffer(buffer, np.float32)
    if not np.isfinite(samples).all():
        raise MediaError("audio has samples that are not numbers")
    return samples


def _has_xing(data: bytes) -> bool:
    """Whether an MP3 states its length; without a Xing header it is a guess from its size."""
    start = 0
    if data[:3] == b"ID3":  # the tag's size has seven bits a byte
        start = 10 + sum(
            byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False)
        )
    return any(name in data[start : start + 64] for name in (b"Xing", b"Info"))


def _is_truncated(data: bytes) -> bool:
    """Whether a container ends inside a part of known size: libsndfile reads what is there."""
    if data[:4] == b"OggS":
        page = data[data.rfind(b"OggS") :]
        return len(page) < _OGG_HEADER or len(page) < _OGG_HEADER + page[26] + sum(
            page[_OGG_HEADER : _OGG_HEADER + page[26]]
        )
    if data[:4] == b"RIFF":
        return _sample_chunk_is_cut(data, b"data", "<4sI")
    if data[:4] == b"FORM":
        return _sample_chunk_is_cut(data, b"SSND", ">4sI")
    return False


def _sample_chunk_is_cut(data: bytes, wanted: bytes, layout: str) -> bool:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from(layout, data, at)
        at += 8 + size + size % 2
        if name == wanted:
            # One written to a pipe has a size that is no size.
            return bool(at - size % 2 > len(data) and size < _PIPED)
    return False
