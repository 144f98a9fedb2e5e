"""Where the words of a query are in a document that matches."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from triptych.core.fields import FIELDS
from triptych.index.documents import Document
from triptych.index.fuzzy import is_near
from triptych.index.model import LABELLED, Clause, Words
from triptych.search.answer import Snippet
from triptych.text.analysis import only_stop_words, plain_words, spans, worded

_MAX_CHARS = 20_000
"""Of a longer text the beginning is looked at."""
_SNIPPET = 160
"""Characters."""
_SNIPPETS = 3
"""Of a field."""

Mark = tuple[int, int]
"""Beginning and end, in code points."""


class _Token(NamedTuple):
    """A word of a text, or a character of a script without spaces."""

    start: int
    end: int
    plain: tuple[str, ...]
    """Those of ``plain_words``: one, mostly."""
    terms: frozenset[str]


def highlights(document: Document, words: Words) -> dict[str, list[Snippet]]:
    """What of a document matches the words: snippets by field, in the order of the text.

    A snippet has about 160 characters, and the spans of the words and phrases that a clause with a
    label matches. There are up to three of a field, those with the most different words, from its
    first 20,000 characters. A field without any is left out.
    """
    snippets = {}
    for field in FIELDS.searchable:
        clauses = [clause for clause in words.should[:LABELLED] if field in clause.fields]
        text, language = _text(document, field)
        if not (clauses and text):
            continue
        tokens = _tokens(text, language)
        if marks := _marks(tokens, clauses):
            snippets[field] = list(_snippets(text, tokens, marks))
    return snippets


def _text(document: Document, field: str) -> tuple[str, str | None]:
    """The beginning of a field, and the language of its words."""
    value = document.get(field) or ""
    if isinstance(value, Mapping):
        return value["text"][:_MAX_CHARS], value.get("language")
    return value[:_MAX_CHARS], document.get("language")


def _marks(tokens: Sequence[_Token], clauses: Sequence[Clause]) -> list[Mark]:
    """Everything that matches, without overlaps, in order."""
    matches = {
        *_by_stems(tokens, clauses),
        *_by_letters(tokens, clauses),
        *_phrases(tokens, clauses),
    }
    marks: list[Mark] = []
    for start, end in sorted(matches):
        if marks and start <= marks[-1][1]:
            marks[-1] = marks[-1][0], max(end, marks[-1][1])
        else:
            marks.append((start, end))
    return marks


def _tokens(text: str, language: str | None) -> list[_Token]:
    """Every word, with what the index knows it by."""
    all_count = only_stop_words(text, language)
    within = None if language else text
    positions = list(spans(text))
    # What follows without a space is of one token with it, which is no stop word as a whole.
    joined = {
        token for one, other in pairwise(positions) if one[1] == other[0] for token in (one, other)
    }
    return [
        _Token(
            *token,
            *_looked_up(
                text[slice(*token)], language, within, all_count=all_count or token in joined
            ),
        )
        for token in positions
    ]


@lru_cache(16_384)
def _looked_up(
    word: str, language: str | None, within: str | None, *, all_count: bool
) -> tuple[tuple[str, ...], frozenset[str]]:
    plain = tuple(plain_words(word))
    if not all_count and only_stop_words(word, language, within=within):
        return plain, frozenset()
    stems = worded(word, language, within=within)
    return plain, frozenset(term for _, terms in stems for term in terms)


def _by_stems(tokens: Sequence[_Token], clauses: Sequence[Clause]) -> Iterator[Mark]:
    """Words; in scripts without spaces characters, and pairs of them."""
    wanted = {term for clause in clauses if clause.kind == "word" for term in clause.terms}
    if not wanted:
        return
    yield from ((token.start, token.end) for token in tokens if wanted & token.terms)
    for one, other in pairwise(tokens):
        if one.end == other.start and "".join(one.plain[-1:] + other.plain[:1]) in wanted:
            yield one.start, other.end


def _by_letters(tokens: Sequence[_Token], clauses: Sequence[Clause]) -> Iterator[Mark]:
    """Prefixes and fuzzy words."""
    starts = tuple(clause.terms[0] for clause in clauses if clause.kind == "prefix")
    fuzzy = [(clause.terms[0], clause.edits) for clause in clauses if clause.kind == "fuzzy"]
    if not (starts or fuzzy):
        return
    known: dict[str, bool] = {}
    for token in tokens:
        for word in token.plain:
            if word not in known:
                known[word] = word.startswith(starts) or any(
                    is_near(word, term, edits) for term, edits in fuzzy
                )
            if known[word]:
                yield token.start, token.end


def _phrases(tokens: Sequence[_Token], clauses: Sequence[Clause]) -> Iterator[Mark]:
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for clause in clauses:
        if clause.kind == "phrase":
            phrases.setdefault(clause.terms[0], []).append(clause.terms)
    if not phrases:
        return
    stream = [(word, token) for token in tokens for word in token.plain]
    words = tuple(word for word, _ in stream)
    for first, word in enumerate(words):
        for phrase in phrases.get(word, ()):
            last = first + len(phrase)
            if words[first:last] == phrase:
                yield stream[first][1].start, stream[last - 1][1].end


def _snippets(text: str, tokens: Sequence[_Token], marks: Sequence[Mark]) -> Iterator[Snippet]:
    """The groups of marks with the most different words, each in its surroundings."""
    groups = _groups(marks)
    different = [len({text[start:end].casefold() for start, end in group}) for group in groups]
    best = sorted(range(len(groups)), key=lambda number: -different[number])[:_SNIPPETS]
    starts, ends = [token.start for token in tokens], [token.end for token in tokens]
    done = 0
    for number in sorted(best):
        group = groups[number]
        next_one = groups[number + 1][0][0] if number + 1 < len(groups) else len(text)
        room = _SNIPPET - (group[-1][1] - group[0][0])
        start = max(done, min(group[0][0] - room // 2, len(text) - _SNIPPET))
        end = min(next_one, start + _SNIPPET)
        if start > 0:
            start = starts[bisect_left(starts, start)]
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
