"""What every command prints with: two consoles, JSON, a progress bar, an error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Only the terminal wraps: a program that reads a line, or a path in it, gets it whole.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, for programs."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201


def failure(error: Exception) -> typer.Exit:
    """Tell what went wrong; raise what is returned to end the command with exit code 2."""
    if isinstance(error, BrokenPipeError):
        raise error  # nobody reads on, as after ``| head``, which click ends in silence
    errors.print(f"error: {error}", markup=False, style="red")
    return typer.Exit(2)


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator["Bar"]:
    """A live bar on standard error, so that standard output stays clean."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} items/s"),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, disable=quiet) as progress:
        yield Bar(progress, title)


class Bar:
    """The bar of one ingest."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, rate=0.0, failed=0)

    def update(self, *, done: int, total: int, failed: int, rate: float) -> None:
        """Show these counts."""
        self._progress.update(self._task, completed=done, total=total, failed=failed, rate=rate)
