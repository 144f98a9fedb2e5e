"""Where the words of a query are in a document that matches."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

from triptych.core.fields import FIELDS, strings
from triptych.index.documents import Document
from triptych.index.fuzzy import is_near
from triptych.index.model import LABELLED, Clause, Words
from triptych.search.answer import Snippet
from triptych.search.regions import regions
from triptych.text.analysis import Placed, placed

_SNIPPET = 160
"""Characters."""
_SNIPPETS = 3
"""Of a field."""

Mark = tuple[int, int]
"""Beginning and end, in code points."""


def highlights(document: Document, words: Words) -> dict[str, list[Snippet]]:
    """What of a document matches the words: snippets by field, in the order of the text.

    A snippet has about 160 characters, and the spans of the words and phrases that a clause with a
    label matches. There are up to three of a field: of a text those with the most different words,
    as far as its ``regions`` are looked at; of tags, names and metadata the first ones, each of
    one value. A field without any is left out.
    """
    snippets = {}
    for field in FIELDS.searchable:
        clauses = [clause for clause in words.should[:LABELLED] if field in clause.fields]
        if clauses and (found := list(islice(_in_field(document, field, clauses), _SNIPPETS))):
            snippets[field] = found
    return snippets


def _in_field(document: Document, field: str, clauses: Sequence[Clause]) -> Iterator[Snippet]:
    texts, language = _texts(document, field)
    for text in texts:
        looked_at = regions(text, clauses)
        found = [placed(text, language, region) for region in looked_at]
        if marks := [mark for places in found for mark in _marks(places, clauses)]:
            yield from _snippets(text, list(chain.from_iterable(found)), marks)


def _texts(document: Document, field: str) -> tuple[list[str], str | None]:
    """The texts of a field, and the language of their words."""
    value, language = document.get(field), document.get("language")
    if field in _RECOGNISED and isinstance(value, Mapping):
        value, language = value["text"], value.get("language")
    elif not isinstance(value, str):
        language = language or "en"
    return strings(value), language


_RECOGNISED = ("transcript", "writing")


def _marks(places: Sequence[Placed], clauses: Sequence[Clause]) -> list[Mark]:
    """Everything that matches, without overlaps, in order."""
    matches = {
        *_by_stems(places, clauses),
        *_by_letters(places, clauses),
        *_by_phrases(places, clauses),
    }
    marks: list[Mark] = []
    for start, end in sorted(matches):
        if marks and start <= marks[-1][1]:
            marks[-1] = marks[-1][0], max(end, marks[-1][1])
        else:
            marks.append((start, end))
    return marks


def _by_stems(places: Sequence[Placed], clauses: Sequence[Clause]) -> Iterator[Mark]:
    """Words, their parts, and what they are together."""
    wanted = {term for clause in clauses if clause.kind == "word" for term in clause.terms}
    if wanted:
        yield from (
            (place.start, place.end) for place in places if not wanted.isdisjoint(place.stems)
        )


def _by_letters(places: Sequence[Placed], clauses: Sequence[Clause]) -> Iterator[Mark]:
    """Prefixes and fuzzy words."""
    starts = tuple(clause.terms[0] for clause in clauses if clause.kind == "prefix")
    fuzzy = [(clause.terms[0], clause.edits) for clause in clauses if clause.kind == "fuzzy"]
    if not (starts or fuzzy):
        return
    known: dict[str, bool] = {}
    for place in places:
        for word in (*place.plain, *place.others):
            if word not in known:
                known[word] = word.startswith(starts) or any(
                    is_near(word, term, edits) for term, edits in fuzzy
                )
            if known[word]:
                yield place.start, place.end


def _by_phrases(places: Sequence[Placed], clauses: Sequence[Clause]) -> Iterator[Mark]:
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for clause in clauses:
        phrase = clause.terms if clause.kind == "phrase" else clause.plain
        if phrase:
            phrases.setdefault(phrase[0], []).append(phrase)
    if not phrases:
        return
    stream = [(word, place) for place in places for word in place.plain]
    words = tuple(word for word, _ in stream)
    for first, word in enumerate(words):
        for phrase in phrases.get(word, ()):
            last = first + len(phrase)
            if words[first:last] == phrase:
                yield stream[first][1].start, stream[last - 1][1].end
    # Other forms are looked up like words, though none has a neighbour.
    for place in places:
        if any((form,) in phrases.get(form, ()) for form in place.others):
            yield place.start, place.end


def _snippets(text: str, places: Sequence[Placed], marks: Sequence[Mark]) -> Iterator[Snippet]:
    """The groups of marks with the most different words, each in its surroundings."""
    groups = _groups(marks)
    different = [len({text[start:end].casefold() for start, end in group}) for group in groups]
    best = sorted(range(len(groups)), key=lambda number: -different[number])[:_SNIPPETS]
    words = [place for place in places if place.plain]
    starts, ends = [word.start for word in words], [word.end for word in words]
    done = 0
    for number in sorted(best):
        group = groups[number]
        next_one = groups[number + 1][0][0] if number + 1 < len(groups) else len(text)
        room = _SNIPPET - (group[-1][1] - group[0][0])
        start = max(done, min(group[0][0] - room // 2, len(text) - _SNIPPET))
        end = min(next_one, start + _SNIPPET)
        if start > 0:
            following = bisect_left(starts, start)
            start = min([*starts[following : following + 1], group[0][0]])
        if end < len(text):
            whole = bisect_right(ends, end)  # words that end before
            end = max(ends[whole - 1] if whole else 0, group[-1][1])
        done = end
        yield Snippet(text[start:end], [(a - start, b - start) for a, b in group])


def _groups(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks that fit into one snippet together; one that does not is cut."""
    groups: list[list[Mark]] = []
    for start, end in marks:
        if groups and end - groups[-1][0][0] <= _SNIPPET:
            groups[-1].append((start, end))
        else:
            groups.append([(start, min(end, start + _SNIPPET))])
    return groups
