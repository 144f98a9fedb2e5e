"""Self-supervised trials: searches whose answers the items themselves tell.

Three kinds, of which each strategy should find the right item:

* ``text → image`` and every other pair of parts: one part of an item is asked for, and the items
  have the other one only. A caption that the index does not hold should find its picture;
* ``changed text`` and every other part: a noisy copy of a part, among items as they are;
* ``changed, all parts``: noisy copies of all parts of an item, among items of which some lost a
  part.

An item is right if it is of the same group: of equal content, or of one label, as the caller says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Part
from triptych.encoders.cards import Vectors, unit_rows
from triptych.fusion.features import Features, Indices, Mask

_FEWEST = 10
"""Items that a kind of trial needs."""
_QUERIES, _ITEMS = 300, 2000
"""At most so many are drawn."""
_COSINE = 0.7
"""Of a changed part with the part."""
_LOST = 0.3
"""The share of the items with several parts that lost one of them."""


Grouped = tuple[Features, Indices]
"""Items or queries, and the group of each."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Queries of one kind, the items they are asked of, and which of these are right."""

    kind: str
    queries: Features
    items: Features
    relevant: Mask
    """(queries, items); each query has a right item."""


def make_trials(items: Features, groups: Indices, *, seed: int = 0) -> list[Trial]:
    """Make trials of items; ``groups`` (n,) tells which are the same.

    They have what encoders make: each strategy fills a computed block itself.

    Raises:
        InvalidInput: fewer than 10 items have any two parts, or any part at all.
    """
    items = items.base
    if not items.filled.any():
        raise InvalidInput("there are no items to try a strategy on")
    random = np.random.default_rng(seed)
    if len(items) > _ITEMS:
        drawn = np.sort(random.choice(len(items), _ITEMS, replace=False))
        items, groups = items.rows(drawn), groups[drawn]
    trials = [
        *_across(items, groups, random), *_changed(items, groups, random),
        *_changed_all(items, groups, random),
    ]  # fmt: skip
    if not trials:
        raise InvalidInput(f"{len(items)} items are too few to try a strategy on")
    return trials


def _across(items: Features, groups: Indices, random: np.random.Generator) -> Iterator[Trial]:
    for asked, hidden in permutations(items.parts, 2):
        has = _says(items, hidden)
        both = np.flatnonzero(_says(items, asked) & has)
        if len(both) >= _FEWEST:
            queries = items.only([asked]), groups
            answers = items.rows(has).only([hidden]), groups[has]
            yield _trial(f"{asked} → {hidden}", queries, answers, _drawn(both, random))


def _changed(items: Features, groups: Indices, random: np.random.Generator) -> Iterator[Trial]:
    for part in items.parts:
        has = np.flatnonzero(_says(items, part))
        if len(has) >= _FEWEST:
            queries = _noisy(items.only([part]), random), groups
            yield _trial(f"changed {part}", queries, (items, groups), _drawn(has, random))


def _changed_all(items: Features, groups: Indices, random: np.random.Generator) -> Iterator[Trial]:
    several = np.flatnonzero(_parts(items).sum(axis=1) > 1)
    if len(several) >= _FEWEST:
        queries = _noisy(items, random), groups
        answers = losing(items, _LOST, random), groups
        yield _trial("changed, all parts", queries, answers, _drawn(several, random))


def _drawn(able: Indices, random: np.random.Generator) -> Indices:
    """A bounded number of them."""
    if len(able) <= _QUERIES:
        return able
    return np.sort(random.choice(able, _QUERIES, replace=False))


def _trial(kind: str, queries: Grouped, answers: Grouped, asked: Indices) -> Trial:
    relevant: Mask = queries[1][asked][:, None] == answers[1][None, :]
    return Trial(kind, queries[0].rows(asked), answers[0], relevant)


def losing(items: Features, share: float, random: np.random.Generator) -> Features:
    """The items, of which a share of those with several parts lost one of them, drawn."""
    parts = _parts(items)
    several = np.flatnonzero(parts.sum(axis=1) > 1)
    losers = random.permutation(several)[: round(share * len(several))]
    mask = np.ones_like(items.present)
    for row in losers:
        lost = items.parts[random.choice(np.flatnonzero(parts[row]))]
        mask[row] = [block.part != lost for block in items.layout.blocks]
    return items.where(mask)


def _says(items: Features, part: Part) -> Mask:
    """Which items have a filled block of this part."""
    says: Mask = np.any(items.only([part]).filled, axis=1)
    return says


def _parts(items: Features) -> Mask:
    """Which parts each item has, (n, parts)."""
    return np.stack([_says(items, part) for part in items.parts], axis=1)


def _noisy(items: Features, random: np.random.Generator) -> Features:
    """The same with noise in each block, at a cosine of about 0.7 with what it was."""
    changed: Vectors = np.zeros_like(items.vectors)
    for name, where in items.layout.slices.items():
        block = items.block(name)
        noise = unit_rows(random.normal(size=block.shape)) * block.any(axis=1, keepdims=True)
        changed[:, where] = unit_rows(_COSINE * block + np.sqrt(1 - _COSINE**2) * noise)
    return Features(items.layout, changed, items.present)
