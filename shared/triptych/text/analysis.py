"""From a text to the words that are searched: the same functions for items and for queries.

``docs/words.md`` shows what meets what. What can't be told from the word of a query, the item is
known by: ``wifi`` of ``Wi-Fi``, ``mueller`` of ``Müller``. What can be told from it, is looked up:
``wifi`` for ``Wi-Fi``, ``iphone 15`` for ``iphone15``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from threading import Lock
from typing import NamedTuple

from triptych.core.item import Words
from triptych.text import emoji
from triptych.text.languages import detect, guess
from triptych.text.letters import (
    aligned,
    folded,
    normal,
    transcribed,
    unaccented,
    unified,
    unified_stem,
)
from triptych.text.stop_words import STOP_WORDS
from triptych.text.tokens import LONGEST, Piece, Token, contraction, inner, tokens

SNOWBALL: Mapping[str, str] = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish",
}  # fmt: skip
"""The stemmers of NLTK, by ISO 639-1 code."""
_SAME = {"nb": "no", "nn": "no"}
"""Bokmål and Nynorsk share one."""

_BREAK = "|"
"""Before each of the other forms that words are known by, and between texts: it ends phrases."""

_SAMPLE = 2_000
"""Characters of a text that its language is guessed from, and more."""

_STOP_WORDS_OF_ALL = frozenset().union(*STOP_WORDS.values())

# Han; the kana; Thai and Lao; Burmese; Khmer: scripts that put no space between words. Korean has
# spaces, but its words carry their particles.
_HAN = "\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    rf"{_HAN}\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff"
    r"\uac00-\ud7ff"
)
_IS_HAN = re.compile(f"[{_HAN}]")
_RUNS = re.compile(f"([{_UNSPACED}]+)|[^{_UNSPACED}]+")
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_ARABIC = re.compile("[\u0600-\u06ff]")

# l'arbre, dell'acqua: the article is no part of the word.
_ELISION = re.compile(
    r"\A(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|un|quest|gl|(?:a|da|de|ne|su|co)ll)'(?=\w\w)",
    re.IGNORECASE,
)


class Asked(NamedTuple):
    """One word of a query: what items may have of it."""

    label: str
    """In small letters, not stemmed."""
    stems: tuple[str, ...]
    """Any of these,"""
    plain: tuple[str, ...] = ()
    """or all of these, as they stand, one after the other."""


class Placed(NamedTuple):
    """Some characters of a text, and what an index knows them by."""

    start: int
    end: int
    label: str
    """A word that counts, in small letters; empty for a part of it, and what words are together."""
    plain: tuple[str, ...]
    """In the order of words: mostly one; none where others say the same."""
    others: tuple[str, ...]
    """More words as they stand."""
    stems: tuple[str, ...]


class _Spelt(NamedTuple):
    """How a word may be spelt, folded."""

    written: str
    """Less its article."""
    main: str
    others: tuple[str, ...]
    whole: str
    """With its article; empty if it has none."""


def terms(text: str, language: str | None = None) -> list[str]:
    """Tokenise, fold case, drop stop words, stem: the words that index and query share.

    ``language`` is an ISO 639-1 code; without it the languages that the text may be in are
    guessed. A word gives the usual stem of its script (English, Russian, Arabic), in plain
    letters, so that texts match whatever was guessed; and its stem in each of the languages if
    that differs. Words that are written together give the whole, too. A text of stop words alone
    keeps them. Scripts without spaces become overlapping pairs of characters; each Chinese
    character counts alone, too.
    """
    return [stem for place in _known(normal(text), language) for stem in place.stems]


def analyse(text: str, language: str | None = None) -> Words:
    """The words of a text, for the index: its stems, and every word as it stands.

    Behind the words as they stand are other forms, by which prefixes and fuzzy words find them.
    ``language`` is an ISO 639-1 code; without it the language is detected.
    """
    shown = normal(text)
    known = _known(shown, language or detect(shown))
    words = [word for place in known for word in place.plain]
    for other in dict.fromkeys(word for place in known for word in place.others):
        words += [_BREAK, other]
    return Words(
        stems=" ".join(stem for place in known for stem in place.stems), plain=" ".join(words)
    )


def analyse_each(texts: Iterable[str], language: str) -> Words:
    """The words of short texts, for the index: no phrase reaches from one into the next.

    One by one they are too short to tell their language. Stems in English are those that texts of
    all languages in their scripts have, too.
    """
    analysed = [analyse(text, language) for text in texts]
    return Words(
        stems=" ".join(words.stems for words in analysed if words.stems),
        plain=f" {_BREAK} ".join(words.plain for words in analysed if words.plain),
    )


def worded(text: str, language: str | None = None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each word that counts, in small letters but not stemmed, with its terms.

    Of a word longer than 64 characters both are those of its beginning. The terms of its parts,
    and of what words are together, are those of the word before.
    """
    words: list[tuple[str, tuple[str, ...]]] = []
    for place in _known(normal(text), language):
        if place.label:
            words.append((place.label, place.stems))
        elif place.stems:
            words[-1] = words[-1][0], words[-1][1] + place.stems
    yield from (word for word in words if word[1])


def placed(
    text: str, language: str | None = None, region: tuple[int, int] | None = None
) -> list[Placed]:
    """What an index knows a text by; places are code points of the text as it is.

    Of a region, beginning and end, only what is in it; languages are guessed from the whole.
    """
    begin, end = region or (0, len(text))
    shown, places = aligned(text[begin:end])
    within = None if region is None else normal(text[:_SAMPLE])
    return [
        place._replace(start=begin + places[place.start][0], end=begin + places[place.end - 1][1])
        for place in _known(shown, language, within=within)
    ]


def plain_words(text: str) -> list[str]:
    """Every word in order, folded, in plain letters, not stemmed; at most 64 characters of each.

    Scripts without spaces become single characters, so that phrases in them match. An
    article before an apostrophe is a word of its own.
    """
    return [word for token in tokens(normal(text)) for word in _plain(token)]


@lru_cache(4096)
def single_word(text: str) -> str:
    """The word that a text is, folded and in plain letters; empty if it is not just one."""
    shown = normal(text)
    found = list(tokens(shown))
    if len(found) != 1 or found[0].end != len(shown):
        return ""
    words = _plain(found[0])
    return words[0] if len(words) == 1 else ""


def only_stop_words(text: str, language: str | None = None, *, within: str | None = None) -> bool:
    """Whether no word of a text would count if it stood among others."""
    shown = normal(text)
    _, stop = _language(shown if within is None else normal(within), language)
    return _are_all(list(tokens(shown)), stop)


def asked(text: str, language: str | None = None, *, within: str | None = None) -> Iterator[Asked]:
    """Each word that counts of the text of a query.

    The words of a compound count one by one if they say something alone; then the whole is as good
    as each. Stop words count if there is nothing else, whatever language they are of: they are
    looked up as they stand, and also all together. ``within`` is the text that this one is a part
    of: languages are guessed from it.
    """
    shown = normal(text)
    found = list(tokens(shown))
    languages, stop = _language(shown if within is None else normal(within), language)
    if _are_all(found, stop | _STOP_WORDS_OF_ALL):
        yield from _asked_as_they_stand(found, languages)
        return
    for token in found:
        counting = [word for word in token.words if _counts(word.text, stop)]
        if token.emoji:
            yield _asked_emoji(token.emoji)
        elif token.wholes and (token.is_one or not counting):
            yield _asked_whole(shown, token, languages)
        else:
            for word in counting:
                yield from _asked_word(word.text, _wholes(token, word), languages)


def asked_whole(
    text: str, language: str | None = None, *, within: str | None = None
) -> Asked | None:
    """A compound, and nothing else, as one word; None for any other text. Arguments as before."""
    shown = normal(text)
    found = list(tokens(shown))
    if len(found) != 1 or not found[0].wholes:
        return None
    languages, _ = _language(shown if within is None else normal(within), language)
    return _asked_whole(shown, found[0], languages)


def _asked_as_they_stand(found: Sequence[Token], languages: tuple[str, ...]) -> Iterator[Asked]:
    for token in found:
        for word in token.words:
            yield Asked(_label(word.text), _asked_stems(word.text, languages), _parted(word.text))
    together = tuple(word for token in found for word in _plain(token))
    if len(together) > 1:
        wholes = _wholes(found[0]) if len(found) == 1 else ()
        yield Asked(f'"{" ".join(together)}"', wholes, together)


def _asked_emoji(sequence: str) -> Asked:
    name = emoji.name(sequence)
    if len(name) == 1:
        return Asked(sequence, (sequence, _usual_stem(name[0])))
    return Asked(sequence, (sequence,), name)


def _asked_whole(shown: str, token: Token, languages: tuple[str, ...]) -> Asked:
    label = shown[token.start : token.end].lower()
    if len(token.words) > 1:
        return Asked(label, _wholes(token), _plain(token))
    (word,) = token.words
    return Asked(label, _distinct([*_wholes(token), *_asked_stems(word.text, languages)]))


def _asked_word(word: str, wholes: Sequence[str], languages: tuple[str, ...]) -> Iterator[Asked]:
    for run in _RUNS.finditer(word):
        if run[1]:
            one_form = unified(run[1])
            for pair, one in zip(_pairs(run[1]), _pairs(one_form), strict=True):
                yield Asked(pair, (pair,) if one == pair else (one, pair))
        else:
            stems = _distinct([*_asked_stems(run[0], languages), *wholes])
            parts = inner(run[0][_article(run[0]) :][:LONGEST])
            plain = tuple(form for part in parts for form in _parted(part.text))
            yield Asked(_label(run[0]), stems, plain)


def _known(shown: str, language: str | None, *, within: str | None = None) -> list[Placed]:
    """What an index knows a normal text by, in which the places are."""
    languages, stop = _language(shown if within is None else within, language)
    found = list(tokens(shown))
    if _are_all(found, stop):
        stop = frozenset()
    return [place for token in found for place in _places(token, languages, stop)]


def _places(token: Token, languages: tuple[str, ...], stop: frozenset[str]) -> Iterator[Placed]:
    if token.emoji:
        name = emoji.name(token.emoji)
        stems = _distinct([token.emoji, *map(_usual_stem, name)])
        yield Placed(token.start, token.end, token.emoji, (token.emoji,), name, stems)
    counted = False
    for word in token.words:
        counts = _counts(word.text, stop)
        counted = counted or counts
        signed = token.ending and word is token.words[-1]
        for run in _RUNS.finditer(word.text):
            start = word.start + run.start()
            places = _of_characters(run[1]) if run[1] else _of_letters(run[0], languages)
            for place in places:
                yield Placed(
                    start + place.start,
                    start + place.end,
                    place.label if counts else "",
                    () if signed else place.plain,
                    place.others,
                    place.stems if counts else (),
                )
    for whole in token.wholes:
        label = "" if counted else whole.text.lower()
        form, stems = (_plain_form(folded(whole.text)),), _whole_stems(whole.text)
        if token.ending and whole.end == token.end:
            yield Placed(whole.start, whole.end, label, form, (), stems)
        else:
            yield Placed(whole.start, whole.end, label, (), form, stems)


def _of_characters(run: str) -> Iterator[Placed]:
    """Characters of a script without spaces, and pairs of them, by their places in the run."""
    one_form = unified(run)
    for at, (written, one) in enumerate(zip(run, one_form, strict=True)):
        if _IS_HAN.match(one) or len(run) == 1:
            yield Placed(at, at + 1, written, (one,), (), (one,))
        else:
            yield Placed(at, at + 1, "", (one,), (), ())
        if at + 1 < len(run):
            yield Placed(at, at + 2, run[at : at + 2], (), (), (one_form[at : at + 2],))


def _of_letters(word: str, languages: tuple[str, ...]) -> tuple[Placed, ...]:
    """A word and its parts, by their places in it. What is no usual word is not remembered."""
    return (_of_word if len(word) <= LONGEST else _of_word.__wrapped__)(word, languages)


@lru_cache(16_384)
def _of_word(word: str, languages: tuple[str, ...]) -> tuple[Placed, ...]:
    plain, others = _parted(word), _distinct(map(_plain_form, _spelt(word).others))
    others = tuple(form for form in others if form not in plain)
    stems = _index_stems(word, languages)
    whole = Placed(0, len(word), _label(word), plain, others, stems)
    article = _article(word)
    return (whole, *_of_parts(word[article:], article, languages))


def _of_parts(word: str, start: int, languages: tuple[str, ...]) -> Iterator[Placed]:
    for part in inner(word[:LONGEST]):
        if len(part.text) > 1 or part.text.isdigit():
            stems = _stems(folded(part.text), languages)
            yield Placed(start + part.start, start + part.end, "", (), _parted(part.text), stems)
            yield from _of_parts(part.text, start + part.start, languages)


def _language(shown: str, language: str | None) -> tuple[tuple[str, ...], frozenset[str]]:
    """The languages whose stemmers a text goes through, and the words that do not count in it."""
    language = _SAME.get(language or "", language)
    stop = STOP_WORDS.get(language or detect(shown) or "en", STOP_WORDS["en"])
    return (language,) if language else guess(shown), stop


def _are_all(found: Iterable[Token], stop: frozenset[str]) -> bool:
    """Whether all are stop words; with a sign, as in ``C++``, none is one."""
    return not any(
        token.emoji
        or (token.wholes and token.is_one)
        or any(_counts(word.text, stop) for word in token.words)
        for token in found
    )


def _article(word: str) -> int:
    """The number of characters of the article of a word, with the apostrophe; mostly 0."""
    article = _ELISION.match(word) if "'" in word else None
    return article.end() if article else 0


def _label(word: str) -> str:
    return word[_article(word) :].lower()[:LONGEST]


def _counts(word: str, stop: frozenset[str]) -> bool:
    """Whether a word is no stop word; none of these is long."""
    return len(word) > LONGEST or _is_counted(word, stop)


@lru_cache(16_384)
def _is_counted(word: str, stop: frozenset[str]) -> bool:
    return folded(word[_article(word) :]) not in stop


def _plain(token: Token) -> tuple[str, ...]:
    places = _places(token, (), frozenset())
    return tuple(word for place in places for word in place.plain)


def _plain_form(word: str) -> str:
    return unified_stem(unified(unaccented(word)))[:LONGEST]


def _parted(word: str) -> tuple[str, ...]:
    """A word as it stands; its article, less the apostrophe, is a word of its own."""
    article = _article(word)
    pieces = (word[: article - 1], word[article:]) if article else (word,)
    return tuple(filter(None, (_plain_form(folded(piece)) for piece in pieces)))


def _spelt(word: str) -> _Spelt:
    rest = word[_article(word) :]
    whole = folded(word).replace("'", "") if rest != word else ""
    written = folded(rest)
    joined = written.replace("'", "")
    end = contraction(written)  # which stemmers know of
    others = [] if joined == written or end == "s" else [joined]
    if rest[0].isupper() and whole:  # L'Oréal is a name
        others.append(whole)
    others += [form for form in (transcribed(joined), unified_stem(joined)) if form != joined]
    return _Spelt(written, written if end else joined, tuple(others), whole)


def _index_stems(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    spelt = _spelt(word)
    return _distinct([*_stems(spelt.main, languages), *map(_usual_stem, spelt.others)])


@lru_cache(4096)
def _asked_stems(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the index, and those that older versions gave it."""
    spelt = _spelt(word)
    whole = [_usual_stem(spelt.whole)] if spelt.whole else []
    older = _stems(spelt.written, languages, one_form=str)
    return _distinct([*_index_stems(word, languages), *whole, *older])


def _wholes(token: Token, word: Piece | None = None) -> tuple[str, ...]:
    """The stems of what words are together; of what has this word."""
    return _distinct(
        stem
        for whole in token.wholes
        if word is None or (whole.start <= word.start and word.end <= whole.end)
        for stem in _whole_stems(whole.text)
    )


@lru_cache(16_384)
def _whole_stems(whole: str) -> tuple[str, ...]:
    if _HAS_UNSPACED.search(whole):
        return ()
    form = folded(whole)
    return _distinct([_usual_stem(form), _usual_stem(transcribed(form))])


def _usual_stem(word: str) -> str:
    (stem,) = _stems(word, ()) or ("",)
    return stem


def _stems(
    word: str, languages: tuple[str, ...], *, one_form: Callable[[str], str] = unified
) -> tuple[str, ...]:
    """The usual stem of a folded word, and those in some languages, if they differ."""
    word = word[:LONGEST]
    plain = one_form(unaccented(word))
    usual = "ru" if _CYRILLIC.search(word) else "ar" if _ARABIC.search(word) else "en"
    stems = [_stemmer(usual)(plain) or plain]
    stems += [
        one_form(unaccented(_stemmer(name)(word)))
        for name in languages
        if name in SNOWBALL and name != usual
    ]
    return _distinct(stems if one_form is str else map(unified_stem, stems))


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _pairs(run: str) -> Iterator[str]:
    for i, char in enumerate(run):
        if _IS_HAN.match(char) or len(run) == 1:
            yield char
        if i + 1 < len(run):
            yield run[i : i + 2]


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    """A stemmer of NLTK. Some keep state between calls, so one thread uses it at a time."""
    from nltk.stem.snowball import SnowballStemmer

    stemmer, lock = SnowballStemmer(SNOWBALL[language]), Lock()

    @lru_cache(16_384)
    def stem(word: str) -> str:
        with lock:
            return str(stemmer.stem(word))

    return stem
