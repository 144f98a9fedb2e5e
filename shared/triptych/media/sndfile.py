"""Sounds that libsndfile reads, from the beginning to the end."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import soundfile as sf

from triptych.media.sources import Samples, Source, Unreadable

FORMATS: Mapping[str, str] = {
    "WAV": "WAV",
    "WAVEX": "WAV",
    "RF64": "RF64",
    "W64": "W64",
    "AIFF": "AIFF",
    "AU": "AU",
    "CAF": "CAF",
    "NIST": "NIST SPHERE",
    "VOC": "VOC",
    "SVX": "8SVX",
    "IRCAM": "IRCAM",
    "FLAC": "FLAC",
    "OGG": "OGG (Vorbis, Opus)",
    "MP3": "MP3",
}
"""The containers that are accepted: libsndfile's names, and the usual ones."""
_BLOCK_VALUES = 2**20
"""Samples of all channels together in one block."""
_FLAC_FRAMES = 2**14
"""What is read of a FLAC at once: where it is damaged, all that is read with it is lost."""
_UNKNOWN = 2**62


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


class _Forward(sf.SoundFile):  # type: ignore[misc]
    """Never seeks. soundfile does after each read, which some encodings can't."""

    def seekable(self) -> bool:
        return False


@contextmanager
def open_sound(data: bytes, share: float = 1.0) -> Iterator[Source]:
    """Open a sound.

    Args:
        data: a file.
        share: of the samples that it should have, those that are there.

    Raises:
        Unreadable: in a container or an encoding that is not known here, or damaged.
    """
    try:
        with _Forward(_Stream(data)) as file:
            if file.format not in FORMATS:
                raise Unreadable(f"is {file.format_info}")
            rate, frames = int(file.samplerate), int(file.frames)
            is_known = frames < _UNKNOWN and share > 0
            seconds = frames / rate / share if is_known else None
            source = Source(rate, int(file.channels), seconds, iter(()))
            source.blocks = _blocks(file, source)
            yield source
    except sf.LibsndfileError as error:
        raise Unreadable(f"can't be decoded: {_sentence(error)}") from error


def _blocks(file: sf.SoundFile, source: Source) -> Iterator[Samples]:
    """Everything up to the end, or to where it is damaged. The next block overwrites the last."""
    size = max(1, min(_BLOCK_VALUES // source.channels, int(file.frames)))
    piece = min(size, _FLAC_FRAMES) if file.format == "FLAC" else size
    block = np.empty((size, source.channels), np.float32)
    there, more = 0, True
    while more:
        try:
            read = len(file.read(out=block[there : there + piece]))
        except sf.LibsndfileError:
            read, source.is_cut = 0, True
        there, more = there + read, read > 0
        if there == size or not more:
            yield block[:there]
            there = 0


def _sentence(error: sf.LibsndfileError) -> str:
    return str(error.error_string).strip().rstrip(".").removeprefix("Error : ")
