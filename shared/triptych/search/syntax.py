"""The syntax of a query's text: lenient, so that every text is a query and none is an error.

==========================  =====================================================================
``black cats``              words, each by its stems
``"black cats"``            a phrase: these words, as they stand, one after the other
``ele*``                    a prefix, two letters or more
``elefant~``, ``~1``        a fuzzy word: how many letters may be wrong, 1 or 2; by default 1
                            in words of up to five letters, 2 in longer ones
``text:``, ``transcript:``  what follows, in this field alone: any whose words are searched
``tags:``, ``metadata:`` …
``+``, ``-``                what follows is required, or excluded
==========================  =====================================================================

An operator stands at the beginning or after a space, directly before a word or a phrase; all else
is plain text. What an operator stands before is one word if it is a compound (``+well-known``), a
phrase if it is several words otherwise, or a stop word. Before nothing that counts (``-""``,
``+"!"``) it is plain text, too, as are quotation marks around nothing. A prefix or fuzzy word is a
single one: after several (``well-kno*``, and scripts without spaces) star and tilde count for
nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, NamedTuple

from triptych.core.fields import FIELDS
from triptych.index.model import MAX_CLAUSES, Clause, Words
from triptych.text.analysis import (
    Asked,
    asked,
    asked_whole,
    only_stop_words,
    plain_words,
    single_word,
)

_MAX_PHRASE = 32
"""Of a longer phrase the beginning is looked up."""
_MAX_LABEL = 100
"""Characters; a longer one is made of the words that are looked up."""
_LEAST = 2
"""Letters of a prefix or fuzzy word."""
_SHORT = 5
"""Letters of a word in which two wrong ones would leave too little."""

# A quotation ends at the next quotation mark of its kind, or is none: time is linear.
_OPERAND = re.compile(
    rf"""(?<!\S)
    (?P<sign>[+-]?)
    (?:(?P<field>{"|".join(FIELDS.searchable)}):)?
    (?:(?P<quoted>"[^"]*" | [“”„][^“”„]*[“”] | «[^«»]*» | »[^«»]*«)(?!\w) | (?P<word>\w\S*))
    """,
    re.VERBOSE,
)
_MARKED = re.compile(r"(?P<word>[^*~]+)(?:(?P<star>\*)|~(?P<edits>[12]?))(?P<rest>[^\w*~]*)")


@dataclass(frozen=True)
class Parsed:
    """A query's text: what is looked up, and what is understood."""

    words: Words
    text: str
    """What is left to embed, without operators and what is excluded. It may be empty."""


class _Operand(NamedTuple):
    """A phrase, or a word with an operator."""

    sign: str
    field: str | None
    kind: Literal["word", "phrase", "prefix", "fuzzy"]
    text: str
    edits: int = 0
    rest: str = ""
    """Punctuation behind it."""


def parse(text: str, language: str | None = None, *, operators: bool = True) -> Parsed:
    """Read any text; the first ``MAX_CLAUSES`` of what is required, excluded, and all that counts.

    ``language`` (ISO 639-1) is guessed from what is left to embed by default. Without
    ``operators`` the whole text is plain.
    """
    operands: list[_Operand] = []
    plains, lefts, position = [], [], 0
    for match in _OPERAND.finditer(text) if operators else ():
        if (operand := _operand(match)) is None:
            continue
        operands.append(operand)
        before, position = text[position : match.start()], match.end()
        plains.append(before)
        lefts.append(before if operand.sign == "-" else before + operand.text + operand.rest)
    plain = "".join([*plains, text[position:]])
    left = " ".join("".join([*lefts, text[position:]]).split()) if operands else text
    within = left or text

    def clauses(sign: str) -> Iterator[Clause]:
        signed = dict.fromkeys(operand for operand in operands if operand.sign == sign)
        for operand in islice(signed, MAX_CLAUSES):
            yield from _clauses(operand, language, within)

    must = _unique(clauses("+"))
    marked = _unique(chain(must, clauses("")))
    if not (marked and only_stop_words(plain, language, within=within)):
        marked = _unique(chain(marked, _words(plain, None, language, within)))
    return Parsed(Words(marked, must, _unique(clauses("-"))), left)


def _operand(match: re.Match[str]) -> _Operand | None:
    """None for a word without an operator, and for what has no word."""
    sign, field, word = match["sign"], match["field"], match["word"]
    if word is None:
        quoted = match["quoted"][1:-1]
        return _Operand(sign, field, "phrase", quoted) if plain_words(quoted) else None
    operated, marked = sign or field, _MARKED.fullmatch(word)
    if marked is None or not _is_single(marked["word"]):
        return _Operand(sign, field, "word", word) if operated and plain_words(word) else None
    word, rest = marked["word"], marked["rest"]
    if marked["star"]:
        return _Operand(sign, field, "prefix", word, 0, rest)
    edits = int(marked["edits"] or (1 if len(plain_words(word)[0]) <= _SHORT else 2))
    return _Operand(sign, field, "fuzzy", word, edits, rest)


def _is_single(text: str) -> bool:
    """Whether it is one word of two letters or more and ends with it."""
    return len(single_word(text)) >= _LEAST


def _clauses(operand: _Operand, language: str | None, within: str) -> Iterator[Clause]:
    _, field, kind, text, edits, _ = operand
    terms = tuple(plain_words(text)[:_MAX_PHRASE])
    label = " ".join(text.split())
    if len(label) > _MAX_LABEL:
        label = " ".join(terms)
    if kind == "prefix":
        yield _clause(f"{label}*", kind, terms, field)
    elif kind == "fuzzy":
        yield _clause(f"{label}~{edits}", kind, terms, field, edits)
    elif kind == "word" and (whole := asked_whole(text, language, within=within)):
        yield _word(whole, field)
    elif kind == "phrase" or len(terms) > 1 or only_stop_words(text, language, within=within):
        if terms:
            yield _clause(f'"{label}"', "phrase", terms, field)
    else:
        yield from _words(text, field, language, within)


def _words(text: str, field: str | None, language: str | None, within: str) -> Iterator[Clause]:
    for word in asked(text, language, within=within):
        if word.stems or word.plain:
            yield _word(word, field)


def _word(word: Asked, field: str | None) -> Clause:
    return _clause(word.label, "word", word.stems, field, plain=word.plain[:_MAX_PHRASE])


def _clause(
    label: str,
    kind: Literal["word", "phrase", "prefix", "fuzzy"],
    terms: tuple[str, ...],
    field: str | None,
    edits: int = 0,
    *,
    plain: tuple[str, ...] = (),
) -> Clause:
    if field is None:
        return Clause(label, kind, terms, edits=edits, plain=plain)
    return Clause(f"{field}:{label}", kind, terms, (field,), edits, plain)


def _unique(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    """The first ones that differ both in how they were written and in the rest."""
    unique: dict[object, Clause] = {}
    labels: set[str] = set()
    for clause in clauses:
        if clause.label not in labels:
            labels.add(clause.label)
            known = (clause.kind, clause.terms, clause.fields, clause.edits, clause.plain)
            unique.setdefault(known, clause)
        if len(unique) == MAX_CLAUSES:
            break
    return tuple(unique.values())
