"""Sounds that the tests make, and what happens to their files."""

import io
import struct
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from triptych.media.audio import RATE, decode_audio

Samples = NDArray[np.float32]


def tone(rate: int, seconds: float = 2, pitch: float = 440) -> Samples:
    """A sine, half as loud as can be."""
    angle = 2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate
    return (np.sin(angle) / 2).astype(np.float32)


def scale(rate: int, seconds: int = 6) -> Samples:
    """A tone of another pitch every second: 300 Hz, 400 Hz, 500 Hz and so on."""
    return np.concatenate([tone(rate, 1, 300 + 100 * number) for number in range(seconds)])


def write(
    samples: Samples, rate: int, kind: str = "WAV", subtype: str = "PCM_16", **options: Any
) -> bytes:
    """A sound as a file."""
    file = io.BytesIO()
    sf.write(file, samples, rate, format=kind, subtype=subtype, **options)
    return file.getvalue()


def mp3_of(samples: Samples, mode: str, rate: int = RATE) -> bytes:
    """An MP3 of CONSTANT or VARIABLE rate, with a statement of its length."""
    options = {"bitrate_mode": mode, "compression_level": 0.5}
    return write(samples, rate, "MP3", "MPEG_LAYER_III", **options)


def without_statement(mp3: bytes) -> bytes:
    """Its frames but for the first, which states how many there are."""
    return mp3[mp3.index(mp3[:2], 4) :]


def in_wav(mp3: bytes, rate: int = RATE) -> bytes:
    """An MP3 in a WAV, as old editors wrote it (MPEGLAYER3WAVEFORMAT)."""
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, rate, 8000, 1, 0, 12, 1, 0, 417, 1, 1393)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(mp3)) + mp3
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def resized(data: bytes, mark: bytes, form: str, size: int) -> bytes:
    """A file with another size behind a mark."""
    at, new = data.index(mark) + len(mark), struct.pack(form, size)
    return data[:at] + new + data[at + len(new) :]


def decode(data: bytes, max_seconds: int = 60) -> Samples:
    """Decode with a generous limit."""
    return decode_audio(data, max_seconds=max_seconds)


def pitches(samples: Samples) -> list[int]:
    """The strongest frequency of each second, to the next 10 Hz."""
    seconds = [samples[at : at + RATE] for at in range(0, len(samples) - RATE // 2, RATE)]
    return [
        round(float(np.abs(np.fft.rfft(one)).argmax() * RATE / len(one)), -1) for one in seconds
    ]


def loudness(samples: Samples) -> float:
    """The root of the mean square."""
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()))
