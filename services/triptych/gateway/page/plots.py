"""Plots as SVG: where everything lies is computed here, and drawn by a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from triptych.engine.learning import Gained

WIDTH, ROW, LEFT, RIGHT = 640, 34, 190, 70
"""Of a plot, in its own units: the width, a row, and the room for names and numbers."""
_LEAST = 0.01
"""The least distance from the middle to an end of the scale."""


@dataclass(frozen=True)
class Interval:
    """A row of a plot: a value with its interval."""

    name: str
    old: float
    new: float
    gain: float
    low: float
    high: float
    queries: int
    y: float
    x: float
    x_low: float
    x_high: float

    @property
    def verdict(self) -> str:
        """Whether the whole interval is on one side of zero."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "open"


@dataclass(frozen=True)
class Plot:
    """Gains with their intervals, beside a line at zero."""

    rows: Sequence[Interval]
    zero: float
    height: float
    reach: float
    """What the ends of the scale stand for."""
    ends: tuple[float, float]


def gains(found: Sequence[Gained]) -> Plot:
    """The gains of a comparison; zero is in the middle of the scale."""
    reach = max([_LEAST, *(abs(value) for one in found for value in (one.low, one.high))])
    half = (WIDTH - LEFT - RIGHT) / 2
    zero = LEFT + half

    def at(value: float) -> float:
        return round(zero + value / reach * half, 1)

    rows = [
        Interval(
            one.kind, one.old, one.new, one.gain, one.low, one.high, one.queries,
            y=(place + 0.5) * ROW, x=at(one.gain), x_low=at(one.low), x_high=at(one.high),
        )
        for place, one in enumerate(found)
    ]  # fmt: skip
    return Plot(rows, zero, (len(rows) + 1) * ROW, reach, (LEFT, WIDTH - RIGHT))
