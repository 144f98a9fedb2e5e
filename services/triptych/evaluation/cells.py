"""What the cells of ``patterns`` say: figures, what is sure, and where fusion hurts.

Intervals are the 2.5 and 97.5 % points of a bootstrap over stamps, the same draws for all cells.
Three families of comparisons are corrected by Holm's procedure, each as a whole: every cell of
every way to fuse with the sum; the means over groups of cells with those of the sum; every cell of
a query of several parts with each of its single signals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triptych.evaluation.galleries import label
from triptych.evaluation.metrics import Floats, Mask
from triptych.evaluation.patterns import AUTO, PATTERNS, SUM, WORDS, Ranks, Way
from triptych.evaluation.ranking import DEPTH
from triptych.evaluation.significance import FLIPS, LEVEL, holm, p_values
from triptych.fusion.measures import RESAMPLES

TEXT_AND_WORDS = "text and words"
FEWEST = 20
"""A cell of fewer queries has no figure."""
_CELLS = len(PATTERNS) ** 2
Key = tuple[Way, float]
Json = dict[str, Any]


def ndcg(ranks: Floats) -> Floats:
    """nDCG@10 where one item is right, NaN where there is no rank."""
    found = np.where(ranks <= DEPTH, 1 / np.log2(1 + ranks), 0.0)
    return np.where(np.isnan(ranks), np.nan, found)


GROUPS: Mapping[str, Mask] = {
    name: np.array([
        [_kind == name for item in PATTERNS for _kind in [(
            "all parts" if set(query) <= set(item)
            else "some parts" if set(query) & set(item)
            else "no part")]]
        for query in PATTERNS
    ])
    for name in ("all parts", "some parts", "no part")
}  # fmt: skip
"""By how much of the query the right item has: which cells, (7, 7)."""


def summary(found: Sequence[Ranks]) -> Json:
    """All that is known of the cells, as JSON: lists are row by row, by pattern of the query."""
    by_key: dict[Key, Floats] = {(one.way, one.loss): _flat(one.values) for one in found}
    values = {key: ndcg(ranks) for key, ranks in by_key.items() if key[0].name != WORDS}
    counts = np.max([(~np.isnan(one)).sum(axis=0) for one in values.values()], axis=0)
    enough = counts >= FEWEST
    return {
        "patterns": [list(pattern) for pattern in PATTERNS],
        "queries": counts.tolist(),
        "fewest": FEWEST,
        "ways": _figures(by_key, values, enough),
        "groups": _groups(values, enough),
        "hurts": _hurts({key: ndcg(ranks) for key, ranks in by_key.items()}, enough),
    }


def _flat(values: Floats) -> Floats:
    return values.reshape(len(values), _CELLS)


def _name(key: Key) -> Json:
    way, loss = key
    return {"way": way.name, "words": way.worded, "gallery": label(loss)}


def _reference(key: Key) -> Key:
    return Way(SUM, key[0].worded), key[1]


def _draws(count: int) -> Floats:
    """How often each stamp is in each bootstrap, (resamples, count); the same for all cells."""
    picked = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    return np.stack([np.bincount(row, minlength=count) for row in picked]).astype(np.float64)


def _resampled(values: Floats, draws: Floats) -> Floats:
    """The mean of each column in each bootstrap over its queries, (resamples, columns)."""
    has = (~np.isnan(values)).astype(np.float64)
    means: Floats = (draws @ np.nan_to_num(values)) / np.maximum(draws @ has, 1)
    return means


def _bounds(resampled: Floats) -> Floats:
    """The 2.5 and 97.5 % points of each column, (2, columns)."""
    bounds: Floats = np.percentile(resampled, [2.5, 97.5], axis=0)
    return bounds


def _figures(ranks: Mapping[Key, Floats], values: Mapping[Key, Floats], enough: Mask) -> list[Json]:
    draws = _draws(len(next(iter(values.values()))))
    compared = {
        key: values[key] - values[_reference(key)] for key in values if key != _reference(key)
    }
    corrected = _corrected({key: np.where(enough, one, np.nan) for key, one in compared.items()})
    figures = []
    for key, each in values.items():
        low, high = _bounds(_resampled(each, draws))
        figure = {
            **_name(key),
            "ndcg": _listed(_mean(each), enough),
            "low": _listed(low, enough & _any(each)),
            "high": _listed(high, enough & _any(each)),
            "recall": _listed(_mean(np.where(np.isnan(each), np.nan, each > 0)), enough),
            "mrr": _listed(_mean(1 / ranks[key]), enough),
        }
        if key in compared:
            low, high = _bounds(_resampled(compared[key], draws))
            figure |= {
                "gain": _listed(_mean(compared[key]), enough),
                "gain low": _listed(low, enough & _any(each)),
                "gain high": _listed(high, enough & _any(each)),
                "p": _listed(corrected[key], enough & _any(each), digits=4),
            }
        figures.append(figure)
    return figures


def _corrected(differences: Mapping[Key, Floats]) -> dict[Key, Floats]:
    """Holm's p of all columns of all of them, NaN where there is nothing to compare."""
    table = np.concatenate([*differences.values()], axis=1)
    able = _any(table)
    corrected = np.full(table.shape[1], np.nan)
    corrected[able] = holm(p_values(table[:, able]))
    ends = np.cumsum([one.shape[1] for one in differences.values()])[:-1]
    return dict(zip(differences, np.split(corrected, ends), strict=True))


def _any(values: Floats) -> Mask:
    """Which columns have a value."""
    mask: Mask = np.any(~np.isnan(values), axis=0)
    return mask


def _mean(values: Floats) -> Floats:
    """The mean of each column, NaN where it has none."""
    count = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    mean: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean


def _listed(values: Floats, where: Mask, digits: int = 3) -> list[float | None]:
    """Rounded, None where there is nothing."""
    return [
        round(float(value), digits) if able and not np.isnan(value) else None
        for value, able in zip(values, where, strict=True)
    ]


def _groups(values: Mapping[Key, Floats], enough: Mask) -> list[Json]:
    """The means over cells of a kind: of each way, without words and with them."""
    draws = _draws(len(next(iter(values.values()))))
    cells = {name: mask.ravel() & enough for name, mask in GROUPS.items()}
    cells["every cell"] = enough
    means, linear = {}, {}
    for key, each in values.items():
        resampled = _resampled(each, draws)
        for name, mask in cells.items():
            some = mask & _any(each)
            means[key, name] = (
                float(_mean(each)[some].mean()),
                _bounds(resampled[:, some].mean(axis=1)[:, None])[:, 0],
            )
            if key != _reference(key):
                # Each stamp's part of the difference of means: they sum to it.
                difference = each[:, some] - values[_reference(key)][:, some]
                shares = difference / (~np.isnan(difference)).sum(axis=0)
                linear[key, name] = np.nansum(shares, axis=1) / some.sum()
    corrected = holm(p_values(np.stack([*linear.values()], axis=1)))
    p = dict(zip(linear, corrected.tolist(), strict=True))
    return [
        {
            **_name(key),
            "cells": name,
            "count": int((cells[name] & _any(values[key])).sum()),
            "ndcg": round(mean, 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
            **(
                {"gain": round(float(linear[key, name].sum()), 3), "p": round(p[key, name], 4)}
                if (key, name) in p
                else {}
            ),
        }
        for (key, name), (mean, (low, high)) in means.items()
    ]


def _hurts(values: Mapping[Key, Floats], enough: Mask) -> list[Json]:
    """The cells in which a query of several parts finds surely less than a part of it alone.

    A way to fuse is compared with itself: with each part alone, and where it has words, with the
    words alone and the text without them. Of the singles that are surely better the best is told.
    """
    compared = [one for key in values for one in _compared(key, values, enough)]
    table = np.stack([one.differences for one in compared], axis=1)
    p = holm(p_values(table, flips=2 * FLIPS))
    low, high = _bounds(_resampled(table, _draws(len(table))))
    loss = _mean(table)
    worst: dict[tuple[Key, int, int], Json] = {}
    for place in np.argsort(loss).tolist():
        one = compared[place]
        if loss[place] < 0 and p[place] < LEVEL:
            worst.setdefault(
                (one.key, one.query, one.item),
                {
                    "query": one.query,
                    "item": one.item,
                    "single": one.single,
                    "fused": round(one.fused, 3),
                    "loss": round(float(loss[place]), 3),
                    "low": round(float(low[place]), 3),
                    "high": round(float(high[place]), 3),
                    "p": round(float(p[place]), 4),
                },
            )
    return [
        {
            **_name(key),
            "tried": len({(one.query, one.item) for one in compared if one.key == key}),
            "comparisons": len(compared),
            "cases": [case for (other, _, _), case in worst.items() if other == key],
        }
        for key in dict.fromkeys(one.key for one in compared)
    ]


@dataclass(frozen=True, eq=False)
class _Compared:
    """A cell of a query of several parts, and one of its single signals."""

    key: Key
    single: str
    query: int
    item: int
    fused: float
    differences: Floats
    """By stamp how much more the whole query finds, NaN where there is no such question."""


def _compared(key: Key, values: Mapping[Key, Floats], enough: Mask) -> Iterator[_Compared]:
    if key[0].name == WORDS:
        return
    for single, other, row in _singles(key):
        for query, pattern in enumerate(PATTERNS):
            if len(pattern) == 1 or _part(single) not in pattern:
                continue
            for item in range(len(PATTERNS)):
                ours = values[key][:, query * len(PATTERNS) + item]
                if enough[query * len(PATTERNS) + item] and not np.isnan(ours).all():
                    alone = values[other][:, row * len(PATTERNS) + item]
                    yield _Compared(key, single, query, item, float(np.nanmean(ours)), ours - alone)


def _singles(key: Key) -> list[tuple[str, Key, int]]:
    """The single signals of a way: their name, and the key and the row of their values.

    Without words ``auto`` is the sum.
    """
    way, loss = key
    vectors = Way(SUM if way.name == AUTO else way.name), loss
    parts = [(PATTERNS[row][0], vectors, row) for row in range(3)]
    worded = [(TEXT_AND_WORDS, key, 0), (WORDS, (Way(WORDS, worded=True), loss), 0)]
    return parts + (worded if way.worded else [])


def _part(single: str) -> str:
    """The part of the query that a single signal is of."""
    return "text" if single in {WORDS, TEXT_AND_WORDS} else single
