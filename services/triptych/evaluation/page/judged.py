"""What the page tells of judged queries: parts that add to each other, and tuning."""

from collections.abc import Sequence

from triptych.evaluation.page.numbers import (
    GALLERIES,
    NOTHING,
    WHOLE,
    Json,
    chance,
    gained,
    number,
    table,
    within,
)
from triptych.evaluation.significance import LEVEL


def composed(known: Sequence[Json]) -> str:
    """Every way on every kind of queries."""
    blocks = []
    for name in dict.fromkeys(one["set"] for one in known):
        kinds = list(dict.fromkeys(one["kind"] for one in known if one["set"] == name))
        found = {(one["kind"], one["gallery"]): one for one in known if one["set"] == name}
        ways = list(found[kinds[0], WHOLE]["ways"])
        rows = [
            [way, *[" ".join(_composed(found[kind, gallery], way) for gallery in GALLERIES)
                    for kind in kinds]]
            for way in ways
        ]  # fmt: skip
        counts = [f"{kind} ({found[kind, WHOLE]['queries']})" for kind in kinds]
        blocks.append(f"**{name}**\n\n" + table(["way to fuse", *counts], rows))
    return "\n\n".join(blocks)


def _composed(one: Json, way: str) -> str:
    found = one["ways"][way]
    surely = found["p"] is not None and found["p"] < LEVEL
    return number(found["ndcg"][0]) + (
        ("▲" if found["gain"][0] > 0 else "▼") if surely else ""
    )  # fmt: skip


def composed_intervals(known: Sequence[Json]) -> str:
    """The default and the best bound with intervals, on whole galleries."""
    rows = [
        [
            f"{one['set'].removeprefix('composed ')}, {one['kind']} ({one['queries']})",
            *[
                f"{number(value)} {within(low, high)}"
                for way in ("linear", "auto", "oracle")
                for value, low, high in [one["ways"][way]["ndcg"]]
            ],
            "{} {}".format(gained(one["ways"]["auto"]["gain"][0]),
                           within(*one["ways"]["auto"]["gain"][1:])),
            chance(one["ways"]["auto"]["p"]),
        ]
        for one in known
        if one["gallery"] == WHOLE
    ]  # fmt: skip
    header = ["queries", "linear", "auto", "oracle", "auto above linear", "p"]
    return table(header, rows)


def by_judged(known: Sequence[Json]) -> dict[tuple[str, str], dict[int, Json]]:
    """What was measured on whole galleries, by set and kind, then by the judged queries."""
    found: dict[tuple[str, str], dict[int, Json]] = {}
    for one in known:
        if one["gallery"] == WHOLE:
            found.setdefault((one["set"], one["kind"]), {})[one["judged"]] = one
    return found


def judgements(known: Sequence[Json]) -> str:
    """What tuning gains by the number of judged queries, on whole galleries."""
    sizes = sorted({one["judged"] for one in known if one["judged"] < one["pool"]})
    rows = []
    for (name, kind), some in by_judged(known).items():
        every = some[max(some)]
        rows.append([
            f"{name}, {kind} ({every['queries']})",
            number(every["default"]),
            gained(every["auto"] - every["default"]),
            *[_gain(some[size]) if size in some else NOTHING for size in sizes],
            f"{_gain(every)}, n={every['judged']}",
        ])  # fmt: skip
    header = ["queries", "default", "auto", *[f"tuned on {size}" for size in sizes], "on all"]
    return table(header, rows)


def _gain(one: Json) -> str:
    value, low, high = one["over_default"]
    return f"{gained(value)} {within(low, high)}"


def judgements_sure(known: Sequence[Json]) -> str:
    """How often tuning surely gains, by the number of judged queries, over all galleries."""
    sizes = sorted({one["judged"] for one in known if one["judged"] < one["pool"]})
    rows = []
    for size in sizes:
        some = [one for one in known if one["judged"] == size]
        rows.append([
            str(size),
            str(len(some)),
            gained(sum(one["over_default"][0] for one in some) / len(some)),
            f"{sum(one['over_default'][1] > 0 for one in some)}",
            f"{sum(one['over_default'][2] < 0 for one in some)}",
            f"{sum(one['worse'] for one in some) / len(some):.0%}",
            gained(sum(one["over_auto"][0] for one in some) / len(some)),
            f"{sum(one['over_auto'][1] > 0 for one in some)}",
        ])  # fmt: skip
    header = [
        "judged queries", "cases", "mean gain over the default", "surely more", "surely less",
        "draws that lose", "mean gain over auto", "surely more than auto",
    ]  # fmt: skip
    return table(header, rows)
