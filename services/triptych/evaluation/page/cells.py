"""What the page tells of the cells of ``patterns``."""

from collections.abc import Sequence
from typing import Any

from triptych.evaluation.page.numbers import (
    GALLERIES,
    NOTHING,
    WHOLE,
    Json,
    bounded,
    called,
    chance,
    gained,
    number,
    table,
    within,
)
from triptych.evaluation.significance import LEVEL

_LETTERS = {"text": "t", "image": "i", "audio": "a"}
GROUPS = ("all parts", "some parts", "no part", "every cell")
"""Of cells, by how much of the query the right item has."""


def mark(figure: Json, cell: int) -> str:
    """Whether a cell is surely above the sum, or below it."""
    p = figure.get("p", [None] * (cell + 1))[cell]
    if p is None or p >= LEVEL:
        return ""
    return "▲" if figure["gain"][cell] > 0 else "▼"


def letters(pattern: Sequence[str]) -> str:
    """Ti for text and image."""
    return "".join(_LETTERS[part] for part in pattern)


def figures_of(known: Json, way: str, gallery: str, *, words: bool) -> Any:
    """The figures of a way on a gallery."""
    wanted = {"way": way, "words": words, "gallery": gallery}
    return next(one for one in known["ways"] if wanted.items() <= one.items())


def names_of(known: Json, *, words: bool) -> list[str]:
    """The ways to fuse without words, or with them."""
    return list(dict.fromkeys(one["way"] for one in known["ways"] if one["words"] == words))


# What stands on the page


def takeaway(known: Json) -> str:
    """What a reader takes away."""
    groups = {
        (one["way"], one["words"], one["gallery"], one["cells"]): one for one in known["groups"]
    }
    best = groups["sum", False, WHOLE, "all parts"]
    some = groups["sum", False, WHOLE, "some parts"]
    rivals = [
        one
        for (way, words, gallery, cells), one in groups.items()
        if cells == "every cell" and gallery == WHOLE and not words and way != "sum"
    ]
    above = [one for one in rivals if one["p"] < LEVEL and one["gain"] > 0]
    below = [one for one in rivals if one["p"] < LEVEL and one["gain"] < 0]
    auto = _hurt(known, "auto", WHOLE, words=True)
    whole, part = (bounded((one["ndcg"], one["low"], one["high"])) for one in (best, some))
    above_all = f", and {_listed(above)} surely more." if above else ", and none surely more."
    return (
        f"Where the item has all that is asked, the sum of blocks reaches an nDCG@10 of {whole}, "
        f"and where it has only some of it {part}. In the mean over all 49 cells {_listed(below)} "
        f"surely less than the sum{above_all} The default of searches (`auto`, with words) is "
        f"surely below its best single signal in {len(auto['cases'])} of {auto['tried']} cells."
    )


def _listed(ways: Sequence[Json]) -> str:
    if not ways:
        return "no way finds"
    names = [f"{called(one['way'], words=False)} ({gained(one['gain'])})" for one in ways]
    together = ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]
    return f"{together} find{'' if names[1:] else 's'}"


def _hurt(known: Json, way: str, gallery: str, *, words: bool) -> Any:
    wanted = {"way": way, "words": words, "gallery": gallery}
    return next(one for one in known["hurts"] if wanted.items() <= one.items())


def corpus(known: Json) -> str:
    """What the stamps have, and how many are asked for."""
    facts = known["corpus"]
    parts = ", ".join(
        f"{count} have {' and '.join(part)}" if part[1:] else f"{count} have only {part[0]}"
        for part, count in facts["parts"]
    )
    sounding = [
        count
        for cell, count in enumerate(known["queries"])
        if any("audio" in known["patterns"][each] for each in divmod(cell, len(known["patterns"])))
    ]
    least, most = min(sounding), max(sounding)
    others = str(most) if least == most else f"{least} to {most}"
    dashes = "" if min(known["queries"]) < known["fewest"] else "; none has so few"
    return (
        f"Of {facts['items']} stamps {parts}. They are {facts['groups']} groups of equal caption "
        f"or picture. Asked for are {facts['asked']} stamps, one of a group, of which "
        f"{facts['asked with sound']} have a sound whose second half can be heard. So cells "
        f"without sound have {max(known['queries'])} queries, the others {others}. A cell of fewer "
        f"than {known['fewest']} has a dash{dashes}."
    )


def groups(known: Json) -> str:
    """The means over cells, by way and gallery."""
    found = {
        (one["way"], one["words"], one["cells"], one["gallery"]): one for one in known["groups"]
    }
    counts = {
        cells: [found["sum", words, cells, WHOLE]["count"] for words in (False, True)]
        for cells in GROUPS
    }
    header = [f"item has {cells} ({a}; {b})" for cells, (a, b) in counts.items()]
    header[-1] = header[-1].removeprefix("item has ")
    rows = []
    for words in (False, True):
        for way in names_of(known, words=words):
            values = [
                " ".join(
                    _marked(found[way, words, cells, gallery]) for gallery in GALLERIES
                )
                for cells in GROUPS
            ]  # fmt: skip
            rows.append([called(way, words=words), *values])
    return table(["way to fuse", *header], rows)


def _marked(one: Json) -> str:
    surely = "p" in one and one["p"] < LEVEL
    return number(one["ndcg"]) + (("▲" if one["gain"] > 0 else "▼") if surely else "")


def group_intervals(known: Json) -> str:
    """The same on the whole gallery, with intervals."""
    rows = [
        [
            called(one["way"], words=one["words"]),
            f"{number(one['ndcg'])} {within(one['low'], one['high'])}",
            gained(one["gain"]) if "gain" in one else "",
            chance(one["p"]) if "p" in one else "",
        ]
        for one in known["groups"]
        if one["cells"] == "every cell" and one["gallery"] == WHOLE
    ]
    return table(["way to fuse", "nDCG@10", "above the sum", "p"], rows)


def seven(known: Json, way: str, *, words: bool = False, gallery: str = WHOLE) -> str:
    """Seven by seven of one way, with intervals."""
    figure = figures_of(known, way, gallery, words=words)
    patterns = [letters(pattern) for pattern in known["patterns"]]
    rows = []
    for query, name in enumerate(patterns):
        cells = [query * len(patterns) + item for item in range(len(patterns))]
        if all(figure["ndcg"][cell] is None for cell in cells):
            continue
        shown = [_interval(figure, cell) for cell in cells]
        rows.append([f"**{name}** ({known['queries'][cells[0]]}; {known['queries'][cells[2]]})",
                     *shown])  # fmt: skip
    return table(["query", *[f"item {name}" for name in patterns]], rows)


def _interval(figure: Json, cell: int) -> str:
    value = figure["ndcg"][cell]
    if value is None:
        return NOTHING
    bounds = within(figure["low"][cell], figure["high"][cell]) if value else ""
    return f"{number(value)}{mark(figure, cell)} {bounds}".strip()


def every_cell(known: Json) -> str:
    """All ways in all cells, in folded tables."""
    blocks = []
    for gallery in GALLERIES:
        for words in (False, True):
            title = f"nDCG@10, {gallery}, {'with' if words else 'without'} words"
            blocks.append(
                f"<details>\n<summary>{title}</summary>\n\n"
                f"{_cells(known, gallery, words=words)}\n\n</details>"
            )
    return "\n\n".join(blocks)


def _cells(known: Json, gallery: str, *, words: bool) -> str:
    names = names_of(known, words=words)
    figures = [figures_of(known, name, gallery, words=words) for name in names]
    patterns = [letters(pattern) for pattern in known["patterns"]]
    rows = []
    for cell, count in enumerate(known["queries"]):
        if figures[0]["ndcg"][cell] is not None:
            query, item = divmod(cell, len(patterns))
            values = [number(one["ndcg"][cell]) + mark(one, cell) for one in figures]
            rows.append([f"{patterns[query]} → {patterns[item]}", str(count), *values])
    return table(["query → item", "n", *[called(name, words=False) for name in names]], rows)


def counted(known: Json) -> str:
    """In how many cells each way is surely above or below the sum."""
    rows = []
    for words in (False, True):
        for way in names_of(known, words=words):
            if way == "sum":
                continue
            cells = []
            for gallery in GALLERIES:
                figure = figures_of(known, way, gallery, words=words)
                marks = [mark(figure, cell) for cell in range(len(figure["ndcg"]))]
                tried = sum(value is not None for value in figure["ndcg"])
                cells.append(f"{marks.count('▲')} ▲ {marks.count('▼')} ▼ of {tried}")
            rows.append([called(way, words=words), *cells])
    return table(["way to fuse", *GALLERIES], rows)


def hurts(known: Json) -> str:
    """In how many cells each way is surely below its best single signal."""
    rows = []
    for words in (False, True):
        for way in names_of(known, words=words):
            found = [_hurt(known, way, gallery, words=words) for gallery in GALLERIES]
            losses = [case["loss"] for one in found for case in one["cases"]]
            rows.append([
                called(way, words=words),
                *[f"{len(one['cases'])} of {one['tried']}" for one in found],
                number(min(losses)) if losses else "",
            ])  # fmt: skip
    return table(["way to fuse", *GALLERIES, "largest loss"], rows)


def hurt_cases(known: Json) -> str:
    """The cells in which searches, or what could replace them, lose most."""
    patterns = [letters(pattern) for pattern in known["patterns"]]
    rows = []
    for way, words in (("auto", True), ("sum", False), ("product", True),
                       ("block + attention", False)):  # fmt: skip
        for gallery in GALLERIES:
            for case in _hurt(known, way, gallery, words=words)["cases"]:
                query, item = known["patterns"][case["query"]], known["patterns"][case["item"]]
                rows.append([
                    called(way, words=words),
                    gallery,
                    f"{patterns[case['query']]} → {patterns[case['item']]}",
                    number(case["fused"]),
                    case["single"],
                    f"{number(case['loss'])} {within(case['low'], case['high'])}",
                    reason(query, item, case["single"]),
                ])  # fmt: skip
    header = ["way to fuse", "gallery", "query → item", "nDCG@10", "better alone", "loss", "why"]
    return table(header, rows)


def reason(query: Sequence[str], item: Sequence[str], single: str) -> str:
    """Why a query finds less than a part of it: by what query and item have in common."""
    part = "text" if single in {"words", "text and words"} else single
    others = [one for one in query if one != part]
    lacking = [one for one in others if one not in item]
    if part not in item:
        return (
            f"the item has nothing of that; the {part} finds another part of it, and other items "
            f"gain by the {' and '.join(others)}"
        )
    if lacking == others:
        return f"the item lacks the {' and '.join(lacking)}, by which other items gain"
    if lacking:
        return f"the item lacks the {lacking[0]}, by which other items gain; the rest dilutes"
    return f"the item has all, and the {' and '.join(others)} find it less well"
