"""TF-IDF and latent semantic analysis: texts by the words that a corpus tells apart.

Salton & Buckley, Term-weighting approaches (1988); Deerwester et al., Indexing by latent semantic
analysis (1990); both by scikit-learn. The weights are learnt from a corpus, never from one text.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Depends, Fitted
from triptych.text.analysis import terms, worded

DIMS = 256
MAX_TERMS = 20_000
_ROUNDS = 5
_LEAST = 1e-4
"""Directions weaker than this part of the strongest are rounding errors."""

CARD = Card(
    name="tfidf-lsa",
    version=1,
    modality="text",
    dims=DIMS,
    licence="Apache-2.0",
    source="scikit-learn",
    needs_fit=True,
    parameters=f"terms={MAX_TERMS} tf=log idf=smooth",
)


class TfidfLSA(Encoder[str]):
    """Texts to unit vectors, and a text to its keywords. One instance serves many threads."""

    def __init__(self, artefact: Artefact) -> None:
        self._components: NDArray[np.float32] = artefact.arrays["components"].T
        self.card = artefact.fitted(CARD, dims=self._components.shape[1])
        self._vectorizer = _vectorizer(vocabulary=artefact.values["vocabulary"])
        self._vectorizer.idf_ = artefact.arrays["idf"]
        self._idf = dict(
            zip(artefact.values["vocabulary"], artefact.arrays["idf"].tolist(), strict=True)
        )
        self._new_idf = 1 + log(1 + artefact.values["documents"])

    @classmethod
    def fit(cls, corpus: Iterable[str], *, seed: int = 0) -> Artefact:
        """Learn the vocabulary, how rare its words are, and which go together.

        A small corpus gives only as many dimensions as it has different texts.

        Raises:
            InvalidInput: no text has a word.
        """
        from sklearn.utils.extmath import randomized_svd

        documents = [words for text in corpus if (words := terms(text))]
        if not documents:
            raise InvalidInput(f"{CARD.name} is fitted on texts with words: none has one")
        vectorizer = _vectorizer(max_features=MAX_TERMS, analyzer=list)
        weights = vectorizer.fit_transform(documents)
        dims = min(DIMS, *weights.shape)
        _, strengths, components = randomized_svd(weights, dims, n_iter=_ROUNDS, random_state=seed)
        strong = strengths > _LEAST * strengths.max()
        return Artefact(
            CARD.name,
            CARD.version,
            {
                "idf": vectorizer.idf_.astype(np.float32),
                "components": components[strong].astype(np.float32),
            },
            {
                "vocabulary": vectorizer.get_feature_names_out().tolist(),
                "documents": len(documents),
                "seed": seed,
            },
        )

    @classmethod
    def load(cls, artefact: Artefact) -> Self:
        """The encoder that ``fit`` made. Raises WeightsError for an artefact of another."""
        artefact.fitted(CARD, dims=DIMS)
        return cls(artefact)

    def encode(self, batch: Sequence[str]) -> Vectors:
        """Encode texts to float32 unit vectors (n, dims); zeros for one without known words."""
        if not batch:
            return np.empty((0, self.card.dims), np.float32)
        return unit_rows(self._vectorizer.transform(batch) @ self._components)

    def keywords(self, text: str, count: int = 5) -> list[str]:
        """The words, in small letters, that set a text apart most: w = argmax f(x, w).

        f is the TF-IDF weight; a word that the corpus lacks counts as the rarest. Of the forms of
        one word the most frequent is returned; of equals, the first in the text.
        """
        forms: dict[str, Counter[str]] = {}
        for word, word_terms in worded(text):
            for term in word_terms[:1]:
                forms.setdefault(term, Counter())[word] += 1
        weights = {
            term: (1 + log(counts.total())) * self._idf.get(term, self._new_idf)
            for term, counts in forms.items()
        }
        best = sorted(weights, key=weights.__getitem__, reverse=True)[:count]
        return [forms[term].most_common(1)[0][0] for term in best]


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    fixed = {"analyzer": terms, "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(**(fixed | options))


ENCODERS = (
    Fitted(
        card=CARD,
        roles=("semantic", "keywords"),
        depends=Depends("text", ("nltk", "py3langid", "sklearn")),
        learner=TfidfLSA,
    ),
)
