"""The work of FFmpeg, in a sandbox: the samples of the first sound in a file.

Nothing but the container that its parent saw and the encodings that are listed here is read, and
the pictures of a film are not decoded.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

import av
import av.logging
import orjson
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from triptych.media.sandbox import Message, Refused

HEADER, SAMPLES, CUT = b"H", b"S", b"C"
"""A JSON object with rate, channels, seconds and what the file says of itself; float32, channels
side by side; a break."""
# fmt: off
_CODECS = (
    "aac", "alac", "opus", "vorbis", "mp3float", "mp3", "mp2float", "mp2", "mp1float", "flac",
    "speex", "amrnb", "amrwb", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "ac3",
    "eac3", "gsm", "gsm_ms", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "g722",
    "g726", "g726le", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
    "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_mulaw",
    "pcm_alaw", "pcm_bluray", "pcm_dvd",
)
# fmt: on
"""FFmpeg's names of the encodings."""
_GUESSED = frozenset({"aac", "amr", "mpeg", "mpegts", "ogg"})
"""Containers that don't state how long a sound is: FFmpeg guesses from the size."""
_BLOCK_BYTES = 2**20
_MOST_SAID, _LONGEST = 200, 20_000
_MICROSECOND, _MILLISECOND, _ASF_TICK = 1e-6, 1e-3, 1e-7
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEADER = 2**16
"""Bytes in which it is: it is among the first objects."""


def prepare() -> None:
    """Decode what is worth nothing, so that no library is looked for later."""
    av.logging.set_level(None)
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    wav = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data\0\4\0\0" + bytes(1024)
    list(work({"demuxer": "wav"}, b"RIFF" + struct.pack("<I", len(wav)) + wav))


def work(arguments: Mapping[str, Any], data: bytes) -> Iterator[Message]:
    """A header, the samples, and whether they break off."""
    demuxer = arguments["demuxer"]
    options = {"codec_whitelist": ",".join(_CODECS), "format_whitelist": demuxer}
    try:
        with av.open(
            io.BytesIO(data), format=demuxer, options=options, metadata_errors="replace"
        ) as container:
            stream = _audio(cast("InputContainer", container))
            stated = _seconds_of_asf(data) if demuxer == "asf" else _seconds(stream, demuxer)
            yield from _messages(stream, stated, _said(cast("InputContainer", container), stream))
    except (av.FFmpegError, ValueError) as error:
        raise Refused(f"can't be decoded: {getattr(error, 'strerror', None) or error}") from error


def _audio(container: InputContainer) -> AudioStream:
    """The stream of sound that a player would choose."""
    stream = cast("AudioStream | None", container.streams.best("audio"))
    if stream is None:
        raise Refused("no sound is in it")
    encoding = stream.codec_context.name if stream.codec_context else "unknown"
    if encoding not in _CODECS:
        raise Refused(f"its sound is in an encoding that is not read: {encoding}")
    return stream


def _seconds(stream: AudioStream, demuxer: str) -> float | None:
    """How long the sound is, if the container states it."""
    if demuxer in _GUESSED:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    container = cast("InputContainer", stream.container)
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration * _MICROSECOND)
    return None  # of a film, whose pictures may last longer


def _seconds_of_asf(data: bytes) -> float | None:
    """What the file properties of Windows Media state; of a file that is cut FFmpeg guesses."""
    at = data.find(_ASF_PROPERTIES, 0, _ASF_HEADER)
    if at < 0 or len(data) < at + 92:
        return None
    duration, _, preroll, flags = struct.unpack_from("<QQQI", data, at + 64)
    is_broadcast = flags & 1
    return None if is_broadcast else max(0.0, duration * _ASF_TICK - preroll * _MILLISECOND)


def _said(container: InputContainer, stream: AudioStream) -> dict[str, str]:
    """Titles and the like, by FFmpeg's names; no more than a few, and not long."""
    every = [*container.metadata.items(), *stream.metadata.items()]
    said: dict[str, str] = {}
    for key, value in every[:_MOST_SAID]:
        said.setdefault(key[:_MOST_SAID], value[:_LONGEST])
    return said


def _messages(
    stream: AudioStream, seconds: float | None, said: Mapping[str, str]
) -> Iterator[Message]:
    block, is_cut = bytearray(), False
    channels = rate = 0
    resampler, form = None, None
    for frame in _frames(stream):
        if frame is None:
            is_cut = True
            continue
        if not rate:
            layout, rate, channels = frame.layout, frame.rate, frame.layout.nb_channels
            header = {"rate": rate, "channels": channels, "seconds": seconds, "said": said}
            yield HEADER, orjson.dumps(header)
        if resampler is None or form != (frame.format.name, frame.layout, frame.rate):
            form = frame.format.name, frame.layout, frame.rate
            resampler = av.AudioResampler("flt", layout, rate)
        for plain in resampler.resample(frame):
            block += memoryview(plain.planes[0])[: plain.samples * channels * 4]
        if len(block) >= _BLOCK_BYTES:
            yield SAMPLES, block
            block = bytearray()
    if not rate:
        raise Refused("none of its sound can be decoded")
    yield SAMPLES, block
    if is_cut:
        yield CUT, b""


def _frames(stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Each frame, and nothing for what is damaged."""
    container = cast("InputContainer", stream.container)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except IndexError:
            # The packet is of a stream that has only begun, which PyAV does not know.
            packets = container.demux(stream)
        except av.FFmpegError:
            yield None
