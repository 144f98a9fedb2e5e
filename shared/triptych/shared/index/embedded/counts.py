"""Facets: counts of values, and of ranges, among some of the items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from triptych.shared.index.embedded.conditions import KINDS, values, within
from triptych.shared.index.embedded.state import Mask
from triptych.shared.index.embedded.store import View
from triptych.shared.index.filters import Facet
from triptych.shared.index.protocol import Counts


def counted(view: View, facets: Sequence[Facet], among: Mask) -> dict[str, Counts]:
    """The counts of each facet, by field."""
    return {facet.field: _counts(view, facet, among) for facet in facets}


def _counts(view: View, facet: Facet, among: Mask) -> Counts:
    if facet.ranges:
        return [
            {
                **{name: value for name, value in vars(asked).items() if value is not None},
                "count": int(np.count_nonzero(within(view, facet.field, asked) & among)),
            }
            for asked in facet.ranges
        ]
    counts: list[dict[str, Any]] = [
        {"value": bool(value) if kind == "boolean" else value, "count": count}
        for kind in KINDS
        for value, places in values(view, facet.field, kind)
        if (count := int(np.count_nonzero(among[places])))
    ]
    # They come by kind and value, and equals stay so.
    return sorted(counts, key=lambda count: -count["count"])[: facet.size]
