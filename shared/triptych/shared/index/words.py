"""What a query looks up by words: clauses, each on some of the fields that have words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from triptych.shared.mapping import WORDED_FIELDS

MAX_CLAUSES = 128
"""Of a longer text the beginning is looked up."""

LABELLED = 32
"""The number of clauses, the first ones, of which a hit says whether they matched."""


@dataclass(frozen=True)
class Clause:
    """One word, phrase, prefix or fuzzy word.

    An item's score for a ``word`` or ``phrase`` is BM25 as Lucene has it (k1 1.2, b 0.75), the
    best of its fields and, for a word, of its stems; for ``prefix`` and ``fuzzy`` it is 1.
    """

    label: str
    """As it was asked, for reasons and highlights."""
    kind: Literal["word", "phrase", "prefix", "fuzzy"]
    terms: tuple[str, ...]
    """``word``: its stems, any of which may match, in the ``words`` of an item. The others are
    looked up in ``plain``: ``phrase``: words one after the other; ``prefix``, ``fuzzy``: one."""
    fields: tuple[str, ...] = WORDED_FIELDS
    edits: int = 0
    """``fuzzy``: how many letters may be wrong, left out, added or swapped with the next; the
    first letter must be right."""


@dataclass(frozen=True)
class Words:
    """``should`` makes the score; an item must have all of ``must`` and none of ``must_not``."""

    should: Sequence[Clause] = ()
    must: Sequence[Clause] = ()
    must_not: Sequence[Clause] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the clauses of which a hit says whether they matched."""
        return tuple(clause.label for clause in self.should[:LABELLED])
