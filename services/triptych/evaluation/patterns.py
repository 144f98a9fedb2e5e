"""Queries of every pattern of parts, for items of every pattern: seven by seven, each way to fuse.

A query is made from a Tux Paint stamp: the words of its file's name, its picture after a hard
change, the second half of its sound (``stamps``). Its pattern says which of these it has. The right
item is that stamp, of which the item's pattern says which parts are left; where the two have no
part in common, what was asked for is hidden. All other stamps are as they are, or a share of them
lost text or picture. Those with the caption or the picture of the right one are taken out. So each
query has one right item, and the queries of a cell are those of the next: cells are paired.

Only stamps of the half on which nothing was tuned are asked for, one of each caption or picture.
Strategies that learn are fitted on the stamps of other folds (``strategies``), which lost as many
parts as those that are searched.

Words count as in search: BM25 divided by the best, beside the vectors. Its statistics are those of
the whole collection. Of strategies without blocks words get the weight that they have in search.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from triptych.core.item import MODALITIES, Item, Modality
from triptych.engine import Engine
from triptych.evaluation.galleries import COLLECTION, LOSSES, Gallery, fill, label, losing
from triptych.evaluation.judged import Judged
from triptych.evaluation.metrics import Floats, Mask
from triptych.evaluation.queries import EncodedQuery, completed, encode_queries, retrieve
from triptych.evaluation.strategies import FOLDS, Stamps, features_of, fitted, folds, trained
from triptych.fusion.blocks import Layout, fuse
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features, Indices
from triptych.fusion.query import KEYWORD, WEIGHTS, FusedQuery
from triptych.fusion.scores import Method, combine
from triptych.fusion.signals import Candidate, Signal, measure
from triptych.fusion.strategies.learned import NETWORKS, LearnedFusion
from triptych.fusion.strategies.strategy import Strategy
from triptych.index.model import Words
from triptych.search.encoding import EncodedRequest
from triptych.search.parts import EncodedPart

Pattern = tuple[Modality, ...]
PATTERNS: tuple[Pattern, ...] = (
    ("text",), ("image",), ("audio",),
    ("text", "image"), ("text", "audio"), ("image", "audio"), ("text", "image", "audio"),
)  # fmt: skip
KINDS: Mapping[Modality, str] = {"text": "name", "image": "hard image", "audio": "audio"}
"""The judged queries whose parts are combined."""
SUM, PRODUCT, AUTO, WORDS = "sum", "product", "auto", "words alone"
_METHODS: tuple[tuple[str, Method], ...] = ((SUM, "linear"), (PRODUCT, "product"), (AUTO, "auto"))
LEARNT = ("mean", "weighted", *NETWORKS)
"""The strategies beside block fusion, of which two learn nothing or little."""
_NOTHING = np.zeros(0, np.float16)


@dataclass(frozen=True)
class Way:
    """A way to fuse, with the words of the query or without."""

    name: str
    worded: bool = False


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked: the parts of n stamps, and which stamps their words find."""

    rows: Indices
    """The stamp that each is made from, (n,)."""
    parts: Sequence[Mapping[Modality, EncodedPart]]
    words: Sequence[Mapping[int, Candidate]]
    """By stamp what the words of each question say, where any of them is there."""
    equal: Mask
    """(n, stamps): those with the caption or the picture of the right one, itself included."""
    layout: Layout

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def features(self) -> Features:
        """All parts of each."""
        blocks = [
            {name: vector for part in parts.values() for name, vector in part.blocks.items()}
            for parts in self.parts
        ]
        return Features.of(fuse(blocks, self.layout), self.layout)

    def request(self, question: int, pattern: Pattern) -> EncodedRequest:
        """A question with no other parts than these."""
        parts = self.parts[question]
        words = parts["text"].words if "text" in pattern else Words()
        return EncodedRequest({part: [parts[part]] for part in pattern}, {}, words, self.layout)


def load(
    engine: Engine, stamps: Stamps, judged: Judged, kinds: Mapping[Modality, str] = KINDS
) -> Questions:
    """Encode the parts of the queries, and look up their words in the whole collection.

    Uses and drops the engine's collection ``judged``.
    """
    held = judged.of("held-out")
    parts = {
        part: {
            _stamp(query): query.encoded.positive[part][0]
            for query in encode_queries(engine, [q for q in held if q.kind == kind])
        }
        for part, kind in kinds.items()
    }  # fmt: skip
    groups = stamps.examples().groups
    place = {item.id: row for row, item in enumerate(stamps.gallery.items)}
    once: dict[int, str] = {}
    for stamp in parts["image"]:
        if stamp in parts["text"]:
            once.setdefault(int(groups[place[stamp]]), stamp)
    asked = list(once.values())
    rows = np.array([place[stamp] for stamp in asked], np.int64)
    fill(engine, stamps.gallery)
    try:
        found = [_found(engine, parts["text"][stamp], place) for stamp in asked]
    finally:
        engine.index.drop(COLLECTION)
    return Questions(
        rows,
        [{part: of[stamp] for part, of in parts.items() if stamp in of} for stamp in asked],
        found,
        groups[rows][:, None] == groups[None, :],
        engine.layout,
    )


def _stamp(query: EncodedQuery) -> str:
    """The id of the stamp that a judged query is made from."""
    return query.query.id.rpartition(":")[0]


def _found(engine: Engine, text: EncodedPart, place: Mapping[str, int]) -> dict[int, Candidate]:
    request = EncodedRequest({"text": [text]}, {}, text.words, engine.layout)
    only_words = {**dict.fromkeys(WEIGHTS, 0.0), KEYWORD: 1.0}
    matches = retrieve(engine.index, request.weighted(only_words), candidates=len(place)).matches
    return {place[match.candidate.id]: match.candidate for match in matches}


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where each question finds its right item, by one way to fuse on one gallery."""

    way: Way
    loss: float
    values: Floats
    """(n, 7, 7): by pattern of query and item the rank, from 1; NaN where the stamp lacks a part.
    Equal scores count against the right item."""


Scores = tuple[Floats, Floats]
"""Of the other items, (n, items), -∞ for those that are taken out; and of the right one, (n,)."""
Table = dict[tuple[int, int], Scores]
"""By pattern of query and item. The right item's score is NaN where there is no such question."""


def run(
    stamps: Stamps,
    questions: Questions,
    losses: Sequence[float] = LOSSES,
    names: Sequence[str] = LEARNT,
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Ranks]:
    """Yield the ranks by each way to fuse: a quarter of an hour with all networks."""
    views = _views(questions, stamps.gallery)
    for loss in losses:
        searched = losing(stamps.gallery, loss)
        say(f"{label(loss)}: block fusion")
        blocks = Blocks(questions, searched, views)
        for way, values in blocks.ranks.items():
            yield Ranks(way, loss, values)
        examples, items = stamps.examples(loss), features_of(searched)
        fold = folds(examples)
        for name in names:
            ranks: dict[Way, Floats] = {}
            for each in range(FOLDS):
                say(f"{label(loss)}: {name}, fold {each + 1} of {FOLDS}")
                mine = fold[questions.rows] == each
                training = examples.rows(fold != each)
                if name in NETWORKS:
                    model = trained(name, training, seed)
                    strategy: Strategy = LearnedFusion.of(model, questions.layout)
                    learnt = Learnt.of(questions.layout, [model])
                    served = Blocks(questions, searched, views, learnt, mine)
                    for worded in (False, True):
                        found = served.ranks[Way(SUM, worded)]
                        ranks.setdefault(Way(f"block + {name}", worded), found)[mine] = found[mine]
                else:
                    (strategy,) = fitted(name, training, seed)
                alone = by_strategy(strategy, questions, items, views)
                for worded in (False, True):
                    table = beside_words(alone, blocks.words) if worded else alone
                    found = ranked(table, len(questions))
                    ranks.setdefault(Way(name, worded), found)[mine] = found[mine]
            for way, values in ranks.items():
                yield Ranks(way, loss, values)


def ranked(table: Table, count: int) -> Floats:
    """The rank of the right item of each question in each cell, (n, 7, 7)."""
    ranks = np.full((count, len(PATTERNS), len(PATTERNS)), np.nan)
    for (query, item), (others, right) in table.items():
        better = (others >= right[:, None]).sum(axis=1)
        ranks[:, query, item] = np.where(np.isnan(right), np.nan, 1.0 + better)
    return ranks


def _views(questions: Questions, gallery: Gallery) -> list[Features]:
    """By pattern the right item of each question with no other parts, (n,)."""
    whole = features_of(gallery).rows(questions.rows)
    return [whole.only(pattern) for pattern in PATTERNS]


def _asks(questions: Questions, pattern: Pattern) -> Mask:
    """Which questions have all of these parts, (n,)."""
    return np.array([set(pattern) <= set(parts) for parts in questions.parts])


def _has(view: Features, pattern: Pattern) -> Mask:
    """Which right items have all of these parts, (n,)."""
    mask: Mask = np.all([view.has(part) for part in pattern], axis=0)
    return mask


def by_strategy(
    strategy: Strategy, questions: Questions, items: Features, views: Sequence[Features]
) -> Table:
    """What a strategy that makes one vector of an item says of each."""
    fused, right = strategy.fuse(items), [strategy.fuse(view) for view in views]
    table: Table = {}
    for query, pattern in enumerate(PATTERNS):
        asks = _asks(questions, pattern)
        vectors = np.zeros((len(questions), strategy.dims), np.float32)
        vectors[asks] = strategy.fuse_query(questions.features.rows(asks).only(pattern))
        others = (vectors @ fused.T).astype(np.float64)
        others[questions.equal] = -np.inf
        for item, view in enumerate(views):
            own = (vectors * right[item]).sum(axis=1).astype(np.float64)
            own[~(asks & _has(view, PATTERNS[item]))] = np.nan
            table[query, item] = others, own
    return table


def beside_words(table: Table, words: Table) -> Table:
    """The same with words, of the weight that they have in search."""
    return {
        cell: _mean(table[cell], words[cell], WEIGHTS[KEYWORD] / _weight(PATTERNS[cell[0]]))
        for cell in words
    }


def _weight(pattern: Pattern) -> float:
    """The weights of a query that has words, together."""
    return WEIGHTS[KEYWORD] + sum(WEIGHTS[part] for part in pattern)


def _mean(first: Scores, second: Scores, share: float) -> Scores:
    """The mean of two, of which the second has this share; what is taken out stays out."""
    out = np.isneginf(first[0])
    others = np.full(out.shape, -np.inf)
    others[~out] = (1 - share) * first[0][~out] + share * second[0][~out]
    return others, (1 - share) * first[1] + share * second[1]


class Blocks:
    """Where block fusion finds each right item by each method of search, and the words alone.

    Every item is a candidate. Without words a sum or a product is that of the vectors; ``auto``
    needs words to choose a product.
    """

    def __init__(
        self,
        questions: Questions,
        searched: Gallery,
        views: Sequence[Features],
        learnt: Learnt | None = None,
        asked: Mask | None = None,
    ) -> None:
        """Ask all questions, or some.

        Args:
            questions: what is asked.
            searched: the other items.
            views: by pattern the right items.
            learnt: what a collection has learnt, for the score that it serves: of the sum only.
            asked: which questions, (n,).
        """
        self.ranks: dict[Way, Floats] = {}
        """By way to fuse."""
        self.words: Table = {}
        """What the words say, from 0 to 1; only of queries that have them."""
        self._questions, self._views, self._learnt = questions, views, learnt
        self._methods = _METHODS if learnt is None else _METHODS[:1]
        items = zip(searched.items, self._rows(features_of(searched)), strict=True)
        self._items = [Candidate(item.id, _parts(item), None, {}, row) for item, row in items]
        self._right = [self._rows(view) for view in views]
        for query, pattern in enumerate(PATTERNS):
            able = _asks(questions, pattern) & (True if asked is None else asked)
            for question in np.flatnonzero(able).tolist():
                self._ask(question, query)

    def _rows(self, features: Features) -> list[NDArray[np.float16]]:
        """Fused vectors as the index keeps them."""
        vectors = features.vectors
        fused = vectors if self._learnt is None else self._learnt.extend(vectors)
        return list(fused.astype(np.float16))

    def _ask(self, question: int, query: int) -> None:
        """Ask one question in one pattern, of every pattern of its right item."""
        request = self._questions.request(question, PATTERNS[query])
        if self._learnt is not None:
            request = completed(request, self._learnt)
        candidates = self._candidates(question)
        without = request.weighted({**WEIGHTS, KEYWORD: 0.0}).fused
        signals = measure(without, candidates)
        for name, method in self._methods[:2]:
            scores = combine(without, candidates, signals, method).scores
            for item in range(len(PATTERNS)):
                right = scores[item - len(PATTERNS)]
                self._note(Way(name), question, (query, item), scores, right)
        if "text" not in PATTERNS[query]:
            return
        with_words = request.weighted(WEIGHTS).fused
        signals = measure(with_words, candidates)
        light = [replace(candidate, features=_NOTHING) for candidate in candidates]
        others = np.flatnonzero(~self._questions.equal[question])
        for item in range(len(PATTERNS)):
            rows = np.append(others, len(self._items) + item)
            chosen = [light[row] for row in rows.tolist()]
            some = _some(with_words, signals, rows, chosen)
            for name, method in self._methods:
                scores = np.zeros(len(self._items))
                *scores[others], right = combine(with_words, chosen, some, method).scores
                self._note(Way(name, worded=True), question, (query, item), scores, right)
            scores = np.zeros(len(self._items))
            *scores[others], right = some[0].normalised
            self._note(Way(WORDS, worded=True), question, (query, item), scores, right)

    def _candidates(self, question: int) -> list[Candidate]:
        """Every item, and the right one in each pattern, with what the words say of them."""
        words = self._questions.words[question]
        items = list(self._items)
        for row, match in words.items():
            if "text" in items[row].parts:
                items[row] = replace(items[row], keyword=match.keyword, words=match.words)
        mine = words.get(int(self._questions.rows[question]))
        for pattern, rows in zip(PATTERNS, self._right, strict=True):
            one = Candidate("", frozenset(pattern), None, {}, rows[question])
            if mine is not None and "text" in pattern:
                one = replace(one, keyword=mine.keyword, words=mine.words)
            items.append(one)
        return items

    def _note(
        self, way: Way, question: int, cell: tuple[int, int], scores: Floats, right: float
    ) -> None:
        """Write down the rank, and what the words say."""
        query, item = cell
        if not _has(self._views[item], PATTERNS[item])[question]:
            return
        others = scores[: len(self._items)].copy()
        others[self._questions.equal[question]] = -np.inf
        shape = (len(self._questions), len(PATTERNS), len(PATTERNS))
        ranks = self.ranks.setdefault(way, np.full(shape, np.nan))
        ranks[question, query, item] = 1 + (others >= right).sum()
        if way.name == WORDS:
            empty = np.full((shape[0], len(others)), -np.inf), np.full(shape[0], np.nan)
            kept = self.words.setdefault(cell, empty)
            kept[0][question], kept[1][question] = others, right


def _parts(item: Item) -> frozenset[str]:
    return frozenset(part for part in MODALITIES if item.has(part))


def _some(
    query: FusedQuery, signals: Sequence[Signal], rows: Indices, candidates: Sequence[Candidate]
) -> list[Signal]:
    """What the signals say of some candidates: of words that depends on the best of these."""
    (words,) = measure(replace(query, terms=()), candidates)
    return [
        Signal(
            one.name,
            one.raw[rows],
            words.normalised if one.name == KEYWORD else one.normalised[rows],
            one.weight[rows],
            one.present[rows],
        )
        for one in signals
    ]
