"""Audio words: a sound to how strongly it has each word of a codebook.

Aucouturier, Defreville & Pachet, The bag-of-frames approach to audio pattern recognition (2007);
soft assignment as in van Gemert et al., Visual word ambiguity (2010). A frame is 20 MFCCs and their
differences; its response to a word c is g(x, c) = exp(−d²(x, c) / 2σ²) over the sum of those of all
words, so that the frame's own word, argmax_c g(x, c), is the nearest centre. The responses are
pooled over time, by their maximum and by the root of their mean.
"""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.artefacts import Artefact
from triptych.encoders.audio.mel import FRAME, HOP, LEAST_FRAMES, RANGE, peak
from triptych.encoders.audio.mfcc import COEFFICIENTS, coefficients, deltas
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.codebook import fit_codebook, sample, squared_distances
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Fitted
from triptych.media.audio import RATE, Samples

WORDS = 128
DIMS = 2 * WORDS
_SAMPLE = 100_000
"""Frames to fit on: 38 minutes."""
_BLOCK_FRAMES = 4096

CARD = Card(
    name="mfcc-words",
    version=1,
    modality="audio",
    dims=DIMS,
    licence="Apache-2.0",
    source="fitted",
    needs_fit=True,
    parameters=(
        f"rate={RATE} n={COEFFICIENTS} frame={FRAME} hop={HOP} range={RANGE} least={LEAST_FRAMES} "
        f"words={WORDS} frames={_SAMPLE} pooling=max,root-mean"
    ),
)


class MFCCWords(Encoder[Samples]):
    """Samples to unit vectors. One instance serves many threads."""

    def __init__(self, artefact: Artefact) -> None:
        self.card = artefact.fitted(CARD, dims=DIMS)
        arrays = artefact.arrays
        self._mean, self._deviation, self._words = (
            arrays[name] for name in ("mean", "deviation", "words")
        )
        self._width = arrays["width"]

    @classmethod
    def fit(cls, corpus: Iterable[Samples], *, seed: int = 0) -> Artefact:
        """Learn 128 words from the frames of sounds; silent ones teach nothing.

        Raises:
            InvalidInput: there are fewer frames than words.
        """
        audible = (samples for samples in corpus if peak(samples))
        frames = sample((local_frames(samples) for samples in audible), _SAMPLE, seed)
        mean, deviation = _moments(frames)
        scaled = (frames - mean) / deviation
        words = fit_codebook(scaled, WORDS, seed)
        # 2σ²: the response to a word that is as far as the nearest one commonly is falls to 1/e.
        width = np.median(squared_distances(scaled, words).min(axis=1))
        arrays = {"mean": mean, "deviation": deviation, "words": words, "width": width}
        return Artefact(CARD.name, CARD.version, arrays, {"seed": seed})

    @classmethod
    def load(cls, artefact: Artefact) -> Self:
        """The encoder of what was fitted. Raises WeightsError for another's artefact."""
        return cls(artefact)

    def encode(self, batch: Sequence[Samples]) -> Vectors:
        """Encode sounds, each float32 (samples,) at 22,050 Hz, to unit vectors (n, 256).

        Loudness does not matter; the row of a silent sound is zeros.
        """
        rows = np.zeros((len(batch), DIMS), np.float32)
        for row, samples in zip(rows, batch, strict=True):
            if peak(samples):
                row[:] = self._pooled(local_frames(samples))
        return unit_rows(rows)

    def _pooled(self, frames: Vectors) -> Vectors:
        """Maximum and root of the mean of the responses, each of length one, (256,)."""
        highest = np.zeros(WORDS, np.float32)
        total = np.zeros(WORDS)
        for start in range(0, len(frames), _BLOCK_FRAMES):
            responses = self._responses(frames[start : start + _BLOCK_FRAMES])
            np.maximum(highest, responses.max(axis=0), out=highest)
            total += responses.sum(axis=0, dtype=np.float64)
        return unit_rows(np.stack([highest, np.sqrt(total / len(frames))])).ravel()

    def _responses(self, frames: Vectors) -> Vectors:
        """The g of each frame and word, float32 (frames, words); a row's sum is 1."""
        distances = squared_distances((frames - self._mean) / self._deviation, self._words)
        distances -= distances.min(axis=1, keepdims=True)
        responses: Vectors = np.exp(-distances / self._width)
        responses /= responses.sum(axis=1, keepdims=True)
        return responses


def local_frames(samples: Samples) -> Vectors:
    """MFCCs and first differences of the audible frames of a sound, float32 (frames, 40)."""
    frames = coefficients(samples)
    audible = frames.any(axis=0)
    return np.concatenate([frames, deltas(frames, 1)])[:, audible].T


def _moments(frames: Vectors) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of each column; a deviation of 1 where a column is constant."""
    if not len(frames):
        return np.zeros(0, np.float32), np.ones(0, np.float32)
    deviation = frames.std(axis=0)
    return frames.mean(axis=0), np.where(deviation > 0, deviation, np.float32(1))


ENCODERS = (
    Fitted(
        card=CARD,
        roles=("acoustic",),
        depends=Depends("audio", ("librosa", "scipy", "sklearn")),
        learner=MFCCWords,
    ),
)
