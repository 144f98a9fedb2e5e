"""Sounds: untrusted bytes to mono float32 samples at one rate."""

import mmap
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from triptych.core.errors import MediaError, StoreUnavailable, TooLarge
from triptych.core.item import Note
from triptych.media.downmix import Downmix
from triptych.media.sources import Samples, Source

__all__ = ["RATE", "Samples", "Sound", "decode_audio", "decode_sound"]

RATE = 22_050
_RATES = range(1_000, 768_001)
_IN_MEMORY_BYTES = 8 * 2**20
"""A minute and a half; longer sounds go into a file."""
_TRIFLE = 0.1
"""Seconds by which statements of a length are wrong in files that are whole."""
_LEAST = 0.5
"""The share of a sound that is worth indexing."""


@dataclass(frozen=True)
class Sound:
    """A decoded sound."""

    samples: Samples
    """Mono, 22,050 Hz, of shape (samples,); read-only, and not normalised."""
    notes: tuple[Note, ...] = ()
    """What of it is missing."""
    format: str = ""
    """What the file is, as the field `format` has it."""
    said: Mapping[str, str] = field(default_factory=dict)
    """What a reader has found of titles and the like, by the reader's names."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE


def decode_audio(data: bytes, *, max_seconds: int) -> Samples:
    """The samples of ``decode_sound``."""
    return decode_sound(data, max_seconds=max_seconds).samples


def decode_sound(data: bytes, *, max_seconds: int) -> Sound:
    """Decode a sound.

    What is there of a sound that is cut or damaged is decoded, with a note, if it is half of it at
    least. The samples of a sound of more than a minute and a half are a map of an unnamed
    temporary file (in the folder ``TMPDIR``), so that the kernel can reclaim their memory.

    Raises:
        MediaError: empty, no sound, damaged, or less than half of it is there.
        TooLarge: longer than ``max_seconds``, checked before and while decoding.
        StoreUnavailable: no room for the temporary file.
    """
    from triptych.media.opening import sources

    if not data:
        raise MediaError("audio is empty")
    length = _Length(max_seconds)
    first: Source | None = None
    with _room(), tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
        for source in sources(data):
            first = first or source
            for block in _resampled(source, length.counted(source)):
                if not np.isfinite(block).all():
                    raise MediaError("audio has samples that are not numbers")
                spool.write(block.data)
        notes = length.notes()
        said = (first.format, first.said) if first is not None else ()
        return Sound(_contents(spool), notes, *said)


class _Length:
    """How much of a sound there is, should be, and may be, in seconds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._there = self._stated = 0.0
        self._is_cut = False

    def counted(self, source: Source) -> Iterator[Samples]:
        """The blocks of a source. Raises MediaError and TooLarge."""
        if source.rate not in _RATES:
            raise MediaError(
                f"audio has {source.rate} samples a second, not {_RATES[0]} to {_RATES[-1]}"
            )
        before = self._there
        self._check(before + (source.seconds or 0))
        frames = 0
        for block in source.blocks:
            frames += len(block)
            self._there = before + frames / source.rate
            self._check(self._there)
            yield block
        self._stated += max(source.seconds or 0, self._there - before)
        self._is_cut |= source.is_cut

    def _check(self, seconds: float) -> None:
        if seconds > self._limit:
            raise TooLarge(
                f"audio lasts {seconds:.0f} s or more, the limit is {self._limit} s: cut it, or "
                "raise TRIPTYCH_MAX_AUDIO_SECONDS"
            )

    def notes(self) -> tuple[Note, ...]:
        """What is missing. Raises MediaError where that is more than what is there."""
        if not self._there:
            raise MediaError("audio has no samples")
        there, stated = self._there, self._stated
        if there < _LEAST * stated:
            raise MediaError(
                f"audio is cut or damaged: {there:.1f} of {stated:.1f} s are there, less than half"
            )
        if there < stated - _TRIFLE:
            what = f"{there:.1f} of {stated:.1f} s are there"
        elif self._is_cut:
            what = "something is missing"
        else:
            return ()
        return (Note(f"audio is cut or damaged: {what}", lost=True),)


@contextmanager
def _room() -> Iterator[None]:
    """A full disk is not the fault of the sound: raise what is tried again."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"no room for a decoded sound: {error.strerror}") from error


def _resampled(source: Source, blocks: Iterator[Samples]) -> Iterator[Samples]:
    """One channel at 22,050 Hz."""
    import soxr

    resampler = soxr.ResampleStream(source.rate, RATE, 1, dtype="float32", quality="HQ")
    downmix = Downmix(source.channels, source.rate)
    for block in blocks:
        with np.errstate(all="ignore"):  # samples that are not numbers are refused
            yield resampler.resample_chunk(downmix(block))
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
