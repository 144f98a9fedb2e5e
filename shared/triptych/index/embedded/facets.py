"""Facets: counts of values, and of ranges, among some of the items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from triptych.index.embedded.conditions import values, within
from triptych.index.embedded.view import KINDS, Mask, View
from triptych.index.model import Counts, Facet


def counted(view: View, facets: Sequence[Facet], among: Mask) -> dict[str, Counts]:
    """The counts of each facet, by field, among some of the items."""
    return {facet.field: _counts(view, facet, among) for facet in facets}


def _counts(view: View, facet: Facet, among: Mask) -> Counts:
    if facet.ranges:
        return [
            {
                **{name: value for name, value in vars(bounds).items() if value is not None},
                "count": int(np.count_nonzero(within(view, facet.field, bounds) & among)),
            }
            for bounds in facet.ranges
        ]
    counts: list[dict[str, Any]] = [
        {"value": bool(value) if kind == "boolean" else value, "count": count}
        for kind in KINDS
        for value, rows in values(view, facet.field, kind)
        if (count := int(np.count_nonzero(among[rows])))
    ]
    # They come by kind and value, and equals stay so.
    return sorted(counts, key=lambda count: -count["count"])[: facet.size]
