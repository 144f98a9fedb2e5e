"""Where in a long text to look for the words of a query: the analysis of all would take too long.

A word begins as its stem does, but for the last letter (``happi``, ``happy``): what has no such
beginning is passed over. Where nothing has, as where an emoji stands for the words of its name, the
beginning of the text is looked at.
"""

import re
from collections.abc import Iterator, Sequence

from triptych.index.fuzzy import is_near
from triptych.index.model import Clause
from triptych.text.letters import folded, normal, transcribed, unaccented, unified

WHOLE = 20_000
"""Characters: a shorter text is looked at as a whole, of a longer one as much in all."""
_STRETCH = 1_000
_AROUND = 200
"""Characters before and after a stretch, for phrases that reach across, and for snippets."""
_SURE = 3
"""Letters of a stem whose last one is that of its words, too."""
_WORD = re.compile(r"\w+")
_SIGNS = re.compile(r"[^\w\s]|_")
"""What words of several parts have between them."""

Region = tuple[int, int]
"""Beginning and end, in code points."""


def regions(text: str, clauses: Sequence[Clause]) -> list[Region]:
    """Where to look, in order and apart: those with the most different words of the query."""
    if len(text) <= WHOLE:
        return [(0, len(text))]
    starts = range(0, len(text), _STRETCH)
    stretches = [_forms(text[start : start + _STRETCH + _AROUND]) for start in starts]
    wanted = list(_beginnings(stretches, clauses))
    found = [sum(any(map(stretch.__contains__, one)) for one in wanted) for stretch in stretches]
    best = sorted(filter(found.__getitem__, range(len(starts))), key=lambda at: -found[at])
    if not best:
        return [(0, WHOLE)]
    chosen = sorted(starts[at] for at in best[: WHOLE // _STRETCH])
    return _joined(_around(text, start) for start in chosen)


def _forms(stretch: str) -> str:
    """A stretch in the letters of stems: as it is written, and as words may be spelt."""
    written = folded(normal(stretch))
    plain = {unified(unaccented(form)) for form in (written, transcribed(written))}
    return " ".join(plain | {_SIGNS.sub("", form) for form in plain})


def _beginnings(stretches: Sequence[str], clauses: Sequence[Clause]) -> Iterator[set[str]]:
    """By clause, what a word that matches begins with; of a phrase its first word."""
    fuzzy = any(clause.kind == "fuzzy" for clause in clauses)
    known = {word for stretch in stretches for word in _WORD.findall(stretch)} if fuzzy else set()
    for clause in clauses:
        match clause.kind:
            case "fuzzy":
                near = clause.terms[0]
                yield {word for word in known if is_near(word, near, clause.edits)}
            case "word":
                stems = {term[:-1] if len(term) > _SURE else term for term in clause.terms}
                yield {*stems, *clause.plain[:1]}
            case _:
                yield {*clause.terms[:1]}


def _around(text: str, start: int) -> Region:
    """A stretch with what is around it, from one space to another where there are any."""
    begin, end = max(start - _AROUND, 0), min(start + _STRETCH + _AROUND, len(text))
    if begin:
        begin = max(begin, text.find(" ", begin, start) + 1)
    if end < len(text):
        end = max(text.rfind(" ", start + _STRETCH, end), start + _STRETCH)
    return begin, end


def _joined(found: Iterator[Region]) -> list[Region]:
    joined: list[Region] = []
    for start, end in found:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
