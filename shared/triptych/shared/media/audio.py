"""Sounds: untrusted bytes to mono float32 samples at one rate."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.shared.errors import MediaError, TooLarge

Samples = NDArray[np.float32]

RATE = 22_050


def decode_audio(data: bytes, *, max_seconds: int) -> Samples:
    """Decode a sound to float32 of shape (samples,), mono, 22,050 Hz, not yet normalised.

    Raises:
        MediaError: empty, truncated, corrupt, or a format that libsndfile does not know.
        TooLarge: longer than ``max_seconds``, checked before and while decoding.
    """
    import soundfile as sf

    if not data:
        raise MediaError("audio is empty")
    try:
        with sf.SoundFile(io.BytesIO(data)) as file:
            return _read(file, max_seconds)
    except sf.LibsndfileError as error:
        raise MediaError(f"audio can't be decoded: {error.error_string}") from error


def _read(file: Any, max_seconds: int) -> Samples:
    import soxr

    rate, frames = int(file.samplerate), int(file.frames)
    if rate < 1 or frames > max_seconds * rate:
        raise TooLarge(f"audio lasts {frames / max(rate, 1):.0f} s, the limit is {max_seconds} s")
    resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    # Blocks keep the memory of many channels bounded; a header may also lie about the length.
    blocks, read = [], 0
    while len(block := file.read(rate * 10, dtype="float32", always_2d=True)):
        read += len(block)
        blocks.append(resampler.resample_chunk(block.mean(axis=1)))
    blocks.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    if read == 0:
        raise MediaError("audio has no samples")
    if read < frames:
        raise MediaError(f"audio is truncated: {read} of {frames} frames are there")
    samples: Samples = np.concatenate(blocks)
    if not np.isfinite(samples).all():
        raise MediaError("audio has samples that are not numbers")
    return samples
