"""Other programs hear the same: FFmpeg as a library; ffmpeg and sox where they are installed."""

import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from triptych.media.audio import RATE, decode_sound
from triptych.media.containers import Container
from triptych.media.film import open_film
from unit.media.films import KINDS, recorded
from unit.media.sounds import Samples, in_wav, mp3_of, write

_WIDTH = 2048


def music(rate: int, seed: int) -> Samples:
    """Four seconds of noise in bands that come and go, with silence between them."""
    random = np.random.default_rng(seed)
    time = np.arange(4 * rate) / rate
    parts = [
        np.sin(2 * np.pi * pitch * time + random.uniform(0, 6)) * np.sin(np.pi * speed * time) ** 2
        for pitch, speed in zip(
            random.uniform(100, 3000, 12), random.uniform(0.3, 3, 12), strict=True
        )
    ]
    return (0.05 * np.sum(parts, 0) + random.normal(0, 0.002, len(time))).astype(np.float32)


WRITTEN: dict[str, tuple[int, Callable[[Samples], bytes]]] = {
    "wav": (44_100, lambda s: write(s, 44_100)),
    "wav 24": (96_000, lambda s: write(s, 96_000, "WAV", "PCM_24")),
    "wav float": (22_050, lambda s: write(s, 22_050, "WAV", "FLOAT")),
    "wav mulaw": (8_000, lambda s: write(s, 8_000, "WAV", "ULAW")),
    "wav adpcm": (22_050, lambda s: write(s, 22_050, "WAV", "MS_ADPCM")),
    "wav gsm": (8_000, lambda s: write(s, 8_000, "WAV", "GSM610")),
    "wav of mp3": (22_050, lambda s: in_wav(mp3_of(s, "VARIABLE"))),
    "rf64": (48_000, lambda s: write(s, 48_000, "RF64")),
    "w64": (48_000, lambda s: write(s, 48_000, "W64", "PCM_24")),
    "aiff": (44_100, lambda s: write(s, 44_100, "AIFF", "PCM_24")),
    "au": (16_000, lambda s: write(s, 16_000, "AU")),
    "caf": (44_100, lambda s: write(s, 44_100, "CAF")),
    "flac": (44_100, lambda s: write(s, 44_100, "FLAC", "PCM_24")),
    "ogg": (44_100, lambda s: write(s, 44_100, "OGG", "VORBIS")),
    "opus": (48_000, lambda s: write(s, 48_000, "OGG", "OPUS")),
    "mp3": (44_100, lambda s: mp3_of(s, "CONSTANT", 44_100)),
    "mp3 variable": (44_100, lambda s: mp3_of(s, "VARIABLE", 44_100)),
    **{name: (KINDS[name][2], lambda s, n=name: recorded(s, n)) for name in KINDS},  # type: ignore[misc]
}
_DEMUXERS = {
    "wav": "wav", "rf64": "wav", "w64": "w64", "aiff": "aiff", "au": "au", "caf": "caf",
    "flac": "flac", "ogg": "ogg", "opus": "ogg", "mp3": "mp3",
}  # fmt: skip
BY_SNDFILE = [name for name in WRITTEN if name.split()[0] in _DEMUXERS and "g726" not in name]


def spectrum(samples: Samples) -> Samples:
    """Power by frequency in decibels over the quietest, of the whole sound."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WIDTH)[:: _WIDTH // 2]
    power = (np.abs(np.fft.rfft(windows * np.hanning(_WIDTH))) ** 2).mean(axis=0)
    return np.asarray(10 * np.log10(power + power.max() * 1e-5), np.float32)


def check(ours: Samples, theirs: Samples, rate: int) -> None:
    """The same length to a tenth of a second, the same spectrum to a decibel or two."""
    assert len(ours) / RATE == pytest.approx(len(theirs) / RATE, abs=0.12)
    ours, theirs = (samples[: 4 * RATE] for samples in (ours, theirs))
    below = int(min(0.4 * rate, 0.45 * RATE) / RATE * _WIDTH)  # filters differ at the edge
    difference = (spectrum(ours) - spectrum(theirs))[5:below]
    assert np.abs(difference).mean() < 2
    assert np.abs(difference).max() < 8  # sox adds noise where GSM leaves silence


@pytest.mark.parametrize("name", BY_SNDFILE)
def test_libsndfile_and_ffmpeg_hear_the_same(name):
    """Whichever of the two reads it, so an extra changes nothing of what was read before."""
    rate, make = WRITTEN[name]
    data = make(music(rate, len(name)))
    container = Container(name, _DEMUXERS[name.split()[0]])
    with open_film(data, container) as source:
        theirs = np.concatenate([block.copy() for block in source.blocks])
        assert source.rate == rate
    again = write(theirs, rate, "WAV", "FLOAT")
    check(
        decode_sound(data, max_seconds=60).samples,
        decode_sound(again, max_seconds=60).samples,
        rate,
    )


@pytest.mark.parametrize("program", ["ffmpeg", "sox"])
@pytest.mark.parametrize("name", WRITTEN)
def test_other_programs_hear_the_same(name, program, tmp_path):
    """Two channels of their own included: both take the mean."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    rate, make = WRITTEN[name]
    data = make(music(rate, len(name)))
    source, result = tmp_path / f"sound.{name.split()[0]}", tmp_path / "result.wav"
    source.write_bytes(data)
    commands = {
        "ffmpeg": ["-v", "error", "-i", source, "-ac", "1", "-ar", str(RATE), result],
        "sox": [source, "-c", "1", "-r", str(RATE), result],
    }
    done = subprocess.run([program, *commands[program]], check=False, capture_output=True)
    if program == "sox" and done.returncode:
        pytest.skip("sox does not read it")
    assert done.returncode == 0, done.stderr
    theirs = decode_sound(result.read_bytes(), max_seconds=60).samples
    check(decode_sound(data, max_seconds=60).samples, theirs, rate)
