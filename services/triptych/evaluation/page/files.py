"""The files of docs/fusion.md: what was measured as JSON, the page, its plots.

The prose of the page is written by hand and has no figures. All figures stand between
``<!-- made: NAME -->`` and ``<!-- end -->``, and are made anew.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.evaluation.page import cells, costs, judged
from triptych.evaluation.page.numbers import Json
from triptych.evaluation.page.plots import pictures

JSON = "fusion.json"
PAGE = "fusion.md"
IMAGES = "images"
_MADE = re.compile(r"(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DEPTH = 3
"""So many levels of the JSON have a line for each entry."""


Region = tuple[str, Callable[[Any], str]]
REGIONS: Mapping[str, Region] = {
    "takeaway": ("patterns", cells.takeaway),
    "corpus": ("patterns", cells.corpus),
    "groups": ("patterns", cells.groups),
    "group-intervals": ("patterns", cells.group_intervals),
    "sum": ("patterns", lambda known: cells.seven(known, "sum")),
    "auto": ("patterns", lambda known: cells.seven(known, "auto", words=True)),
    "attention": ("patterns", lambda known: cells.seven(known, "block + attention")),
    "every-cell": ("patterns", cells.every_cell),
    "counted": ("patterns", cells.counted),
    "hurts": ("patterns", cells.hurts),
    "hurt-cases": ("patterns", cells.hurt_cases),
    "composed": ("composed", judged.composed),
    "composed-intervals": ("composed", judged.composed_intervals),
    "judgements": ("judgements", judged.judgements),
    "judgements-sure": ("judgements", judged.judgements_sure),
    "costs": ("costs", costs.costs),
    "classes": ("classes", costs.classes),
    "measured": ("measured", costs.measured),
}
"""By name what each is made of, and how."""


def read(folder: Path) -> dict[str, Any]:
    """What was measured. Raises InvalidInput, OSError."""
    try:
        known: dict[str, Any] = json.loads((folder / JSON).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{folder / JSON}: {error}") from error
    return known


def write_json(folder: Path, known: Json) -> None:
    """Write what was measured, a line for each entry of a list, so that changes can be read."""
    (folder / JSON).write_text(_dumped(known) + "\n", encoding="utf-8")


def _dumped(value: Any, depth: int = 0) -> str:
    """JSON that can be read line by line."""
    lines = isinstance(value, dict | list) and value and depth < _DEPTH
    if not lines or (isinstance(value, list) and not isinstance(value[0], dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}:{_dumped(one, depth + 1)}" for key, one in value.items()]
        return "{\n" + ",\n".join(entries) + "}"
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":"))
                              for one in value) + "]"  # fmt: skip


def write(folder: Path, known: Json) -> None:
    """Fill in the page, and draw its plots.

    Raises:
        InvalidInput: the page has a region of an unknown name, or something was not measured yet.
        OSError: there is no page.
    """
    text = (folder / PAGE).read_text(encoding="utf-8")
    (folder / PAGE).write_text(filled(text, known), encoding="utf-8")
    (folder / IMAGES).mkdir(exist_ok=True)
    for name, picture in pictures(known).items():
        (folder / IMAGES / name).write_text(picture, encoding="utf-8")


def filled(text: str, known: Json) -> str:
    """The page with all of its figures."""

    def region(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        if name not in REGIONS:
            raise InvalidInput(f"no region {name!r}; there are {', '.join(REGIONS)}")
        part, make = REGIONS[name]
        if part not in known:
            raise InvalidInput(f"{part!r} is not in {JSON}: it is to be measured first")
        return f"{begin}\n{make(known[part])}\n\n{end}"

    return _MADE.sub(region, text)


def regions(text: str) -> list[str]:
    """The names of the regions of a page."""
    return [name for _, name, _ in _MADE.findall(text)]
