"""The plots of the page."""

from collections.abc import Sequence

from triptych.evaluation.page.cells import GROUPS, figures_of, letters, mark, names_of
from triptych.evaluation.page.judged import by_judged
from triptych.evaluation.page.numbers import GALLERIES, WHOLE, Json, called
from triptych.evaluation.svg import HeatMap, Line, Plot, heat_maps, plots

_SHOWN = ("sum", "product", "mean", "weighted", "attention", "block + attention")
"""The ways that the plot of losses shows."""


def pictures(known: Json) -> dict[str, str]:
    """Every plot as SVG, by its file's name."""
    return {
        "fusion-cells.svg": cells_picture(known["patterns"]),
        "fusion-losses.svg": losses_picture(known["patterns"]),
        "fusion-judgements.svg": judgements_picture(known["judgements"]),
    }


def cells_picture(known: Json) -> str:
    """Heat maps of the cells by way, on the whole gallery."""
    names = [letters(pattern) for pattern in known["patterns"]]
    size = len(names)
    maps = []
    for way in names_of(known, words=False):
        figure = figures_of(known, way, WHOLE, words=False)
        marks = [mark(figure, cell) for cell in range(size**2)]
        maps.append(
            HeatMap(
                called(way, words=False),
                [figure["ndcg"][row * size : (row + 1) * size] for row in range(size)],
                [marks[row * size : (row + 1) * size] for row in range(size)],
            )
        )
    return heat_maps(
        "nDCG@10 by pattern of query and item",
        "One map for each way to fuse, without words, whole gallery. Rows are the parts of the "
        "query, columns those of the right item: t text, i image, a audio. A triangle says that a "
        "value is surely above or below that of the sum. The tables of the page have the same "
        "figures.",
        maps,
        names,
    )


def losses_picture(known: Json) -> str:
    """The means over cells by loss."""
    found = {
        (one["way"], one["cells"], one["gallery"]): one
        for one in known["groups"]
        if not one["words"]
    }
    several = [
        Plot(
            f"item has {cells}",
            GALLERIES,
            [
                Line(
                    called(way, words=False),
                    [
                        (one["ndcg"], one["low"], one["high"])
                        for gallery in GALLERIES
                        for one in [found[way, cells, gallery]]
                    ],
                )
                for way in _SHOWN
            ],
        )
        for cells in GROUPS[:3]
    ]
    return plots(
        "nDCG@10 by how many items lost a part",
        "Three plots: cells in which the right item has all parts of the query, some of them, or "
        "none. Bars are 95 % intervals. The same figures stand in the table of the page.",
        several,
        [(0.6, 1.0), (0.5, 0.9), (0.0, 0.4)],
    )


def judgements_picture(known: Sequence[Json]) -> str:
    """The gain of tuning by the number of judged queries, on whole galleries."""
    sizes = sorted({one["judged"] for one in known if one["judged"] < one["pool"]})
    several = []
    for (name, kind), some in by_judged(known).items():
        every = some[max(some)]
        auto = every["auto"] - every["default"]
        several.append(
            Plot(
                f"{name}: {kind}",
                [str(size) for size in sizes],
                [
                    Line(
                        "tuned, above the default",
                        [some[size]["over_default"] if size in some else None for size in sizes],
                    ),
                    Line("auto, above the default", [(auto, auto, auto)] * len(sizes), dashed=True),
                ],
            )
        )
    return plots(
        "What tuning gains by the number of judged queries",
        "One plot for each kind of queries, whole galleries: the gain in nDCG@10 over the default "
        "weights, with 95 % intervals over draws and held-out queries, and that of auto. The same "
        "figures stand in the table of the page.",
        several,
        [(-0.2, 0.2)] * len(several),
    )
