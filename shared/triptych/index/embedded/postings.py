"""The words of a query looked up in the postings, scored as Lucene does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from triptych.core.fields import FIELDS
from triptych.encoders.cards import Vectors
from triptych.index.embedded.bm25 import bm25, idf, phrase_idf
from triptych.index.embedded.records import words_of
from triptych.index.embedded.schema import INDEXED
from triptych.index.embedded.view import Mask, Rows, View
from triptych.index.fuzzy import is_near
from triptych.index.model import LABELLED, MAX_CLAUSES, Clause, Words

_LAST = chr(0x10FFFF)
_KEPT_CHARS = 32_000_000

_POSTINGS = """
    SELECT group_concat(place), group_concat(count) FROM postings
    WHERE term = (
        SELECT terms.number FROM terms JOIN indexed ON field = indexed.number
        WHERE name = ? AND term = ?
    )
"""
_PREFIXED = """
    SELECT group_concat(place) FROM postings
    WHERE term IN (
        SELECT terms.number FROM terms JOIN indexed ON field = indexed.number
        WHERE name = ? AND term >= ? AND term < ?
    )
"""
_VOCABULARY = """
    SELECT term FROM terms JOIN indexed ON field = indexed.number
    WHERE name = ? AND term >= ? AND term < ?
"""


@dataclass(frozen=True)
class _Matches:
    """Items that have a term, and how often."""

    rows: Rows
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """What the words of a query say about every row, float32 (n,); 0 where nothing matches."""

    total: Vectors
    clauses: Mapping[int, Vectors] = field(default_factory=dict)
    """Of the labelled clauses, by number."""

    def all_words(self) -> Mask:
        """The rows that have every labelled clause."""
        every = np.ones(self.total.shape, bool)
        for scores in self.clauses.values():
            every &= scores > 0
        return every

    def of(self, row: int, labels: Sequence[str]) -> dict[str, float]:
        """The words that match an item, with what each adds."""
        words: dict[str, float] = {}
        for number, scores in self.clauses.items():
            if scores[row] > 0:
                words[labels[number]] = words.get(labels[number], 0.0) + float(scores[row])
        return words


class Lookup:
    """Words in a collection as it was at one moment."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._kept: dict[tuple[int, int], str] = {}
        self._room = _KEPT_CHARS

    def limits(self, words: Words) -> Mask:
        """The items that have all of ``must`` and none of ``must_not``."""
        allowed = self._view.visible.copy()
        for clause in words.must:
            allowed &= self._scores(clause) > 0
        for clause in words.must_not:
            allowed &= self._scores(clause) == 0
        return allowed

    def scored(self, should: Sequence[Clause]) -> Matched:
        """The sum over the clauses, and the scores of the labelled ones."""
        total = np.zeros(self._view.size, np.float64)
        labelled = {}
        for number, clause in enumerate(should[:MAX_CLAUSES]):
            scores = self._scores(clause)
            total += scores
            if number < LABELLED:
                labelled[number] = scores
        return Matched(total.astype(np.float32), labelled)

    def _scores(self, clause: Clause) -> Vectors:
        """One clause: the best of its fields."""
        scores = np.zeros(self._view.size, np.float32)
        if not (clause.terms or clause.plain):
            return scores
        for name in filter(self._filled.__contains__, clause.fields):
            for rows, values in self._in_field(clause, name):
                scores[rows] = np.maximum(scores[rows], values)
        return scores

    def _in_field(self, clause: Clause, name: str) -> Iterator[tuple[Rows, Vectors | np.float32]]:
        """Rows, each once, and their scores."""
        share = np.float32(FIELDS[name].weight)
        if clause.kind == "word":
            column = INDEXED.index(f"words.{name}")
            for stem in clause.terms:
                matches = self._postings(column, stem)
                weight = share * self._idf(column, matches)
                yield matches.rows, self._bm25(column, weight, matches)
            if not clause.plain:
                return
        column = INDEXED.index(f"plain.{name}")
        if clause.kind in {"word", "phrase"}:
            weight, matches = self._phrase(column, clause.plain or clause.terms)
            yield matches.rows, self._bm25(column, share * weight, matches)
        elif clause.kind == "prefix":
            yield self._prefixed(column, clause.terms[0]), np.float32(1)
        else:
            yield self._near(column, clause.terms[0], clause.edits), np.float32(1)

    def _postings(self, column: int, term: str) -> _Matches:
        rows, counts = self._view.numbers(_POSTINGS, (INDEXED[column], term))
        visible = self._view.visible[rows]
        return _Matches(rows[visible], counts[visible])

    def _idf(self, column: int, matches: _Matches) -> np.float32:
        return idf(self._fields[column][0], len(matches.rows))

    def _bm25(self, column: int, weight: np.float32, matches: _Matches) -> Vectors:
        lengths = self._view.state.lengths[column, matches.rows]
        return bm25(weight, matches.counts, lengths, self._fields[column][1])

    @cached_property
    def _fields(self) -> list[tuple[int, float]]:
        """Of each indexed field: the number of items that have it, and its average length."""
        lengths = self._view.state.lengths[:, self._view.visible]
        counts, totals = (lengths > 0).sum(axis=1), lengths.sum(axis=1)
        return [(int(n), float(total / max(1, n))) for n, total in zip(counts, totals, strict=True)]

    @cached_property
    def _filled(self) -> frozenset[str]:
        """The fields in which an item has words: the others need no look-up."""
        return frozenset(
            path.partition(".")[2]
            for path, (count, _) in zip(INDEXED, self._fields, strict=True)
            if count
        )

    def _phrase(self, column: int, terms: Sequence[str]) -> tuple[np.float32, _Matches]:
        """Items that have the words one after the other; how often, and how much that says."""
        each = {term: self._postings(column, term) for term in dict.fromkeys(terms)}
        rows = _common([matches.rows for matches in each.values()])
        phrase = _spaced(terms)
        counts = np.array(
            [occurrences(text, phrase) for text in self._texts(column, rows)], np.int64
        )
        weight = phrase_idf(self._idf(column, each[term]) for term in terms)
        return weight, _Matches(rows[counts > 0], counts[counts > 0])

    def _texts(self, column: int, rows: Rows) -> Iterator[str]:
        """The words of a field of some rows, as ``_spaced`` joins them; many are kept.

        A query may have a hundred phrases of common words, each of which is looked for in the same
        long texts.
        """
        keys = [(column, row) for row in rows.tolist()]
        unread = [row for _, row in keys if (column, row) not in self._kept]
        documents = self._view.hidden(np.array(unread, np.int64))
        for key in keys:
            text = self._kept.get(key)
            if text is None:
                text = _spaced(words_of(next(documents))[column])
                if len(text) <= self._room:
                    self._kept[key] = text
                    self._room -= len(text)
            yield text

    def _prefixed(self, column: int, start: str) -> Rows:
        (rows,) = self._view.numbers(_PREFIXED, (INDEXED[column], start, start + _LAST))
        return np.flatnonzero(self._view.mask(rows))

    def _near(self, column: int, word: str, edits: int) -> Rows:
        """Items with a word that begins with the same letter and differs by so many edits."""
        beginning = (INDEXED[column], word[0], word[0] + _LAST)
        terms = self._view.connection.execute(_VOCABULARY, beginning)
        near = [term for (term,) in terms if is_near(term, word, edits)]
        return np.concatenate(
            [
                np.zeros(0, np.int64),
                *(self._postings(column, term).rows for term in near),
            ]
        )


def _common(lists: Iterable[Rows]) -> Rows:
    """The numbers that all lists have; each list has a number once."""
    common, *others = sorted(lists, key=len)
    for other in others:
        common = np.intersect1d(common, other, assume_unique=True)
    return common


def _spaced(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


def occurrences(text: str, phrase: str) -> int:
    """How often words are one after the other; they may overlap. Both have spaces around each."""
    count, at = 0, text.find(phrase)
    while at >= 0:
        count, at = count + 1, text.find(phrase, at + 1)
    return count
