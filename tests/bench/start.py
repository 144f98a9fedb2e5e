"""Seconds from the command to a stack that answers, with each index."""

import time

from tests.bench.figures import emit, extremes, say

from triptych.local import StackOptions, running_stack
from triptych.local.options import IndexKind

_ROUNDS = 3
_KINDS: tuple[IndexKind, ...] = ("embedded", "elastic")


def run() -> None:
    """Start and stop stacks without data, the two kinds in turns."""
    seconds: dict[IndexKind, list[float]] = {kind: [] for kind in _KINDS}
    for turn in range(_ROUNDS):
        for kind in _KINDS:
            say(f"round {turn}: {kind}")
            options = StackOptions(name=f"start-{kind}", port=0, index=kind, keep=False, fresh=True)
            started = time.perf_counter()
            with running_stack(options):
                seconds[kind].append(time.perf_counter() - started)
    for kind, values in seconds.items():
        emit(extremes(f"start.{kind}", values, "s"))
