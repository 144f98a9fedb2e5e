"""Scores that mean "and": a product of what the parts of a query say, with exact shares.

A sum is right where the parts say the same twice, as a caption and its picture do. It is wrong
where they add to each other, as in *this picture, but blue*: a strong match of the words then makes
up for a picture that has nothing to do with what was shown. With ``u`` from 0 to 1 for each part
that query and item share, ``w`` its weight and ``W`` the sum of these weights,

    score = (exp(Σ w · log(u + c) / W) − c) · W ** (1 − α)

which is a weighted geometric mean, smoothed so that one bad part does not erase the others. It is 0
where every part says nothing and 1 where all are perfect. An item that lacks a part competes on the
others, under the same divisor as in the sum.

``u`` of the text is the larger of two: the share of the query's words that the item has, and what
its meaning says. For the other parts it is the square root of the signal. Both were measured
(docs/decisions/0014-and.md).

The shares of the signals are Shapley values (``fusion.shapley``): what a signal adds, averaged over
all orders in which the signals could be added. They sum to the score.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from triptych.fusion.query import AGAINST, KEYWORD, WORDED, FusedQuery
from triptych.fusion.shapley import shapley_values
from triptych.fusion.signals import Candidate, Floats, Signal

SMOOTHING = 0.1
"""``c``: the smaller, the more a bad part costs."""
_AGREEMENT = 0.75
"""Of an item that is less good than this by one of the parts it is not sure that it was meant."""
_TIE = 1e-9
_COVERAGE = 0.8
"""The least share of the query's words that one candidate must have."""


class Product:
    """The product over all candidates."""

    def __init__(
        self, query: FusedQuery, candidates: Sequence[Candidate], signals: Sequence[Signal]
    ) -> None:
        self.values = {
            signal.name: _value(query, candidates, signal)
            for signal in signals
            if not signal.name.startswith(AGAINST)
        }
        """By signal ``u``, float64 (candidates,)."""
        worded = np.array([bool(candidate.shared & WORDED) for candidate in candidates])
        self._weights: dict[str, Floats] = {}
        for signal in signals:
            if signal.name in self.values:
                there = worded if signal.name == KEYWORD else signal.present
                part, weight = _part(signal.name), np.where(there, signal.weight, 0.0)
                self._weights[part] = self._weights.get(part, 0.0) + weight
        self._mass = np.sum(list(self._weights.values()), axis=0)
        self.scores = self.score_by(frozenset(self.values))
        """float64 (candidates,)."""

    def score_by(self, known: frozenset[str]) -> Floats:
        """The score if only these signals said anything."""
        logarithms = np.zeros_like(self._mass)
        for part, weight in self._weights.items():
            of_part = [
                u for name, u in self.values.items() if _part(name) == part and name in known
            ]
            value = reduce(np.maximum, of_part, np.zeros_like(self._mass))
            logarithms += weight * np.log(value + SMOOTHING)
        mean = np.divide(
            logarithms, self._mass, out=np.zeros_like(logarithms), where=self._mass > 0
        )
        return np.where(self._mass > 0, (np.exp(mean) - SMOOTHING) * self._mass, 0.0)

    def contributions(self) -> Mapping[str, Floats]:
        """By signal its share of each score; together they are the score."""
        return shapley_values(self.values, self.score_by)


def _part(signal: str) -> str:
    """The part of the query that a signal belongs to: words are text."""
    return "text" if signal == KEYWORD else signal


def _value(query: FusedQuery, candidates: Sequence[Candidate], signal: Signal) -> Floats:
    if signal.name == KEYWORD:
        return np.array([query.share(candidate.words) for candidate in candidates])
    there = np.where(signal.present, signal.normalised, 0.0)
    return there if signal.name == "text" else np.sqrt(there)


def parts_add(
    query: FusedQuery, candidates: Sequence[Candidate], signals: Sequence[Signal]
) -> bool:
    """Whether the parts of a query add to each other, so that items are to fit all of them.

    They do if one candidate has all the words of the query, but none is good by every part: what
    the picture finds lacks the words, and what the words find is not like the picture. How good an
    item is by a part is relative to the best one. Candidates that lack a part say nothing of this;
    if the words find such a one first, it may be just the item that was meant.
    """
    positive = [signal for signal in signals if not signal.name.startswith(AGAINST)]
    parts = positive_parts(signals)
    worded = any(signal.name == KEYWORD for signal in positive)
    if not worded or len(parts) == 1:
        return False
    if max(query.share(candidate.words) for candidate in candidates) < _COVERAGE:
        return False
    whole = np.array([parts <= candidate.parts for candidate in candidates])
    if not whole.any():
        return False
    agreement = np.ones(len(candidates))
    for part in parts:
        has = np.array([part in candidate.parts for candidate in candidates])
        good = _mean([signal for signal in positive if _part(signal.name) == part])
        best = has & (good >= good[has].max(initial=0.0) - _TIE)
        if part == "text" and not (best & whole).any():
            return False
        agreement = np.minimum(agreement, good / (good[whole].max() or 1.0))
    return bool(agreement[whole].max() < _AGREEMENT)


def positive_parts(signals: Sequence[Signal]) -> frozenset[str]:
    """The parts of a query that items are to be like."""
    return frozenset(_part(s.name) for s in signals if not s.name.startswith(AGAINST))


def _mean(signals: Sequence[Signal]) -> Floats:
    """What some signals say together, as they do in a sum; 0 where they say nothing."""
    said: Floats = np.sum(
        [np.where(s.present, s.weight * s.normalised, 0.0) for s in signals], axis=0
    )
    weight = np.sum([s.weight for s in signals], axis=0)
    mean: Floats = np.divide(said, weight, out=np.zeros_like(said), where=weight > 0)
    return mean
