"""Where there may be speech in a sound: Silero VAD, which faster-whisper brings along."""

from collections.abc import Iterator

import numpy as np

from triptych.media.audio import RATE, Samples

SPEECH_RATE = 16_000
_READ_SECONDS = 60
"""Of sound in memory at a time."""
PAUSE_MS = 2000
"""Of silence that ends a stretch of speech; faster-whisper's value."""
VOICE = 0.5
"""The least probability of a voice; chosen together with the thresholds of ``whisper``."""


def stretches(samples: Samples, *, longest: float) -> Iterator[tuple[float, Samples]]:
    """Yield the start in seconds and the samples, at 16 kHz, of each stretch of speech.

    Takes float32 (samples,) at 22,050 Hz; a stretch of more than ``longest`` seconds is cut.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=VOICE, max_speech_duration_s=longest, min_silence_duration_ms=PAUSE_MS
    )
    rest, offset = np.empty(0, np.float32), 0
    for block, is_last in _resampled(samples):
        window = np.concatenate([rest, block])
        timestamps = get_speech_timestamps(window, options)
        # Speech that reaches the end may go on: it waits for the next block.
        open_end = len(window) - SPEECH_RATE * PAUSE_MS // 1000
        waiting = not is_last and timestamps and timestamps[-1]["end"] > open_end
        cut = timestamps.pop()["start"] if waiting else len(window)
        for stretch in timestamps:
            start, end = stretch["start"], stretch["end"]
            yield (offset + start) / SPEECH_RATE, window[start:end]
        rest, offset = window[cut:], offset + cut


def _resampled(samples: Samples) -> Iterator[tuple[Samples, bool]]:
    """Yield a sound at 16 kHz by blocks, and whether each is the last."""
    import soxr

    stream = soxr.ResampleStream(RATE, SPEECH_RATE, 1, dtype="float32")
    size = _READ_SECONDS * RATE
    for at in range(0, max(1, len(samples)), size):
        is_last = at + size >= len(samples)
        yield stream.resample_chunk(np.asarray(samples[at : at + size]), last=is_last), is_last
