"""Judged queries whose parts add to each other: a picture, and a word that it lacks.

Items have a picture and words. An item is *like* another of its family: they are of one kind (that
of Unicode for emoji, the folder for stamps), and the names of both end with the same word, as
"green heart" and "blue heart". Queries are made from an item A and a word that others of its family
have:

* ``compose``: the picture of A, and a word that A lacks. Right are items like A that have the word.
  As many others have it, up to four times as many.
* ``trap``: the same with a word that more others have.
* ``describe``: the picture and all the words of A. Right is A.
* ``exclude``: the picture of A, but not a word that A lacks. Right are items like A without it.

The picture of a query is never that of the item: of emoji it is drawn by another vendor, of stamps
it is changed. All queries of one kind of items are in the same half, by the digest of the kind, so
no item that is right in one half is right in the other.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from triptych.corpora import emoji, tuxpaint
from triptych.corpora.packages import cached
from triptych.evaluation import changes, judged
from triptych.evaluation.judged import Half, Judged, Not, Query
from triptych.media.image import Pixels, decode_image
from triptych.text.analysis import worded

_SIDE = 320
_CLAUSE = re.compile(r"[.,:;!?(]| (?:of|with|in|on|for|from|that|which|is|are|can|has|have) ")
"""Where the first clause of a caption ends."""
_MAX_PIXELS = 2**24
_LETTERS = 3
"""The least length of a word that queries are made with."""
_OF_A_KIND = 8
"""The most queries of each sort from one kind of items, so that no kind decides alone."""
_TRAP = 4
"""A trap stands at so many times as many items of other kinds as it has right ones."""
_SHOWN = "google"
"""The vendor whose pictures the items have; queries have those of the other."""


@dataclass(frozen=True)
class Thing:
    """An item, and what queries are made of."""

    line: Mapping[str, Any]
    kind: str
    name: str
    """What it is called, such as "a red flower"."""
    other_picture: Callable[[], Pixels]
    """Another picture of it, RGB (height, width, 3)."""

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.line["id"])

    @property
    def family(self) -> tuple[str, str]:
        """Its kind, and the last word of its name: flowers, whatever their colour."""
        words = [stems[0] for _, stems in worded(self.name, "en")]
        return self.kind, words[-1] if words else ""

    @cached_property
    def words(self) -> Mapping[str, str]:
        """Its words by their stems."""
        return {
            stems[0]: word
            for word, stems in worded(self.line["text"], "en")
            if len(word) >= _LETTERS and word.isalpha()
        }


def composed(corpus: str) -> Judged:
    """The judged set of ``emoji`` or ``stamps``, made on first use. Raises CorpusUnavailable."""
    return judged.read(cached(f"judged-composed-{corpus}-1", partial(_build, _THINGS[corpus]())))


def halves(corpus: str) -> dict[str, Half]:
    """The half of each item of ``emoji`` or ``stamps`` by its id: that of the queries of its kind.

    Raises:
        CorpusUnavailable: the corpus can't be fetched.
    """
    return {thing.id: _half(thing.kind) for thing in _THINGS[corpus]()}


def _half(kind: str) -> Half:
    return "training" if judged.share(kind) < 1 / 2 else "held-out"


def _emoji() -> list[Thing]:
    entries = emoji.tagged(emoji.fetch(), emoji.fetch_tags())
    (other,) = set(emoji.VENDORS) - {_SHOWN}
    return [
        Thing(
            {
                "id": entry.code,
                "text": ", ".join(dict.fromkeys((entry.name, *entry.tags))),
                "image": str(entry.pictures[_SHOWN]),
            },
            entry.kind,
            entry.name,
            partial(_decoded, entry.pictures[other]),
        )
        for entry in entries
    ]


def _stamps() -> list[Thing]:
    """The stamps with a picture, without letters and signs, as which are alike is no question."""
    corpus = tuxpaint.fetch()
    return [
        Thing(
            {"id": line["id"], "text": line["text"], "image": str(corpus / line["image"])},
            str(Path(line["id"]).parent),
            _CLAUSE.split(line["text"])[0],
            partial(_changed, corpus / line["image"], line["id"]),
        )
        for line in tuxpaint.lines(corpus)
        if "image" in line and not line["id"].startswith("symbols/")
    ]


_THINGS: Mapping[str, Callable[[], list[Thing]]] = {"emoji": _emoji, "stamps": _stamps}


def _decoded(file: Path) -> Pixels:
    return decode_image(file.read_bytes(), side=_SIDE, max_pixels=_MAX_PIXELS)


def _changed(file: Path, item: str) -> Pixels:
    """A part of the picture, mirrored."""
    random = np.random.default_rng(int(judged.share(item) * 2**32))
    return changes.mirrored(changes.cropped(_decoded(file), random, 0.7))


def _build(things: Sequence[Thing], work: Path) -> Path:
    media = work / "media"
    media.mkdir()
    drawn = list(draw(things))
    pictures = {thing.id: f"media/{number}.png" for number, (thing, _, _) in enumerate(drawn)}
    for thing in {thing.id: thing for thing, _, _ in drawn}.values():
        cv2.imwrite(str(work / pictures[thing.id]), thing.other_picture()[:, :, ::-1])
    queries = [query.model_copy(update={"image": pictures[thing.id]}) for thing, query, _ in drawn]
    grades = {query.id: dict.fromkeys(right, 1) for _, query, right in drawn}
    judged.write(work, [thing.line for thing in things], queries, grades)
    return work


def draw(things: Sequence[Thing]) -> Iterator[tuple[Thing, Query, list[str]]]:
    """Yield queries without their picture: the item each is made from, and the right items."""
    holders: dict[str, list[Thing]] = {}
    kinds: dict[str, list[Thing]] = {}
    families: dict[tuple[str, str], list[Thing]] = {}
    for thing in things:
        kinds.setdefault(thing.kind, []).append(thing)
        families.setdefault(thing.family, []).append(thing)
        for stem in thing.words:
            holders.setdefault(stem, []).append(thing)
    for kind, members in sorted(kinds.items()):
        by_sort: dict[str, list[tuple[Thing, str | None, str | None, list[str]]]] = {}
        for thing in sorted(members, key=lambda thing: judged.share(thing.id)):
            by_sort.setdefault("describe", []).append((thing, thing.line["text"], None, [thing.id]))
            for sort, word, right in _worded(thing, families[thing.family], holders):
                text, against = (None, word) if sort == "exclude" else (word, None)
                by_sort.setdefault(sort, []).append((thing, text, against, right))
        for sort, entries in sorted(by_sort.items()):
            for thing, text, against, right in entries[:_OF_A_KIND]:
                yield (
                    thing,
                    Query(
                        id="_".join(filter(None, (thing.id, sort))).replace(" ", "_"),
                        kind=sort,
                        text=text,
                        **({} if against is None else {"not": Not(text=against)}),
                        half=_half(kind),
                    ),
                    right,
                )


def _worded(
    thing: Thing, alike: Iterable[Thing], holders: Mapping[str, Sequence[Thing]]
) -> Iterator[tuple[str, str, list[str]]]:
    """One query of each sort that needs a word: the sort, the word, and the right items."""
    others = [other for other in alike if other is not thing]
    options: dict[str, list[tuple[str, list[str]]]] = {}
    for stem in sorted({stem for other in others for stem in other.words} - set(thing.words)):
        having = [other for other in others if stem in other.words]
        lacking = [other.id for other in others if stem not in other.words]
        wrong = len(holders[stem]) - len(having)
        word = having[0].words[stem]
        right = [other.id for other in having]
        if wrong >= len(right):
            sort = "trap" if wrong >= _TRAP * len(right) else "compose"
            options.setdefault(sort, []).append((word, right))
        if right and lacking:
            options.setdefault("exclude", []).append((word, [thing.id, *lacking]))
    for sort, words in sorted(options.items()):
        word, right = words[int(judged.share(f"{sort} {thing.id}") * len(words))]
        yield sort, word, right
