"""Recordings of phones and browsers, and films, written by FFmpeg."""

import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_BITS = {"libopencore_amrnb": 12_200, "g726": 32_000}
"""A second; most encoders take 64,000."""
KINDS = {
    "m4a": ("ipod", "aac", 44_100),
    "alac": ("ipod", "alac", 44_100),
    "aac": ("adts", "aac", 44_100),
    "3gp": ("3gp", "aac", 16_000),
    "amr": ("amr", "libopencore_amrnb", 8_000),
    "weba": ("webm", "libopus", 48_000),
    "mka": ("matroska", "flac", 44_100),
    "wma": ("asf", "wmav2", 44_100),
    "wav of g726": ("wav", "adpcm_g726", 8_000),
    "mp2": ("mp2", "mp2", 44_100),
}
"""Container, encoding and rate of sounds."""
FILMS = {
    "mp4": ("mp4", "aac"),
    "mov": ("mov", "pcm_s16be"),
    "mkv": ("matroska", "ac3"),
    "webm": ("webm", "libopus"),
    "avi": ("avi", "libmp3lame"),
    "wmv": ("asf", "wmav2"),
    "mpg": ("vob", "mp2"),
    "m2ts": ("mpegts", "aac"),
}
"""Container and encoding of the sound; the pictures are MPEG-4 or VP8."""


def recorded(samples: NDArray[np.float32], name: str, *, piped: bool = False) -> bytes:
    """Mono samples of the kind's rate as a file; ``piped`` can't go back to fill in a length."""
    container, encoding, rate = KINDS[name]
    file = Pipe() if piped else io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(encoding, rate=rate)
        settle(stream, encoding)
        write_sound(output, stream, samples, rate)
    return file.getvalue()


def filmed(samples: NDArray[np.float32] | None, name: str, *, pictures: int = 60) -> bytes:
    """A film of grey pictures; its sound, if it has one, is mono at 48 kHz."""
    container, encoding = FILMS[name]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        film = output.add_stream("libvpx" if name == "webm" else "mpeg4", rate=10)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        film.codec_context.time_base = Fraction(1, 10)
        if samples is not None:
            sound = output.add_stream(encoding, rate=48_000)
            settle(sound, encoding)
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 256, np.uint8))
            frame.pts = number
            output.mux(film.encode(frame))
        output.mux(film.encode(None))
        if samples is not None:
            write_sound(output, sound, samples, 48_000)
    return file.getvalue()


def fast_start(m4a: bytes) -> bytes:
    """The same with the index first, as on web sites."""
    with (
        tempfile.NamedTemporaryFile(suffix=".m4a") as file,  # it is read again as it is written
        av.open(io.BytesIO(m4a)) as source,
    ):
        output = av.open(file.name, "w", options={"movflags": "faststart"})
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
        output.close()
        return Path(file.name).read_bytes()


def settle(stream, encoding):
    """Say what to encode, before anything is."""
    stream.codec_context.layout = "mono"
    stream.codec_context.bit_rate = _BITS.get(encoding, 64_000)


def write_sound(output, stream, samples, rate):
    """Encode and write all samples."""
    whole = np.ascontiguousarray(samples[None, :])
    frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    frame.time_base = Fraction(1, rate)
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


class Pipe(io.BytesIO):
    """Can't be sought in."""

    def seekable(self) -> bool:
        """It is none."""
        return False

    def seek(self, *_: object) -> int:
        """Always raises."""
        raise OSError("not seekable")
