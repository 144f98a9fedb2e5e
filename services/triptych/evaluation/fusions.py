"""Ways to fuse, compared on every item of a judged set, so that no list of candidates decides.

Beside those that searches offer there are the simplest ways, and some of the literature, each on
the same signals of the same queries:

* ``words + picture``: BM25 and the other parts, without the vector of the text.
* ``mean``: the mean of what the shared parts say, each counting alike (Bjorgaard, arXiv
  2403.20280).
* ``centred``: every block less its mean over the items, queries alike, then the same mean (GR-CLIP,
  arXiv 2507.19054).
* ``standardised``: what a part says, less the mean of what it says of the best item of each
  training query, over the deviation of that (after arXiv 2511.22141).
* ``tuned``: one weight of the text against the other parts, the best on the training half (Bruch et
  al., TOIS 2023).
* ``oracle``: that weight, the best for each query: no method, but a bound.

Differences are paired by query; their intervals are the 2.5 and 97.5 % points of a bootstrap.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors, unit_rows
from triptych.encoders.scales import UNIT
from triptych.engine import Engine
from triptych.evaluation.galleries import (
    COLLECTION,
    LOSSES,
    Gallery,
    fill,
    label,
    losing,
)
from triptych.evaluation.judged import Judged
from triptych.evaluation.metrics import Floats, interval
from triptych.evaluation.queries import (
    EncodedQuery,
    EncodedSet,
    answer,
    encode_set,
    retrieve,
)
from triptych.evaluation.ranking import gain, ndcg
from triptych.fusion.blocks import Layout
from triptych.fusion.query import AGAINST, KEYWORD, WEIGHTS, FusedQuery, Term
from triptych.fusion.scores import Method, combine
from triptych.fusion.signals import Candidate, Signal, measure
from triptych.index.documents import parts, unpack_features
from triptych.index.model import SearchIndex

OFFERED: tuple[Method, ...] = ("linear", "product", "auto", "rrf", "dbsf")
REFERENCE = "linear"
"""What the others are compared with."""
ORACLE = "oracle"
_SHARES = np.linspace(0, 1, 21)
_DEPTH = 10
_TIE = 1e-9


@dataclass(frozen=True)
class Compared:
    """nDCG@10 of one way to fuse, for one kind of queries on one gallery."""

    set: str
    gallery: str
    kind: str
    way: str
    value: float
    low: float
    high: float
    gain: float
    """The mean difference from ``linear``."""
    gain_low: float
    gain_high: float
    queries: int
    recall: float | None = None
    """Of ways that searches offer: how many of the best ten of all items are among the candidates
    that a search of ten hits gets from the index."""


@dataclass(frozen=True)
class Asked:
    """A query, and what its signals say of every item."""

    encoded: EncodedQuery
    query: FusedQuery
    items: Sequence[Candidate]
    grades: Mapping[str, int]
    found: Mapping[Method, Collection[str]]
    """By way to fuse, the candidates of a search."""

    @cached_property
    def signals(self) -> list[Signal]:
        """Those that searches combine."""
        return measure(self.query, self.items)

    def offered(self, method: Method) -> Floats:
        """The scores of a search."""
        return combine(self.query, self.items, self.signals, method).scores

    @cached_property
    def positive(self) -> dict[str, list[Signal]]:
        """By part of the query the signals of what items are to be like."""
        by_part: dict[str, list[Signal]] = {}
        for signal in self.signals:
            if not signal.name.startswith(AGAINST):
                part = "text" if signal.name == KEYWORD else signal.name
                by_part.setdefault(part, []).append(signal)
        return by_part

    def recall(self, method: Method) -> float:
        """How many of the first ten are candidates; equals of the tenth are as right.

        What has no score above 0 answers nothing.
        """
        scores = self.offered(method)
        tenth = np.sort(scores)[-_DEPTH:].min()
        best = np.flatnonzero((scores >= tenth - _TIE) & (scores > 0))
        expected = min(_DEPTH, len(best))
        found = {self.rows[item] for item in self.found[method]}
        return min(len(found.intersection(best.tolist())), expected) / (expected or 1)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each item."""
        return {item.id: row for row, item in enumerate(self.items)}

    def ndcg(self, scores: Floats) -> float:
        """nDCG@10 of these scores, equals in the order of the items."""
        first = np.argsort(-scores, kind="stable")[:_DEPTH]
        grades = [self.grades.get(self.items[row].id, 0) for row in first]
        return ndcg(grades, [*self.grades.values()])


Ways = Mapping[str, Callable[[Asked], Floats | None]]
"""By name what makes scores of all items; None where nothing is left of a query."""


@dataclass(frozen=True)
class Values:
    """nDCG@10 of every query of a kind on a gallery, by each way to fuse."""

    set: str
    gallery: str
    kind: str
    queries: Sequence[str]
    """Their ids."""
    ways: Mapping[str, Floats]
    """(queries,) each."""
    recalls: Mapping[str, float]
    """Of ways that searches offer."""


def compare(judged: Judged, engine: Engine) -> Iterator[Compared]:
    """Yield figures gallery by gallery. Uses and drops the engine's collection ``judged``.

    Raises:
        InvalidInput: an item or query of the set can't be encoded, or has no other half.
        IndexUnavailable, WeightsError: as index and encoders do.
    """
    for some in measured(encode_set(engine, judged), engine):
        for way, each in some.ways.items():
            yield Compared(
                some.set,
                some.gallery,
                some.kind,
                way,
                *interval(each),
                *gain(each, some.ways[REFERENCE]),
                len(each),
                some.recalls.get(way),
            )


def measured(
    encoded: EncodedSet,
    engine: Engine,
    more: Callable[[float], Ways] | None = None,
    *,
    only: Collection[Method] = (),
    recalls: bool = True,
) -> Iterator[Values]:
    """Yield the values of held-out queries, gallery by gallery and kind by kind.

    Args:
        encoded: the judged set.
        engine: whose collection ``judged`` is used and dropped.
        more: by the loss of a gallery more ways to fuse.
        only: these ways of searches, and no others.
        recalls: whether to search as well, for what candidates hold of the best ten. It takes most
            of the time.
    """
    learnt: Learnt | None = None
    grades = encoded.judged.grades
    for loss in LOSSES:
        poorer = losing(encoded.gallery, loss)
        fill(engine, poorer)
        try:
            items = Items(poorer, engine.index)
            if learnt is None and not only:  # on the whole gallery
                training = encoded.queries["training"]
                learnt = Learnt([items.ask(query, grades, methods=()) for query in training])
            methods = OFFERED if recalls else ()
            asked = [
                items.ask(query, grades, methods=methods) for query in encoded.queries["held-out"]
            ]
        finally:
            engine.index.drop(COLLECTION)
        ways = {**_ways(items, learnt, only), **(more(loss) if more else {})}
        by_kind = sorted(asked, key=lambda one: one.encoded.query.kind)
        for kind, group in groupby(by_kind, key=lambda one: one.encoded.query.kind):
            yield _values(encoded.judged.name, label(loss), kind, list(group), ways)


def _ways(items: "Items", learnt: "Learnt | None", only: Collection[Method]) -> Ways:
    offered: Ways = {
        method: lambda one, method=method: one.offered(method)  # type: ignore[misc]
        for method in only or OFFERED
    }
    if learnt is None:
        return offered
    return {
        **offered,
        "words + picture": without_text_vector,
        "mean": mean_of_parts,
        "centred": items.centred,
        "standardised": learnt.standardised,
        "tuned": lambda one: shared(one, learnt.share),
        ORACLE: best_share,
    }


def _values(name: str, gallery: str, kind: str, asked: Sequence[Asked], ways: Ways) -> Values:
    values = {
        way: np.array([_value(one, fuse(one)) for one in asked]) for way, fuse in ways.items()
    }
    recalls: dict[str, float] = {
        way: float(np.mean([one.recall(way) for one in asked])) for way in asked[0].found
    }
    return Values(name, gallery, kind, [one.encoded.query.id for one in asked], values, recalls)


def _value(asked: Asked, scores: Floats | None) -> float:
    return 0.0 if scores is None else asked.ndcg(scores)


class Items:
    """The items of a gallery as candidates, all of them for every query."""

    def __init__(self, gallery: Gallery, index: SearchIndex) -> None:
        documents = gallery.documents()
        self._layout = gallery.layout
        self._index = index
        features = [unpack_features(entry.get("features"), self._layout) for entry in documents]
        self._candidates = [
            Candidate(entry["id"], parts(entry), None, {}, vector)
            for entry, vector in zip(documents, features, strict=True)
        ]
        self._rows = {candidate.id: row for row, candidate in enumerate(self._candidates)}
        self._means = _means(np.stack(features).astype(np.float32), self._layout)
        self._less_means = [_centred(row, self._means, self._layout) for row in features]

    def ask(
        self,
        encoded: EncodedQuery,
        grades: Mapping[str, Mapping[str, int]],
        *,
        methods: Sequence[Method] = OFFERED,
    ) -> Asked:
        """A query and every item; the index holds the gallery.

        It is searched by these methods, too, to tell the candidates of each.
        """
        items = list(self._candidates)
        query = encoded.encoded.weighted(WEIGHTS)
        if encoded.encoded.words.should:
            for match in retrieve(self._index, query, candidates=len(items)).matches:
                row = self._rows[match.candidate.id]
                items[row] = replace(
                    items[row], keyword=match.candidate.keyword, words=match.candidate.words
                )
        found = {
            method: [match.candidate.id for match in answer(self._index, query, method)[0].matches]
            for method in methods
        }
        return Asked(encoded, query.fused, items, grades[encoded.query.id], found)

    def centred(self, asked: Asked) -> Floats:
        """The mean of what the parts say where every block is less its mean."""
        terms = tuple(
            replace(term, vector=self._less_mean(term), bounds=UNIT) for term in asked.query.terms
        )
        items = [
            replace(item, features=row)
            for item, row in zip(asked.items, self._less_means, strict=True)
        ]
        query = replace(asked.query, terms=terms)
        return mean_of_parts(replace(asked, query=query, items=items))

    def _less_mean(self, term: Term) -> Vectors:
        """The vector of a term less the mean of its own kind: of texts, or of the block."""
        block = "semantic" if term.signal.removeprefix(f"{AGAINST}.") == "text" else term.block
        mean = self._means.get(block)
        if mean is None or mean.shape != term.vector.shape:
            return term.vector
        centred: Vectors = unit_rows((term.vector - mean)[None])[0]
        return centred


def _means(features: Vectors, layout: Layout) -> dict[str, Vectors]:
    """The mean of each block over the items that have it."""
    means = {}
    for name, where in layout.slices.items():
        rows = features[:, where]
        has = rows.any(axis=1)
        if has.any():
            means[name] = rows[has].mean(axis=0)
    return means


def _centred(
    features: NDArray[np.floating], means: Mapping[str, Vectors], layout: Layout
) -> Vectors:
    centred = np.zeros(features.shape, np.float32)
    for name, mean in means.items():
        block = features[layout.slices[name]].astype(np.float32)
        if block.any():
            centred[layout.slices[name]] = unit_rows((block - mean)[None])[0]
    return centred


def without_text_vector(asked: Asked) -> Floats | None:
    """The sum without the vector of the text; None where nothing is left."""
    left = [signal for signal in asked.signals if signal.name != "text"]
    if not left:
        return None
    scores: Floats = np.sum([_said(signal) * signal.weight for signal in left], axis=0)
    return scores


def mean_of_parts(asked: Asked) -> Floats:
    """The mean over the parts that query and item share."""
    said, has = _by_part(asked)
    shares = has.sum(axis=0)
    mean: Floats = np.divide(said.sum(axis=0), shares, out=np.zeros_like(shares), where=shares > 0)
    return mean


def shared(asked: Asked, share: float) -> Floats:
    """The text with this share of the weight, the other parts with the rest; missing is 0."""
    scores = np.zeros(len(asked.items))
    for part, signals in asked.positive.items():
        weight = share if part == "text" else 1 - share
        scores += weight * _mean(signals)
    return scores


def best_share(asked: Asked) -> Floats:
    """The scores of the share that is best for this query, which only its answer tells."""
    return max((shared(asked, share) for share in _SHARES), key=asked.ndcg)


def _by_part(asked: Asked) -> tuple[Floats, Floats]:
    """What each part says, 0 where an item lacks it, and whether it has it; (parts, items)."""
    said = np.stack([_mean(signals) for signals in asked.positive.values()])
    has = np.stack(
        [np.any([signal.present for signal in s], axis=0) for s in asked.positive.values()]
    )
    return said, has.astype(np.float64)


def _said(signal: Signal) -> Floats:
    return np.where(signal.present, signal.normalised, 0.0)


def _mean(signals: Sequence[Signal]) -> Floats:
    """What some signals of one part say together."""
    total = np.sum([_said(signal) * signal.weight for signal in signals], axis=0)
    weight = np.sum([signal.weight for signal in signals], axis=0)
    mean: Floats = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return mean


class Learnt:
    """What is learnt from the queries of the training half."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.share = max(
            _SHARES, key=lambda share: np.mean([one.ndcg(shared(one, share)) for one in asked])
        )
        best: dict[str, list[float]] = {}
        for one in asked:
            for part, signals in one.positive.items():
                best.setdefault(part, []).append(float(_mean(signals).max()))
        self._scales = {
            part: (float(np.mean(each)), float(np.std(each)) or 1.0) for part, each in best.items()
        }

    def standardised(self, asked: Asked) -> Floats:
        """The mean over the shared parts of what each says, standardised by its best items."""
        said, has = _by_part(asked)
        for row, part in enumerate(asked.positive):
            mean, deviation = self._scales.get(part, (0.0, 1.0))
            said[row] = has[row] * (said[row] - mean) / deviation
        shares = has.sum(axis=0)
        last = np.full_like(shares, -np.inf)
        mean_of_shared: Floats = np.divide(said.sum(axis=0), shares, out=last, where=shares > 0)
        return mean_of_shared
