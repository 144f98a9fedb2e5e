"""The speech in sounds: prompts of Asterisk, and sounds made here in which nobody speaks."""

import re
import tracemalloc

import numpy as np
import pytest

from triptych.corpora import prompts
from triptych.corpora.errors import CorpusUnavailable
from triptych.encoders.audio import whisper
from triptych.encoders.audio.whisper import Whisper
from triptych.encoders.recognition import Transcript
from triptych.encoders.weights import WeightsError
from triptych.media.audio import RATE, decode_audio

# Whole numbers round differently from processor to processor, as do commas and near ties in speech:
# texts are compared by their words, and the sounds have a clear margin to each threshold.
PHONE = "Please enter your phone number, starting with the area code."
SEND = "Press one to send this message or two to add another recipient."


@pytest.fixture(scope="module")
def recogniser():
    """The recogniser."""
    return Whisper()


@pytest.fixture(scope="module")
def paths():
    """The prompts of Asterisk by name."""
    try:
        return {prompt.name: prompt.path for prompt in prompts.fetch()}
    except CorpusUnavailable as error:
        pytest.skip(f"the prompts of Asterisk can't be fetched: {error}")


@pytest.fixture(scope="module")
def spoken(paths):
    """Two recordings of speech, at 22,050 Hz."""
    names = ("privacy-prompt", "vm-forward-multiple")
    return [decode_audio(paths[name].read_bytes(), max_seconds=60) for name in names]


@pytest.fixture(scope="module")
def words(paths):
    """Two recordings of a word."""
    names = ("seconds", "spy-console")
    return [decode_audio(paths[name].read_bytes(), max_seconds=60) for name in names]


def words_of(text: str | Transcript) -> str:
    """The words in small letters, without punctuation; digits are words, too."""
    words = re.findall(r"\w+", str(getattr(text, "text", text)).lower())
    return " ".join({"1": "one", "2": "two"}.get(word, word) for word in words)


def silence(seconds: float) -> np.ndarray:
    """Nothing."""
    return np.zeros(int(RATE * seconds), np.float32)


def barks() -> np.ndarray:
    """Four falling growls rich in harmonics, as a dog's."""
    time = np.arange(int(RATE * 0.25)) / RATE
    pitch = 2 * np.pi * (420 * time - 500 * time**2)
    bark = sum(np.sin(pitch * n) / n for n in range(1, 12)) * np.exp(-9 * time)
    return np.tile(np.concatenate([bark * 0.3, silence(0.35)]), 4).astype(np.float32)


def chord() -> np.ndarray:
    """Two seconds of A major on an organ."""
    time = np.arange(2 * RATE) / RATE
    tones = (220 * n * f for f in (1, 1.26, 1.498) for n in (1, 2, 3, 4))
    return (sum(np.sin(2 * np.pi * tone * time) for tone in tones) * 0.05).astype(np.float32)


def test_sounds_without_speech(recogniser):
    """Silence, noise, a chord, barks, a click, and nothing at all."""
    noise = np.random.default_rng(0).normal(0, 0.2, 2 * RATE).astype(np.float32)
    click = silence(0.5)
    click[5000] = 1
    sounds = [silence(3), noise, chord(), barks(), click, silence(0), click[:1]]
    assert recogniser.recognise(sounds) == [None] * 7
    assert recogniser.recognise([]) == []


@pytest.mark.parametrize(
    "name",
    [
        "animals/mammals/dogs/dog",
        "animals/mammals/elephant",
        "animals/birds/crow",
        "animals/birds/penguin",
        "hobbies/music/string/cello",
        "household/vacuum_cleaner",
        "vehicles/emergency/firetruck",
    ],
)
def test_animals_and_machines(recogniser, stamps, name):
    """Whisper hears words in many of them, which is why ``voice`` decides first."""
    data = (stamps / f"{name}.ogg").read_bytes()
    assert recogniser.recognise([decode_audio(data, max_seconds=60)]) == [None]


def test_golden_transcript(recogniser, spoken):
    """Words, language and times, to a quarter of a second, of a clear recording."""
    [transcript] = recogniser.recognise(spoken[:1])
    assert words_of(transcript) == words_of(PHONE)
    assert transcript.language == "en"
    assert transcript.segments[0].start == pytest.approx(0, abs=0.25)
    assert transcript.segments[-1].end == pytest.approx(len(spoken[0]) / RATE, abs=0.25)


def test_a_word_has_several_readings(recogniser, words):
    """Each once, whatever its case and punctuation; its times are those of the speech in it."""
    [transcript] = recogniser.recognise(words[:1])
    readings = [words_of(text) for text in transcript.readings]
    assert words_of(transcript) == readings[0] == "second"
    assert "seconds" in readings
    assert len(set(readings)) == len(readings)
    [segment] = transcript.segments
    assert 0 <= segment.start < segment.end <= len(words[0]) / RATE + 0.01
    assert transcript.others == recogniser.recognise(words[:1])[0].others


def test_a_word_of_no_sure_language_is_english(recogniser, words):
    """Whisper takes this one for Korean, but is not sure."""
    [transcript] = recogniser.recognise(words[1:])
    assert transcript.language == "en"
    assert words_of(transcript) == "console"


def test_a_longer_sound_has_one_reading(recogniser, spoken):
    """And the time stamps of Whisper."""
    [transcript] = recogniser.recognise(spoken[:1])
    assert [words_of(text) for text in transcript.readings] == [words_of(PHONE)]


def test_a_batch_is_the_same_as_one_by_one(recogniser, spoken):
    """In order, whatever is beside it, and the same every time."""
    together = recogniser.recognise([spoken[1], barks(), spoken[0]])
    assert [each and words_of(each) for each in together] == [words_of(SEND), None, words_of(PHONE)]
    assert together[::2] == [recogniser.recognise([sound])[0] for sound in spoken[::-1]]


def test_a_long_sound_is_read_by_blocks(recogniser, spoken, tmp_path):
    """Speech is whole across blocks, its times are those of the file, and memory is bounded."""
    parts = [silence(57), spoken[0], silence(600), spoken[1], silence(30)]
    np.save(tmp_path / "long.npy", np.concatenate(parts))
    samples = np.load(tmp_path / "long.npy", mmap_mode="r")
    tracemalloc.start()
    try:
        [transcript] = recogniser.recognise([samples])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert words_of(transcript) == words_of(f"{PHONE} {SEND}")
    starts = [57, 57 + len(spoken[0]) / RATE + 600]
    assert [segment.start for segment in transcript.segments] == pytest.approx(starts, abs=0.6)
    assert peak < samples.nbytes / 2


def test_time_stamps():
    """Segments lie between pairs of time stamps; the last may have no end."""
    tokens = [50_364, 11, 12, 50_414, 50_464, 13, 50_514, 50_514, 14]
    assert list(whisper._split(tokens)) == [
        (0, 1, [11, 12]),
        (2, 3, [13]),
        (3, None, [14]),
    ]
    assert list(whisper._split([50_364, 50_414])) == []


@pytest.mark.parametrize(("text", "expected"), [("la " * 40, True), (PHONE, False), ("", False)])
def test_a_broken_record(text, expected):
    """What repeats itself was never spoken."""
    assert whisper._repeats(text) == expected


def test_changed_weights_are_refused(monkeypatch):
    """Whichever of the files it is."""
    name = "faster_whisper/assets/silero_vad_v6.onnx"
    monkeypatch.setattr(whisper, "_WEIGHTS", {**whisper._WEIGHTS, name: "0" * 64})
    with pytest.raises(WeightsError, match="silero_vad_v6"):
        Whisper()
