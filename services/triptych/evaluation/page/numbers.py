"""Numbers and tables as the page writes them: pure functions to Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.evaluation.galleries import LOSSES, label

Json = Mapping[str, Any]
WHOLE = label(0.0)
GALLERIES = tuple(map(label, LOSSES))
NOTHING = "–"


def number(value: float | None, digits: int = 3) -> str:
    """.442, 1, −.020; a dash where there is none."""
    if value is None:
        return NOTHING
    text = f"{abs(value):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if float(text) in {0.0, 1.0} else text
    sign = "−" if value < 0 and float(text) else ""
    return sign + (text.removeprefix("0") or "0")


def gained(value: float) -> str:
    """+.042, −.020, 0."""
    return ("+" if number(value)[0] not in "−0" else "") + number(value)


def within(low: float, high: float) -> str:
    """An interval in brackets."""
    return f"({number(low)}–{number(high)})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def called(name: str, *, words: bool) -> str:
    """A way to fuse as tables name it."""
    networks = name.removeprefix("block + ")
    title = f"{networks} beside the blocks" if networks != name else name
    return f"{title}, words" if words else title


def chance(value: float) -> str:
    """A p."""
    return "< .001" if value < 0.001 else number(value)  # noqa: PLR2004


def bounded(value: Sequence[float]) -> str:
    """A value with its interval."""
    return f"{number(value[0])} {within(value[1], value[2])}"
