"""Long manuals found by sentences of their first, middle and last pages.

* Gallery: 120 manuals of more than 20,000 characters (``corpora/manuals.py``).
* Queries: three sentences of each page of 2,000 characters: the first, the middle and the last
  one. Right is the manual that has the sentence. No other manual of the gallery has it.
* The number of passages, and the share of the first one, were chosen by the queries for the first
  40 manuals. The figures are of the other 80.
* Vectors alone; words find such sentences anyway.

``minilm`` is what items have. ``beginning`` is what the encoder makes of a whole text, that is of
its beginning. The others are of up to N passages, spread evenly: ``mean-N``; ``weighted-N``, the
mean by their lengths; ``lead-N``, the mean with a share for the first one. ``best-N``, the nearest
of the passages, is no vector that an item could have: it tells what a search of passages would
find.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from triptych.corpora import manuals
from triptych.corpora.manuals import Manual
from triptych.encoders.cards import Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.passages import InPassages, passages, pooled
from triptych.encoders.text.minilm import MiniLM
from triptych.evaluation.metrics import Matrix, Result, recall_at, result

_MANUALS, _TRAINING = 120, 40
_SENTENCES = 3
_PAGE = 2_000
_MOST = 64
_COUNTS = (4, 8, 16, 32, 64)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n\s*\n")
_LEAST, _LONGEST = 60, 200
"""Characters of a sentence."""
_PLAIN = 0.85
"""The part of a sentence that is letters and spaces: else it is a table, or code."""

PAGES = ("first", "middle", "last")


@dataclass(frozen=True)
class Query:
    """A sentence, and where it is."""

    text: str
    page: str
    manual: int


@dataclass(frozen=True)
class Encoded:
    """A manual as an encoder sees it."""

    beginning: Vectors
    """(dims,): of what it reads of the whole."""
    parts: Vectors
    """(passages, dims): of up to 64 passages."""
    sizes: Vectors
    """(passages,): characters."""


def run() -> Iterator[Result]:
    """Measure each way on the held-out half. Raises CorpusUnavailable."""
    gallery = manuals.fetch()[:_MANUALS]
    asked = [query for query in queries(gallery) if query.manual >= _TRAINING]
    encoder = MiniLM()
    vectors = encoder.encode([query.text for query in asked])
    items = InPassages(encoder).encode([manual.text for manual in gallery])
    yield from results({encoder.card.name: vectors @ items.T}, asked)
    yield from results(ways(vectors, [encode(encoder, manual) for manual in gallery]), asked)


def encode(encoder: Encoder[str], manual: Manual) -> Encoded:
    """Its beginning and its passages."""
    spans = passages(manual.text, encoder.reach, most=_MOST)
    parts = encoder.encode([manual.text[start:end] for start, end in spans])
    sizes = np.array([end - start for start, end in spans], np.float32)
    return Encoded(encoder.encode([manual.text])[0], parts, sizes)


def results(scores: Mapping[str, Matrix], asked: Sequence[Query]) -> Iterator[Result]:
    """R@1 and R@10 of each way, page by page and over all pages."""
    for way, each in scores.items():
        right = np.zeros(each.shape, np.bool_)
        right[np.arange(len(asked)), [query.manual for query in asked]] = True
        for page in (*PAGES, "all"):
            rows = [row for row, query in enumerate(asked) if page in {query.page, "all"}]
            for k in (1, 10):
                values = recall_at(k, each[rows], right[rows])
                yield result(f"manuals-{page}", way, f"R@{k}", values)


def ways(asked: Vectors, encoded: Sequence[Encoded]) -> Mapping[str, Matrix]:
    """What each way scores, (queries, manuals)."""
    beginnings = np.stack([one.beginning for one in encoded])
    scores: dict[str, Matrix] = {"beginning": asked @ beginnings.T}
    for count in _COUNTS:
        chosen = [_spread(len(one.parts), count) for one in encoded]
        pairs = list(zip(encoded, chosen, strict=True))
        means = [one.parts[rows].mean(axis=0) for one, rows in pairs]
        scores[f"mean-{count}"] = asked @ unit_rows(np.stack(means)).T
        leads = [pooled(one.parts[rows]) for one, rows in pairs]
        scores[f"lead-{count}"] = asked @ np.stack(leads).T
        weighted = [one.sizes[rows] @ one.parts[rows] for one, rows in pairs]
        scores[f"weighted-{count}"] = asked @ unit_rows(np.stack(weighted)).T
        best = [(asked @ one.parts[rows].T).max(axis=1) for one, rows in pairs]
        scores[f"best-{count}"] = np.stack(best, axis=1)
    return scores


def _spread(length: int, count: int) -> list[int]:
    """So many of so many, evenly: the first and the last, and what is between."""
    return sorted(set(np.linspace(0, length - 1, min(length, count)).round().astype(int).tolist()))


def queries(gallery: Sequence[Manual], *, seed: int = 0) -> list[Query]:
    """Up to three sentences of each page of each manual, at random."""
    draw = np.random.default_rng(seed)
    owners = Counter(sentence for one in gallery for sentence in set(_sentences(one.text)))
    found = []
    for number, manual in enumerate(gallery):
        for page, text in _pages(manual.text).items():
            own = [one for one in dict.fromkeys(_sentences(text)) if owners[one] == 1]
            drawn = draw.permutation(len(own))[:_SENTENCES]
            found += [Query(own[i], page, number) for i in drawn]
    return found


def _pages(text: str) -> dict[str, str]:
    middle = (len(text) - _PAGE) // 2
    return {"first": text[:_PAGE], "middle": text[middle : middle + _PAGE], "last": text[-_PAGE:]}


def _sentences(text: str) -> Iterator[str]:
    for piece in _SENTENCE.split(text):
        sentence = " ".join(piece.split())
        plain = sum(char.isalpha() or char == " " for char in sentence)
        if _LEAST <= len(sentence) <= _LONGEST and plain >= _PLAIN * len(sentence):
            yield sentence
