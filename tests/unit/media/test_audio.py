"""Sounds of every kind become the same samples; anything else is refused with a reason."""

import errno
import mmap
import struct
import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.core.errors import MediaError, StoreUnavailable, TooLarge
from triptych.media.audio import RATE
from triptych.media.mp3 import frames_of
from unit.media.sounds import decode, mp3_of, tone, without_statement, write

SECONDS = 2
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "wav-8": ("WAV", "PCM_U8"),
    "wav-24": ("WAV", "PCM_24"),
    "wav-32": ("WAV", "PCM_32"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-double": ("WAV", "DOUBLE"),
    "wav-alaw": ("WAV", "ALAW"),
    "wav-ulaw": ("WAV", "ULAW"),
    "wav-extensible": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "w64-float": ("W64", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "au-ulaw": ("AU", "ULAW"),
    "caf": ("CAF", "PCM_16"),
    "caf-alac": ("CAF", "ALAC_16"),
    "flac": ("FLAC", "PCM_16"),
    "flac-24": ("FLAC", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "aiff-float": ("AIFF", "FLOAT"),
}
# One of each container, for what does not depend on how the samples are written in it.
CONTAINERS = ("wav", "rf64", "w64", "au", "caf", "caf-alac", "flac", "ogg", "opus", "mp3", "aiff")
every_format = pytest.mark.parametrize("name", FORMATS)
every_container = pytest.mark.parametrize("name", CONTAINERS)


@cache
def example(name: str) -> bytes:
    """The tone in one of the formats."""
    rate = 48_000 if name == "opus" else 44_100
    return write(tone(rate), rate, *FORMATS[name])


def frequency(samples: np.ndarray) -> float:
    """The strongest frequency in Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


@every_format
def test_every_format_is_the_same_sound(name):
    """Mono, 22,050 Hz, the length, the pitch and the loudness of the original."""
    samples = decode(example(name))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert abs(len(samples) - SECONDS * RATE) <= 0.05 * RATE
    assert frequency(samples) == pytest.approx(440, abs=1)
    middle = samples[RATE // 2 : -RATE // 2]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 96_000])
def test_every_rate_keeps_length_and_pitch(rate):
    """Resampling changes neither."""
    samples = decode(write(tone(rate), rate))
    assert len(samples) == SECONDS * RATE
    assert frequency(samples) == pytest.approx(440, abs=1)


def test_channels_are_averaged():
    """Equal channels give the one, hundreds are fine."""
    channel = tone(RATE)
    assert np.abs(decode(write(np.stack([channel, channel], 1), RATE)) - channel).max() < 1e-3
    many = np.repeat(tone(RATE, 0.1)[:, None], 500, axis=1)
    assert np.abs(decode(write(many, RATE)) - many[:, 0]).max() < 1e-3


def test_a_sound_longer_than_a_block_has_no_seams():
    """Block after block is the same as all at once."""
    long = tone(RATE, 30)
    stereo = np.repeat(long[:, None], 16, axis=1)  # several blocks
    assert np.abs(decode(write(stereo, RATE)) - long).max() < 1e-3


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_long_sound_is_a_map_of_a_file(kind, tmp_path, monkeypatch):
    """More than a minute and a half is not held in memory, and its file leaves no trace."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    long = tone(RATE, 120)
    samples = decode(write(long, RATE, kind), max_seconds=120)
    assert np.abs(samples - long).max() < 1e-3
    base = samples
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_a_full_disk_is_no_fault_of_the_sound(monkeypatch):
    """The worker waits; the item has not failed. Also what is written only at the end counts."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    data = write(tone(RATE, 120), RATE)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        decode(data, max_seconds=120)


def test_long_samples_that_are_not_numbers_are_refused():
    """In the last of many blocks."""
    samples = tone(RATE, 120)
    samples[-100] = np.nan
    with pytest.raises(MediaError, match="not numbers"):
        decode(write(samples, RATE, subtype="FLOAT"), max_seconds=120)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 192_000])
def test_channels_and_rates_together(channels, rate):
    """Any number of channels at any rate."""
    samples = decode(write(np.repeat(tone(rate)[:, None], channels, axis=1), rate))
    assert len(samples) == SECONDS * RATE
    assert frequency(samples) == pytest.approx(440, abs=1)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 3000), rate=st.sampled_from([8_000, 22_050, 48_000]))
def test_every_length_is_decoded(length, rate):
    """Down to one sample, of the length that the rates make of it."""
    samples = decode(write(tone(rate)[:length], rate))
    assert abs(len(samples) - length * RATE / rate) <= 1


@pytest.mark.parametrize("kind", ["AVR", "PVF", "MAT5"])
def test_a_rare_container_of_libsndfile_is_refused(kind):
    """With those that are not."""
    with pytest.raises(MediaError, match=r"known are WAV, RF64, .* MP3"):
        decode(write(tone(RATE), RATE, kind))


def test_too_long_is_refused():
    """A second more than the limit, not one less."""
    data = write(tone(RATE, 3), RATE)
    assert len(decode(data, max_seconds=3)) == 3 * RATE
    with pytest.raises(
        TooLarge, match=r"lasts 3 s or more, the limit is 2 s: .*TRIPTYCH_MAX_AUDIO_SECONDS"
    ):
        decode(data, max_seconds=2)


def test_a_header_that_claims_a_billion_samples_is_refused():
    """Before anything of that size is made."""
    data = bytearray(example("flac"))
    data[21:26] = bytes([data[21] & 0xF0, *(10**9).to_bytes(4)])  # STREAMINFO: total samples
    with pytest.raises(TooLarge, match="lasts 22676 s"):
        decode(bytes(data))


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_a_rate_that_no_sound_has_is_refused(rate):
    """Neither a division by nothing nor gigabytes of silence in between."""
    data = bytearray(write(tone(RATE), RATE))
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(MediaError, match="samples a second"):
        decode(bytes(data), max_seconds=10**6)


@pytest.mark.parametrize(
    ("name", "mark", "none"),
    [
        ("wav", b"data", b"\xff" * 4),
        ("aiff", b"SSND", b"\xff" * 4),
        ("au", b".snd\0\0\0\x18", b"\xff" * 4),
    ],
)
def test_a_size_that_is_no_size_is_accepted(name, mark, none):
    """What was written to a pipe states the largest number; what follows the samples is spare."""
    data = example(name)
    at = data.index(mark) + len(mark)
    piped = data[:at] + none + data[at + len(none) :]
    assert len(decode(piped)) == pytest.approx(SECONDS * RATE, abs=10)
    assert len(decode(data + b"LIST\4\0\0\0INFO")) == SECONDS * RATE


def test_an_mp3_without_a_statement_of_its_length_is_accepted():
    """Its frames are counted."""
    data = mp3_of(tone(RATE, 6), "CONSTANT")
    assert b"Info" in data[:64]
    tag = b"ID3\3\0\0" + bytes([0, 0, 40, 0]) + bytes(40 * 128)
    for bare in (without_statement(data), tag + without_statement(data)):
        assert len(decode(bare)) == pytest.approx(6 * RATE, rel=0.05)


@pytest.mark.parametrize(
    "between", [b"", bytes(100), b"ID3\4\0\0\0\0\2\0" + b"\xff\xfb\x90\0" * 64]
)
@pytest.mark.parametrize("before", [b"", b"ID3\4\0\0\0\0\0\4abcd" * 2])
def test_joined_mp3s_are_read_to_the_end(before, between):
    """Whatever tags or gaps there are before and between them."""
    bare = without_statement(write(tone(RATE, 3), RATE, "MP3", "MPEG_LAYER_III"))
    assert len(decode(before + bare + between + bare)) == pytest.approx(6 * RATE, rel=0.05)


def test_bytes_that_look_like_frames_are_read_once():
    """However many there are."""
    frame = bytes.fromhex("fff314c4") + bytes(20)
    started = time.process_time()
    for many in (frame, b"\xff\xfb\x1c\0", b"\xff", b"ID3" + bytes(7)):
        frames_of(frame + many * (2**20 // len(many)))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_of_variable_rate_is_read_to_its_end(rate, channels):
    """Though its first frames, of noise, are dear, and nothing says how many there are."""
    noise = np.random.default_rng(0).normal(0, 0.2, rate * 5)
    sound = np.repeat(np.concatenate([noise, np.zeros(rate * 15), noise])[:, None], channels, 1)
    samples = decode(without_statement(mp3_of(sound, "VARIABLE", rate)))
    assert len(samples) == pytest.approx(25 * RATE, abs=0.2 * RATE)
    assert samples[-2 * RATE :].std() > 0.05


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(bad):
    """One is enough."""
    samples = np.repeat(tone(RATE)[:, None], 2, axis=1)
    samples[1000] = bad
    with pytest.raises(MediaError, match="not numbers"):
        decode(write(samples, RATE, subtype="FLOAT"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "audio is empty"),
        (b"just words", "is a text; known are"),
        (bytes(4000), "nothing but zeros"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "is WAV, and "),
        (b"OggS", "is Ogg, and "),
        (write(np.empty(0, np.float32), RATE), "no samples"),
    ],
)
def test_what_is_no_sound_is_refused(data, reason):
    """With a reason that helps."""
    with pytest.raises(MediaError, match=reason):
        decode(data)


@given(st.binary(max_size=2000))
def test_random_bytes_are_refused(data):
    """Nothing but the two errors of this module ever comes out."""
    with pytest.raises((MediaError, TooLarge)):
        decode(data)


PLACES = st.floats(0, 1, exclude_max=True)
DAMAGE = st.lists(
    st.tuples(
        st.one_of(PLACES, PLACES.map(lambda share: share**6)),
        st.sampled_from(["overwrite", "insert", "remove", "cut"]),
        st.binary(min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@every_container
@settings(max_examples=60, deadline=None)
@given(steps=DAMAGE)
def test_damaged_files_are_refused_or_decoded(name, steps):
    """A damaged file gives finite samples or one of the two errors, and never anything else."""
    data = example(name)
    for share, kind, new in steps:
        at = int(len(data) * share)
        rest = {
            "overwrite": new + data[at + len(new) :],
            "insert": new + data[at:],
            "remove": data[at + len(new) :],
            "cut": b"",
        }[kind]
        data = data[:at] + rest
    try:
        samples = decode(data)
    except (MediaError, TooLarge):
        return
    assert np.isfinite(samples).all()
