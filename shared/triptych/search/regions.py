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
    found = _found(stretches, clauses)
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


def _found(stretches: Sequence[str], clauses: Sequence[Clause]) -> list[int]:
    """By stretch, how many clauses have a word there."""
    fuzzy = [(clause.terms[0], clause.edits) for clause in clauses if clause.kind == "fuzzy"]
    wanted = [_beginnings(clause) for clause in clauses if clause.kind != "fuzzy"]
    found = [sum(any(map(one.__contains__, each)) for each in wanted) for one in stretches]
    if fuzzy:
        # A text may have thousands of words that are near: they are looked up, not looked for.
        words = [set(_WORD.findall(stretch)) for stretch in stretches]
        known = set[str]().union(*words)
        near = {
            (term, edits): {word for word in known if is_near(word, term, edits)}
            for term, edits in set(fuzzy)
        }
        for at, there in enumerate(words):
            found[at] += sum(not there.isdisjoint(near[one]) for one in fuzzy)
    return found


def _beginnings(clause: Clause) -> set[str]:
    """What a word that matches begins with; of a phrase its first word."""
    if clause.kind == "word":
        stems = {term[:-1] if len(term) > _SURE else term for term in clause.terms}
        return {*stems, *clause.plain[:1]}
    return {*clause.terms[:1]}


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
