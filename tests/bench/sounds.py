"""``python -m tests.bench.sounds``: how long it takes to decode sounds, and AAC beside FFmpeg bare.

A stereo sound of two minutes is written in each kind. Figures are wall-clock time, as the two
processes of a sandbox work side by side. The bare library decodes the same file in this process,
and mixes and resamples it to the same rate itself; both are measured in turns.
"""

import io
from functools import partial

import av
import numpy as np
import soundfile as sf
from tests.bench.figures import emit, in_turns, ratio_of_medians, resampled, say, timed

from triptych.core.threads import limit_threads
from triptych.media.audio import RATE, Samples, decode_audio

_SECONDS, _ROUNDS = 120, 8
_WRITTEN = {
    "wav": ("WAV", "PCM_16", 44_100),
    "flac": ("FLAC", "PCM_16", 44_100),
    "ogg": ("OGG", "VORBIS", 44_100),
    "opus": ("OGG", "OPUS", 48_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 44_100),
}
_NO_LIMIT = 10**6


def run() -> None:
    """Emit the time of each kind, and of AAC the ratio to the bare library."""
    for kind, (container, subtype, rate) in _WRITTEN.items():
        file = io.BytesIO()
        with sf.SoundFile(file, "w", rate, 2, subtype, format=container) as sound:
            for second in np.split(_sound(rate), _SECONDS):  # much at once breaks libvorbis
                sound.write(second)
        data = file.getvalue()
        times = [timed(partial(_ours, data)) for _ in range(_ROUNDS)]
        emit(resampled(f"sounds.{kind}", np.median, (times,), "s"))
    say("sounds: aac")
    data = _aac(_sound(44_100))
    _ours(data)
    ours, bare = in_turns(partial(_ours, data), partial(_bare, data), _ROUNDS)
    emit(resampled("sounds.aac", np.median, (ours,), "s"))
    emit(resampled("sounds.aac.bare", np.median, (bare,), "s"))
    emit(resampled("sounds.aac.ratio", ratio_of_medians, (ours, bare), "x", "≤ 1.2"))


def _ours(data: bytes) -> Samples:
    return decode_audio(data, max_seconds=_NO_LIMIT)


def _bare(data: bytes) -> Samples:
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(io.BytesIO(data)) as container:
        blocks = [
            part.to_ndarray()[0]
            for frame in (*container.decode(audio=0), None)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(blocks)


def _sound(rate: int) -> Samples:
    """Noise under a chord, in two channels that differ."""
    random = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(_SECONDS * rate)[:, np.newaxis] / rate
    chord = sum(np.sin(pitch * angle) for pitch in (220, 277, 330, 440)) * 0.1
    noise = random.normal(0, 0.03, (_SECONDS * rate, 2))
    return (chord + noise).astype(np.float32)


def _aac(samples: Samples) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "stereo")
        frame.sample_rate = 44_100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


if __name__ == "__main__":
    limit_threads()
    run()
