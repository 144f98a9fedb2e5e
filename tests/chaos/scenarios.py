"""What a scenario is, and all there are: each breaks something in the middle of the work."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chaos.scene import Scene

Play = Callable[["Scene"], None]
Kind = Literal["embedded", "elastic"]


@dataclass(frozen=True)
class Props:
    """What a scenario has beside its stack."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of the stack's parts."""
    things: Any = None


Stage = Callable[[ExitStack, Path], Props]
"""Sets up what a scenario needs before its stack starts, in a folder."""


@dataclass(frozen=True)
class Scenario:
    """A fault and how it comes about."""

    name: str
    fault: str
    """For the table."""
    play: Play
    index: Kind
    items: int
    failing: int
    """How many items must fail, or be quarantined, for reasons of their own."""
    stage: Stage | None
    own: bool
    """Whether no other scenario may have its stack, before or after."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    fault: str,
    *,
    index: Kind = "embedded",
    items: int = 2000,
    failing: int = 0,
    stage: Stage | None = None,
    own: bool = False,
) -> Callable[[Play], Play]:
    """Register a scenario under the name of its function."""

    def register(play: Play) -> Play:
        name = play.__name__
        alone = own or stage is not None
        SCENARIOS[name] = Scenario(name, fault, play, index, items, failing, stage, alone)
        return play

    return register
