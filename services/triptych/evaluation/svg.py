"""Heat maps and line plots as SVG, for pages in light and dark: pure functions to text.

Text stays text. Each picture has a title and a description for who can't see it. Colours are those
of Okabe and Ito, which people with colour blindness can tell apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}"
    ".small{font-size:10px}.title{font-size:13px;font-weight:600}.end{text-anchor:end}"
    ".middle{text-anchor:middle}.axis{stroke:#8b949e;stroke-width:1}"
    ".grid{stroke:#8b949e;stroke-opacity:.3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)
_HUE = "#0072b2"
_DEEPEST = 0.65
"""The opacity of a 1, on which text can still be read in light and dark."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b949e")
_CELL = 34
_LEFT, _TOP = 44, 40
_WIDTH, _HEIGHT = 250, 170
_GAP = 26

Bounded = tuple[float, float, float]
"""A value between its bounds."""


@dataclass(frozen=True)
class HeatMap:
    """Values from 0 to 1 by row and column; None where there is none."""

    title: str
    values: Sequence[Sequence[float | None]]
    marks: Sequence[Sequence[str]] = ()
    """What stands behind each value."""


@dataclass(frozen=True)
class Line:
    """A value at each place of the axis, between its bounds; None where there is none."""

    name: str
    values: Sequence[Bounded | None]
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    """Lines over one axis of places at equal distances."""

    title: str
    places: Sequence[str]
    lines: Sequence[Line]


def heat_maps(
    title: str, description: str, maps: Sequence[HeatMap], names: Sequence[str], across: int = 3
) -> str:
    """Square heat maps beside each other; rows and columns have the same names."""
    side = _CELL * len(names)
    width, height = _LEFT + side + _GAP, _TOP + side + _GAP
    body = []
    for place, one in enumerate(maps):
        left, top = place % across * width + _LEFT, place // across * height + _TOP
        body.append(_text(left, top - 22, one.title, "title"))
        for number, name in enumerate(names):
            middle = number * _CELL + _CELL / 2
            body += [
                _text(left + middle, top - 5, name, "small middle"),
                _text(left - 5, top + middle + 4, name, "small end"),
            ]
        for row, values in enumerate(one.values):
            for column, value in enumerate(values):
                mark = one.marks[row][column] if one.marks else ""
                x, y = left + column * _CELL, top + row * _CELL
                body += _cell(x, y, value, mark)
    rows = -(-len(maps) // across)
    return _svg(min(across, len(maps)) * width, rows * height, title, description, body)


def _cell(x: float, y: float, value: float | None, mark: str) -> list[str]:
    shown = "–" if value is None else _short(value) + mark
    return [
        (
            f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{_HUE}" '
            f'fill-opacity="{round((value or 0) * _DEEPEST, 3)}"/>'
        ),
        _text(x + _CELL / 2, y + _CELL / 2 + 4, shown, "small middle"),
    ]


def _short(value: float) -> str:
    """Two digits: .42; or 0, or 1."""
    return f"{value:.2f}".removeprefix("0") if 0 < value < 1 else f"{value:.0f}"


def plots(
    title: str,
    description: str,
    several: Sequence[Plot],
    limits: Sequence[tuple[float, float]],
    across: int = 3,
) -> str:
    """Line plots beside each other, each from a lower to an upper limit, and one legend."""
    width, height = _LEFT + _WIDTH + _GAP, _TOP + _HEIGHT + 2 * _GAP
    body = []
    for place, (plot, (low, high)) in enumerate(zip(several, limits, strict=True)):
        left, top = place % across * width + _LEFT, place // across * height + _TOP
        body.append(_text(left, top - 12, plot.title, "title"))
        body += _axes(left, top, plot.places, low, high)
        for number, line in enumerate(plot.lines):
            shift = (number - (len(plot.lines) - 1) / 2) * 4
            body += _line(line, _COLOURS[number], left + shift, top, (low, high))
    rows = -(-len(several) // across)
    names = list(dict.fromkeys(line.name for plot in several for line in plot.lines))
    total = min(across, len(several)) * width
    for number, name in enumerate(names):
        x, y = _LEFT + number % 4 * 190, rows * height + 14 + number // 4 * 18
        body.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{_COLOURS[number]}"/>')
        body.append(_text(x + 15, y, name))
    bottom = rows * height + 18 * (-(-len(names) // 4)) + 8
    return _svg(max(total, _LEFT + min(4, len(names)) * 190), bottom, title, description, body)


def _axes(left: float, top: float, places: Sequence[str], low: float, high: float) -> list[str]:
    body = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = top + _HEIGHT * (1 - step / 4)
        body.append(
            f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + _WIDTH}" y2="{y:.1f}"/>'
        )
        body.append(_text(left - 5, y + 4, f"{value:.2f}", "small end"))
    body.append(
        f'<line class="axis" x1="{left}" y1="{top + _HEIGHT}" x2="{left + _WIDTH}" '
        f'y2="{top + _HEIGHT}"/>'
    )
    for number, name in enumerate(places):
        x = left + _place(number, len(places))
        body.append(_text(x, top + _HEIGHT + 16, name, "small middle"))
    return body


def _place(number: int, count: int) -> float:
    return _WIDTH * (number + 0.5) / count


def _line(
    line: Line, colour: str, left: float, top: float, limits: tuple[float, float]
) -> list[str]:
    low, high = limits

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(top + _HEIGHT * (1 - share), 1)

    points, bars = [], []
    for number, value in enumerate(line.values):
        if value is None:
            continue
        x = round(left + _place(number, len(line.values)), 1)
        points.append(f"{x},{y(value[0])}")
        bars.append(
            f'<line x1="{x}" y1="{y(value[1])}" x2="{x}" y2="{y(value[2])}" stroke="{colour}"/>'
        )
        bars.append(f'<circle cx="{x}" cy="{y(value[0])}" r="2.5" fill="{colour}"/>')
    dashes = ' stroke-dasharray="4 3"' if line.dashed else ""
    joined = " ".join(points)
    return [
        f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>',
        *bars,
    ]


def _text(x: float, y: float, content: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{round(x, 1)}" y="{round(y, 1)}"{named}>{escape(content)}</text>'


def _svg(width: float, height: float, title: str, description: str, body: Sequence[str]) -> str:
    return "\n".join([
        (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title description">'),
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f"<style>{_STYLE}</style>",
        *body,
        "</svg>\n",
    ])  # fmt: skip
