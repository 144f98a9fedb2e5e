"""Channels become one, and none cancels another."""

import numpy as np
import pytest

from triptych.media.audio import RATE
from triptych.media.downmix import Downmix
from unit.media.sounds import decode, loudness, mp3_of, pitches, scale, tone, write


def stereo(left, right):
    """Two channels side by side."""
    return np.stack([left, right], 1)


def spectrum(samples):
    """Loudness by frequency, of length 1."""
    power = np.abs(np.fft.rfft(samples))
    return power / np.linalg.norm(power)


@pytest.mark.parametrize("share", [-1, -0.9, -0.5])
@pytest.mark.parametrize("write_it", [lambda s: write(s, RATE), lambda s: mp3_of(s, "CONSTANT")])
def test_a_channel_upside_down_does_not_cancel_the_other(share, write_it):
    """The louder one is what is heard."""
    left = scale(RATE)
    found = decode(write_it(stereo(left, share * left)))
    assert pitches(found)[:6] == [300, 400, 500, 600, 700, 800]
    assert loudness(found) == pytest.approx(loudness(left), rel=0.1)


def test_the_louder_channel_counts_whichever_it_is():
    """Also if it is the second."""
    right = tone(RATE)
    assert np.allclose(decode(write(stereo(-0.9 * right, right), RATE)), right, atol=1e-3)


def test_what_is_common_to_both_is_kept_when_the_rest_cancels():
    """A quiet voice in the middle of a widened recording: neither sum nor difference has both."""
    voice, wide = 0.1 * tone(RATE, 2, 440), 0.4 * tone(RATE, 2, 1000)
    found = decode(write(stereo(voice + wide, voice - wide), RATE))
    power = np.abs(np.fft.rfft(found))
    assert power[440 * 2] == pytest.approx(np.abs(np.fft.rfft(voice))[440 * 2], rel=0.05)
    assert power[1000 * 2] == pytest.approx(np.abs(np.fft.rfft(wide))[1000 * 2], rel=0.05)


@pytest.mark.parametrize("pitch", [440, 700])
def test_channels_that_do_not_cancel_are_averaged(pitch):
    """Alike, or of different things: exactly the mean."""
    left, right = tone(RATE), tone(RATE, 2, pitch)
    block = stereo(left, right)
    assert np.array_equal(Downmix(2, RATE)(block), (left + right) / 2)


def test_a_pair_among_many_is_not_lost():
    """Surround channels upside down, beside louder ones: 5.1 has six."""
    front, back = tone(RATE, 2, 440), 0.5 * tone(RATE, 2, 1000)
    channels = np.stack([front, front, front, 0 * front, back, -back], 1)
    power = np.abs(np.fft.rfft(decode(write(channels, RATE))))
    assert power[1000 * 2] > 0.1 * power[440 * 2]


def test_channels_that_cancel_together_only_are_not_lost():
    """Three at a third of a turn from one another: no two of them cancel."""
    turns = (
        2 * np.pi * (440 * np.arange(2 * RATE) / RATE)[:, None]
        + np.array([0, 1, 2]) * 2 * np.pi / 3
    )
    found = decode(write((np.sin(turns) / 2).astype(np.float32), RATE))
    assert loudness(found) > 0.1


def test_a_change_in_the_middle_does_not_click():
    """In phase, then not, then again: the tone goes on, and nothing else is heard."""
    long = tone(RATE, 30)
    sign = np.ones_like(long)
    sign[10 * RATE : 20 * RATE] = -1
    found = Downmix(2, RATE)
    block = stereo(long, sign * long)
    mixed = np.concatenate([found(part) for part in np.split(block, [40_000, 300_000, 600_000])])
    assert len(mixed) == len(long)
    assert loudness(mixed[11 * RATE : 19 * RATE]) == pytest.approx(loudness(long), rel=0.01)
    assert np.abs(np.diff(mixed)).max() <= np.abs(np.diff(long)).max() * 1.01


def test_silence_is_silence():
    """Nothing is divided by it."""
    assert not Downmix(2, RATE)(np.zeros((RATE, 2), np.float32)).any()


def test_a_block_of_nothing_is_nothing():
    """As a decoder may give at the end, also behind channels that cancel."""
    left, downmix = scale(RATE), Downmix(2, RATE)
    assert len(downmix(stereo(left, -left).astype(np.float32))) == len(left)
    assert len(downmix(np.zeros((0, 2), np.float32))) == 0
